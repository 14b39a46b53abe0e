import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.data.infer import infer_task, learn, positive_class
from treadle.data.table import Table
from treadle.errors import DataError, RecipeError
from treadle.recipe import DataRecipe

ROWS = 120


def table(**columns):
    made = {}
    for name, cells in {**columns, "y": columns.get("y", ["a", "b"] * (ROWS // 2))}.items():
        column = np.empty(len(cells), dtype=object)
        column[:] = list(cells)
        made[name] = column
    return Table.of(made, "t.csv")


def recipe(**options):
    return DataRecipe(**{"source": "t.csv", "target": "y", **options})


def learnt(cells, **options):
    # The other column keeps the contract alive when this one is left out.
    contract, notices = learn(table(x=cells, other=[1, 2, 3, 4] * (ROWS // 4)), recipe(**options), None)
    return next((field for field in contract.features if field.name == "x"), None), notices


def cycle(*cells):
    return [cells[row % len(cells)] for row in range(ROWS)]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (cycle("0", "1"), "boolean"),
        (cycle("0.0", "1.0", ""), "boolean"),
        (cycle("yes", "No"), "boolean"),
        (cycle("true", "False"), "boolean"),
        (cycle(True, False, None), "boolean"),
        (cycle("t", "f"), "boolean"),
        (cycle("-1", "1"), "number"),
        (cycle("0", "+1"), "number"),
        (cycle("00", "01"), "number"),
        (cycle("1.5", " 2 ", "NA", "1e3"), "number"),
        (cycle(1, 2.5, None), "number"),
        (cycle(10**400, 1, 2), "number"),
        (cycle("inf", "1", "2"), "number"),
        (cycle("2024-05-31", "1999-01-01"), "date"),
        (cycle("2024-05-31T10:00:00", "1999-01-01T00:00:00Z", ""), "date"),
        (cycle("1", "2", "three"), "category"),
        (cycle("Aix", "Bonn", ""), "category"),
        (cycle(True, 5), "category"),
        (cycle("2024-05-31", "soon"), "category"),
    ],
)
def test_kinds(cells, kind):
    field, notices = learnt(cells)
    assert field.kind == kind
    assert field.nullable == any(cell in ("", "NA", None) for cell in cells)
    assert notices == []


def test_typed_columns():
    days = np.datetime64("2024-01-01") + np.arange(ROWS)
    columns = {
        "flag": np.arange(ROWS) % 3 == 0,
        "bits": np.arange(ROWS) % 2,
        "count": np.arange(ROWS) % 7,
        "share": np.where(np.arange(ROWS) % 5, np.arange(ROWS) / 7, np.nan),
        "day": days,
        "y": np.arange(ROWS) % 2,
    }
    contract, notices = learn(Table.of(columns), recipe(), None)
    assert [field.kind for field in contract.fields] == ["boolean", "boolean", "number", "number", "date", "category"]
    assert [field.nullable for field in contract.fields] == [False, False, False, True, False, False]
    assert contract.fields[4].minimum == 19723.0
    assert notices == []


def test_what_a_field_says():
    field, _ = learnt(cycle("3", "10", "2", "2"))
    assert (field.minimum, field.maximum, field.typical, field.integer) == (2.0, 10.0, 2.0, True)
    field, _ = learnt(cycle("b", "a", " b ", "c", "b"))
    assert (field.categories, field.typical, field.numeric_categories) == (("a", "b", "c"), "b", False)
    field, _ = learnt(cycle("10", "9", "1.0", "1"), kinds={"x": "category"})
    assert (field.categories, field.typical, field.numeric_categories) == (("1", "9", "10"), "1", True)
    field, _ = learnt(cycle("1970-01-02", "1970-01-04", "1970-01-03"))
    assert (field.minimum, field.maximum, field.typical) == (1.0, 3.0, 2.0)


def test_kinds_of_the_recipe_win():
    field, _ = learnt(cycle("1", "2"), kinds={"x": "category"})
    assert field.kind == "category"
    field, _ = learnt([f"word {row}" for row in range(ROWS)], kinds={"x": "category"})
    assert len(field.categories) == ROWS
    contract, _ = learn(table(x=cycle("1", "2", "x")), recipe(kinds={"x": "number"}), None)
    faults = contract.check(table(x=cycle("1", "2", "x"))).faults
    assert len(faults) == ROWS // 3


def test_the_contract_keeps_the_order_of_columns_and_the_target_last():
    contract, _ = learn(table(b=cycle(1, 2), y=cycle("p", "q"), a=cycle(3, 4), z=cycle(5, 6)), recipe(drop=["z"]), None)
    assert [field.name for field in contract.fields] == ["b", "a", "y"]
    assert contract.target.role == "target"


@pytest.mark.parametrize(
    ("cells", "notice"),
    [
        (cycle("5"), "x is 5 in every row: left out"),
        (cycle("Aix"), "x is Aix in every row: left out"),
        (cycle("2024-05-31"), "x is 2024-05-31 in every row: left out"),
        (cycle(True), "x is true in every row: left out"),
        (cycle("", "NA"), "x has no value in any row: left out"),
    ],
)
def test_columns_that_say_nothing_are_left_out(cells, notice):
    assert learnt(cells) == (None, [notice])


def test_one_value_and_missing_cells_say_something():
    field, notices = learnt(cycle("5", ""))
    assert field.nullable
    assert notices == []


@pytest.mark.parametrize(
    ("cells", "doubt"),
    [
        (range(1, ROWS + 1), "counts the rows: it looks like an identifier"),
        ([1000 - 10 * row for row in range(ROWS)], "counts the rows: it looks like an identifier"),
        ([row * row for row in range(ROWS)], "is different in every row: it looks like an identifier"),
        (cycle(*[f"w{n}" for n in range(55)]), "has 55 categories in 120 rows: most are seen too rarely to learn from"),
    ],
)
def test_doubtful_columns_are_kept_with_a_notice(cells, doubt):
    field, notices = learnt(cells)
    assert field is not None
    assert notices == [f"x {doubt}; consider data.drop"]


def test_rows_are_counted_by_their_number_in_the_source():
    whole = table(x=range(1, ROWS + 1), other=cycle(1, 2, 3))
    part = whole.take(np.array([5, 100, 2, 95, *range(20, 90)]))
    assert "x counts the rows" in learn(part, recipe(), None)[1][0]


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"x": []}, {}, "no rows to learn from"),
        ({"x": cycle(1, 2)}, {"target": "Y"}, r"data.target: no column 'Y'; did you mean 'y'\?|known: x, y"),
        ({"age": cycle(1, 2)}, {"drop": ["agee"]}, r"data.drop: no column 'agee'; did you mean 'age'\?"),
        ({"age": cycle(1, 2)}, {"kinds": {"agee": "number"}}, r"data.kinds: no column 'agee'; did you mean 'age'\?"),
        ({"x": cycle(1, 2)}, {"drop": ["y"]}, "data.drop: 'y' is the target"),
        ({"x": cycle(1, 2)}, {"drop": ["x"], "kinds": {"x": "number"}}, "data.kinds: 'x' is dropped"),
        ({"x": cycle(1, 2)}, {"drop": ["x"]}, "no feature is left beside the target 'y'"),
        ({"x": cycle("a")}, {}, "no feature is left beside the target 'y'"),
        ({"": cycle(1, 2)}, {}, r"a column has no name: name it, or leave it out by data.drop: \[''\]"),
        ({"x": cycle(1, 2), "y": cycle("a")}, {}, "the target 'y' is 'a' in every row: one class only"),
        ({"x": cycle(1, 2), "y": cycle("", None)}, {}, "the target 'y' has no value in any row"),
        ({"x": cycle(1, 2), "y": cycle("2024-05-31", "2024-06-01")}, {}, "the target 'y' holds dates"),
        ({"x": cycle(1, 2), "y": [f"w{n}" for n in range(ROWS)]}, {}, "120 classes in 120 rows: free text"),
        ({"x": cycle(1, 2), "y": cycle([1], [2])}, {}, "the target: column 'y': a cell is a list"),
        ({"x": cycle([1], [2])}, {}, r"column 'x': a cell is a list, .*; leave the column out by data.drop: \[x\]"),
        (
            {"x": [f"A{n}" for n in range(ROWS)]},
            {},
            r"column 'x' holds 120 different texts in 120 rows, an identifier or free text: leave it out by"
            r" data.drop: \[x\], or say data.kinds: {x: text} to read it, {x: category} to tell its values apart",
        ),
        ({"x": [f"{n},5" for n in range(ROWS)]}, {}, "numbers with a decimal comma: write them with a point"),
        (
            {"x": [*range(ROWS - 2), "?", "?"]},
            {},
            r"column 'x' holds numbers, but not in 2 of its rows, such as '\?': put them right, name what means 'no"
            r" value' in data.missing, or say data.kinds: {x: category}",
        ),
        (
            {"x": cycle("a", "b")},
            {"kinds": {"x": "number"}},
            "column 'x': data.kinds says number, but 'a' is no number",
        ),
    ],
)
def test_what_cannot_be_learnt_from_is_named(columns, options, message):
    with pytest.raises(DataError, match=message):
        learn(table(**{"y": cycle("a", "b") if columns.get("x", 1) != [] else [], **columns}), recipe(**options), None)


def test_all_faulty_columns_are_named_at_once():
    with pytest.raises(DataError, match=r"(?s)t.csv: cannot be learnt from as it is:\n  column 'p' .*\n  column 'q'"):
        learn(table(p=[f"p{n}" for n in range(ROWS)], q=[f"q{n}" for n in range(ROWS)]), recipe(), None)


@pytest.mark.parametrize(
    ("target", "options", "task"),
    [
        (cycle("a", "b", "c"), {}, "classification"),
        (cycle(True, False), {}, "classification"),
        (cycle("0", "1"), {}, "classification"),
        (cycle(*range(20)), {}, "classification"),
        (cycle(*range(21)), {}, "regression"),
        (cycle("0.5", "1"), {}, "regression"),
        (cycle(1, 2, 3), {"kinds": {"y": "number"}}, "regression"),
        (cycle(0.5, 1.5), {"kinds": {"y": "category"}}, "classification"),
    ],
)
def test_the_task_follows_from_the_target(target, options, task):
    data = table(x=cycle(1, 2, 3), y=target)
    assert infer_task(data, recipe(**options)) == task
    contract, _ = learn(data, recipe(**options), None)
    assert contract.target.kind == ("category" if task == "classification" else "number")


def test_the_task_and_the_kind_of_the_target_must_agree():
    data = table(x=cycle(1, 2, 3), y=cycle(1, 2, 3))
    with pytest.raises(DataError, match=r"the target 'y': data.kinds says number, but classification needs a category"):
        learn(data, recipe(kinds={"y": "number"}), "classification")
    with pytest.raises(DataError, match=r"the target 'y' has 120 classes in 120 rows: .* set task: regression"):
        learn(table(x=cycle(1, 2), y=range(ROWS)), recipe(), "classification")
    with pytest.raises(DataError, match=r"the target: column 'y': data.kinds says number, but 'a' is no number"):
        learn(table(x=cycle(1, 2)), recipe(), "regression")
    with pytest.raises(DataError, match="the target 'y' is '3' in every row"):
        learn(table(x=cycle(1, 2), y=cycle(3)), recipe(), "regression")


def test_missing_targets_are_faults():
    data = table(x=cycle(1, 2, 3), y=cycle("a", "b", ""))
    contract, _ = learn(data, recipe(), None)
    checked = contract.check(data, with_target=True)
    assert len(checked.faults) == ROWS // 3
    assert str(checked.faults[0]) == "row 3, column 'y': '' is missing: there is nothing to learn"


def test_the_positive_class():
    contract, _ = learn(table(x=cycle(1, 2), y=cycle("-1", "1", "1")), recipe(), None)
    codes = np.array([0, 1, 1], np.int32)
    assert positive_class(contract.target, recipe(), codes) == 0
    assert positive_class(contract.target, recipe(positive=1), codes) == 1
    assert positive_class(contract.target, recipe(positive="1.0"), codes) == 1
    assert positive_class(contract.target, recipe(), np.array([0, 1], np.int32)) == 1
    with pytest.raises(RecipeError, match=r"data.positive: 'y' has no class 'phishing'; classes: -1, 1"):
        positive_class(contract.target, recipe(positive="phishing"), codes)


def test_there_is_no_positive_class_among_three_or_of_a_number():
    contract, _ = learn(table(x=cycle(1, 2), y=cycle("a", "b", "c")), recipe(), None)
    assert positive_class(contract.target, recipe(), np.array([0, 1, 2], np.int32)) is None
    with pytest.raises(RecipeError, match=r"data.positive would not be used: 'y' has 3 classes, not two"):
        positive_class(contract.target, recipe(positive="a"), np.array([0], np.int32))
    contract, _ = learn(table(x=cycle(1, 2), y=range(ROWS)), recipe(), None)
    with pytest.raises(RecipeError, match=r"data.positive would not be used: the target 'y' is a number"):
        positive_class(contract.target, recipe(positive=1), np.array([0], np.int32))


CELLS = st.one_of(
    st.integers(-3, 3),
    st.floats(allow_nan=True, allow_infinity=False),
    st.booleans(),
    st.none(),
    st.sampled_from(
        ["", "NA", "yes", "no", "1", "0", "1.50", "007", "Aix", " Bonn ", "2024-05-31", "2024-01-01T10:00"]
    ),
    st.text(max_size=3),
)


@settings(max_examples=100)
@given(st.lists(CELLS, min_size=2, max_size=40), st.lists(CELLS, min_size=2, max_size=40))
def test_the_rows_it_was_learnt_from_keep_the_contract(first, second):
    rows = min(len(first), len(second))
    data = table(
        first=first[:rows], second=second[:rows], sure=range(rows), y=["a", "b"] * (rows // 2) + ["a"] * (rows % 2)
    )
    try:
        contract, _ = learn(data, recipe(), None)
    except DataError:
        return
    checked = contract.check(data, with_target=True)
    assert checked.faults == ()
    assert checked.notices == ()
    assert checked.good.all()
