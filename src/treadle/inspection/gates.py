"""What a recurrent network forgets and lets in at each word of a text."""

from __future__ import annotations

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import NDArray

from treadle.errors import ContractError
from treadle.inspection.opened import Opened, padded
from treadle.kernels import State
from treadle.nn.recurrent import CELLS
from treadle.nn.recurrent_layers import Direction

FLAT = 0.1
"""Slope of a unit's bend below which hardly anything passes back through it."""

SHOWN = {
    "forget": ("forgotten", "1 less the forget gate"),
    "input": ("let in", "the input gate"),
    "update": ("replaced", "1 less the update gate"),
    "reset": ("set aside", "1 less the reset gate: how little of the past the new candidate sees"),
}
"""What is shown of a gate, and how it comes from it."""
SATURATED = ("saturated", f"share of the units whose slope is below {FLAT:g}, through which hardly anything is learnt")


@dataclass(frozen=True)
class Strip:
    """One figure at every token of a text, the mean over a layer's units, 0 to 1."""

    layer: int
    """Counted from 1, the lowest."""
    backwards: bool
    """Whether the text is read from its end."""
    title: str
    meaning: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Gates:
    """The gates of all layers while one text is read."""

    cell: str
    tokens: tuple[str, ...]
    strips: tuple[Strip, ...]
    joint: str
    """What stands between the tokens: a blank, or nothing between characters."""


def gates(opened: Opened, row: dict[str, object]) -> Gates:
    """How far the gates are open at each token, or in cells without gates how many units are saturated.

    Args:
        opened: a bundle that reads text with a recurrent network.
        row: cells by column, as in a request.

    Raises:
        ContractError: the row breaks the contract, or the bundle has no recurrent network.
    """
    recurrent = opened.encoder.recurrent
    if recurrent is None:
        raise ContractError(f"bundle {opened.name!r} has no gates: model.text.encoder is no recurrent network")
    readied = opened.ready(row)
    inputs = padded(readied.inputs)
    tokens, _ = opened.tokens(readied)
    vectors, _ = opened.encoder.embed(jnp.asarray(inputs["tokens"]), jnp.asarray(inputs["lengths"]))
    xs = np.asarray(vectors[0])
    strips: list[Strip] = []
    for index, layer in enumerate(recurrent.layers, start=1):
        outputs = []
        for direction in layer:
            hidden, means = _read(direction, xs, len(tokens))
            outputs.append(hidden)
            strips += _strips(direction, index, hidden[: len(tokens)], means[:, : len(tokens)])
        xs = np.concatenate(outputs, axis=1)
    joint = "" if opened.text.recipe.tokens == "characters" else " "
    return Gates(recurrent.layers[0][0].cell, tuple(tokens), tuple(strips), joint)


def _read(
    direction: Direction, xs: NDArray[np.float32], length: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Hidden state, shape (time, units), and mean opening of the gates, shape (gates, time), at every token."""
    order = np.arange(len(xs))
    if direction.reverse:
        order[:length] = order[:length][::-1]
    hidden, means = _steps(direction, jnp.asarray(xs[order]))
    return np.asarray(hidden)[order], np.asarray(means)[:, order]


@eqx.filter_jit
def _steps(
    direction: Direction, xs: Float[Array, "time features"]
) -> tuple[Float[Array, "time units"], Float[Array, "gates time"]]:
    """The cell over time, with its gates; kernels keep only the states."""
    cell = CELLS[direction.cell]

    def step(state: State, x: Float[Array, "1 sums"]) -> tuple[State, tuple[Array, Array]]:
        h = state[0] @ direction.recurrent_weight
        opened = cell.open(state, x, h, direction.vectors)
        after = cell.step(state, x, h, direction.vectors)
        return after, (after[0][0], jnp.array([jnp.mean(gate) for gate in opened]))

    zeros = jnp.zeros((cell.states, direction.units))
    begin = tuple(state[None] for state in (zeros if direction.initial is None else direction.initial))
    _, (hidden, means) = jax.lax.scan(step, begin, (xs @ direction.weight + direction.bias)[:, None])
    return hidden, means.T


def _strips(direction: Direction, layer: int, hidden: NDArray[np.float32], means: NDArray[np.float32]) -> list[Strip]:
    cell = CELLS[direction.cell]
    if not cell.gate_names:
        slopes = (hidden > 0).astype(np.float32) if cell.kind == "simple_relu" else 1 - np.square(hidden)
        share = np.mean(slopes < FLAT, axis=1)
        return [Strip(layer, direction.reverse, *SATURATED, tuple(share.tolist()))]
    strips = []
    for name, mean in zip(cell.gate_names, means, strict=True):
        shown = mean if name == "input" else 1 - mean
        strips.append(Strip(layer, direction.reverse, *SHOWN[name], tuple(shown.tolist())))
    return strips
