import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.data.cells import (
    FEW,
    canonical_text,
    distinct_texts,
    distinct_values,
    is_missing,
    missing_cells,
    read_cell,
    read_column,
)
from treadle.recipe import MISSING

WORDS = missing_cells(MISSING)

TEXTS = st.one_of(
    st.sampled_from([*MISSING, " ", "yes", "No", "TRUE", "t", "1", "0", "1.0", "1_000", "inf", "-nan", "007", "1e5"]),
    st.sampled_from(["2024-05-31", "2024-05-31T14:30:00", "2024-02-30", "20240531", "2024-05-31T14:30:00+02:00"]),
    st.floats().map(str),
    st.integers().map(str),
    st.dates().map(str),
    st.datetimes().map(str),
    st.text(max_size=8),
    st.none(),
)
CELLS = st.one_of(
    TEXTS, st.floats(), st.integers(), st.booleans(), st.dates(), st.datetimes(), st.decimals(), st.just([1, 2])
)


def objects(cells):
    column = np.empty(len(cells), dtype=object)
    column[:] = cells
    return column


@pytest.mark.parametrize("cell", ["1", "1.0", " 1.00 ", 1, 1.0, np.int8(1), np.float32(1.0), Decimal("1.0")])
def test_equal_numbers_have_one_text(cell):
    assert canonical_text(cell) == "1"


@pytest.mark.parametrize("cell", [True, np.True_, "true", "True", " TRUE"])
def test_true_has_one_text(cell):
    assert canonical_text(cell) == "true"


@pytest.mark.parametrize("code", ["007", "1e5", "+1", "1.", ".5", "1_000", "01.0", "yes", "x 1"])
def test_codes_stay_as_they_are(code):
    assert canonical_text(code) == code


@pytest.mark.parametrize(
    ("cell", "text"), [("-0.0", "0"), (-0.0, "0"), ("100", "100"), (0.1, "0.1"), ("0.10", "0.1"), (1e22, "1e+22")]
)
def test_numbers_are_written_shortest(cell, text):
    assert canonical_text(cell) == text


@pytest.mark.parametrize("cell", [[1], {"a": 1}, b"1"])
def test_a_list_is_no_category(cell):
    with pytest.raises(ValueError, match="not one value"):
        canonical_text(cell)


@given(TEXTS.filter(lambda cell: cell is not None))
def test_canonical_text_is_its_own(cell):
    once = canonical_text(cell)
    assert canonical_text(once) == once


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_and_its_text_are_one_category(number):
    assert canonical_text(str(number)) == canonical_text(number)


@pytest.mark.parametrize(
    "cell", ["", " ", "NA", " NaN ", None, math.nan, Decimal("sNaN"), np.float32("nan"), np.datetime64("NaT")]
)
def test_missing_cells(cell):
    assert is_missing(cell, WORDS)


def test_the_missing_words_are_the_recipes():
    assert is_missing("?", missing_cells(["?"]))
    assert not is_missing("NA", missing_cells(["?"]))


@pytest.mark.parametrize(("cell", "value"), [(" 12.5 ", 12.5), ("1e3", 1000.0), (7, 7.0), (Decimal("0.1"), 0.1)])
def test_numbers(cell, value):
    assert read_cell("number", cell, WORDS) == value


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("forty", "is no number"),
        ("1_000", "is no number"),
        ("1,5", "is no number"),
        (True, "is no number"),
        ([1], "is no number"),
        ("inf", "is not a finite number"),
        ("-Infinity", "is not a finite number"),
        (math.inf, "is not a finite number"),
        (10**400, "is not a finite number"),
    ],
)
def test_no_numbers(cell, reason):
    with pytest.raises(ValueError, match=reason):
        read_cell("number", cell, WORDS)


@pytest.mark.parametrize("cell", [True, 1, 1.0, "1", "1.0", "true", "YES", "y", " T "])
def test_booleans(cell):
    assert read_cell("boolean", cell, WORDS) == 1.0


@pytest.mark.parametrize("cell", ["2", "maybe", 2, -1, [], "on"])
def test_no_booleans(cell):
    with pytest.raises(ValueError, match="is neither true nor false"):
        read_cell("boolean", cell, WORDS)


@pytest.mark.parametrize(
    ("cell", "days"),
    [
        ("1970-01-02", 1.0),
        ("1970-01-01T12:00", 0.5),
        ("1970-01-01 18:00:00", 0.75),
        ("1970-01-01T02:00:00+02:00", 0.0),
        ("1970-01-01T06:00:00Z", 0.25),
        (date(1969, 12, 31), -1.0),
        (datetime(1970, 1, 1, 12), 0.5),
        (datetime(1970, 1, 1, 12, tzinfo=UTC), 0.5),
        (datetime(1970, 1, 1, 12, tzinfo=timezone(timedelta(hours=12))), 0.0),
        (np.datetime64("1970-01-03"), 2.0),
    ],
)
def test_dates(cell, days):
    assert read_cell("date", cell, WORDS) == days


@pytest.mark.parametrize(
    "cell", ["2024-02-30", "20240531", "2024-W22-5", "31.05.2024", "0001-01-01T00:00+02:00", "today", 19000, True]
)
def test_no_dates(cell):
    with pytest.raises(ValueError, match="is no date such as"):
        read_cell("date", cell, WORDS)


def one_by_one(kind, cells):
    values, bad = [], []
    for index, cell in enumerate(cells):
        try:
            values.append(read_cell(kind, cell, WORDS))
        except ValueError as error:
            values.append(math.nan)
            bad.append((index, str(error)))
    return np.array(values, dtype=float), bad


@pytest.mark.parametrize("kind", ["number", "boolean", "date"])
@settings(max_examples=60)
@given(cells=st.lists(CELLS, max_size=6), times=st.sampled_from([1, 3, FEW, 3 * FEW]))
def test_a_column_reads_as_its_cells_do(kind, cells, times):
    column = objects(cells * times)
    values, bad = read_column(kind, column, WORDS)
    expected, expected_bad = one_by_one(kind, column)
    np.testing.assert_array_equal(values, expected)
    assert bad == expected_bad


BULK = {
    "number": st.floats(allow_nan=False, allow_infinity=False).map(str),
    "boolean": st.sampled_from(["0", "1", "true", "no", "Yes"]),
    "date": st.one_of(st.dates().map(str), st.datetimes().map(lambda moment: moment.isoformat(timespec="seconds"))),
}


@pytest.mark.parametrize("kind", ["number", "boolean", "date"])
@settings(max_examples=60)
@given(data=st.data())
def test_a_long_clean_column_reads_as_its_cells_do(kind, data):
    cells = data.draw(st.lists(BULK[kind], min_size=FEW + 1, max_size=3 * FEW))
    if data.draw(st.booleans()):
        cells[data.draw(st.integers(0, FEW))] = data.draw(st.sampled_from(["", None, "NA"]))
    values, bad = read_column(kind, objects(cells), WORDS)
    expected, _ = one_by_one(kind, cells)
    np.testing.assert_array_equal(values, expected)
    assert bad == []


@pytest.mark.parametrize("kind", ["number", "boolean", "date"])
@pytest.mark.parametrize(
    "column",
    [
        np.array([0, 1, 2]),
        np.array([0.0, 1.0, np.nan, np.inf, 0.5]),
        np.array([True, False]),
        np.array(["2024-05-31", "NaT"], dtype="datetime64[D]"),
        np.array(["1", "x", "2024-05-31"]),
    ],
    ids=["int", "float", "bool", "datetime64", "str"],
)
def test_a_typed_column_reads_as_its_cells_do(kind, column):
    values, bad = read_column(kind, column, WORDS)
    expected, expected_bad = one_by_one(kind, list(column))
    np.testing.assert_array_equal(values, expected)
    assert bad == expected_bad


@settings(max_examples=60)
@given(st.datetimes())
def test_a_moment_reads_the_same_in_every_form(moment):
    days = read_cell("date", moment, WORDS)
    assert read_cell("date", moment.isoformat(), WORDS) == days
    assert read_column("date", np.array([moment], dtype="datetime64[us]"), WORDS)[0][0] == days


def test_one_and_true_are_two_values():
    texts, rows = distinct_texts(objects([1, True, 1.0, "1", "true", None, "NA"]), WORDS)
    assert texts == ["1", "true"]
    assert rows.tolist() == [0, 1, 0, 0, 1, -1, -1]


@settings(max_examples=60)
@given(st.lists(TEXTS, max_size=8))
def test_cells_of_one_text_are_one_value(cells):
    texts, rows = distinct_texts(objects(cells), WORDS)
    found = [None if row < 0 else texts[row] for row in rows]
    assert found == [None if is_missing(cell, WORDS) else canonical_text(cell) for cell in cells]


def test_numbers_are_compared_as_numbers():
    assert distinct_values(objects(["1", "1.0", "1e0", "", "2"]), WORDS).tolist() == [0, 0, 0, -1, 1]
    assert distinct_values(np.array([2.0, np.nan, 2.0]), WORDS).tolist() == [0, -1, 0]
