import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.data.cells import FEW
from treadle.data.contract import Contract, Field
from treadle.data.frames import from_rows
from treadle.data.table import Table
from treadle.errors import ContractError

CONTRACT = Contract(
    fields=(
        Field(name="age", kind="number", integer=True, minimum=18.0, maximum=92.0, typical=37.0),
        Field(name="income", kind="number", nullable=True, minimum=0.5, maximum=9.5, typical=4.25),
        Field(name="country", kind="category", categories=("France", "Spain"), typical="France"),
        Field(name="plan", kind="category", categories=("1", "2", "10"), numeric_categories=True, nullable=True),
        Field(name="member", kind="boolean", minimum=0.0, maximum=1.0, typical=1.0),
        Field(name="since", kind="date", integer=True, minimum=0.0, maximum=20000.0, typical=10957.0, nullable=True),
        Field(name="left", kind="category", role="target", categories=("0", "1"), numeric_categories=True),
    )
)
ROW = {"age": 40, "income": 5.5, "country": "Spain", "plan": 10, "member": True, "since": "2000-01-01", "left": 1}


def check(*rows, **options):
    return CONTRACT.check(from_rows([{**ROW, **row} for row in rows]), **options)


def repeated(rows, times):
    return [{**ROW, **row} for row in rows] * times


def test_a_row_is_read_by_kind():
    checked = check({}, with_target=True)
    assert {name: cells.tolist() for name, cells in checked.columns.items()} == {
        "age": [40.0],
        "income": [5.5],
        "country": [1],
        "plan": [2],
        "member": [1.0],
        "since": [10957.0],
        "left": [1],
    }
    assert checked.columns["country"].dtype == np.int32
    assert checked.columns["age"].dtype == np.float64
    assert checked.good.all()
    assert checked.faults == checked.notices == ()


def test_the_target_is_not_asked_for_in_serving():
    row = {name: cell for name, cell in ROW.items() if name != "left"}
    assert "left" not in CONTRACT.check(from_rows([row])).columns


def test_column_order_and_other_columns_do_not_matter():
    row = dict(reversed([*ROW.items(), ("extra", [1, 2])]))
    checked = CONTRACT.check(from_rows([row]))
    assert list(checked.columns) == [field.name for field in CONTRACT.features]


def test_a_missing_column_is_named():
    row = {("Country" if name == "country" else name): cell for name, cell in ROW.items()}
    with pytest.raises(ContractError, match=r"request: no column 'country'; did you mean 'Country'\?"):
        CONTRACT.check(from_rows([row]))


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        ({"age": "forty"}, "row 1, column 'age': 'forty' is no number"),
        ({"age": "inf"}, "row 1, column 'age': 'inf' is not a finite number"),
        ({"age": None}, "row 1, column 'age': '' is missing, and no training row lacked it"),
        ({"age": float("nan")}, "row 1, column 'age': 'nan' is missing, and no training row lacked it"),
        ({"age": True}, "row 1, column 'age': 'True' is no number"),
        ({"age": "4" * 50 + "x"}, f"row 1, column 'age': '{'4' * 40}...' is no number"),
        ({"country": ""}, "row 1, column 'country': '' is missing, and no training row lacked it"),
        ({"country": ["Spain"]}, "row 1, column 'country': \"['Spain']\" is a list, an object or bytes, not one value"),
        ({"member": "maybe"}, "row 1, column 'member': 'maybe' is neither true nor false"),
        ({"since": "31.5.2024"}, "row 1, column 'since': '31.5.2024' is no date such as 2024-05-31"),
        ({"left": 2}, "row 1, column 'left': '2' is none of the classes that training saw: 0, 1"),
        ({"left": None}, "row 1, column 'left': '' is missing: there is nothing to learn"),
    ],
)
@pytest.mark.parametrize("times", [1, 2 * FEW])
def test_a_fault_names_row_and_column(cells, fault, times):
    table = from_rows(repeated([cells], 1) + repeated([{}], times))
    checked = CONTRACT.check(table, with_target=True)
    assert len(checked.faults) == 1
    assert str(checked.faults[0]).startswith(fault)
    assert checked.good.tolist() == [False] + [True] * times


def test_faults_come_in_the_order_of_rows():
    checked = check({}, {"country": ""}, {"age": "x", "member": "x"})
    assert [(fault.row, fault.column) for fault in checked.faults] == [(2, "country"), (3, "age"), (3, "member")]


def test_bad_rows_are_refused_with_the_first_faults():
    checked = check(*[{"age": "x"}] * 12, {})
    message = r"(?s)people.csv: 12 of 13 rows cannot be read:\n  row 1, .*\n  and 2 more"
    with pytest.raises(ContractError, match=message):
        checked.require_good("people.csv")
    check({}).require_good("people.csv")


@pytest.mark.parametrize("times", [1, 2 * FEW])
def test_what_training_never_saw_is_a_notice(times):
    rows = repeated([{}, {"age": 130}, {"country": "Italy"}, {"income": None}], times)
    checked = CONTRACT.check(from_rows(rows))
    assert checked.faults == ()
    assert checked.columns["country"].tolist() == [1, 1, 2, 1] * times
    assert np.isnan(checked.columns["income"][3])
    count = "1 cell" if times == 1 else f"{times} cells"
    assert checked.notices == (
        f"age: {count} outside the 18 to 92 of training, such as '130' in row 2",
        f"country: {count} of a category that training did not see, such as 'Italy' in row 3",
    )


def test_missing_words_are_the_contracts():
    contract = Contract(fields=CONTRACT.fields, missing=("?",))
    checked = contract.check(from_rows([{**ROW, "plan": "?", "income": "NA"}]))
    assert checked.columns["plan"].tolist() == [-1]
    assert [str(fault) for fault in checked.faults] == ["row 1, column 'income': 'NA' is no number"]


CELLS = st.one_of(
    st.sampled_from(["", "NA", None, "1", "1.0", 1, 2.0, 10, True, "true", "France", " Spain ", "Italy", "inf", [1]]),
    st.floats(),
    st.dates().map(str),
)


@settings(max_examples=100)
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(ROW, CELLS)), min_size=1, max_size=4), st.booleans())
def test_rows_alone_and_in_bulk_read_the_same(rows, with_target):
    times = FEW
    bulk = CONTRACT.check(from_rows(rows * times), with_target=with_target)
    for index, row in enumerate(rows):
        alone = CONTRACT.check(from_rows([row]), with_target=with_target)
        assert alone.good[0] == bulk.good[index]
        for name, cells in alone.columns.items():
            assert cells.dtype == bulk.columns[name].dtype
            np.testing.assert_array_equal(cells[0], bulk.columns[name][index])
        reasons = [(fault.column, fault.reason) for fault in alone.faults]
        assert reasons == [(fault.column, fault.reason) for fault in bulk.faults if fault.row == index + 1]


@pytest.mark.parametrize("rows", [3, 3 * FEW])
def test_text_and_typed_columns_read_the_same(rows):
    typed = {
        "age": np.arange(20, 20 + rows),
        "income": np.where(np.arange(rows) % 2, np.nan, 1.5),
        "country": np.array(["France", "Spain", "Italy"] * (rows // 3), dtype=object),
        "plan": np.array([1, 2, 10] * (rows // 3)),
        "member": np.arange(rows) % 2 == 0,
        "since": np.datetime64("2001-02-03") + np.arange(rows),
    }
    as_text = {
        name: np.array(["" if str(cell) == "nan" else str(cell) for cell in cells], dtype=object)
        for name, cells in typed.items()
    }
    read, again = CONTRACT.check(Table.of(typed)), CONTRACT.check(Table.of(as_text))
    assert read.faults == again.faults == ()
    for name, cells in read.columns.items():
        np.testing.assert_array_equal(cells, again.columns[name])


def test_the_contract_survives_json():
    assert Contract.model_validate_json(CONTRACT.model_dump_json()) == CONTRACT
    CONTRACT.check(from_rows([ROW]))
    assert set(CONTRACT.model_dump()) == {"fields", "missing"}


def test_categories_as_json_values():
    assert CONTRACT.target.values == (0, 1)
    assert Field(name="a", kind="category", categories=("0.5", "1"), numeric_categories=True).values == (0.5, 1)
    assert Field(name="a", kind="category", categories=("false", "true")).values == (False, True)
    assert Field(name="a", kind="category", categories=("no", "yes")).values == ("no", "yes")


def test_the_description_is_for_people():
    assert CONTRACT.describe().splitlines() == [
        "age      number    18 to 92, typically 37",
        "income   number    0.5 to 9.5, typically 4.25, may be missing",
        "country  category  France, Spain",
        "plan     category  1, 2, 10, may be missing",
        "member   boolean   true or false",
        "since    date      1970-01-01 to 2024-10-04, typically 2000-01-01, may be missing",
        "left     category  0, 1 (target)",
    ]


@pytest.mark.parametrize("times", [1, FEW])
def test_a_class_of_0_and_1_may_be_written_as_a_boolean(times):
    rows = [{"left": True}, {"left": "False"}, {"left": 1.0}, {"left": "0"}]
    assert check(*rows * times, with_target=True).columns["left"].tolist() == [1, 0, 1, 0] * times
    boolean = Field(name="left", kind="category", role="target", categories=("false", "true"))
    checked = Contract(fields=(boolean,)).check(from_rows(rows * times), with_target=True)
    assert checked.columns["left"].tolist() == [1, 0, 1, 0] * times


def test_the_typical_row_keeps_the_contract():
    row = CONTRACT.example_row()
    assert row == {"age": 37, "income": 4.25, "country": "France", "plan": None, "member": True, "since": "2000-01-01"}
    assert CONTRACT.check(from_rows([row])).faults == ()


def test_the_json_schema_of_a_row():
    schema = CONTRACT.json_schema_of_row()
    assert schema["required"] == ["age", "income", "country", "plan", "member", "since"]
    assert schema["properties"]["age"] == {
        "type": ["number"],
        "description": "number: 18 to 92, typically 37",
        "examples": [37],
    }
    assert schema["properties"]["income"]["type"] == ["number", "null"]
    assert schema["properties"]["plan"]["examples"] == [1, 2, 10]
    assert schema["properties"]["member"]["examples"] == [True]
    assert schema["properties"]["since"]["examples"] == ["2000-01-01"]


def test_dates_are_shown_with_their_time():
    field = Field(name="at", kind="date")
    assert field.show(0.5) == "1970-01-01T12:00:00"
    assert field.show(-1.0) == "1969-12-31"
    assert field.show(None) == "missing"
