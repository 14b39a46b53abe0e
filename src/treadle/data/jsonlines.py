"""JSON Lines: one object a line, its keys the columns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO, TextIO

from treadle.data.files import as_text, explain_undecodable
from treadle.data.frames import from_rows
from treadle.data.table import Table
from treadle.errors import DataError


def read_json_lines(
    stream: BinaryIO, name: str, *, encoding: str = "utf-8", chunk_rows: int = 65536
) -> Iterator[Table]:
    """Tables of at most `chunk_rows` rows, in constant memory.

    The stream can be sought, so that an error in its encoding can be placed. A chunk has every key seen so far; a row
    without one of them has None there.

    Raises:
        DataError: empty, a line that is no JSON object, or bytes that are not in the encoding.
    """
    rows = _objects(as_text(stream, name, encoding), name)
    names: dict[str, None] = {}
    read = 0
    try:
        while chunk := list(islice(rows, chunk_rows)):
            for row in chunk:
                names.update(dict.fromkeys(row))
            table = from_rows(chunk, name, names=list(names), first=read + 1)
            read += len(table)
            yield table
    except UnicodeError:  # of which UTF-16 without a byte order mark is one
        raise explain_undecodable(stream, name, encoding) from None


def _objects(text: TextIO, name: str) -> Iterator[dict[str, object]]:
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            whole = " (a JSON file of several lines? write one object a line)" if number == 1 else ""
            raise DataError(
                f"{name}: line {number:,} is no JSON: {error.msg} at character {error.colno}{whole}"
            ) from None
        except (ValueError, RecursionError) as error:
            raise DataError(f"{name}: line {number:,} cannot be read as JSON: {error}") from None
        if not isinstance(row, dict):
            raise DataError(f'{name}: line {number:,} holds {line.strip()[:40]!r}, not an object such as {{"age": 40}}')
        yield row
