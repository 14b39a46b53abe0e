"""The evaluation of networks that answer at every token."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from treadle.errors import DataError, RecipeError
from treadle.evaluation import bootstrap, names_for
from treadle.evaluation.evaluation import Evaluation
from treadle.evaluation.lines import Lines, SequenceTerms, words_of
from treadle.evaluation.metrics import unweighted
from treadle.evaluation.sequences import evaluate_sequences, fit_sequence_opponents
from treadle.evaluation.tally import Judge, Tally, WordBlock, tally_of_tags, tally_of_words
from treadle.recipe import EvaluationRecipe, Task

TERMS = SequenceTerms(size=12, min_count=2)
RECIPE = EvaluationRecipe(resamples=200)
TAGS = ("ADJ", "NOUN")
SPANS = ("B-X", "I-X", "O")


def in_turn(count: int, seed: int) -> list[list[int]]:
    """Each word is as a rule the one before it and one more, in a circle of ten."""
    random = np.random.default_rng(seed)
    steps = [np.where(random.random(length) < 0.8, 1, random.integers(0, 10, length)) for length in [6] * count]
    return [(2 + np.cumsum([random.integers(10), *step]) % 10).tolist() for step in steps]


def by_chance(count: int, seed: int) -> list[list[int]]:
    random = np.random.default_rng(seed)
    return [random.integers(2, 12, 6).tolist() for _ in range(count)]


def lines_of(rows: list[list[int]], task: str = "next_word") -> Lines:
    begin, end = [TERMS.begin], [TERMS.end]
    inputs = [begin + row + (end if task == "fill_blank" else []) for row in rows]
    targets = [row + (end if task == "next_word" else []) for row in rows]
    texts = np.array([" ".join(map(str, row)) for row in rows], object)
    return Lines(*(tuple(np.array(row, np.int32) for row in each) for each in (inputs, targets)), texts)


def blurred(lines: Lines, share: float) -> Judge:
    """A network that gives `share` to what is due and spreads the rest."""

    def judge(lines: Lines) -> Tally:
        probabilities = np.full((len(lines.due), TERMS.outputs), (1 - share) / TERMS.outputs)
        probabilities[np.arange(len(lines.due)), lines.due] += share
        return tally_of_words([WordBlock(np.log(probabilities), lines.due, lines.row)], len(lines), TERMS)

    return judge


def judged(rows: Any, network: Judge | None = None, task: Task = "next_word") -> Evaluation:
    """Beside all opponents; the network is the bigram model where none is given."""
    train, validation, test = (lines_of(rows(count, seed), task) for seed, count in enumerate((200, 50, 90)))
    names = names_for(task, "perplexity", None)
    opponents = fit_sequence_opponents(names, train, validation, task, TERMS)
    judge = network or opponents["bigram"].judge
    return evaluate_sequences(judge, opponents, test, task=task, target="line", recipe=RECIPE, seed=5, words=TERMS)


def tagged(answered: list[list[int]], true: list[list[int]], labels: tuple[str, ...]) -> Evaluation:
    """A tagger beside the opponents, which learn from what is true."""
    numbers = tuple(np.array([2 + 3 * tag for tag in row], np.int32) for row in true)
    due = tuple(np.array(row, np.int32) for row in true)
    lines = Lines(numbers, due, np.array([" ".join(map(str, row)) for row in numbers], object))
    terms = SequenceTerms(size=12, labels=labels, seen=words_of(lines))

    def judge(lines: Lines) -> Tally:
        unseen = np.zeros(len(lines.due), np.bool_)
        return tally_of_tags(np.concatenate(answered), lines.due, lines.row, unseen, labels, rows=len(lines))

    opponents = fit_sequence_opponents(names_for("tagging", "accuracy", None), lines, lines, "tagging", terms)
    return evaluate_sequences(
        judge, opponents, lines, task="tagging", target="tags", recipe=RECIPE, seed=0, words=terms
    )


@pytest.mark.parametrize("task", ["next_word", "fill_blank"])
def test_a_network_that_knows_more_is_worth_it(task: Task) -> None:
    found = judged(in_turn, blurred(lines_of([]), 0.9), task)
    assert found.primary == "perplexity"
    assert found.outcome == "worth_it"
    assert found.verdict is not None
    assert found.verdict.startswith("worth it: perplexity 1.")
    assert all(difference.better == "network" for difference in found.differences.values())
    assert found.opponents["bigram"]["perplexity"] < found.opponents["unigram"]["perplexity"]
    assert list(found.opponents) == ["unigram", "bigram", "kneser_ney"]
    assert list(found.metrics) == ["perplexity", "accuracy", "top5_accuracy"]


def test_a_network_that_is_an_opponent_makes_no_difference() -> None:
    found = judged(in_turn)
    assert found.differences["bigram"].difference == 0
    assert found.differences["unigram"].better == "network"
    assert found.outcome in ("no_difference", "not_worth_it")


def test_a_network_that_knows_less_is_not_worth_it() -> None:
    found = judged(in_turn, blurred(lines_of([]), 0.1))
    assert found.outcome == "not_worth_it"


def test_words_by_chance_hold_no_signal() -> None:
    found = judged(by_chance)
    assert found.outcome == "no_signal"
    assert found.verdict is not None
    assert found.verdict.startswith("no signal: nothing beats the unigram model (perplexity 11.")


def test_what_was_counted() -> None:
    rows = [[2, 3, 1], [4], [2, 3, 1], [1, 5, 6, 7]]
    lines = lines_of(rows)
    judge = blurred(lines, 0.5)
    found = evaluate_sequences(
        judge, {}, lines, task="next_word", target="line", recipe=RECIPE, seed=0, words=TERMS, skipped=2
    )
    assert (found.rows, found.distinct_rows, found.skipped) == (4, 3, 2)
    assert (found.tokens, found.vocabulary, found.min_count) == (11, 10, 2)
    assert found.unknown_share == pytest.approx(3 / 11)
    assert found.metrics["accuracy"] == pytest.approx(8 / 11)
    assert (found.verdict, found.differences, found.labels) == (None, {}, ())
    assert Evaluation.model_validate(found.model_dump(mode="json")) == found


def test_intervals_are_those_of_resampled_lines() -> None:
    rows = in_turn(30, 7)
    lines = lines_of([*rows, *rows[:10]])
    judge = fit_sequence_opponents(["bigram"], lines, lines, "next_word", TERMS)["bigram"].judge
    found = evaluate_sequences(judge, {}, lines, task="next_word", target="x", recipe=RECIPE, seed=5, words=TERMS)
    tally = judge(lines)
    assert found.distinct_rows == len(set(lines.texts))
    groups = bootstrap.distinct_rows({"x": lines.texts})
    figures = [
        np.exp((weights @ tally.surprise) / (weights @ tally.tokens))  # type: ignore[union-attr]
        for stretch in bootstrap.draws(groups, RECIPE.resamples, 5)
        for weights in stretch
    ]
    assert found.intervals["perplexity"] == pytest.approx(np.quantile(figures, (0.025, 0.975)), rel=1e-6)
    assert found.metrics["perplexity"] == pytest.approx(float(tally.metrics(unweighted(40))["perplexity"][0]))


def test_rows_without_a_word_cannot_be_judged() -> None:
    lines = lines_of([[], []])
    with pytest.raises(DataError, match="no word to judge in 2 rows"):
        evaluate_sequences(
            blurred(lines, 1), {}, lines, task="next_word", target="x", recipe=RECIPE, seed=0, words=TERMS
        )


def test_tags_are_judged_by_accuracy() -> None:
    random = np.random.default_rng(0)
    true = [random.integers(0, 2, 8).tolist() for _ in range(40)]
    answered = [[tag if random.random() < 0.8 else 1 - tag for tag in row] for row in true]
    found = tagged(answered, true, TAGS)
    assert found.primary == "accuracy"
    # In these sentences a word has always the same tag.
    assert found.opponents["most_frequent_tag"]["accuracy"] == 1
    assert found.outcome == "not_worth_it"
    assert found.verdict is not None
    assert found.verdict.startswith("not worth it: each word's most frequent tag is better by")
    assert found.labels == TAGS
    assert found.confusion is not None
    counts = np.array(found.confusion.counts)
    assert counts.sum() == found.tokens == 320
    assert counts.trace() / 320 == pytest.approx(found.metrics["accuracy"])
    assert "accuracy_unseen" not in found.metrics
    most = found.confusion.mistakes(1)[0]
    assert most.times == max(counts[0, 1], counts[1, 0])


def test_tags_of_spans_are_judged_by_f1() -> None:
    found = tagged([[0, 1, 2], [0, 2, 2]], [[0, 1, 2], [2, 0, 1]], SPANS)
    assert found.primary == "f1"
    assert found.metrics["f1"] == pytest.approx(0.5)
    assert found.opponents["majority"]["f1"] >= 0


def test_sentences_without_a_span_are_judged_by_accuracy() -> None:
    assert tagged([[2, 2], [2]], [[2, 2], [2]], SPANS).primary == "accuracy"


def test_an_opponent_that_does_not_fit_is_refused() -> None:
    with pytest.raises(
        RecipeError, match="majority does not fit next_word; those that do: unigram, bigram, kneser_ney"
    ):
        names_for("next_word", "perplexity", ("majority",))
    assert names_for("fill_blank", "perplexity", ("bigram",)) == ["unigram", "bigram"]
    assert names_for("tagging", "f1", ()) == ["majority"]


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert judged(in_turn).model_dump_json() == judged(in_turn).model_dump_json()
