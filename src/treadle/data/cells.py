"""Raw cells to values: the one place that says what a number, a boolean, a date and a category are.

Every kind has a reader of one cell, which is its definition, and a reader of a column, which gives the same values
and the same reasons in bulk.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import repeat
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from treadle.data.table import Column

NumericKind = Literal["number", "boolean", "date"]
"""Kinds whose values are float64, with NaN for a missing cell."""

Missing = frozenset[str | None]
"""Cells that mean "no value": the recipe's words, and None."""

Bad = list[tuple[int, str]]
"""Unreadable cells: index in the column, and what is wrong."""

FEW = 32
"""Columns up to this length are read cell by cell: starting NumPy's operations would cost more."""

_PLAIN_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_NOT_A_NUMBER = "is no number"
NOT_FINITE = "is not a finite number"
_NOT_A_BOOLEAN = "is neither true nor false"
_NOT_A_DATE = "is no date such as 2024-05-31 or 2024-05-31T14:30:00"
_NOT_A_TEXT = "is no text; it must be a string"
_NOT_ONE_VALUE = "is a list, an object or bytes, not one value"
_WORDS = {
    **dict.fromkeys(("true", "yes", "t", "y", "1"), 1.0),
    **dict.fromkeys(("false", "no", "f", "n", "0"), 0.0),
}
_DATE_MARKS = {4: "-", 7: "-", 10: "T ", 13: ":", 16: ":"}
_FIRST_DAY = datetime(1970, 1, 1)
_MICROSECONDS_A_DAY = 86400e6
_EARLIEST_DAY = -719162.0  # 0001-01-01, where Python's dates begin


def missing_cells(words: Iterable[str]) -> Missing:
    return frozenset((*words, None))


def is_missing(cell: object, missing: Missing) -> bool:
    """Whether a cell holds no value: one of the words (with or without blanks around it), None, NaN or NaT."""
    if isinstance(cell, str):
        return cell in missing or cell.strip() in missing
    if cell is None:
        return True
    if isinstance(cell, (float, np.floating)):
        return math.isnan(cell)
    if isinstance(cell, Decimal):
        return cell.is_nan()
    # NaT of NumPy and of pandas, and pandas.NA, differ from themselves or refuse to be compared.
    return type(cell).__name__ in {"NaTType", "NAType"} or (isinstance(cell, np.datetime64) and bool(np.isnat(cell)))


def read_number(cell: object) -> float:
    """The finite number in a cell that is not missing.

    Raises:
        ValueError: saying what is wrong, to be put after the cell: `is no number`.
    """
    if isinstance(cell, str):
        # Python reads 1_000 as a number; in data it is a slip or an identifier.
        if "_" in cell:
            raise ValueError(_NOT_A_NUMBER)
    elif isinstance(cell, (bool, np.bool_)) or not isinstance(cell, (int, float, Decimal, np.number)):
        raise ValueError(_NOT_A_NUMBER)
    try:
        value = float(cell)
    except ValueError:
        raise ValueError(_NOT_A_NUMBER) from None
    except OverflowError:
        raise ValueError(NOT_FINITE) from None
    if not math.isfinite(value):
        raise ValueError(NOT_FINITE)
    return value


def read_boolean(cell: object) -> float:
    """1.0 or 0.0 for a cell that is not missing: true, yes, t, y, 1 or false, no, f, n, 0 in any case.

    Raises:
        ValueError: as in `read_number`.
    """
    if isinstance(cell, str):
        value = _WORDS.get(canonical_text(cell).lower())
        if value is not None:
            return value
    elif isinstance(cell, (bool, int, float, Decimal, np.number, np.bool_)) and cell in (0, 1):
        return float(cell)
    raise ValueError(_NOT_A_BOOLEAN)


def read_date(cell: object) -> float:
    """Days since 1970-01-01 (UTC where the cell names an offset) for a cell that is not missing.

    Raises:
        ValueError: as in `read_number`.
    """
    if isinstance(cell, str):
        text = cell.strip()
        # The basic forms 20240531 and 2024-W22 are more often numbers or codes.
        if text[4:5] != "-" or text[7:8] != "-":
            raise ValueError(_NOT_A_DATE)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(_NOT_A_DATE) from None
    elif isinstance(cell, datetime):
        moment = cell
    elif isinstance(cell, date):
        moment = datetime(cell.year, cell.month, cell.day)
    elif isinstance(cell, np.datetime64):
        return float(_days(np.asarray([cell]))[0])
    else:
        raise ValueError(_NOT_A_DATE)
    if moment.tzinfo is not None:
        try:
            moment = moment.astimezone(UTC).replace(tzinfo=None)
        except OverflowError:
            raise ValueError(_NOT_A_DATE) from None
    return (moment - _FIRST_DAY) // timedelta(microseconds=1) / _MICROSECONDS_A_DAY


def read_text(cell: object) -> str:
    """The text in a cell that is not missing, as it stands there.

    Raises:
        ValueError: as in `read_number`.
    """
    if not isinstance(cell, str):
        raise ValueError(_NOT_A_TEXT)
    return cell


def canonical_text(cell: object) -> str:
    """The text that stands for a cell as a category: equal numbers have one text, and so have true and True.

    `1`, `1.0`, `"1"` and `" 1.00 "` give `1`; `007` and `1e5` are codes and stay as they are.

    Raises:
        ValueError: the cell is a list, an object or bytes.
    """
    if isinstance(cell, str):
        text = cell.strip()
        if _PLAIN_NUMBER.fullmatch(text):
            return _without_zeros(text)
        return text.lower() if text.lower() in {"true", "false"} else text
    if isinstance(cell, (list, dict, tuple, set, bytes, np.ndarray)):
        raise ValueError(_NOT_ONE_VALUE)
    if isinstance(cell, (bool, np.bool_)):
        text = "true" if cell else "false"
    elif isinstance(cell, (float, np.floating)):
        # Python writes whole numbers from 1e16 on with an exponent, and so do files written by it.
        text = str(int(cell)) if cell.is_integer() and abs(float(cell)) < 1e16 else repr(float(cell))
    elif isinstance(cell, Decimal):
        text = _without_zeros(f"{cell:f}")
    else:
        text = str(cell)
    return text


def _without_zeros(number: str) -> str:
    whole, point, fraction = number.partition(".")
    shortest = f"{whole}{point}{fraction}".rstrip("0").rstrip(".") if point else whole
    return "0" if shortest == "-0" else shortest


_READERS: dict[NumericKind, Callable[[object], float]] = {
    "number": read_number,
    "boolean": read_boolean,
    "date": read_date,
}


def read_cell(kind: NumericKind, cell: object, missing: Missing) -> float:
    """The value of one cell, NaN when it is missing.

    Raises:
        ValueError: as in `read_number`.
    """
    return math.nan if is_missing(cell, missing) else _READERS[kind](cell)


def read_column(kind: NumericKind, cells: Column, missing: Missing) -> tuple[NDArray[np.float64], Bad]:
    """Values of a column, float64 of shape (rows,) with NaN for missing and unreadable cells, and the unreadable."""
    cells = _as_objects(cells)
    if cells.dtype != object:
        return _read_typed(kind, cells)
    if len(cells) > FEW:
        values = _read_in_bulk(kind, cells, missing)
        if values is not None:
            return values, []
    return _read_each(kind, cells, missing)


def _as_objects(cells: Column) -> Column:
    return cells.astype(object) if cells.dtype.kind in "US" or cells.dtype.kind == "T" else cells


def _read_each(kind: NumericKind, cells: Column, missing: Missing) -> tuple[NDArray[np.float64], Bad]:
    values = np.full(len(cells), np.nan)
    bad: Bad = []
    for index, cell in enumerate(cells.tolist()):
        try:
            values[index] = read_cell(kind, cell, missing)
        except ValueError as error:
            bad.append((index, str(error)))
    return values, bad


def _read_in_bulk(kind: NumericKind, cells: Column, missing: Missing) -> NDArray[np.float64] | None:
    """Values when all cells are plain enough to be read at once, else None."""
    types = set(map(type, cells))
    if types in ({float}, {int}, {int, float}):
        return _finite(cells) if kind == "number" else None
    if not types <= {str, type(None)}:
        return None
    quick = {"number": _numbers, "date": _dates, "boolean": _booleans}[kind]
    values = quick(cells) if types == {str} else None
    if values is not None:
        return values
    present = ~np.fromiter(map(missing.__contains__, cells), np.bool_, len(cells))
    held = quick(cells[present]) if not present.all() else None
    if held is None:
        return _read_distinct(kind, cells, missing)
    values = np.full(len(cells), np.nan)
    values[present] = held
    return values


def _read_distinct(kind: NumericKind, cells: Column, missing: Missing) -> NDArray[np.float64] | None:
    """Each distinct text read once, then looked up: for columns of few texts."""
    distinct = set(cells)
    if len(distinct) * 4 > len(cells):
        return None
    try:
        known = {cell: read_cell(kind, cell, missing) for cell in distinct}
    except ValueError:
        return None
    return np.fromiter(map(known.__getitem__, cells), np.float64, len(cells))


def _finite(cells: Column) -> NDArray[np.float64] | None:
    try:
        values = cells.astype(np.float64)
    except (ValueError, OverflowError):
        return None
    return values if np.isfinite(values).all() else None


def _numbers(texts: Column) -> NDArray[np.float64] | None:
    values = _finite(texts)
    return values if values is not None and "_" not in "".join(texts) else None


def _booleans(texts: Column) -> NDArray[np.float64] | None:
    values = np.fromiter(map(_WORDS.get, texts, repeat(np.nan)), np.float64, len(texts))
    return None if np.isnan(values).any() else values


def _dates(texts: Column) -> NDArray[np.float64] | None:
    """Days for texts that are all `2024-05-31` or all `2024-05-31T14:30:00`."""
    lengths = set(map(len, texts))
    if lengths not in ({10}, {19}):
        return None
    width = lengths.pop()
    fixed = texts.astype(f"U{width}")
    letters = fixed.view(np.uint32).reshape(-1, width)
    # Unsigned: what stands before "0" becomes large.
    digits = letters[:, [place for place in range(width) if place not in _DATE_MARKS]] - ord("0")
    if (digits > 9).any():
        return None
    for place, marks in _DATE_MARKS.items():
        if place < width and not np.isin(letters[:, place], [ord(mark) for mark in marks]).all():
            return None
    try:
        days = _days(fixed.astype("datetime64[s]"))
    except ValueError:
        return None
    return days if len(days) == 0 or days.min() >= _EARLIEST_DAY else None


def _days(moments: NDArray[Any]) -> NDArray[np.float64]:
    microseconds = moments.astype("datetime64[us]")
    days = microseconds.astype(np.int64) / _MICROSECONDS_A_DAY
    return np.where(np.isnat(microseconds), np.nan, days)


def _read_typed(kind: NumericKind, cells: Column) -> tuple[NDArray[np.float64], Bad]:
    letter = cells.dtype.kind
    if letter == "M":
        values = _days(cells)
        unreadable = ~np.isnan(values) if kind != "date" else np.zeros(len(cells), np.bool_)
        reason = _NOT_A_NUMBER if kind == "number" else _NOT_A_BOOLEAN
    elif letter in "iufb":
        values = cells.astype(np.float64)
        present = ~np.isnan(values)
        if kind == "number":
            unreadable, reason = (present, _NOT_A_NUMBER) if letter == "b" else (np.isinf(values), NOT_FINITE)
        elif kind == "boolean":
            unreadable, reason = present & (values != 0) & (values != 1), _NOT_A_BOOLEAN
        else:
            unreadable, reason = present, _NOT_A_DATE
    else:
        return _read_each(kind, cells.astype(object), frozenset((None,)))
    values = np.where(unreadable, np.nan, values)
    return values, [(int(index), reason) for index in np.flatnonzero(unreadable)]


def distinct_texts(cells: Column, missing: Missing) -> tuple[list[str], NDArray[np.int64]]:
    """The distinct canonical texts of a column, and each row's index among them (-1: missing), int64 of shape (rows,).

    Raises:
        ValueError: a cell is a list, an object or bytes.
    """
    cells = _as_objects(cells)
    if cells.dtype != object:
        values, inverse = np.unique(cells, return_inverse=True)
        keys: list[Any] = list(values)
        rows = inverse.reshape(-1).astype(np.int64)
    else:
        # 1, 1.0 and True are equal to Python, so the type is part of what is looked up.
        types = set(map(type, cells))
        marked: Iterable[Any] = cells if types <= {str, type(None)} else list(zip(map(type, cells), cells, strict=True))
        try:
            order = dict.fromkeys(marked)
        except TypeError:
            raise ValueError(_NOT_ONE_VALUE) from None
        places = dict(zip(order, range(len(order)), strict=True))
        rows = np.fromiter(map(places.__getitem__, marked), np.int64, len(cells))
        keys = list(order) if types <= {str, type(None)} else [cell for _, cell in order]
    texts: dict[str, int] = {}
    ids = [-1 if is_missing(key, missing) else texts.setdefault(canonical_text(key), len(texts)) for key in keys]
    return list(texts), np.asarray(ids, np.int64)[rows] if ids else np.empty(0, np.int64)


def distinct_values(cells: Column, missing: Missing) -> NDArray[np.int64]:
    """Which rows hold the same value: an index for each distinct one, -1 for missing, int64 of shape (rows,).

    Columns of numbers are compared as numbers, all others by canonical text.

    Raises:
        ValueError: a cell is a list, an object or bytes.
    """
    if reads_as_numbers(cells, missing):
        values, bad = read_column("number", cells, missing)
        if not bad:
            rows = np.unique(values, return_inverse=True)[1].reshape(-1).astype(np.int64)
            return np.where(np.isnan(values), -1, rows)
    return distinct_texts(cells, missing)[1]


def reads_as_numbers(cells: Column, missing: Missing) -> bool:
    """Whether the first cells read as numbers: a cheap look before a long column is read in vain."""
    return not read_column("number", cells[:FEW], missing)[1]
