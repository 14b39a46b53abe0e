"""Neighbours in the embedding, and words that are not in it."""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from treadle.bundle.predictor import Predictor
from treadle.errors import ContractError
from treadle.inspection.neighbours import neighbours
from treadle.inspection.opened import open_bundle
from treadle.nn import TableNetwork

Make = Callable[..., Predictor]


def on_a_circle(network: TableNetwork) -> TableNetwork:
    """Token n points n tenths of a turn round, the later ones being the longer."""
    numbers = np.arange(len(network.text.embedding.weight))  # type: ignore[union-attr]
    turns = 2 * np.pi * numbers / 40
    weight = np.stack([np.cos(turns), np.sin(turns), 0 * turns], axis=1) * (1 + numbers[:, None])
    return eqx.tree_at(lambda own: own.text.embedding.weight, network, jnp.asarray(weight, jnp.float32))


def test_the_nearest_are_those_of_the_smallest_angle(make_bundle: Make) -> None:
    opened = open_bundle(make_bundle(change=on_a_circle))
    known = opened.text.vocabulary.tokens
    assert known is not None
    (found,) = neighbours(opened, [known[6]], count=4)
    assert found.known
    assert {word for word, _ in found.near[:2]} == {known[5], known[7]}
    assert {word for word, _ in found.near[2:]} == {known[4], known[8]}
    cosines = [cosine for _, cosine in found.near]
    np.testing.assert_allclose(cosines, np.cos(2 * np.pi * np.array([1, 1, 2, 2]) / 40), atol=1e-6)
    # Neither padding nor the unknown word is a neighbour, however few there are.
    (all_of_them,) = neighbours(opened, [known[2]], count=100)
    assert sorted(word for word, _ in all_of_them.near) == sorted({*known[2:]} - {known[2]})


def test_the_vectors_of_runs_are_no_words(make_bundle: Make) -> None:
    opened = open_bundle(make_bundle({"ngrams": 2, "buckets": 5}, change=on_a_circle))
    known = opened.text.vocabulary.tokens
    assert known is not None
    (found,) = neighbours(opened, [known[6]], count=2)
    assert {word for word, _ in found.near} == {known[5], known[7]}


def test_words_are_read_as_texts_are(make_bundle: Make) -> None:
    opened = open_bundle(make_bundle())
    assert [found.word for found in neighbours(opened, ["Good", "bad FILM", "good"])] == ["good", "bad", "film"]


def test_an_unknown_word_is_said_and_near_misses_are_named(make_bundle: Make) -> None:
    misspelt, strange = neighbours(open_bundle(make_bundle()), ["goood", "zebra"])
    assert (misspelt.known, misspelt.suggestions) == (False, ("good",))
    assert (strange.known, strange.suggestions) == (False, ())


def test_hashed_words_have_no_names(make_bundle: Make) -> None:
    opened = open_bundle(make_bundle(text={"hashing": True, "vocabulary": 50}))
    with pytest.raises(ContractError, match="bundle 'films' hashes its words"):
        neighbours(opened, ["good"])
