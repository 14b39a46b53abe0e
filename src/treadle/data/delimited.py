"""Comma-, semicolon-, bar- and tab-separated text, read as it is: every cell a str."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import chain, islice
from typing import BinaryIO

import numpy as np

from treadle.data.files import as_text, explain_undecodable
from treadle.data.table import Column, Table
from treadle.errors import DataError

CELL_LIMIT = 2**20
"""Most characters of a cell."""
_BLOCK_ROWS = 2048
_DELIMITERS = ",;\t|"


def read_delimited(
    stream: BinaryIO,
    name: str,
    *,
    encoding: str = "utf-8",
    delimiter: str | None = None,
    chunk_rows: int = 65536,
) -> Iterator[Table]:
    """Tables of at most `chunk_rows` rows, in constant memory; the delimiter is seen from the header if not given.

    Where the stream can be sought, an error in its encoding is placed.

    Raises:
        DataError: empty, no header, no table, repeated column names, a row of another width, a cell over the limit,
            or bytes that are not in the encoding.
    """
    text = as_text(stream, name, encoding)
    # The limit belongs to the process; it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), CELL_LIMIT))
    try:
        first = text.readline()
        rows = csv.reader(chain([first], text), delimiter=delimiter or _delimiter_of(first), strict=True)
        names = _header(next(rows, []), name)
        blocks: list[Table] = []
        read = held = 0
        # Small blocks stay in the processor's cache and out of the garbage collector's older generations.
        while block := list(islice(rows, min(_BLOCK_ROWS, chunk_rows - held))):
            blocks.append(_table(block, names, read, name))
            read += len(blocks[-1])
            held += len(blocks[-1])
            if held == chunk_rows:
                yield Table.concatenate(blocks)
                blocks, held = [], 0
        if held:
            yield Table.concatenate(blocks)
    except UnicodeError:  # of which UTF-16 without a byte order mark is one
        raise explain_undecodable(stream, name, encoding) from None
    except csv.Error as error:
        raise DataError(f"{name}: line {rows.line_num:,}: {_explain(str(error))}") from None


def _delimiter_of(header: str) -> str:
    def cells(delimiter: str) -> int:
        try:
            return len(next(csv.reader([header], delimiter=delimiter), []))
        except csv.Error:
            # So wide a header that, with another delimiter, all of it is one cell over the limit.
            return 0

    return max(_DELIMITERS, key=cells)


def _header(cells: list[str], name: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    if not any(names):
        raise DataError(f"{name}: the first line is blank; it must name the columns")
    if len(names) > 1 and all(map(_is_number, names)) and not all(map(str.isdigit, names)):
        raise DataError(f"{name}: the first line holds numbers ({', '.join(names)[:40]}); it must name the columns")
    require_distinct(names, name)
    return names


def require_distinct(names: list[str], source: str) -> None:
    """Refuse columns of one name.

    Raises:
        DataError: naming the column and its places.
    """
    if len(set(names)) == len(names):
        return
    repeated = next(name for name in names if names.count(name) > 1)
    places = ", ".join(str(place) for place, name in enumerate(names, 1) if name == repeated)
    hint = "; does the first line hold data and no column names?" if all(map(_is_number, names)) else ""
    raise DataError(f"{source}: columns {places} are all named {repeated!r}: give each its own name{hint}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _table(rows: list[list[str]], names: list[str], before: int, source: str) -> Table:
    if set(map(len, rows)) != {len(names)}:
        # The csv module gives an empty list for a blank line.
        rows = [row for row in rows if row]
        for number, row in enumerate(rows, before + 1):
            if len(row) != len(names):
                raise DataError(
                    f"{source}: row {number:,} has {len(row)} cells where the header has {len(names)}:"
                    f" {', '.join(row)[:60]!r}; look for a stray delimiter or quote"
                )
    count = len(rows)
    columns: dict[str, Column] = {}
    for name, cells in zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True):
        columns[name] = np.fromiter(cells, dtype=object, count=count)
    return Table.of(columns, source, before + 1)


def _explain(message: str) -> str:
    if "field larger than field limit" in message:
        return f"a cell has more than {CELL_LIMIT:,} characters; is a quote left open? Longer texts: as JSON Lines"
    if "unexpected end of data" in message:
        return "the text ends inside a quoted cell; a quote is left open"
    return f"{message}; inside a quoted cell a quote is written twice"
