"""Rows of tokens, and what their numbers mean."""

from __future__ import annotations

import numpy as np

from treadle.evaluation.lines import Lines, SequenceTerms, unseen, words_of

SENTENCES = Lines(
    (np.array([2, 3], np.int32), np.array([], np.int32), np.array([3, 1, 4], np.int32)),
    (np.array([0, 1], np.int32), np.array([], np.int32), np.array([1, 0, -1], np.int32)),
    np.array(["The dog", "", "dog 10\u00a0000 bites"], object),
)
NONE = Lines((), (), np.array([], object))


def test_rows_one_after_the_other() -> None:
    assert len(SENTENCES) == 3
    assert SENTENCES.read.tolist() == [2, 3, 3, 1, 4]
    assert SENTENCES.due.tolist() == [0, 1, 1, 0, -1]
    assert SENTENCES.row.tolist() == [0, 0, 2, 2, 2]
    assert [len(part) for part in (NONE, NONE.read, NONE.due, NONE.row)] == [0, 0, 0, 0]


def test_words_are_seen_as_they_are_written() -> None:
    assert words_of(SENTENCES) >= {"The", "dog", "10\u00a0000"}
    assert unseen(SENTENCES, frozenset({"The", "dog"})).tolist() == [False, False, False, True, True]


def test_no_word_is_unseen_where_nobody_knows_which_were_seen() -> None:
    assert unseen(SENTENCES, frozenset()).tolist() == [False] * 5


def test_the_marks_follow_the_vocabulary() -> None:
    terms = SequenceTerms(size=5)
    assert (terms.begin, terms.end, terms.outputs) == (5, 6, 7)
    assert list(range(terms.outputs))[terms.words] == [2, 3, 4]


def test_what_can_be_due() -> None:
    terms = SequenceTerms(size=5)
    assert np.flatnonzero(terms.possible(np.array([2, 6]))).tolist() == [1, 2, 3, 4, 6]
    assert np.flatnonzero(terms.possible(np.array([2]))).tolist() == [1, 2, 3, 4]
