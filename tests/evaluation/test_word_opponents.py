"""What models of words learn from, what they choose by, and what they are judged by."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from treadle.evaluation import word_opponents
from treadle.evaluation.discounts import LEAST, tuned
from treadle.evaluation.language import NOTHING, WordModel
from treadle.evaluation.lines import Lines, SequenceTerms
from treadle.evaluation.tally import WordTally
from treadle.evaluation.word_opponents import ORDERS, before, behind, fit_words

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
    return [tuple(event) for event in np.column_stack([before(lines, task, terms), lines.due]).tolist()]


def test_events_of_marked_lines() -> None:
    assert events_listed(marked([[2, 3], [], [4]]), "next_word") == [
        (NOTHING, B, 2), (B, 2, 3), (2, 3, E), (NOTHING, B, E), (NOTHING, B, 4), (B, 4, E)
    ]  # fmt: skip


def test_events_of_lines_without_marks() -> None:
    assert events_listed(bare([[2, 3, 4], [5], [4, 4]]), "next_word") == [(NOTHING, 2, 3), (2, 3, 4), (NOTHING, 4, 4)]


def test_events_of_running_text() -> None:
    assert events_listed(stream([[2, 3], [4]]), "next_word", RUNNING) == [
        (NOTHING, 2, 3), (2, 3, E), (3, E, 4), (E, 4, E)
    ]  # fmt: skip


def test_both_sides_of_gaps() -> None:
    lines = gapped([[2, 3], [], [4], [5, 6, 2]])
    assert before(lines, "fill_blank", TERMS).tolist() == [
        [NOTHING, B], [B, 2], [NOTHING, B], [NOTHING, B], [B, 5], [5, 6]
    ]  # fmt: skip
    assert behind(lines).tolist() == [[E, 3], [NOTHING, E], [NOTHING, E], [2, 6], [E, 2], [NOTHING, E]]


def test_the_cut_end_of_a_line_is_not_its_end() -> None:
    lines = lines_of([[4, 2, 3, E], [B, 2, 3, 4]], [[2, 3], [2, 3]])
    assert before(lines, "fill_blank", TERMS).tolist() == [[NOTHING, 4], [4, 2], [NOTHING, B], [B, 2]]
    assert behind(lines).tolist() == [[E, 3], [NOTHING, E], [4, 3], [NOTHING, 4]]


@pytest.mark.parametrize("task", ["next_word", "fill_blank"])
def test_no_line_has_nothing_beside_it(task: str) -> None:
    assert before(lines_of([], []), task, TERMS).shape == (0, 2)
    assert behind(lines_of([], [])).shape == (0, 2)


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize(
    ("made", "terms"), [(marked, TERMS), (bare, TERMS), (stream, RUNNING)], ids=["marked", "bare", "running"]
)
def test_next_words_against_the_formulas(slow_word_model: Any, name: str, made: Any, terms: SequenceTerms) -> None:
    train, test = made([[2, 3], *some_rows(30, 0)]), made([[2, 3, 3], *some_rows(9, 1)])
    judge, note = fit_words(name, train, test, "next_word", terms)
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
    assert "by the counts of counts, as" in note


@pytest.mark.parametrize("name", ORDERS)
def test_words_of_the_validation_rows_choose_the_discounts(name: str) -> None:
    train, validation = marked(some_rows(100, 0)), marked(some_rows(200, 1))
    _, note = fit_words(name, train, validation, "next_word", TERMS)
    model = WordModel.learn(before(train, "next_word", TERMS), train.due, TERMS.possible(train.due), ORDERS[name])
    words = validation.due != E
    assert words.sum() > LEAST
    expected = tuned(model, before(validation, "next_word", TERMS)[words], validation.due[words])
    assert f"chosen by {words.sum()} validation words: " in note
    for length, order in enumerate(expected.orders, start=1):
        assert f"{', '.join(f'{discount:g}' for discount in order.discounts)} of {length} word" in note


@pytest.mark.parametrize("count", [10, 80], ids=["by Bayes' rule", "by chosen powers"])
def test_gaps_are_filled_by_what_stands_on_both_sides(count: int) -> None:
    # After 2 stands what 3 or 4 follow; only what comes next tells 5 from 6.
    rows = [[2, 5, 3], [2, 6, 4]] * count
    lines = gapped(rows)
    found = {name: fit_words(name, lines, lines, "fill_blank", TERMS)[0](gapped(rows[:2])) for name in ORDERS}
    assert found["unigram"].right.tolist() == [1, 1]  # type: ignore[union-attr]
    for name in ("bigram", "kneser_ney"):
        assert found[name].right.tolist() == [3, 3]  # type: ignore[union-attr]


def test_a_line_without_words_has_no_gap() -> None:
    rows = gapped(some_rows(9, 2))
    judge, note = fit_words("kneser_ney", rows, rows, "fill_blank", TERMS)
    tally = judge(gapped([[], [3]]))
    assert tally.tokens.tolist() == [0, 1]
    assert "from both sides of the gap, p(w | left)^1 p(w | right)^1 / p(w)^1; " in note
    assert "by Bayes' rule and the counts of counts, as" in note


def test_words_of_the_validation_rows_choose_the_powers_of_both_sides() -> None:
    _, note = fit_words("bigram", gapped(some_rows(100, 2)), gapped(some_rows(200, 3)), "fill_blank", TERMS)
    powers = re.search(r"p\(w \| left\)\^([\d.]+) p\(w \| right\)\^([\d.]+) / p\(w\)\^([\d.]+); .* chosen by", note)
    assert powers
    # Words by chance tell nothing of each other.
    assert float(powers[1]) < 0.5
    assert float(powers[2]) < 0.5


@pytest.mark.parametrize("task", ["next_word", "fill_blank"])
def test_blocks_change_nothing(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = gapped if task == "fill_blank" else marked
    judge, _ = fit_words("kneser_ney", made(some_rows(20, 4)), made(some_rows(150, 6)), task, TERMS)
    test = made(some_rows(20, 5))
    whole = judge(test)
    monkeypatch.setattr(word_opponents, "BLOCK", 3 * TERMS.outputs)
    in_parts = judge(test)
    assert isinstance(whole, WordTally)
    assert isinstance(in_parts, WordTally)
    np.testing.assert_array_equal(in_parts.right, whole.right)
    np.testing.assert_allclose(in_parts.surprise, whole.surprise)
