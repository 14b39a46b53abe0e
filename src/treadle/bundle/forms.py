"""Answers beside the rows they answer, as CSV or JSON Lines: the whole row, then the answer's columns.

A row keeps all its cells, in their order. After them stand `label`, `probability` (of that label) and
`probability_CLASS` for every class; or `value`; or `tags` and `probabilities`, one for every token; or `word`,
`probability`, and `words` and `probabilities`, the likeliest first; and `fault` where faulty rows are reported. If the
input has a column of one of these names, all of them begin with `predicted_`. In CSV, several tags, words or
probabilities stand in one cell with blanks between them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, Protocol, assert_never

import numpy as np
from numpy.typing import NDArray

from treadle.bundle.answers import AnyAnswers, ClassificationAnswers, RegressionAnswers, TaggingAnswers, WordAnswers
from treadle.bundle.faulty import describe_fault
from treadle.bundle.predictor import Predictions
from treadle.data.table import Column, Table
from treadle.data.tokens import NO_BREAK
from treadle.errors import DataError

Cells = Sequence[Any] | NDArray[Any]
FormName = Literal["csv", "jsonl"]

_SPECIAL = re.compile(r'[",\r\n]')
_FORMULA = re.compile(r"[=+\-@\t\r\n].", re.DOTALL)
_RISKY = re.compile(r"(?:^|[,\n])[=+\-@\t](?!\d+(?:\.\d+)?(?:[eE][+\-]?\d+)?(?:[,\n]|$))")
"""In joined cells: one that might be a formula, for it is no plain number."""
_THOUSANDTHS = np.array([f"{number / 1000:.3f}" for number in range(1001)], "S5").view(np.uint8).reshape(1001, 5)
_MILLIONTHS = np.array([f"{number:03d}" for number in range(1000)], "S3").view(np.uint8).reshape(1000, 3)


class Form(Protocol):
    """How rows with their answers are written down."""

    def head(self) -> str:
        """What stands before the first row."""
        ...

    def body(self, table: Table, predictions: Predictions) -> str:
        """Lines for the rows of `table`, of which `predictions` answers all or some.

        Raises:
            DataError: the table has not the columns of the form.
        """
        ...


@dataclass(frozen=True)
class Columns:
    """Names of the output: those of the input, and those of the answer."""

    passed: tuple[str, ...]
    answered: tuple[str, ...]
    reports: bool

    @classmethod
    def of(cls, answers: AnyAnswers, passed: Sequence[str], reports: bool) -> Columns:
        """The columns for an input of columns `passed`; `reports` adds `fault`.

        Raises:
            DataError: the input has columns of both names that an answer could have.
        """
        names = answer_names(answers) + (["fault"] if reports else [])
        if set(names) & set(passed):
            names = [f"predicted_{name}" for name in names]
        taken = sorted(set(names) & set(passed))
        if taken:
            raise DataError(f"the input already has a column {taken[0]!r}, which is to hold the answer; rename it")
        return cls(tuple(passed), tuple(names), reports)


def answer_names(answers: AnyAnswers) -> list[str]:
    """Names of the answer's columns, without those of the input."""
    match answers:
        case ClassificationAnswers():
            return ["label", "probability", *(f"probability_{_name(label)}" for label in answers.labels)]
        case RegressionAnswers():
            return ["value"]
        case TaggingAnswers():
            return ["tags", "probabilities"]
        case WordAnswers():
            return ["word", "probability", "words", "probabilities"]
    assert_never(answers)


def form_of(name: FormName, columns: Columns, *, safe: bool = True) -> Form:
    """The form called `name`; `safe` concerns CSV, see `CsvForm`."""
    return CsvForm(columns, safe) if name == "csv" else JsonLinesForm(columns)


@dataclass(frozen=True)
class CsvForm:
    """CSV (RFC 4180) with a header, UTF-8, lines ended by a line feed.

    Probabilities have six decimals, small ones six significant digits; values nine significant digits.
    """

    columns: Columns
    safe: bool = True
    """Put an apostrophe before texts that a spreadsheet would run as a formula: two or more characters that begin
    with = + - @, a tab or a line break, and are no number."""

    def head(self) -> str:
        """The header."""
        names = [*self.columns.passed, *self.columns.answered]
        return _csv_lines([[name] for name in names], 1, self.safe)

    def body(self, table: Table, predictions: Predictions) -> str:
        """One line a row."""
        unknown = [name for name in table.columns if name not in self.columns.passed]
        if unknown:
            raise DataError(
                f"{table.source}: column {unknown[0]!r} first appears in or after row {table.numbers[0]}, when the "
                "header of the CSV is written already; write JSON Lines (.jsonl) instead"
            )
        return _csv_lines(self._cells(table, predictions), len(predictions), self.safe)

    def texts(self, table: Table, predictions: Predictions) -> list[Cells]:
        """The texts of every column, those of the answer last, without quotes and apostrophes."""
        return list(map(_as_texts, self._cells(table, predictions)))

    def _cells(self, table: Table, predictions: Predictions) -> list[Cells]:
        table = _answered_rows(table, predictions)
        absent = np.full(len(table), None, object)
        cells: list[Cells] = [table.columns.get(name, absent) for name in self.columns.passed]
        return [*cells, *_answer_texts(predictions, self.columns)]


@dataclass(frozen=True)
class JsonLinesForm:
    """A JSON object a line: the row's cells as they were, and the answer with all its digits; empty is null."""

    columns: Columns

    def head(self) -> str:
        """Nothing: every line has its names."""
        return ""

    def body(self, table: Table, predictions: Predictions) -> str:
        """One line a row."""
        table = _answered_rows(table, predictions)
        names = [*table.columns, *self.columns.answered]
        columns = [*table.columns.values(), *_answer_columns(predictions, self.columns)]
        encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=str).encode
        rows = zip(*map(_as_json, columns), strict=True)
        return "".join([encode(dict(zip(names, row, strict=True))) + "\n" for row in rows])


def _faults(predictions: Predictions) -> Column:
    """What is wrong with each row, shape (rows,); None for a row without a fault."""
    texts = np.full(len(predictions), None, object)
    if predictions.faults:
        places = {number: place for place, number in enumerate(predictions.numbers.tolist())}
        for fault in predictions.faults:
            place = places[fault.row]
            texts[place] = f"{texts[place]}; {describe_fault(fault)}" if texts[place] else describe_fault(fault)
    return texts


def _answered_rows(table: Table, predictions: Predictions) -> Table:
    if len(table) == len(predictions):
        return table
    return table.take(np.isin(table.numbers, predictions.numbers))


def _answer_columns(predictions: Predictions, columns: Columns) -> list[Column]:
    """The answer's columns, in the order of their names."""
    found: list[Column] = []
    for column in predictions.columns.values():
        found += [column] if column.ndim == 1 else list(column.T)
    return [*found, _faults(predictions)] if columns.reports else found


def _csv_lines(columns: Sequence[Cells], rows: int, safe: bool) -> str:
    """The columns' texts side by side. Rows are joined first and looked at afterwards: most need no quotes."""
    try:
        text = "\n".join(map(",".join, zip(*columns, strict=True)))
    except TypeError:  # a cell is no text
        columns = [_as_texts(column) for column in columns]
        text = "\n".join(map(",".join, zip(*columns, strict=True)))
    if rows and not _is_plain(text, rows, len(columns), safe):
        guarded = [_guarded(column, safe) for column in columns]
        text = "\n".join(map(",".join, zip(*guarded, strict=True)))
    return text + "\n" if rows else ""


def _is_plain(text: str, rows: int, width: int, safe: bool) -> bool:
    """Whether joined cells hold nothing to be quoted, and no formula."""
    if '"' in text or "\r" in text or text.count(",") != rows * (width - 1) or text.count("\n") != rows - 1:
        return False
    if not safe:
        return True
    # Searching for a letter costs far less than the expression, and most texts have none of these.
    return not any(mark in text for mark in "=+-@\t") or _RISKY.search(text) is None


def _guarded(cells: Cells, safe: bool) -> Cells:
    """The texts of a column, with quotes where a cell needs them, and without formulas if `safe`."""
    text = "\n" + "\n".join(cells)
    if safe and any(f"\n{mark}" in text for mark in "=+-@\t\r\n"):
        cells = [f"'{cell}" if _FORMULA.match(cell) and not _is_number(cell) else cell for cell in cells]
    if '"' in text or "," in text or "\r" in text or text.count("\n") != len(cells):
        cells = ['"' + cell.replace('"', '""') + '"' if _SPECIAL.search(cell) else cell for cell in cells]
    return cells


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _as_texts(cells: Cells) -> Cells:
    """The cells of any source as texts; empty where nothing stands."""
    if not isinstance(cells, np.ndarray) or cells.dtype == object:
        types = set(map(type, cells))
        return cells if types <= {str} else [_text(cell) for cell in cells]
    if cells.dtype.kind == "f":
        return ["" if math.isnan(cell) else repr(cell) for cell in cells.tolist()]
    if cells.dtype.kind == "b":
        return ["true" if cell else "false" for cell in cells.tolist()]
    if cells.dtype.kind == "M":
        return ["" if cell == "NaT" else cell for cell in np.datetime_as_string(cells).tolist()]
    return list(map(str, cells.tolist()))


def _text(cell: object) -> str:
    if isinstance(cell, str):
        return cell
    if cell is None or (isinstance(cell, float) and np.isnan(cell)):
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return json.dumps(cell, ensure_ascii=False, default=str) if isinstance(cell, list | dict) else str(cell)


def _answer_texts(predictions: Predictions, columns: Columns) -> list[Cells]:
    found: list[Cells] = []
    for name, column in predictions.columns.items():
        if name == "value":
            found.append(_value_texts(column))
        elif name in ("tags", "words"):
            found.append(_joined_texts(column))
        elif name == "probabilities" and column.ndim == 1:
            found.append(_joined_probabilities(column))
        elif name in ("probability", "probabilities"):
            found += map(_probability_texts, column.T if column.ndim == 2 else [column])
        else:
            texts = {cell: _text(cell) for cell in set(column)}
            found.append(list(map(texts.__getitem__, column)))
    return [*found, _faults(predictions)] if columns.reports else found


def _joined_texts(lists: NDArray[np.object_]) -> Cells:
    """Texts of every row as one, those that hold blanks with ones that do not part them."""
    return ["" if texts is None else " ".join([text.replace(" ", NO_BREAK) for text in texts]) for texts in lists]


def _joined_probabilities(lists: NDArray[np.object_]) -> Cells:
    """Probabilities of every row as one text."""
    shares = [[] if own is None else own for own in lists]
    texts = _probability_texts(np.fromiter(chain.from_iterable(shares), np.float64))
    ends = np.cumsum(np.fromiter(map(len, shares), np.int64, len(shares))).tolist()
    return [" ".join(texts[start:end]) for start, end in zip([0, *ends], ends, strict=False)]


def _value_texts(values: NDArray[np.float64]) -> Cells:
    return ["" if math.isnan(value) else f"{value:.9g}" for value in values.tolist()]


def _probability_texts(probabilities: NDArray[np.float64]) -> list[str]:
    """Six decimals, made digit by digit for all rows at once: formatting one by one would cost more than the network.

    Below 0.001 six decimals would say too little, so there it is six significant digits.
    """
    millionths = np.rint(np.nan_to_num(probabilities) * 1e6).astype(np.int32)
    thousandths = millionths // 1000
    letters = np.empty((len(probabilities), 8), np.uint8)
    letters[:, :5] = _THOUSANDTHS[thousandths]
    letters[:, 5:] = _MILLIONTHS[millionths - 1000 * thousandths]
    texts: list[str] = letters.view("S8").reshape(-1).astype("U8").tolist()
    small = np.flatnonzero(~(probabilities >= 0.001))
    for row, probability in zip(small.tolist(), probabilities[small].tolist(), strict=True):
        texts[row] = "" if math.isnan(probability) else f"{probability:.6g}"
    return texts


def _as_json(cells: Column) -> Cells:
    if cells.dtype == object:
        types = set(map(type, cells))
        return [_json_cell(cell) for cell in cells] if not types <= {str, int, bool, type(None)} else cells.tolist()
    if cells.dtype.kind == "f":
        return [cell if np.isfinite(cell) else None for cell in cells.tolist()]
    if cells.dtype.kind == "M":
        return [None if cell == "NaT" else cell for cell in np.datetime_as_string(cells).tolist()]
    values: list[Any] = cells.tolist()
    return values


def _json_cell(cell: Any) -> Any:
    if isinstance(cell, np.generic):
        cell = cell.item()
    return None if isinstance(cell, float) and not np.isfinite(cell) else cell


def _name(label: object) -> str:
    """A class as part of a column's name."""
    return ("true" if label else "false") if isinstance(label, bool) else str(label)
