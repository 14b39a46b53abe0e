"""CoNLL-U: a word a line with ten fields, and a blank line after every sentence.

Source: the format of Universal Dependencies, universaldependencies.org/format.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from treadle.data.parsing import read_parsed
from treadle.data.table import Table
from treadle.data.tokens import MOST_TOKENS, as_cell, as_token
from treadle.data.wording import count_of
from treadle.errors import DataError

COLUMNS = ("text", "upos", "xpos")
FIELDS = 10
NONE = "_"
"""Stands in a field without a value."""
_FORM, _UPOS, _XPOS = 1, 3, 4
_NAMES = {_UPOS: "UPOS", _XPOS: "XPOS"}
_ID = re.compile(r"([0-9]{1,9})(?:([-.])([0-9]{1,9}))?")
_SHOWN = 40


def read_conllu(stream: BinaryIO, name: str, *, encoding: str = "utf-8", chunk_rows: int = 65536) -> Iterator[Table]:
    """Tables of the columns `text`, `upos` and `xpos`, a row per sentence, in constant memory.

    A text is the sentence's words with single blanks between them (a blank inside a word becomes U+00A0), and so are
    its tags. Comments, multiword tokens (1-2, whose words follow) and empty nodes (1.1) are left out.

    Raises:
        DataError: empty, no sentence, bytes that are not in the encoding, or a line that is no CoNLL-U; says which.
    """

    def parse(lines: Iterable[str]) -> Iterator[tuple[str, ...]]:
        return _sentences(lines, name)

    yield from read_parsed(stream, name, COLUMNS, parse, encoding=encoding, chunk_rows=chunk_rows)


def _sentences(lines: Iterable[str], name: str) -> Iterator[tuple[str, ...]]:
    sentence = _Sentence()
    tagged = _Tagged(name)
    found = False
    for number, line in enumerate(lines, 1):
        place = f"{name}: line {number:,}"
        if not line.strip():
            if sentence.begun:
                yield sentence.cells(place)
                found, sentence = True, _Sentence()
        elif not line.startswith("#"):
            fields = line.rstrip("\r\n").split("\t")
            if sentence.add(fields, place):
                tagged.require(fields[_UPOS] != NONE, number)
    if sentence.begun:
        yield sentence.cells(f"{name}: the end")
    elif not found:
        raise DataError(f"{name}: no sentence is in it: CoNLL-U has a line of {FIELDS} fields for every word")


class _Sentence:
    """The words of a sentence so far."""

    def __init__(self) -> None:
        self.words: list[tuple[str, str, str]] = []
        self._covered = 0
        """The last word of the multiword tokens so far."""

    @property
    def begun(self) -> bool:
        """Whether a word or a multiword token stands in it."""
        return bool(self.words) or self._covered > 0

    def add(self, fields: list[str], place: str) -> bool:
        """Take a line in; whether it was a word.

        Raises:
            DataError: it is none, nor a multiword token or an empty node that could stand here.
        """
        if len(fields) != FIELDS:
            count = count_of(len(fields), "field")
            raise DataError(f"{place} has {count} where CoNLL-U has {FIELDS}, with tabs between them: {_shown(fields)}")
        identity = _ID.fullmatch(fields[0])
        if identity is None:
            raise DataError(
                f"{place}: the id {_shown(fields[:1])} is no number, nor a range (1-2) or an empty node (1.1)"
            )
        if identity[2] is None:
            self._add_word(fields, place)
            return True
        first, last = int(identity[1]), int(identity[3])
        if identity[2] == "-":
            self._cover(first, last, place)
        elif first != len(self.words):
            raise DataError(f"{place}: the empty node {fields[0]} does not stand after word {first:,}")
        return False

    def cells(self, place: str) -> tuple[str, ...]:
        """The text and the tags of the sentence, which ends at `place`."""
        if self._covered > len(self.words):
            raise DataError(
                f"{place}: the sentence ends at word {len(self.words):,}, but a multiword token in it goes on to"
                f" {self._covered:,}"
            )
        return tuple(map(as_cell, zip(*self.words, strict=True)))

    def _add_word(self, fields: list[str], place: str) -> None:
        due = len(self.words) + 1
        if int(fields[0]) != due:
            told = "; is the blank line between two sentences missing?" if fields[0] == "1" else ""
            raise DataError(f"{place}: the id is {_shown(fields[:1])} where {due:,} is due{told}")
        if due > MOST_TOKENS:
            raise DataError(f"{place}: the sentence has more than {MOST_TOKENS:,} words")
        form = as_token(fields[_FORM])
        if not form:
            raise DataError(f"{place}: the word has no FORM (field 2)")
        for field, title in _NAMES.items():
            if fields[field].split() != [fields[field]]:
                what = f"{fields[field][:_SHOWN]!r} has a blank in it" if fields[field].strip() else "is empty"
                raise DataError(f"{place}: {title} (field {field + 1}) {what}; where there is no tag, write {NONE}")
        self.words.append((form, fields[_UPOS], fields[_XPOS]))

    def _cover(self, first: int, last: int, place: str) -> None:
        due = len(self.words) + 1
        if first != due or first <= self._covered or last < first:
            raise DataError(f"{place}: the multiword token {first}-{last} does not begin at word {due:,}, the next one")
        self._covered = last


class _Tagged:
    """Whether the words of a file have a part of speech: all of them, or none."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._first: dict[bool, int] = {}

    def require(self, tagged: bool, number: int) -> None:
        """Take a word in.

        Raises:
            DataError: it has none where another one has.
        """
        self._first.setdefault(tagged, number)
        if len(self._first) == 2:
            raise DataError(
                f"{self._name}: line {self._first[False]:,}: the word has no UPOS (field 4), and the one of line"
                f" {self._first[True]:,} has"
            )


def _shown(fields: list[str]) -> str:
    return repr("\t".join(fields)[:_SHOWN])
