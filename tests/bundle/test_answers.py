"""Answers: labels in their own type, thresholds that are exact maximisers, values in the user's units."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from sklearn.metrics import f1_score

from treadle.bundle.answers import Answers, ClassificationAnswers, RegressionAnswers, best_threshold


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
