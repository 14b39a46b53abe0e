"""Reading a table from wherever it is: a named data set, files, a database, or memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from treadle.data.catalogue import File, datasets, find
from treadle.data.conllu import read_conllu
from treadle.data.databases import is_address, read_database, without_password
from treadle.data.delimited import read_delimited
from treadle.data.files import find_files, open_bytes
from treadle.data.frames import from_frame, from_rows, read_parquet
from treadle.data.jsonlines import read_json_lines
from treadle.data.lines import read_labelled_lines, read_lines, read_texts_side_by_side
from treadle.data.table import Table
from treadle.data.token_columns import read_token_columns
from treadle.errors import DataError, RecipeError
from treadle.recipe import Format

__all__ = ["from_frame", "from_rows", "read_chunks", "read_table"]

CHUNK_ROWS = 65536
STDIN = "-"

Form = Format | Literal["json_lines", "parquet"]
"""What a file holds: what a recipe can say, and what only its name says."""

_COMPRESSED = {".gz", ".xz"}
_TEXT = ".txt"
_TABS = {".tsv", ".tab"}
_BY_SUFFIX: dict[str, Form] = {
    **dict.fromkeys((".csv", ".tsv", ".tab"), "table"),
    **dict.fromkeys((".jsonl", ".ndjson"), "json_lines"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    ".conllu": "conllu",
    **dict.fromkeys((".conll", ".iob", ".bio"), "columns"),
}
_SURE: dict[Form, tuple[str, str]] = {
    "json_lines": ("JSON Lines", "table"),
    "parquet": ("Parquet", "table"),
    "conllu": ("CoNLL-U", "conllu"),
}
"""What the names of some files leave no doubt of, and the format that says the same."""


def read_chunks(
    source: str,
    *,
    query: str | None = None,
    encoding: str = "utf-8",
    chunk_rows: int = CHUNK_ROWS,
    format: Format | None = None,  # noqa: A002 - the recipe's name for it
    plain: Format = "table",
) -> Iterator[Table]:
    """The rows of a source as tables of at most `chunk_rows` rows, in constant memory.

    `source` is a catalogue name, a file (CSV, TSV, JSON Lines, Parquet, CoNLL-U, columns of tokens and tags; the text
    ones also .gz and .xz), a glob of files with the same columns, `-` for standard input, or an SQLAlchemy address,
    which needs a `query`. Rows are numbered from 1 in each file, lines of plain text by their line. `format` says what
    a text file holds whose name leaves a doubt; without it, `plain` says what one named .txt and standard input hold.

    Raises:
        DataError: the source is missing, empty, unreadable, or not what it is read as; says where and what to do.
        RecipeError: a query for a source that is no database, an encoding for one that is no text, or a format for
            one that can only hold another.
        MissingExtraError: a format whose library is not installed.
    """
    if is_address(source):
        _require_no_encoding(encoding, without_password(source))
        _require_format(format, "table", f"{without_password(source)} is a database")
        yield from read_database(source, query, chunk_rows)
        return
    if query is not None:
        raise RecipeError(f"data.query would not be used: {source} is no database address")
    if source == STDIN:
        yield from _read_stdin(format or plain, encoding, chunk_rows)
        return
    known = datasets().get(source)
    if known is None:
        paths = find_files(source, tuple(datasets()))
        files: list[tuple[Path, Form, File | None]] = [(path, _form_of(path, format, plain), None) for path in paths]
    else:
        _require_format(format, known.format or "table", f"{source} is catalogued as {known.format or 'table'}")
        forms = [known.format or _form_of(Path(file.name), None, "table") for file in known.files]
        files = list(zip(find(source), forms, known.files, strict=True))
    names: list[str] | None = None
    for path, form, entry in files:
        for table in _read_file(path, form, encoding, chunk_rows, entry):
            if names is None:
                names = list(table.columns)
            elif set(names) != set(table.columns) and len(files) > 1:
                differing = ", ".join(sorted(map(repr, set(names) ^ set(table.columns))))
                raise DataError(f"{path}: not the columns of {files[0][0]}: they differ in {differing}")
            yield table
    if names is None:
        raise DataError(f"{source}: column names but no rows")


def read_table(
    source: str,
    *,
    query: str | None = None,
    encoding: str = "utf-8",
    format: Format | None = None,  # noqa: A002
    plain: Format = "table",
) -> Table:
    """All rows of a source, as `read_chunks` reads them; the rows of several files are numbered on."""
    chunks = list(read_chunks(source, query=query, encoding=encoding, format=format, plain=plain))
    names = dict.fromkeys(name for chunk in chunks for name in chunk.columns)
    table = Table.concatenate([_with_columns(chunk, list(names)) for chunk in chunks])
    one_file = len({chunk.source for chunk in chunks}) == 1
    numbers = table.numbers if one_file else np.arange(1, len(table) + 1)
    return Table(table.columns, numbers, without_password(source))


def _with_columns(table: Table, names: list[str]) -> Table:
    """The table with these columns in this order, None in those it lacks (keys that a JSON file brings in late)."""
    absent = np.full(len(table), None, dtype=object)
    return Table({name: table.columns.get(name, absent) for name in names}, table.numbers, table.source)


def _read_stdin(form: Form, encoding: str, chunk_rows: int) -> Iterator[Table]:
    tables = _read_text(sys.stdin.buffer, "standard input", form, encoding=encoding, chunk_rows=chunk_rows)
    first = next(tables, None)
    if first is None:
        raise DataError("standard input: column names but no rows")
    yield first
    yield from tables


def _require_no_encoding(encoding: str, source: str) -> None:
    if encoding != "utf-8":
        raise RecipeError(f"data.encoding would not be used: {source} is no text file")


def _require_format(given: Format | None, held: str, what: str) -> None:
    if given not in (None, held):
        raise RecipeError(f"data.format (--read-as): {given} does not fit: {what}")


def says_its_format(source: str) -> bool:
    """Whether a source says by itself what it holds: a data set, a database, or a file by its name."""
    return is_address(source) or source in datasets() or _suffix(Path(source)) in _BY_SUFFIX


def _suffix(path: Path) -> str:
    return (path.with_suffix("") if path.suffix in _COMPRESSED else path).suffix.lower()


def _form_of(path: Path, given: Format | None, plain: Format) -> Form:
    """What the file holds, by its name and by what is given."""
    suffix = _suffix(path)
    named = plain if suffix == _TEXT else _BY_SUFFIX.get(suffix)
    if named == "parquet" and path.suffix in _COMPRESSED:
        named = None
    elif named in _SURE:
        title, held = _SURE[named]
        _require_format(given, held, f"{path} is {title} by its name")
        return named
    form = given or named
    if form is None:
        raise DataError(
            f"{path}: unknown kind of file {suffix!r}; known: {', '.join((_TEXT, *_BY_SUFFIX))}, the text ones also"
            " with .gz or .xz; of a text file of another name, data.format (--read-as) says what it holds"
        )
    return form


def _read_file(path: Path, form: Form, encoding: str, chunk_rows: int, entry: File | None) -> Iterator[Table]:
    if form == "parquet":
        _require_no_encoding(encoding, str(path))
        yield from read_parquet(path, chunk_rows)
        return
    with open_bytes(path) as stream:
        yield from _read_text(stream, str(path), form, encoding=encoding, chunk_rows=chunk_rows, entry=entry)


def _read_text(
    stream: BinaryIO, name: str, form: Form, *, encoding: str, chunk_rows: int, entry: File | None = None
) -> Iterator[Table]:
    if entry is not None and entry.label is not None:
        return read_labelled_lines(stream, name, entry.label, encoding=encoding, chunk_rows=chunk_rows)
    if entry is not None and entry.columns:
        return read_texts_side_by_side(stream, name, entry.columns, encoding=encoding, chunk_rows=chunk_rows)
    if form == "table":
        delimiter = "\t" if _suffix(Path(name)) in _TABS else None
        return read_delimited(stream, name, encoding=encoding, delimiter=delimiter, chunk_rows=chunk_rows)
    read = {
        "lines": read_lines,
        "conllu": read_conllu,
        "columns": read_token_columns,
        "json_lines": read_json_lines,
    }[form]
    return read(stream, name, encoding=encoding, chunk_rows=chunk_rows)
