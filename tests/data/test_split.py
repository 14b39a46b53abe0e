import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.data.split import split
from treadle.data.table import Table
from treadle.errors import DataError
from treadle.recipe import DataRecipe, SplitRecipe


def recipe(drop=(), **options):
    return DataRecipe(source="t.csv", target="y", drop=drop, split=SplitRecipe(**options))


def table(x, y, **others):
    columns = {"x": x, "y": y, **others}
    return Table.of({name: np.array(list(cells), dtype=object) for name, cells in columns.items()}, "t.csv")


def parts(found):
    return found.train, found.validation, found.test


@settings(max_examples=80)
@given(
    rows=st.lists(st.tuples(st.integers(0, 30), st.sampled_from("ab")), min_size=60, max_size=200),
    group=st.sampled_from(["distinct", "g", None]),
    stratify=st.booleans(),
    seed=st.integers(0, 5),
)
def test_every_row_stands_in_one_set_and_no_group_in_two(rows, group, stratify, seed):
    x, y = zip(*rows, strict=True)
    # Enough rows of their own that every set gets some, whatever the groups.
    x, y = [*x, *range(100, 140)], [*y, *"ab" * 20]
    data = table(x, y, g=[value // 2 for value in x])
    asked = recipe(drop=["g"], group=group, stratify=stratify, seed=seed)
    # Only a split by class promises that training sees every class.
    task = "classification" if stratify else "regression"
    found = split(data, asked, task)
    assert sorted(np.concatenate(parts(found)).tolist()) == list(range(len(x)))
    keys = {"distinct": x, "g": [value // 2 for value in x], None: range(len(x))}[group]
    sides = [{keys[row] for row in part} for part in parts(found)]
    assert len(sides[0] | sides[1] | sides[2]) == sum(map(len, sides))
    again = split(data, asked, task)
    for part, same in zip(parts(found), parts(again), strict=True):
        np.testing.assert_array_equal(part, same)
    if group == "distinct":
        assert found.leakage.test_rows_seen == 0


@settings(max_examples=60)
@given(
    classes=st.lists(st.integers(1, 40), min_size=2, max_size=6),
    validation=st.floats(0.1, 0.4),
    test=st.floats(0.1, 0.4),
)
def test_single_rows_are_parted_exactly_and_by_class(classes, validation, test):
    y = [str(name) for name, count in enumerate(classes) for _ in range(count)] + ["big"] * 200
    found = split(table(range(len(y)), y), recipe(validation=validation, test=test), "classification")
    rows = len(y)
    assert len(found.validation) == int(np.floor(validation * rows + 0.5))
    assert len(found.test) == int(np.floor(test * rows + 0.5))
    for name in set(y):
        count = y.count(name)
        for part, share in zip(parts(found), (1 - validation - test, validation, test), strict=True):
            held = sum(y[row] == name for row in part)
            # What classes of a row or two, which training needs, keep from the other sets, larger classes give.
            assert abs(held - share * count) <= 2 + sum(size <= 2 for size in classes) or name == "big"
        assert any(y[row] == name for row in found.train)


def test_grouped_rows_are_parted_exactly_when_their_sizes_allow():
    x = [value for value in range(60) for _ in range(5)] + list(range(1000, 1300))
    y = ["a" if value % 3 else "b" for value in x]
    found = split(table(x, y), recipe(), "classification")
    assert [len(part) for part in parts(found)] == [360, 120, 120]
    for part in parts(found):
        assert np.mean([y[row] == "b" for row in part]) == pytest.approx(1 / 3, abs=0.01)


def test_groups_of_several_rows_fall_by_chance():
    x = [value for value in range(200) for _ in range(2)]
    y = list("ab") * 200
    tests = [set(np.array(x)[split(table(x, y), recipe(seed=seed), None).test].tolist()) for seed in range(20)]
    drawn = np.bincount([value for found in tests for value in found], minlength=200)
    assert drawn.max() < 14
    assert (drawn > 0).sum() > 180


def test_the_seed_decides():
    data = table(range(100), ["a", "b"] * 50)
    first, second = (split(data, recipe(seed=seed), "classification") for seed in (0, 1))
    assert first.test.tolist() != second.test.tolist()


def test_the_split_is_the_same_on_every_machine():
    found = split(table(range(20), ["a", "b"] * 10), recipe(seed=3), "classification")
    assert found.test.tolist() == PINNED_TEST
    assert found.validation.tolist() == PINNED_VALIDATION


PINNED_TEST = [2, 14, 15, 17]
PINNED_VALIDATION = [3, 8, 13, 18]


def test_rows_equal_after_canonical_text_stay_together():
    x = ["1", "1.0", " 1", 1, "", "NA", None, *range(10, 60)]
    y = ["a", "b"] * 28 + ["a"]
    found = split(table(x, y), recipe(), "classification")
    for together in ({0, 1, 2, 3}, {4, 5, 6}):
        assert any(together <= set(part.tolist()) for part in parts(found))
    assert found.leakage.distinct_rows == 52


def test_text_and_typed_tables_are_split_the_same():
    numbers = np.array([3, 1, 2, 3, 1] * 20) + np.repeat(np.arange(20), 5) * 10
    y = np.array(["a", "b"] * 50, dtype=object)
    typed = Table.of({"x": numbers, "y": y})
    text = Table.of({"x": numbers.astype(str).astype(object), "y": y})
    assert split(typed, recipe(), None).test.tolist() == split(text, recipe(), None).test.tolist()


def test_dropped_columns_do_not_make_rows_distinct():
    data = table([1, 1, 2, 2] * 20, ["a", "b"] * 40, id=range(80), z=np.repeat(range(20), 4))
    assert split(data, recipe(), None).leakage.distinct_rows == 80
    assert split(data, recipe(drop=["id"]), None).leakage.distinct_rows == 40


def test_leakage_is_measured():
    # Three rows of one contradictory set, two of another; 195 rows that are alone.
    x = [0, 0, 0, 1, 1, *range(10, 205)]
    y = ["a", "a", "b", "a", "b", *["a", "b"] * 97, "a"]
    leakage = split(table(x, y), recipe(), "classification").leakage
    assert (leakage.rows, leakage.distinct_rows) == (200, 197)
    assert (leakage.contradictory_rows, leakage.contradictory_distinct_rows) == (5, 2)
    assert leakage.ceiling == pytest.approx(198 / 200)
    assert (leakage.test_rows_seen, leakage.share, leakage.group) == (0, 0.0, "distinct")


def test_leakage_of_a_row_by_row_split_is_counted():
    x = [value for value in range(20) for _ in range(10)]
    found = split(table(x, ["a", "b"] * 100), recipe(group=None), "classification")
    assert found.leakage.test_rows_seen == len(found.test)
    assert found.leakage.share == 1.0
    assert found.leakage.group is None


def test_regression_has_no_ceiling():
    leakage = split(table([1, 1, *range(2, 50)], np.arange(50) / 7), recipe(), "regression").leakage
    assert leakage.ceiling is None
    assert leakage.contradictory_rows == 2


def test_rows_without_a_target_are_split_but_not_judged():
    y = ["a", "b", None, ""] * 25
    found = split(table(range(100), y), recipe(), "classification")
    assert sum(map(len, parts(found))) == 100
    assert found.leakage.ceiling == 1.0


def test_rows_without_a_group_are_apart():
    groups = ["p", "q"] * 10 + [""] * 80
    found = split(table(range(100), ["a", "b"] * 50, g=groups), recipe(group="g"), "classification")
    assert all((np.array(part) >= 20).any() for part in parts(found))


@pytest.mark.parametrize("nothing", ["NA", " N/A", "", None, float("nan")])
def test_rows_without_an_address_are_of_no_host(nothing):
    urls = ["https://p.test/a", "http://www.q.test/b"] * 10 + [nothing] * 80
    asked = recipe(drop=["url"], group="url", group_by="host")
    found = split(table(range(100), ["a", "b"] * 50, url=urls), asked, "classification")
    assert all((np.array(part) >= 20).any() for part in parts(found))


def test_a_group_may_be_a_dropped_column():
    groups = np.repeat(range(20), 5)
    found = split(table(range(100), ["a", "b"] * 50, g=groups), recipe(drop=["g"], group="g"), "classification")
    sides = [set(groups[part]) for part in parts(found)]
    assert len(sides[0] | sides[1] | sides[2]) == sum(map(len, sides)) == 20


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (2, {}, "no row is left for validation: 2 rows; bring more rows, or change data.split"),
        (30, {"group": "costumer"}, r"data.split.group: no column 'costumer'; did you mean 'customer'\?"),
        (30, {"group": "one"}, "no row is left for validation: 30 rows in 1 group that must stay together"),
    ],
)
def test_what_cannot_be_split_is_refused(rows, options, message):
    y = (["a", "b"] * rows)[:rows]
    data = table(range(rows), y, customer=range(rows), one=[1] * rows)
    with pytest.raises(DataError, match=message):
        split(data, recipe(drop=["one", "customer"], **options), "classification")


def test_a_class_that_training_would_not_see_is_refused():
    y = ["a"] * 50 + ["b"] * 49 + ["rare"]
    data = table(range(100), y)
    with pytest.raises(DataError, match=r"training would see no row of the class 'rare' \(row 100\)"):
        split(data, recipe(stratify=False, seed=0), "classification")
    for seed in range(12):
        assert 99 in split(data, recipe(seed=seed), "classification").train


def test_a_list_in_a_cell_is_refused():
    data = table([[1], *range(29)], ["a", "b"] * 15)
    with pytest.raises(DataError, match="column 'x': a cell is a list, an object or bytes, not one value"):
        split(data, recipe(), "classification")
