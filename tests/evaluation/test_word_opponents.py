"""Which events models of words learn from, and what they are judged by."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from treadle.evaluation import word_opponents
from treadle.evaluation.lines import Lines, SequenceTerms
from treadle.evaluation.tally import WordTally
from treadle.evaluation.word_opponents import ORDERS, events_of, fit_words

TERMS = SequenceTerms(size=7)
B, E = TERMS.begin, TERMS.end
RUNNING = SequenceTerms(size=7, running=True)


def lines_of(inputs: list[list[int]], targets: list[list[int]]) -> Lines:
    arrays = [tuple(np.array(row, np.int32) for row in rows) for rows in (inputs, targets)]
    return Lines(*arrays, np.array([str(row) for row in inputs], object))


def marked(rows: list[list[int]]) -> Lines:
    return lines_of([[B, *row] for row in rows], [[*row, E] for row in rows])


def bare(rows: list[list[int]]) -> Lines:
    return lines_of([row[:-1] for row in rows], [row[1:] for row in rows])


def stream(rows: list[list[int]]) -> Lines:
    """Each row reads the mark that ended the row before it; the first word of all is only read."""
    inputs = [rows[0], *([E, *row] for row in rows[1:])]
    return lines_of(inputs, [[*rows[0][1:], E], *([*row, E] for row in rows[1:])])


def gapped(rows: list[list[int]]) -> Lines:
    return lines_of([[B, *row, E] for row in rows], rows)


def some_rows(count: int, seed: int) -> list[list[int]]:
    random = np.random.default_rng(seed)
    return [random.integers(1, TERMS.size, length).tolist() for length in random.integers(0, 7, count)]


def events_listed(lines: Lines, task: str, terms: SequenceTerms = TERMS) -> list[tuple[int, int, int]]:
    contexts, following = events_of(lines, task, terms)
    return [tuple(event) for event in np.column_stack([contexts, following]).tolist()]


def test_events_of_marked_lines() -> None:
    assert events_listed(marked([[2, 3], [], [4]]), "next_word") == [
        (B, B, 2), (B, 2, 3), (2, 3, E), (B, B, E), (B, B, 4), (B, 4, E)
    ]  # fmt: skip


def test_events_of_lines_without_marks() -> None:
    assert events_listed(bare([[2, 3, 4], [5], [4, 4]]), "next_word") == [(B, 2, 3), (2, 3, 4), (B, 4, 4)]


def test_events_of_running_text() -> None:
    assert events_listed(stream([[2, 3], [4]]), "next_word", RUNNING) == [(B, 2, 3), (2, 3, E), (3, E, 4), (E, 4, E)]


def test_events_around_gaps_are_those_of_marked_lines() -> None:
    rows = some_rows(20, 3)
    assert events_listed(gapped(rows), "fill_blank") == events_listed(marked(rows), "next_word")


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize(
    ("made", "terms"), [(marked, TERMS), (bare, TERMS), (stream, RUNNING)], ids=["marked", "bare", "running"]
)
def test_next_words_against_the_formulas(slow_word_model: Any, name: str, made: Any, terms: SequenceTerms) -> None:
    train, test = made([[2, 3], *some_rows(30, 0)]), made([[2, 3, 3], *some_rows(9, 1)])
    judge, note = fit_words(name, train, "next_word", terms)
    events = [((u, v), w) for u, v, w in events_listed(train, "next_word", terms)]
    ends = any(word == E for _, word in events)
    slow = slow_word_model(events, [*range(1, TERMS.size), *([E] if ends else [])], ORDERS[name])
    surprise = np.zeros(len(test))
    for (u, v, w), row in zip(events_listed(test, "next_word", terms), test.row, strict=True):
        if w != E:
            surprise[row] -= np.log(slow.probability((u, v), w))
    tally = judge(test)
    assert isinstance(tally, WordTally)
    assert tally.surprise == pytest.approx(surprise)
    assert tally.tokens.sum() == (test.due != E).sum()
    assert f"{sum(word != E for _, word in events)} training words" in note


def test_gaps_are_filled_by_what_stands_on_both_sides() -> None:
    # After 2 stands what 3 or 4 follow; only what comes next tells 5 from 6.
    rows = [[2, 5, 3], [2, 6, 4]] * 10
    found = {name: fit_words(name, gapped(rows), "fill_blank", TERMS)[0](gapped(rows[:2])) for name in ORDERS}
    assert found["unigram"].right.tolist() == [1, 1]  # type: ignore[union-attr]
    for name in ("bigram", "kneser_ney"):
        assert found[name].right.tolist() == [3, 3]  # type: ignore[union-attr]


def test_a_line_without_words_has_no_gap() -> None:
    judge, note = fit_words("kneser_ney", gapped(some_rows(9, 2)), "fill_blank", TERMS)
    tally = judge(gapped([[], [3]]))
    assert tally.tokens.tolist() == [0, 1]
    assert "from both sides" in note


@pytest.mark.parametrize("task", ["next_word", "fill_blank"])
def test_blocks_change_nothing(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = gapped if task == "fill_blank" else marked
    judge, _ = fit_words("kneser_ney", made(some_rows(20, 4)), task, TERMS)
    test = made(some_rows(20, 5))
    whole = judge(test)
    monkeypatch.setattr(word_opponents, "BLOCK", 3 * TERMS.outputs)
    in_parts = judge(test)
    assert isinstance(whole, WordTally)
    assert isinstance(in_parts, WordTally)
    np.testing.assert_array_equal(in_parts.right, whole.right)
    np.testing.assert_allclose(in_parts.surprise, whole.surprise)
