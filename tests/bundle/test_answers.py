"""Answers: labels in their own type, exact thresholds, values in the user's units, tags of sentences, words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from sklearn.metrics import f1_score

from treadle.bundle.answers import (
    Answers,
    ClassificationAnswers,
    RegressionAnswers,
    TaggingAnswers,
    WordAnswers,
    best_threshold,
)
from treadle.bundle.tagging import best_tags, probabilities
from treadle.errors import BundleError


def test_two_classes_answer_by_the_threshold_on_the_positive_class() -> None:
    answers = ClassificationAnswers(labels=("stays", "leaves"), positive=1, threshold=0.25)
    answer = answers.answer(np.array([[0.75, 0.25], [0.76, 0.24], [0.1, 0.9]], np.float32))
    assert answer["label"].tolist() == ["leaves", "stays", "leaves"]
    np.testing.assert_allclose(answer["probability"], [0.25, 0.76, 0.9], rtol=1e-6)
    assert answer["probabilities"].shape == (3, 2)


def test_the_positive_class_may_be_the_first() -> None:
    answers = ClassificationAnswers(labels=(-1, 1), positive=0, threshold=0.9)
    assert answers.answer(np.array([[0.89, 0.11], [0.9, 0.1]], np.float64))["label"].tolist() == [1, -1]


def test_many_classes_answer_the_likeliest() -> None:
    answers = ClassificationAnswers(labels=("a", "b", "c"))
    answer = answers.answer(np.array([[0.2, 0.5, 0.3], [0.4, 0.2, 0.4]], np.float32))
    assert answer["label"].tolist() == ["b", "a"]
    np.testing.assert_allclose(answer["probability"], [0.5, 0.4], rtol=1e-6)


@pytest.mark.parametrize("labels", [(0, 1), (False, True), ("0", "1"), (0.5, 1.5), (-1, 1)])
def test_labels_keep_their_type_through_json(labels: tuple[object, ...]) -> None:
    answers = ClassificationAnswers(labels=labels)  # type: ignore[arg-type]
    again = TypeAdapter(Answers).validate_json(answers.model_dump_json())
    assert again == answers
    assert [type(label) for label in again.labels] == [type(label) for label in labels]
    assert [type(label) for label in again.answer(np.eye(2, dtype=np.float32))["label"]] == [type(x) for x in labels]


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValidationError, match="a threshold needs two classes"):
        ClassificationAnswers(labels=("a", "b", "c"), positive=1, threshold=0.5)
    with pytest.raises(ValidationError, match="positive is class 2"):
        ClassificationAnswers(labels=("a", "b"), positive=2)
    with pytest.raises(ValidationError):
        ClassificationAnswers(labels=("a",))
    with pytest.raises(ValidationError):
        ClassificationAnswers(labels=(float("nan"), 1.0))
    with pytest.raises(ValidationError):
        RegressionAnswers(mean=0.0, scale=0.0)


def test_no_rows_give_no_answers() -> None:
    assert len(ClassificationAnswers(labels=(0, 1)).answer(np.empty((0, 2), np.float32))["label"]) == 0
    assert len(RegressionAnswers(mean=0, scale=1).answer(np.empty((0, 1), np.float32))["value"]) == 0


def test_values_are_in_the_users_units_and_not_clipped() -> None:
    answers = RegressionAnswers(mean=50_000.0, scale=20_000.0)
    values = answers.answer(np.array([[0.0], [-10.0], [0.5]], np.float32))["value"]
    assert values.tolist() == [50_000.0, -150_000.0, 60_000.0]
    np.testing.assert_array_equal(answers.scaled(values), [0.0, -10.0, 0.5])


def _score(probabilities: np.ndarray, positive: np.ndarray, threshold: float, metric: str) -> float:
    answered = probabilities.astype(np.float64) >= threshold
    if metric == "accuracy":
        return float(np.mean(answered == positive))
    return float(f1_score(positive, answered, zero_division=0.0))


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.1, 0.2, 0.49, 0.5, 0.51, 0.8, 1.0]) | st.floats(0, 1), st.booleans()),
        min_size=1,
        max_size=25,
    ),
    st.sampled_from(["f1", "accuracy"]),
)
@settings(max_examples=200, deadline=None)
def test_no_threshold_beats_the_chosen_one(rows: list[tuple[float, bool]], metric: str) -> None:
    probabilities = np.array([probability for probability, _ in rows])
    positive = np.array([is_positive for _, is_positive in rows])
    chosen = best_threshold(probabilities, positive, metric)  # type: ignore[arg-type]
    assert 0.0 <= chosen <= 1.0
    score = _score(probabilities, positive, chosen, metric)
    for other in np.unique([*probabilities, 0.0, 0.5, 1.0]):
        tried = _score(probabilities, positive, other, metric)
        assert tried <= score + 1e-12
        if tried >= score - 1e-12:
            # Of equals, none stands on the other side of 0.5 and nearer by a whole interval.
            assert chosen == 0.5 or other != 0.5


def test_ties_go_to_one_half() -> None:
    assert best_threshold(np.array([0.1, 0.9]), np.array([False, True]), "accuracy") == 0.5
    assert best_threshold(np.array([0.1, 0.2]), np.array([False, True]), "f1") == pytest.approx(0.15)
    assert best_threshold(np.array([0.3, 0.7]), np.array([False, False]), "f1") == 0.5
    assert best_threshold(np.array([]), np.array([], bool), "accuracy") == 0.5


def test_the_threshold_of_float32_probabilities_is_the_one_that_answers_use() -> None:
    random = np.random.default_rng(0)
    probabilities = random.random(500, np.float32)
    positive = random.random(500) < probabilities
    chosen = best_threshold(probabilities, positive, "f1")
    answers = ClassificationAnswers(labels=(0, 1), positive=1, threshold=chosen)
    answered = answers.choose(np.stack([1 - probabilities, probabilities], axis=1)) == 1
    assert f1_score(positive, answered) == pytest.approx(
        max(f1_score(positive, probabilities >= level) for level in np.unique(probabilities))
    )


# --- tags of sentences

FIELD = {
    "transitions": ((-1.0, 2.0, 0.5), (1.5, -2.0, 0.0), (0.25, 0.0, 1.0)),
    "first": (0.5, 0.0, -0.5),
    "last": (0.0, 0.0, 3.0),
}


@pytest.mark.parametrize("field", [{}, FIELD], ids=["alone", "together"])
def test_a_sentence_gets_a_tag_for_every_token(field: dict[str, object]) -> None:
    answers = TaggingAnswers.model_validate({"labels": ("NOUN", "VERB", "."), **field})
    assert (answers.outputs, answers.chain is None) == (3, not field)
    outputs = np.random.default_rng(0).normal(size=(3, 4, 3)).astype(np.float32)
    lengths = np.array([2, 0, 4], np.int32)
    answer = answers.answer(outputs, lengths)
    assert list(answer) == ["tags", "probabilities"]
    best = best_tags(outputs, lengths, answers.chain)
    shares = probabilities(outputs, lengths, answers.chain)
    np.testing.assert_array_equal(answers.choose(outputs, lengths), best)
    for row, length in enumerate(lengths):
        tags, own = answer["tags"][row], answer["probabilities"][row]
        assert tags == [answers.labels[tag] for tag in best[row, :length]]
        assert own == [shares[row, step, best[row, step]] for step in range(length)]
        assert {type(tag) for tag in tags} <= {str}
        assert {type(share) for share in own} <= {float}


def test_tags_of_a_worked_sentence() -> None:
    answers = TaggingAnswers(labels=("A", "B"))
    answer = answers.answer(np.log(np.array([[[0.75, 0.25], [0.4, 0.6], [0.5, 0.5]]], np.float32)), np.array([2]))
    assert answer["tags"].tolist() == [["A", "B"]]
    assert answer["probabilities"][0] == pytest.approx([0.75, 0.6])


def test_tagging_answers_keep_every_digit_through_json() -> None:
    learnt = np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32)
    rows = tuple(tuple(row) for row in learnt.tolist())
    answers = TaggingAnswers(labels=("a", "b", "c"), transitions=rows, first=rows[0], last=rows[1])
    again = TypeAdapter(Answers).validate_json(answers.model_dump_json())
    assert again == answers
    np.testing.assert_array_equal(again.chain.transitions, learnt)
    assert TypeAdapter(Answers).validate_json(TaggingAnswers(labels=("a",)).model_dump_json()).chain is None


def test_impossible_tagging_answers_are_refused() -> None:
    for short in (
        {"transitions": FIELD["transitions"]},
        {**FIELD, "first": None},
        {"last": (0.0, 0.0, 0.0)},
    ):
        with pytest.raises(ValidationError, match="transitions, first and last need each other"):
            TaggingAnswers.model_validate({"labels": ("a", "b", "c"), **short})
    for wrong in ({"transitions": ((0.0,) * 3,) * 2}, {"transitions": ((0.0,) * 2,) * 3}, {"first": (0.0,)}):
        with pytest.raises(ValidationError, match="must each have 3 scores, one for every tag"):
            TaggingAnswers.model_validate({"labels": ("a", "b", "c"), **FIELD, **wrong})
    with pytest.raises(ValidationError):
        TaggingAnswers(labels=())
    with pytest.raises(ValidationError):
        TaggingAnswers.model_validate({"labels": ("a", "b", "c"), **FIELD, "first": (0.0, float("nan"), 0.0)})


# --- words

WORDS = ("[PAD]", "[UNK]", "the", "cat", "sat", "on")


def test_the_likeliest_words_are_told_with_their_own_probabilities() -> None:
    answers = WordAnswers(task="next_word", outputs=8, most=3)
    shares = np.array(
        [[0.3, 0.2, 0.05, 0.15, 0.1, 0.0625, 0.07, 0.0675], [0.0001, 0.0009, 0.25, 0.25, 0.01, 0.249, 0.2, 0.04]]
    )
    answer = answers.answer(np.log(shares).astype(np.float32), WORDS)
    assert list(answer) == ["word", "probability", "words", "probabilities"]
    assert answer["word"].tolist() == ["cat", "the"]
    np.testing.assert_allclose(answer["probability"], [0.15, 0.25], rtol=1e-6)
    assert answer["words"].tolist() == [["cat", "sat", "on"], ["the", "cat", "on"]]
    np.testing.assert_allclose(answer["probabilities"].tolist(), [[0.15, 0.1, 0.0625], [0.25, 0.25, 0.249]], rtol=1e-6)


@given(st.integers(1, 9), st.integers(5, 30), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_no_word_that_is_not_told_is_likelier(most: int, outputs: int, seed: int) -> None:
    # Few values, so that many are equal.
    logs = np.log(np.random.default_rng(seed).integers(1, 6, (4, outputs)) / 6).astype(np.float32)
    words = ("[PAD]", "[UNK]", *(f"w{number}" for number in range(2, outputs - 2)))
    before = logs.copy()
    answer = WordAnswers(task="fill_blank", outputs=outputs, most=most).answer(logs, words)
    np.testing.assert_array_equal(logs, before)
    for row, own in enumerate(logs):
        ranked = sorted(range(2, outputs - 2), key=lambda number: (-own[number], number))[:most]
        assert answer["words"][row] == [words[number] for number in ranked]
        assert answer["probabilities"][row] == pytest.approx([np.exp(np.float64(own[number])) for number in ranked])
        assert (answer["word"][row], answer["probability"][row]) == (
            answer["words"][row][0],
            answer["probabilities"][row][0],
        )


def test_word_answers_come_back_from_json_and_are_checked() -> None:
    for task in ("next_word", "fill_blank"):
        answers = WordAnswers.model_validate({"task": task, "outputs": 8})
        assert TypeAdapter(Answers).validate_json(answers.model_dump_json()) == answers
        assert answers.most == 5
    for wrong in ({"outputs": 4}, {"outputs": 8, "most": 0}, {"outputs": 8, "task": "tagging"}):
        with pytest.raises(ValidationError):
            WordAnswers.model_validate({"task": "next_word", **wrong})
    with pytest.raises(BundleError, match="answers 7 tokens, but the vocabulary has 6"):
        WordAnswers(task="next_word", outputs=9).answer(np.zeros((1, 9), np.float32), WORDS)


def test_no_rows_give_no_tags_and_no_words() -> None:
    tagged = TaggingAnswers(labels=("a", "b")).answer(np.empty((0, 1, 2), np.float32), np.empty(0, np.int32))
    told = WordAnswers(task="next_word", outputs=8).answer(np.empty((0, 8), np.float32), WORDS)
    assert {name: column.shape for name, column in (tagged | told).items()} == dict.fromkeys([*tagged, *told], (0,))
