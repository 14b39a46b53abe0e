"""Text files whose lines are parsed into rows, in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import BinaryIO

import numpy as np

from treadle.data.files import as_text, explain_undecodable
from treadle.data.table import Table

Parse = Callable[[Iterable[str]], Iterator[tuple[str, ...]]]
"""Lines to rows, each with a cell for every column."""


def read_parsed(
    stream: BinaryIO, name: str, columns: Sequence[str], parse: Parse, *, encoding: str, chunk_rows: int
) -> Iterator[Table]:
    """Tables of these columns, of at most `chunk_rows` rows.

    Raises:
        DataError: empty, bytes that are not in the encoding, or what `parse` refuses.
    """
    lines = as_text(stream, name, encoding)
    try:
        yield from _in_chunks(parse(lines), columns, name, chunk_rows)
    except UnicodeError:  # of which UTF-16 without a byte order mark is one
        raise explain_undecodable(stream, name, encoding) from None


def _in_chunks(rows: Iterable[tuple[str, ...]], names: Sequence[str], source: str, chunk_rows: int) -> Iterator[Table]:
    """Tables of at most `chunk_rows` of these rows, numbered from 1, one cell in each row for every name."""
    cells = iter(rows)
    read = 0
    while chunk := list(islice(cells, chunk_rows)):
        columns = zip(names, zip(*chunk, strict=True), strict=True)
        table = {name: np.fromiter(column, dtype=object, count=len(chunk)) for name, column in columns}
        yield Table.of(table, source, read + 1)
        read += len(chunk)
