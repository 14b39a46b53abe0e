"""Reading a table from wherever it is: a named data set, files, a database, or memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from treadle.data.catalogue import datasets, find
from treadle.data.databases import is_address, read_database, without_password
from treadle.data.delimited import read_delimited
from treadle.data.files import find_files, open_bytes
from treadle.data.frames import from_frame, from_rows, read_parquet
from treadle.data.jsonlines import read_json_lines
from treadle.data.lines import read_labelled_lines
from treadle.data.table import Table
from treadle.errors import DataError, RecipeError

__all__ = ["from_frame", "from_rows", "read_chunks", "read_table"]

CHUNK_ROWS = 65536
STDIN = "-"

_DELIMITED = {".csv": None, ".txt": None, ".tsv": "\t", ".tab": "\t"}
_JSON_LINES = {".jsonl", ".ndjson"}
_PARQUET = {".parquet", ".pq"}


def read_chunks(
    source: str, *, query: str | None = None, encoding: str = "utf-8", chunk_rows: int = CHUNK_ROWS
) -> Iterator[Table]:
    """The rows of a source as tables of at most `chunk_rows` rows, in constant memory.

    `source` is a catalogue name, a file (CSV, TSV, JSON Lines, Parquet, also .gz and .xz), a glob of files with the
    same columns, `-` for CSV on standard input, or an SQLAlchemy address, which needs a `query`. Rows are numbered
    from 1 in each file.

    Raises:
        DataError: the source is missing, empty, unreadable, or no table; says where and what to do.
        RecipeError: a query for a source that is no database, or an encoding for one that is no text.
        MissingExtraError: a format whose library is not installed.
    """
    if is_address(source):
        _require_no_encoding(encoding, without_password(source))
        yield from read_database(source, query, chunk_rows)
        return
    if query is not None:
        raise RecipeError(f"data.query would not be used: {source} is no database address")
    if source == STDIN:
        yield from _read_stdin(encoding, chunk_rows)
        return
    known = datasets().get(source)
    paths = find_files(source, tuple(datasets())) if known is None else find(source)
    labels = [None] * len(paths) if known is None else [file.label for file in known.files]
    names: list[str] | None = None
    for path, label in zip(paths, labels, strict=True):
        for table in _read_file(path, encoding, chunk_rows, label):
            if names is None:
                names = list(table.columns)
            elif set(names) != set(table.columns) and len(paths) > 1:
                differing = ", ".join(sorted(map(repr, set(names) ^ set(table.columns))))
                raise DataError(f"{path}: not the columns of {paths[0]}: they differ in {differing}")
            yield table
    if names is None:
        raise DataError(f"{source}: column names but no rows")


def read_table(source: str, *, query: str | None = None, encoding: str = "utf-8") -> Table:
    """All rows of a source, as `read_chunks` reads them; the rows of several files are numbered on."""
    chunks = list(read_chunks(source, query=query, encoding=encoding))
    names = dict.fromkeys(name for chunk in chunks for name in chunk.columns)
    table = Table.concatenate([_with_columns(chunk, list(names)) for chunk in chunks])
    return Table(table.columns, np.arange(1, len(table) + 1), without_password(source))


def _with_columns(table: Table, names: list[str]) -> Table:
    """The table with these columns in this order, None in those it lacks (keys that a JSON file brings in late)."""
    absent = np.full(len(table), None, dtype=object)
    return Table({name: table.columns.get(name, absent) for name in names}, table.numbers, table.source)


def _read_stdin(encoding: str, chunk_rows: int) -> Iterator[Table]:
    tables = read_delimited(sys.stdin.buffer, "standard input", encoding=encoding, chunk_rows=chunk_rows)
    first = next(tables, None)
    if first is None:
        raise DataError("standard input: column names but no rows")
    yield first
    yield from tables


def _require_no_encoding(encoding: str, source: str) -> None:
    if encoding != "utf-8":
        raise RecipeError(f"data.encoding would not be used: {source} is no text file")


def _read_file(path: Path, encoding: str, chunk_rows: int, label: str | None) -> Iterator[Table]:
    if label is not None:
        with open_bytes(path) as stream:
            yield from read_labelled_lines(stream, str(path), label, encoding=encoding, chunk_rows=chunk_rows)
        return
    compressed = path.suffix in {".gz", ".xz"}
    suffix = (path.with_suffix("") if compressed else path).suffix.lower()
    if suffix in _PARQUET and not compressed:
        _require_no_encoding(encoding, str(path))
        yield from read_parquet(path, chunk_rows)
    elif suffix in _JSON_LINES:
        with open_bytes(path) as stream:
            yield from read_json_lines(stream, str(path), encoding=encoding, chunk_rows=chunk_rows)
    elif suffix in _DELIMITED:
        with open_bytes(path) as stream:
            yield from read_delimited(
                stream,
                str(path),
                encoding=encoding,
                delimiter=_DELIMITED[suffix],
                chunk_rows=chunk_rows,
            )
    else:
        known = ", ".join((*_DELIMITED, *sorted(_JSON_LINES), *sorted(_PARQUET)))
        raise DataError(f"{path}: unknown kind of file {suffix!r}; known: {known}, the text ones also with .gz or .xz")
