"""Prose into the tokens of a tagger: punctuation marks and contractions stand apart, as they do in a treebank."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from treadle.data.tokens import cut_at_blanks
from treadle.features.cutting import WORD
from treadle.features.text import Text
from treadle.features.vocabulary import UNKNOWN

_WORD = re.compile(WORD)
_CONTRACTION = 2
"""Where the second part of a word may begin: at its apostrophe, or a letter before it, as in n't."""
_RUN = 8
"""Most marks that are looked up as one."""
_LONGEST = 64
"""Characters of the longest token that is looked up."""


def separate(text: Text, prose: str) -> list[str]:
    """The tokens of prose: what stands between blanks, without the marks at its ends, which are tokens of their own.

    What the vocabulary knows stays whole (`U.S.`), and what it does not is parted at an apostrophe where it knows both
    sides (`do n't`). Marks inside a word stay there.
    """

    def known(token: str) -> bool:
        return text.vocabulary.tokens is not None and token.strip() == token and text.numbers(token) != [UNKNOWN]

    return [token for word in cut_at_blanks(prose) for token in _parts(word, known)]


def _parts(word: str, known: Callable[[str], bool]) -> Iterator[str]:
    """The tokens of what stands between blanks."""
    start, end = 0, len(word)
    while start < end and not (end - start <= _LONGEST and known(word[start:end])):
        # The last mark first: what is left may be known with the one before it, as `etc.` in `etc.,`.
        if not _is_letter(word[end - 1]):
            end -= 1
        elif not _is_letter(word[start]):
            start += 1
        else:
            break
    yield from _marks(word[:start], known)
    if start < end:
        yield from _contracted(word[start:end], known)
    yield from _marks(word[end:], known)


def _is_letter(character: str) -> bool:
    return _WORD.fullmatch(character) is not None


def _marks(marks: str, known: Callable[[str], bool]) -> Iterator[str]:
    """Marks one by one, but for runs that are known, as `...`."""
    start = 0
    while start < len(marks):
        ends = range(min(len(marks), start + _RUN), start, -1)
        end = next((end for end in ends if known(marks[start:end])), start + 1)
        if not marks[start:end].isspace():
            yield marks[start:end]
        start = end


def _contracted(word: str, known: Callable[[str], bool]) -> Iterator[str]:
    """A word in two parts where it is known only so."""
    apostrophe = word.replace("\u2019", "'").rfind("'")
    if apostrophe > 0 and len(word) <= _LONGEST and not known(word):
        for place in range(apostrophe, max(0, apostrophe - _CONTRACTION), -1):
            if known(word[:place]) and known(word[place:]):
                yield from (word[:place], word[place:])
                return
    yield word
