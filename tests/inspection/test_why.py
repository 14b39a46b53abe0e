"""Integrated gradients: complete, equal to closed forms and to finite differences, in words that were read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from treadle.bundle.predictor import Predictor
from treadle.errors import ContractError
from treadle.inspection import why as module
from treadle.inspection.opened import Opened, open_bundle
from treadle.inspection.why import why

Make = Callable[..., Predictor]
TEXT = "The film was GOOD and the plot not zzz dull"
WORDS = tuple(TEXT.lower().split())


def answer_to_scales(opened: Opened, scales: np.ndarray) -> np.ndarray:
    """Answers, shape (rows, answers), where the vectors of a row of TEXT are multiplied by a row of `scales`."""
    inputs = opened.ready({"text": TEXT}).inputs
    many = {name: np.repeat(array, len(scales), axis=0) for name, array in inputs.items()}
    vectors, present = opened.encoder.embed(many["tokens"], many["lengths"])
    text = opened.encoder.combine(vectors * scales[:, :, None], many["lengths"], present)
    return np.asarray(opened.task.answer(opened.network.answer(many, text)), np.float64)


@pytest.mark.parametrize(
    "encoder",
    [
        {"ngrams": 3, "buckets": 11},
        {"pooling": "attention"},
        {"encoder": "one_hot_convolution", "widths": [1, 3], "units": 4},
        {"encoder": "simple_rnn", "activation": "relu", "units": 4},
        {"encoder": "lstm", "units": 3, "layers": 2, "bidirectional": True, "pooling": "mean"},
    ],
    ids=str,
)
def test_what_words_are_given_adds_up_to_what_the_text_changes(make_bundle: Make, encoder: dict[str, Any]) -> None:
    predictor = make_bundle(encoder)
    found = why(open_bundle(predictor), {"text": TEXT})
    answered = predictor.predict({"text": TEXT}).columns["probabilities"][0]
    assert found.label == "yes"
    assert found.value == pytest.approx(answered[1], abs=1e-5)
    assert found.close
    difference = found.value - found.baseline
    assert found.baseline + sum(found.pushes) + found.gap == pytest.approx(found.value, abs=1e-12)
    assert abs(found.gap) <= max(0.01 * abs(difference), 1e-4)
    assert found.words == WORDS
    assert found.known == tuple(word != "zzz" for word in WORDS)


def test_of_a_bag_the_attributions_are_the_terms_of_a_sum(make_bundle: Make) -> None:
    predictor = make_bundle({"ngrams": 2, "buckets": 13})
    opened = open_bundle(predictor)
    found = why(opened, {"text": TEXT})
    inputs = opened.ready({"text": TEXT}).inputs
    vectors = np.asarray(opened.encoder.embed(inputs["tokens"], inputs["lengths"])[0][0], np.float64)
    time, weight = len(WORDS), np.asarray(opened.network.output.weight, np.float64)[:, 0]
    single, pairs = (vectors @ weight).reshape(2, time) / (2 * time - 1)
    terms = single + pairs / 2
    terms[1:] += pairs[:-1] / 2
    # All terms grow at one pace, so that each has its share of what the sigmoid makes of their sum.
    expected = (found.value - found.baseline) * terms / terms.sum()
    np.testing.assert_allclose(found.pushes, expected, atol=1e-6)
    bias = float(opened.network.output.bias[0])
    assert found.baseline == pytest.approx(1 / (1 + np.exp(-bias)), abs=1e-6)


def test_of_a_recurrent_network_they_are_what_finite_differences_give(make_bundle: Make) -> None:
    opened = open_bundle(make_bundle({"encoder": "gru", "units": 4}))
    nodes, weights = np.polynomial.legendre.leggauss(20)
    points, step, time = (nodes + 1) / 2, 0.02, len(WORDS)
    nudged = np.stack([points[:, None, None] + sign * step * np.eye(time) for sign in (-1, 1)])
    answers = answer_to_scales(opened, nudged.reshape(-1, time).astype(np.float32))[:, 1]
    before, after = answers.reshape(2, len(points), time)
    expected = (weights / 2) @ ((after - before) / (2 * step))
    np.testing.assert_allclose(why(opened, {"text": TEXT}).pushes, expected, atol=1e-4)


def test_a_value_is_explained_in_its_unit(make_bundle: Make) -> None:
    predictor = make_bundle({"encoder": "simple_rnn", "units": 3}, classes=1)
    found = why(open_bundle(predictor), {"text": TEXT})
    assert found.label is None
    assert found.value == pytest.approx(predictor.predict({"text": TEXT}).columns["value"][0], abs=1e-4)
    assert found.close
    assert sum(found.pushes) == pytest.approx(found.value - found.baseline, rel=0.01)


def test_the_class_can_be_chosen(make_bundle: Make) -> None:
    predictor = make_bundle(classes=3)
    opened = open_bundle(predictor)
    probabilities = predictor.predict({"text": TEXT}).columns["probabilities"][0]
    assert why(opened, {"text": TEXT}).label == predictor.answers.labels[probabilities.argmax()]
    found = {label: why(opened, {"text": TEXT}, label=label) for label in predictor.answers.labels}
    assert [one.value for one in found.values()] == pytest.approx(probabilities.tolist(), abs=1e-5)
    # What one class gains others lose.
    np.testing.assert_allclose(np.sum([one.pushes for one in found.values()], axis=0), 0.0, atol=1e-6)
    with pytest.raises(ContractError, match="no class 'yess'; did you mean 'yes'"):
        why(opened, {"text": TEXT}, label="yess")


def test_columns_beside_the_text_stay_as_they_are(make_bundle: Make) -> None:
    opened = open_bundle(make_bundle(beside=True, model={"hidden": [4], "activation": "tanh", "members": 2}))
    found = [why(opened, {"text": TEXT, "stars": stars, "kind": "long"}) for stars in (1, 5)]
    assert found[0].baseline != pytest.approx(found[1].baseline, abs=1e-3)
    for one in found:
        assert sum(one.pushes) == pytest.approx(one.value - one.baseline, abs=1e-4)


def test_pieces_are_put_together_to_words(make_bundle: Make) -> None:
    opened = open_bundle(make_bundle(text={"tokens": "byte_pairs", "vocabulary": 20}))
    pieces = opened.text.read("film dull films")
    found = why(opened, {"text": "film dull films"})
    assert len(pieces) > 3
    assert found.words == ("film", "dull", "films")
    assert found.joint == " "
    assert sum(found.pushes) == pytest.approx(found.value - found.baseline, abs=1e-4)


def test_characters_stand_without_blanks(make_bundle: Make) -> None:
    found = why(open_bundle(make_bundle(text={"tokens": "characters"})), {"text": "a plot\u00df"})
    assert (found.words, found.joint) == (tuple("a plot\u00df"), "")
    assert found.known == (True,) * 6 + (False,)


def test_only_what_is_read_is_explained(make_bundle: Make) -> None:
    opened = open_bundle(make_bundle(text={"length": 3, "keep": "last"}))
    assert why(opened, {"text": TEXT}).words == WORDS[-3:]


def test_a_gap_is_said(make_bundle: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = open_bundle(make_bundle({"encoder": "lstm", "units": 4}, seed=3))
    monkeypatch.setattr(module, "PANELS", (1,))
    monkeypatch.setattr(module, "NODES", 1)
    found = why(opened, {"text": TEXT})
    assert found.steps == 1
    assert not found.close
    assert abs(found.gap) > 0.01 * abs(found.value - found.baseline)
    assert found.baseline + sum(found.pushes) + found.gap == pytest.approx(found.value, abs=1e-12)


def test_a_row_that_breaks_the_contract_is_refused(make_bundle: Make) -> None:
    with pytest.raises(ContractError, match="is empty: there is nothing to read"):
        why(open_bundle(make_bundle()), {"text": " "})
