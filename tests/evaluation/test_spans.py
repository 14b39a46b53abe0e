"""Spans as seqeval finds them, well-formed or not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.evaluation.spans import Spans, mark_spans

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "I-MISC")

sentences = st.lists(st.lists(st.integers(0, len(LABELS) - 1), min_size=1, max_size=9), min_size=1, max_size=5)


def spans_of(rows: list[list[int]]) -> list[tuple[str, int, int]]:
    """Kind, first and last place, in rows put one behind the other with a place between them, as seqeval counts."""
    row = np.repeat(np.arange(len(rows)), [len(tags) for tags in rows])
    found = Spans.of(np.concatenate(rows), row, LABELS)
    kinds = sorted({label[2:] for label in LABELS if label != "O"})
    starts = np.flatnonzero(found.start)
    return [(kinds[found.kind[at]], at + row[at], found.last[at] + row[at]) for at in starts]


@given(rows=sentences)
def test_they_are_those_of_seqeval(rows: list[list[int]]) -> None:
    from seqeval.metrics.sequence_labeling import get_entities

    assert spans_of(rows) == get_entities([[LABELS[tag] for tag in tags] for tags in rows])


def test_a_tag_that_no_model_knows_is_a_span_that_no_model_finds() -> None:
    # B-PER, two unknown tags, I-PER, O, one unknown tag.
    true = np.array([1, -1, -1, 2, 0, -1])
    row = np.array([0, 0, 0, 0, 1, 1])
    due = Spans.of(true, row, LABELS)
    assert np.flatnonzero(due.start).tolist() == [0, 1, 3, 5]
    assert due.last[due.start].tolist() == [0, 2, 3, 5]
    given = Spans.of(np.array([1, 0, 0, 2, 0, 4]), row, LABELS)
    assert due.both(given).tolist() == [True, False, False, True, False, False]


@pytest.mark.parametrize(
    ("labels", "spans"),
    [
        (("B-PER", "I-PER", "O"), True),
        (("B-PER",), True),
        (("I-PER", "O"), False),
        (("O",), False),
        (("NOUN", "B-PER", "O"), False),
        (("B-", "O"), False),
        (("B-PER", "E-PER", "O"), False),
        ((), False),
    ],
)
def test_which_tags_mark_spans(labels: tuple[str, ...], spans: bool) -> None:
    assert mark_spans(labels) is spans
