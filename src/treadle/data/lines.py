"""Texts a line: plain ones, those of one class, several side by side; forms in which many published sets come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import BinaryIO

import numpy as np

from treadle.data.files import as_text, explain_undecodable
from treadle.data.parsing import read_parsed
from treadle.data.table import Table
from treadle.data.wording import count_of
from treadle.errors import DataError

_SHOWN = 40


def read_lines(stream: BinaryIO, name: str, *, encoding: str = "utf-8", chunk_rows: int = 65536) -> Iterator[Table]:
    """Tables of the one column `text`, a row per line that is not blank, in constant memory.

    Rows are numbered by their line in the file; blanks at both ends of a line are left out.

    Raises:
        DataError: empty, only blank lines, or bytes that are not in the encoding.
    """
    lines = as_text(stream, name, encoding)
    read, found = 0, False
    try:
        while block := [line.strip() for line in islice(lines, chunk_rows)]:
            texts = np.fromiter(block, dtype=object, count=len(block))
            table = Table.of({"text": texts}, name, read + 1).take(np.fromiter(map(bool, block), np.bool_, len(block)))
            read += len(block)
            if len(table):
                found = True
                yield table
    except UnicodeError:  # of which UTF-16 without a byte order mark is one
        raise explain_undecodable(stream, name, encoding) from None
    if not found:
        raise DataError(f"{name}: no text is in it: every line is blank")


def read_texts_side_by_side(
    stream: BinaryIO, name: str, columns: Sequence[str], *, encoding: str = "utf-8", chunk_rows: int = 65536
) -> Iterator[Table]:
    """Tables of these columns from lines of as many texts, with tabs between them, no header and no quoting.

    Raises:
        DataError: empty, a line of another number of texts, or bytes that are not in the encoding.
    """

    def parse(lines: Iterable[str]) -> Iterator[tuple[str, ...]]:
        return _cells(lines, name, len(columns))

    yield from read_parsed(stream, name, columns, parse, encoding=encoding, chunk_rows=chunk_rows)


def _cells(lines: Iterable[str], name: str, count: int) -> Iterator[tuple[str, ...]]:
    for number, line in enumerate(lines, 1):
        cells = tuple(line.rstrip("\r\n").split("\t"))
        if len(cells) != count:
            raise DataError(
                f"{name}: line {number:,} has {count_of(len(cells), 'text')} where {count} are due: {line[:_SHOWN]!r}"
            )
        yield cells


def read_labelled_lines(
    stream: BinaryIO, name: str, label: str, *, encoding: str = "utf-8", chunk_rows: int = 65536
) -> Iterator[Table]:
    """Tables of the columns `text` and `label`, of at most `chunk_rows` rows, in constant memory.

    Raises:
        DataError: empty, or bytes that are not in the encoding.
    """
    lines = as_text(stream, name, encoding)
    read = 0
    try:
        while block := list(islice(lines, chunk_rows)):
            texts = np.fromiter((line.strip() for line in block), dtype=object, count=len(block))
            yield Table.of({"text": texts, "label": np.full(len(block), label, dtype=object)}, name, read + 1)
            read += len(block)
    except UnicodeDecodeError:
        raise explain_undecodable(stream, name, encoding) from None
