"""Files of a token and its tag a line, with a blank line after every sentence, as CoNLL-2003 and many others have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from treadle.data.parsing import read_parsed
from treadle.data.table import Table
from treadle.data.tokens import MOST_TOKENS, as_cell, as_token
from treadle.data.wording import count_of
from treadle.errors import DataError

COLUMNS = ("text", "tags")
_DOCUMENT = "-DOCSTART-"
"""Stands where a token would, at the beginning of a document (CoNLL-2003)."""
_CONLLU_COMMENT = re.compile(r"# \S+( \S+)? = ")
_CONLLU_FIELDS = 10
_SHOWN = 40


def read_token_columns(
    stream: BinaryIO, name: str, *, encoding: str = "utf-8", chunk_rows: int = 65536
) -> Iterator[Table]:
    """Tables of the columns `text` and `tags`, a row per sentence, in constant memory.

    The first field of a line is the token, the last one its tag; tabs part them where the line has one (a blank inside
    a token then becomes U+00A0), else blanks do. Lines of `-DOCSTART-` are left out.

    Raises:
        DataError: empty, no sentence, bytes that are not in the encoding, or a line without a token or a tag, or with
            another number of fields than those before it; says which.
    """

    def parse(lines: Iterable[str]) -> Iterator[tuple[str, ...]]:
        return _sentences(lines, name)

    yield from read_parsed(stream, name, COLUMNS, parse, encoding=encoding, chunk_rows=chunk_rows)


def _sentences(lines: Iterable[str], name: str) -> Iterator[tuple[str, ...]]:
    words: list[tuple[str, str]] = []
    first: tuple[int, int] | None = None
    for number, line in enumerate(lines, 1):
        fields = _fields(line)
        if not fields:
            if words:
                yield _cells(words)
                words = []
            continue
        if fields[0] == _DOCUMENT:
            continue
        place = f"{name}: line {number:,}"
        if first is None:
            _refuse_conllu(fields, line, place)
            first = (number, len(fields))
        words.append(_word(fields, place))
        if len(fields) != first[1]:
            count = count_of(len(fields), "field")
            raise DataError(f"{place} has {count} where line {first[0]:,} has {first[1]}: {line.strip()[:_SHOWN]!r}")
        if len(words) > MOST_TOKENS:
            raise DataError(f"{place}: more than {MOST_TOKENS:,} tokens without a blank line, which ends a sentence")
    if words:
        yield _cells(words)
    elif first is None:
        raise DataError(f"{name}: no sentence is in it: a line holds a token and its tag")


def _fields(line: str) -> list[str]:
    """The fields of a line; none of a blank one."""
    if not line.strip():
        return []
    if "\t" in line:
        return [field.strip() for field in line.split("\t")]
    return [field for field in line.strip("\r\n").split(" ") if field]


def _word(fields: list[str], place: str) -> tuple[str, str]:
    """The token and the tag of a line."""
    token, tag = as_token(fields[0]), fields[-1]
    if not token:
        raise DataError(f"{place}: no token stands before the tag {tag[:_SHOWN]!r}")
    if len(fields) == 1 or not tag:
        raise DataError(f"{place}: no tag stands after the token {fields[0][:_SHOWN]!r}")
    if tag.split() != [tag]:
        raise DataError(f"{place}: the tag {tag[:_SHOWN]!r} has a blank in it")
    return token, tag


def _cells(words: list[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(map(as_cell, zip(*words, strict=True)))


def _refuse_conllu(fields: list[str], line: str, place: str) -> None:
    """Refuse a file whose first tokens would be their numbers."""
    numbered = len(fields) == _CONLLU_FIELDS and "\t" in line and fields[0].partition("-")[0] == "1"
    if numbered or _CONLLU_COMMENT.match(line):
        raise DataError(f"{place}: this is CoNLL-U, not a token and its tag a line: set data.format: conllu")
