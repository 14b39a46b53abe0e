"""How far back the answer looks: the gradient's norm against products of Jacobians in float64."""

from __future__ import annotations

import math
from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from treadle.bundle.predictor import Predictor
from treadle.data.sources import from_rows
from treadle.data.table import Table
from treadle.errors import DataError
from treadle.inspection.opened import open_bundle
from treadle.inspection.reach import half_life, reach
from treadle.nn import TableNetwork
from treadle.nn.recurrent_layers import orthogonal

Make = Callable[..., Predictor]
TEXT = "the film was good and the plot not dull"


def shrinking(factor: float, scale: float = 1e-3) -> Callable[[TableNetwork], TableNetwork]:
    """A simple RNN in its linear range, whose recurrent product shortens every vector by `factor`."""

    def change(network: TableNetwork) -> TableNetwork:
        (direction,), *_ = network.text.recurrent.layers  # type: ignore[union-attr]
        draw = np.random.default_rng(0)
        turn, other = (jnp.asarray(orthogonal(draw, direction.units)) for _ in range(2))
        new = eqx.tree_at(
            lambda own: (own.recurrent_weight, own.weight, own.bias),
            direction,
            (turn * factor, other * scale, direction.bias * 0),
        )
        return eqx.tree_at(lambda own: own.text.recurrent.layers[0][0], network, new)

    return change


def test_norms_are_those_of_the_products_of_jacobians(make_bundle: Make) -> None:
    opened = open_bundle(make_bundle({"encoder": "simple_rnn", "units": 4}))
    (direction,), *_ = opened.encoder.recurrent.layers  # type: ignore[union-attr]
    inputs = opened.ready({"text": TEXT}).inputs
    weight, recurrent, bias, embedding, output = (
        np.asarray(array, np.float64)
        for array in (
            direction.weight,
            direction.recurrent_weight,
            direction.bias,
            opened.encoder.embedding.weight,
            opened.network.output.weight,
        )
    )
    h, states = np.zeros(4), []
    for token in inputs["tokens"][0]:
        h = np.tanh(embedding[token] @ weight + bias + h @ recurrent)
        states.append(h)
    back, norms = output[:, 0], []
    for h in states[::-1]:
        through = back * (1 - h**2)
        norms.append(np.linalg.norm(weight @ through))
        back = recurrent @ through
    found = reach(opened, from_rows([{"text": TEXT}]))
    assert found.counted_from == "end"
    assert (found.texts, found.silent) == (1, 0)
    np.testing.assert_allclose(found.curve, np.array(norms) / max(norms), rtol=1e-4)
    assert found.low == found.curve == found.high


@pytest.mark.parametrize("factor", [0.5, 0.8])
def test_a_gradient_that_shrinks_by_an_equal_share_has_the_usual_half_life(make_bundle: Make, factor: float) -> None:
    opened = open_bundle(make_bundle({"encoder": "simple_rnn", "units": 3}, change=shrinking(factor)))
    found = reach(opened, from_rows([{"text": " ".join(["film"] * 40)}]))
    np.testing.assert_allclose(found.curve, factor ** np.arange(40), rtol=1e-3)
    # Words are whole: within one, the gradient is spread evenly.
    assert found.half_life == pytest.approx(math.log(2) / -math.log(factor), abs=0.06)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_the_half_life_of_a_steady_fall(share: float) -> None:
    curve = share ** np.arange(5000)
    assert half_life(curve) == pytest.approx(math.log(2) / -math.log(share), abs=0.05)


def test_the_half_life_of_a_flat_curve_is_half_its_length() -> None:
    assert half_life(np.ones(12)) == 6.0
    assert half_life(np.array([3.0])) == 0.5


def test_a_mean_looks_at_all_words_alike(make_bundle: Make, film_table: Table) -> None:
    found = reach(open_bundle(make_bundle()), film_table)
    np.testing.assert_allclose(found.curve, 1.0, atol=1e-6)
    lengths = sorted((len(text.split()) for text in film_table.columns["text"]), reverse=True)
    assert len(found.curve) == lengths[2]
    assert found.half_life == pytest.approx(np.median(lengths) / 2)


def test_networks_that_read_from_both_ends_are_measured_from_the_nearest(make_bundle: Make) -> None:
    encoder = {"encoder": "gru", "units": 3, "bidirectional": True}
    found = reach(open_bundle(make_bundle(encoder)), from_rows([{"text": TEXT}]))
    assert found.counted_from == "nearest end"
    assert len(found.curve) == 5
    assert max(found.curve) == 1.0


def test_texts_are_drawn_and_faulty_rows_left_out(make_bundle: Make, film_table: Table) -> None:
    opened = open_bundle(make_bundle())
    assert reach(opened, film_table, texts=5).texts == 5
    texts = np.array([*film_table.columns["text"][:3], None, 5], dtype=object)
    assert reach(opened, Table.of({"text": texts})).texts == 3
    with pytest.raises(DataError, match="mine: every row breaks the contract"):
        reach(opened, from_rows([{"text": ""}], source="mine"))


def test_an_answer_that_hangs_on_no_word_is_said(make_bundle: Make, film_table: Table) -> None:
    def deaf(network: TableNetwork) -> TableNetwork:
        return eqx.tree_at(lambda own: own.output.weight, network, network.output.weight * 0)

    silent = "films: how far back films looks cannot be measured: 24 texts without any gradient"
    with pytest.raises(DataError, match=silent):
        reach(open_bundle(make_bundle(change=deaf)), film_table)


def test_texts_whose_last_word_is_not_heard_count_too(make_bundle: Make, film_table: Table) -> None:
    opened = open_bundle(make_bundle({"encoder": "convolution", "units": 1, "widths": [1]}))
    (bank,) = opened.encoder.convolution.banks  # type: ignore[union-attr]
    found = reach(opened, film_table)
    expected = []
    for text in film_table.columns["text"]:
        vectors = np.asarray(opened.encoder.embedding.weight)[opened.ready({"text": text}).inputs["tokens"][0]]
        scores = (vectors @ np.asarray(bank.linear.weight)[:, 0] + np.asarray(bank.linear.bias))[::-1]
        if scores.max() > 0:
            # The maximum hears one word, or a repeated one wherever it stands.
            expected.append(half_life(np.isclose(scores, scores.max())))
    assert 3 <= len(expected) < len(film_table)
    assert found.texts == len(expected)
    assert found.silent == len(film_table) - len(expected)
    assert found.left_out.endswith(" without any gradient")
    assert found.half_life == pytest.approx(np.median(expected))
