"""The contract: what the training rows looked like, and the check that every later row keeps it.

It is learnt once from the training rows (`infer.learn`), written into the bundle, and checked in one pass over the
columns wherever rows come in, so that training and serving cannot read a cell in two ways.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from treadle.data import cells as reading
from treadle.data.cells import Bad, Missing, missing_cells
from treadle.data.field import LISTED, Field, json_schema
from treadle.data.table import Column, Table
from treadle.data.tokens import cut_at_blanks
from treadle.data.wording import count_of
from treadle.errors import ContractError, did_you_mean
from treadle.recipe import MISSING

__all__ = ["Checked", "Contract", "Fault", "Field"]

_ABSENT = "is missing, and no training row lacked it"
_NO_TEXT = "is empty: there is nothing to read"
_WORD_FOR_NONE = "means 'no value' here (data.missing): there is nothing to read"
_ALL_HAD = ", and every training row had a text"
_SHOWN = 40
_KEPT = 200


@dataclass(frozen=True)
class Fault:
    """A cell that breaks the contract."""

    row: int
    """Number of the row in its source, from 1 without the header."""
    column: str
    value: str
    """The cell's text, its first 200 characters."""
    reason: str
    """What is wrong, to be put after the value: `is no number`."""

    def __str__(self) -> str:
        shown = self.value if len(self.value) <= _SHOWN else self.value[:_SHOWN] + "..."
        return f"row {self.row}, column {self.column!r}: {shown!r} {self.reason}"


@dataclass(frozen=True)
class Checked:
    """Rows that were read by the contract."""

    columns: dict[str, NDArray[Any]]
    """By field, shape (rows,): float64 with NaN for missing (numbers, booleans, days since 1970-01-01), the int32
    code of a category (-1 missing, the number of categories for one that training did not see), or a text (or the tags
    of one) as an object, empty where it is missing."""
    good: NDArray[np.bool_]
    """Shape (rows,): rows without a fault."""
    faults: tuple[Fault, ...]
    notices: tuple[str, ...]
    """What is worth a look but no fault: unseen categories and tags, numbers out of the range of training."""

    def require_good(self, source: str) -> None:
        """Refuse the rows if one of them has a fault.

        Raises:
            ContractError: naming the first faults by row and column.
        """
        if self.faults:
            listed = "\n".join(f"  {fault}" for fault in self.faults[:LISTED])
            more = f"\n  and {len(self.faults) - LISTED:,} more" if len(self.faults) > LISTED else ""
            broken = int((~self.good).sum())
            raise ContractError(f"{source}: {broken:,} of {len(self.good):,} rows cannot be read:\n{listed}{more}")


class Contract(BaseModel):
    """The columns a network was trained on, in order, the target last, if it is not the words of the text itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fields: tuple[Field, ...]
    missing: tuple[str, ...] = MISSING

    @cached_property
    def features(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.role == "feature")

    @cached_property
    def target(self) -> Field:
        """The target of a contract that has one."""
        return next(field for field in self.fields if field.role == "target")

    @cached_property
    def has_target(self) -> bool:
        """Whether a column is predicted, and not the words of the text itself."""
        return any(field.role == "target" for field in self.fields)

    @cached_property
    def target_name(self) -> str:
        """The column that answers are held against: the target, or the text whose words are answered."""
        return (self.target if self.has_target else self.features[0]).name

    @cached_property
    def at_tokens(self) -> bool:
        """Whether answers are due at the tokens of the one text."""
        return not self.has_target or self.target.kind == "tags"

    @cached_property
    def missing_cells(self) -> Missing:
        return missing_cells(self.missing)

    def check(self, table: Table, *, with_target: bool = False) -> Checked:
        """Read the columns of the contract; their order and other columns do not matter.

        With the target, a row of another number of tags than its text has tokens has a fault; tokens are what stands
        between blanks.

        Raises:
            ContractError: a column of the contract is not in the table.
        """
        fields = self.fields if with_target else self.features
        self._require_columns(fields, table)
        read_values = _read_few if len(table) <= reading.FEW else _read_many
        columns: dict[str, NDArray[Any]] = {}
        faults: list[Fault] = []
        notices: list[str] = []
        good = np.ones(len(table), np.bool_)
        for field in fields:
            cells = table.columns[field.name]
            if field.kind in ("text", "tags"):
                columns[field.name], bad, odd = _read_texts(field, cells, self.missing_cells, at_tokens=self.at_tokens)
            else:
                columns[field.name], bad, odd = read_values(field, cells, self.missing_cells)
            if field.kind == "tags":
                bad += _odd_counts(self.features[0].name, columns, field)
            for index, reason in bad:
                faults.append(Fault(int(table.numbers[index]), field.name, _text(cells[index]), reason))
                good[index] = False
            if odd:
                notices.append(_notice(field, table, cells, odd))
            if field.kind == "tags":
                notices.extend(_unseen_tags(field, table, columns[field.name]))
        faults.sort(key=lambda fault: fault.row)
        return Checked(columns, good, tuple(faults), tuple(notices))

    def _require_columns(self, fields: tuple[Field, ...], table: Table) -> None:
        absent = [field.name for field in fields if field.name not in table.columns]
        if absent:
            named = ", ".join(repr(name) for name in absent)
            hint = did_you_mean(absent[0], table.columns)
            raise ContractError(f"{table.source}: no column {named}{hint}")

    def describe(self) -> str:
        """The fields as aligned lines: name, kind, and what was seen."""
        width = max(len(field.name) for field in self.fields)
        lines = []
        for field in self.fields:
            target = " (target)" if field.role == "target" else ""
            lines.append(f"{field.name:<{width}}  {field.kind:<8}  {field.describe()}{target}")
        return "\n".join(lines)

    def example_row(self) -> dict[str, Any]:
        """A row with the typical value of every feature, which can be posted as it is."""
        return {field.name: field.example for field in self.features}

    def json_schema_of_row(self) -> dict[str, Any]:
        """JSON Schema (2020-12) of one row of features, as a request holds it."""
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {field.name: json_schema(field) for field in self.features},
            "required": [field.name for field in self.features],
        }


Read = tuple[NDArray[Any], Bad, list[int]]
"""Values, unreadable cells, and indices of cells that training never saw the like of."""


def _read_texts(field: Field, cells: Column, missing: Missing, *, at_tokens: bool) -> Read:
    none, word_for_none = (_absent(field),) * 2 if field.role == "target" else (_NO_TEXT, _WORD_FOR_NONE)
    why = "" if at_tokens else _ALL_HAD
    texts = np.full(len(cells), "", dtype=object)
    bad: Bad = []
    for index, cell in enumerate(cells.tolist()):
        if not reading.is_missing(cell, missing):
            try:
                texts[index] = reading.read_text(cell)
            except ValueError as error:
                bad.append((index, str(error)))
        elif not field.nullable:
            bad.append((index, (word_for_none if isinstance(cell, str) and cell.strip() else none) + why))
    return texts, bad, []


def _odd_counts(text: str, columns: dict[str, NDArray[Any]], field: Field) -> Iterator[tuple[int, str]]:
    """Rows that have not as many tags as their text has tokens; those that lack either have a fault already."""
    for index, (line, cell) in enumerate(zip(columns[text].tolist(), columns[field.name].tolist(), strict=True)):
        tokens, tags = cut_at_blanks(line), cut_at_blanks(cell)
        if line and cell and len(tokens) != len(tags):
            yield index, f"has {count_of(len(tags), 'tag')}, but {text!r} has {count_of(len(tokens), 'token')}"


def _unseen_tags(field: Field, table: Table, cells: NDArray[Any]) -> Iterator[str]:
    known = frozenset(field.categories)
    unseen = [(tag, row) for row, cell in enumerate(cells.tolist()) for tag in cut_at_blanks(cell) if tag not in known]
    if unseen:
        example = f"{unseen[0][0][:_SHOWN]!r} in row {table.numbers[unseen[0][1]]}"
        count = count_of(len(unseen), "token")
        yield f"{field.name}: {count} with a tag that training did not see, such as {example}: no answer there is right"


def _read_few(field: Field, cells: Column, missing: Missing) -> Read:
    odd: list[int] = []
    bad: Bad = []
    values: list[float] = []
    for index, cell in enumerate(cells.tolist() if cells.dtype.kind != "M" else cells):
        value = math.nan
        try:
            value, seen = _read_one(field, cell, missing)
            if not seen:
                odd.append(index)
        except ValueError as error:
            bad.append((index, str(error)))
        values.append(value)
    if field.kind != "category":
        return np.array(values), bad, odd
    return np.array([-1 if math.isnan(value) else value for value in values], np.int32), bad, odd


def _read_one(field: Field, cell: object, missing: Missing) -> tuple[float, bool]:
    """The value or code of a cell, and whether training saw the like of it."""
    if reading.is_missing(cell, missing):
        if not field.nullable:
            raise ValueError(_absent(field))
        return math.nan, True
    if field.kind == "category":
        code = field.codes.get(reading.canonical_text(cell))
        if code is not None:
            return code, True
        if field.role == "target":
            raise ValueError(_unknown_class(field))
        return len(field.categories), False
    assert field.kind != "text"
    assert field.kind != "tags"
    value = reading.read_cell(field.kind, cell, missing)
    return value, field.lowest <= value <= field.highest


def _read_many(field: Field, cells: Column, missing: Missing) -> Read:
    bad: Bad = []
    values: NDArray[Any]
    if field.kind == "category":
        try:
            values = _codes(field, cells, missing)
        except ValueError:
            return _read_few(field, cells, missing)
        absent = values == -1
        strange = values == len(field.categories)
    else:
        assert field.kind != "text"
        assert field.kind != "tags"
        values, bad = reading.read_column(field.kind, cells, missing)
        absent = np.isnan(values)
        # NaN is neither below nor above.
        strange = (values < field.lowest) | (values > field.highest)
    absent[[index for index, _ in bad]] = False
    if not field.nullable:
        bad += [(index, _absent(field)) for index in np.flatnonzero(absent).tolist()]
    odd: list[int] = np.flatnonzero(strange).tolist()
    if field.kind == "category" and field.role == "target":
        bad += [(index, _unknown_class(field)) for index in odd]
        values[odd] = -1
        odd = []
    return values, sorted(bad), odd


def _codes(field: Field, cells: Column, missing: Missing) -> NDArray[np.int32]:
    """Codes of a column.

    Raises:
        ValueError: a cell is a list, an object or bytes.
    """
    if cells.dtype == object and set(map(type, cells)) <= {str, type(None)}:
        codes: dict[str | None, int] = dict.fromkeys(missing, -1)
        codes.update(field.codes)
        known = np.fromiter(map(codes.get, cells, repeat(-2)), np.int32, len(cells))
        if not (known == -2).any():
            return known
    texts, rows = reading.distinct_texts(cells, missing)
    unseen = len(field.categories)
    by_text = np.array([*(field.codes.get(text, unseen) for text in texts), -1], np.int32)
    return by_text[rows]


def _absent(field: Field) -> str:
    return "is missing: there is nothing to learn" if field.role == "target" else _ABSENT


def _unknown_class(field: Field) -> str:
    return f"is none of the classes that training saw: {', '.join(field.categories[:LISTED])}"


def _text(cell: object) -> str:
    return "" if cell is None else str(cell)[:_KEPT]


def _notice(field: Field, table: Table, cells: Column, odd: list[int]) -> str:
    example = f"{_text(cells[odd[0]])[:_SHOWN]!r} in row {table.numbers[odd[0]]}"
    count = f"{len(odd):,} {'cell' if len(odd) == 1 else 'cells'}"
    if field.kind == "category":
        return f"{field.name}: {count} of a category that training did not see, such as {example}"
    seen = f"{field.show(field.minimum)} to {field.show(field.maximum)}"
    return f"{field.name}: {count} outside the {seen} of training, such as {example}"
