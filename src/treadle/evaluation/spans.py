"""Spans of tokens that tags mark, as `B-PER I-PER O` marks one of two tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from treadle.evaluation.lines import Mask, Numbers


def mark_spans(labels: tuple[str, ...]) -> bool:
    """Whether these tags mark spans: each is O, B-... or I-..., and some B-... is among them."""
    marked = [label for label in labels if label != "O"]
    inside = all(label[:2] in ("B-", "I-") and len(label) > 2 for label in marked)
    return inside and any(label.startswith("B-") for label in marked)


@dataclass(frozen=True)
class Spans:
    """The spans in tags of tokens."""

    start: Mask
    """Whether a span starts at each token, shape (tokens,)."""
    last: NDArray[np.int64]
    """Where a span starts at a token, the place of its last token; shape (tokens,)."""
    kind: NDArray[np.int64]
    """What kind of span each token is in; shape (tokens,)."""

    @classmethod
    def of(cls, tags: Numbers, row: Numbers, labels: tuple[str, ...]) -> Spans:
        """The spans as the script conlleval reads them, which forgives a span that does not start with B.

        Source: Tjong Kim Sang and Buchholz 2000, Introduction to the CoNLL-2000 Shared Task, section 3, and the script
        that came with it: a span starts at a B, and at an I after an O or after another kind; it ends before the next
        start, the next O, and with the row. So does seqeval, unless it is asked to be strict.

        Args:
            tags: code of each token's tag, shape (tokens,). Neighbours of code -1, of which nothing is known but that
                no model can answer them, are taken for a span of a kind of their own.
            row: the row of each token, rising, shape (tokens,).
            labels: tags that mark spans, by their codes.
        """
        kinds = {kind: number for number, kind in enumerate(sorted({label[2:] for label in labels if label != "O"}))}
        # The last entries are those of code -1.
        kind = np.array([kinds.get(label[2:], -1) for label in labels] + [len(kinds)])[tags]
        begins = np.array([label.startswith("B-") for label in labels] + [False])[tags]
        inside = kind >= 0
        goes_on = np.zeros(len(tags), np.bool_)
        goes_on[1:] = inside[1:] & ~begins[1:] & (kind[1:] == kind[:-1]) & (row[1:] == row[:-1])
        start = inside & ~goes_on
        last = np.flatnonzero(inside & ~np.append(goes_on[1:], False))
        place = np.zeros(len(tags), np.int64)
        place[start] = last
        return cls(start, place, kind)

    def both(self, other: Spans) -> Mask:
        """Where a span starts that both have, from its first token to its last and of one kind; shape (tokens,)."""
        both: Mask = self.start & other.start & (self.last == other.last) & (self.kind == other.kind)
        return both
