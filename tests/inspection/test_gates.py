"""What is forgotten and let in: every cell's gates against its equations in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from treadle.bundle.predictor import Predictor
from treadle.errors import ContractError
from treadle.inspection.gates import gates
from treadle.inspection.opened import Opened, open_bundle
from treadle.nn.recurrent_layers import Direction

Make = Callable[..., Predictor]
TEXT = "the film was good and the plot not dull"
UNITS = 4


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def shares(cell: str, direction: Direction, xs: np.ndarray) -> Iterator[tuple[float, ...]]:
    """What each strip of the cell shows at every step, from the equations as they stand in the papers."""
    weight, recurrent, bias, vectors = (
        np.asarray(array, np.float64)
        for array in (direction.weight, direction.recurrent_weight, direction.bias, direction.vectors)
    )
    h = c = np.zeros(UNITS)
    for x in xs:
        parts, back = np.split(x @ weight + bias, len(bias) // UNITS), np.split(h @ recurrent, len(bias) // UNITS)
        sums = [a + b for a, b in zip(parts, back, strict=True)]
        if cell == "simple_rnn":
            h = np.tanh(sums[0])
            yield (float(np.mean(1 - h**2 < 0.1)),)
        elif cell == "simple_relu":
            h = np.maximum(sums[0], 0)
            yield (float(np.mean(h == 0)),)
        elif cell == "gru":
            z, r = sigmoid(sums[0]), sigmoid(sums[1])
            h = (1 - z) * np.tanh(parts[2] + r * (back[2] + vectors[0])) + z * h
            yield float(np.mean(1 - z)), float(np.mean(1 - r))
        elif cell == "coupled_lstm":
            f = sigmoid(sums[0])
            c = f * c + (1 - f) * np.tanh(sums[1])
            h = sigmoid(sums[2]) * np.tanh(c)
            yield float(np.mean(1 - f)), float(np.mean(1 - f))
        else:
            peepholes = vectors if cell == "peephole_lstm" else np.zeros((3, UNITS))
            i, f = sigmoid(sums[0] + peepholes[0] * c), sigmoid(sums[1] + peepholes[1] * c)
            c = f * c + i * np.tanh(sums[2])
            h = sigmoid(sums[3] + peepholes[2] * c) * np.tanh(c)
            yield float(np.mean(1 - f)), float(np.mean(i))


def vectors_of(opened: Opened) -> np.ndarray:
    tokens = opened.ready({"text": TEXT}).inputs["tokens"][0]
    return np.asarray(opened.encoder.embedding.weight, np.float64)[tokens]


@pytest.mark.parametrize(
    ("cell", "titles"),
    [
        ("simple_rnn", ["saturated"]),
        ("simple_relu", ["saturated"]),
        ("lstm", ["forgotten", "let in"]),
        ("peephole_lstm", ["forgotten", "let in"]),
        ("coupled_lstm", ["forgotten", "let in"]),
        ("gru", ["replaced", "set aside"]),
    ],
)
def test_every_cell_shows_its_gates(make_bundle: Make, cell: str, titles: list[str]) -> None:
    encoder: dict[str, Any] = {"encoder": cell, "units": UNITS}
    if cell == "simple_relu":
        encoder = {"encoder": "simple_rnn", "activation": "relu", "units": UNITS}
    opened = open_bundle(make_bundle(encoder, seed=5))
    found = gates(opened, {"text": TEXT})
    assert found.tokens == tuple(TEXT.split())
    assert [strip.title for strip in found.strips] == titles
    (direction,), *_ = opened.encoder.recurrent.layers  # type: ignore[union-attr]
    expected = np.array(list(shares(cell, direction, vectors_of(opened)))).T
    np.testing.assert_allclose([strip.values for strip in found.strips], expected, atol=1e-5)
    assert all(0 <= value <= 1 for strip in found.strips for value in strip.values)


def test_all_layers_and_directions_are_shown(make_bundle: Make) -> None:
    opened = open_bundle(make_bundle({"encoder": "gru", "units": UNITS, "layers": 2, "bidirectional": True}))
    found = gates(opened, {"text": TEXT})
    places = [(strip.layer, strip.backwards) for strip in found.strips]
    assert places == [(layer, backwards) for layer in (1, 2) for backwards in (False, True) for _ in range(2)]
    backwards = opened.encoder.recurrent.layers[0][1]  # type: ignore[union-attr]
    expected = np.array(list(shares("gru", backwards, vectors_of(opened)[::-1])))[::-1].T
    np.testing.assert_allclose([strip.values for strip in found.strips[2:4]], expected, atol=1e-5)


def test_a_network_without_gates_says_so(make_bundle: Make) -> None:
    with pytest.raises(ContractError, match=r"'films' has no gates: model.text.encoder is no recurrent network"):
        gates(open_bundle(make_bundle()), {"text": TEXT})
