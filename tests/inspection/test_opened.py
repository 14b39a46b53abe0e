"""The network that is looked into is the one that answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import treadle
from treadle.bundle.predictor import Predictor
from treadle.errors import BundleError, ContractError
from treadle.inspection.opened import open_bundle, padded
from treadle.text_recipe import EncoderRecipe

Make = Callable[..., Predictor]


@pytest.mark.parametrize(
    "settings",
    [
        {"encoder": {"ngrams": 2, "buckets": 7}, "beside": True, "model": {"hidden": [4], "members": 2}},
        {"encoder": {"encoder": "convolution", "widths": [2], "units": 3}, "classes": 1},
        {"encoder": {"encoder": "gru", "units": 3, "bidirectional": True, "layers": 2}, "classes": 3},
    ],
    ids=str,
)
def test_a_bundle_opens_to_the_network_it_was_written_of(make_bundle: Make, settings: dict[str, Any]) -> None:
    predictor = make_bundle(**settings)
    opened = open_bundle(predictor)
    row = {"text": "the film was good and the plot not dull", "stars": 2, "kind": "long"}
    inputs = opened.ready(row).inputs
    answers = np.asarray(opened.task.answer(opened.network(inputs)))
    np.testing.assert_allclose(answers, predictor.run(inputs), atol=1e-5)


def test_embedded_numbers_and_categories_are_restored(make_bundle: Make) -> None:
    open_bundle(make_bundle(beside=True, model={"numbers": "piecewise", "hidden": [4]}))


def test_weights_that_answer_otherwise_are_refused(make_bundle: Make) -> None:
    bundle = make_bundle().bundle
    weights = {name: array + 0.1 for name, array in bundle.weights.items()}
    altered = Predictor(dataclasses.replace(bundle, weights=weights))
    with pytest.raises(BundleError, match=r"answer otherwise than its ONNX model \(by 0\.\d+\)"):
        open_bundle(altered)


def test_weights_of_another_network_are_refused(make_bundle: Make) -> None:
    bundle = make_bundle().bundle
    other = make_bundle({"embedding_width": 4}).bundle
    with pytest.raises(BundleError, match="the weights are not of this network"):
        open_bundle(Predictor(dataclasses.replace(bundle, weights=other.weights)))


def test_a_bundle_of_columns_has_no_texts(trained: treadle.Run) -> None:
    with pytest.raises(ContractError, match="bundle 'shop' reads no text"):
        open_bundle(trained.predictor)


@pytest.mark.parametrize(
    ("encoder", "words"),
    [
        ({}, "bag"),
        ({"encoder": "simple_rnn", "units": 3}, "simple rnn of 3 units"),
        (
            {"encoder": "lstm", "units": 3, "layers": 2, "bidirectional": True},
            "lstm of 3 units, 2 layers, from both ends",
        ),
    ],
)
def test_the_encoder_is_named(make_bundle: Make, encoder: dict[str, Any], words: str) -> None:
    opened = open_bundle(make_bundle())
    assert dataclasses.replace(opened, recipe=EncoderRecipe.model_validate(encoder)).encoder_words == words


@pytest.mark.parametrize(("length", "width"), [(1, 16), (16, 16), (17, 32), (33, 64)])
def test_lengths_are_padded_to_few_widths(length: int, width: int) -> None:
    tokens = np.ones((2, length), np.int32)
    wide = padded({"tokens": tokens, "lengths": np.full(2, length, np.int32)}, rows=5)
    assert wide["tokens"].shape == (5, width)
    assert wide["tokens"].sum() == 5 * length
    assert wide["lengths"].tolist() == [length] * 5
