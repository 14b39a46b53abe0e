"""Recurrent layers: a cell over time, in one direction or two, one layer or several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray
from numpy.typing import NDArray

from treadle import kernels
from treadle.kernels import State
from treadle.nn.dropout import Dropout
from treadle.nn.linear import full, initial_weight
from treadle.nn.recurrent import CELLS

Steps = Float[Array, "time batch width"]
LayerState = tuple[State, ...]
"""The state of a layer, one for each of its directions."""


class Words(NamedTuple):
    """Steps that are rows of a table, by their codes: what the first layer reads more cheaply than the rows."""

    table: Float[Array, "words width"]
    codes: Int[Array, "time batch"]
    """A code outside the table stands for zeros."""


class Direction(eqx.Module):
    """A cell with its weights, taken over time in one direction."""

    weight: Float[Array, "features gates_units"]
    recurrent_weight: Float[Array, "units gates_units"]
    bias: Float[Array, " gates_units"]
    vectors: Float[Array, "vectors units"]
    initial: Float[Array, "states units"] | None
    """The learnt state before the first step; None for zeros."""
    cell: str = eqx.field(static=True)
    reverse: bool = eqx.field(static=True)

    def __init__(
        self, cell: str, features: int, units: int, rng: np.random.Generator, *, reverse: bool, learn_initial: bool
    ) -> None:
        kind = CELLS[cell]
        self.weight = initial_weight(rng, (features, kind.gates * units))
        # Orthogonal for each gate: what comes back from many steps ago neither grows nor fades at the start.
        self.recurrent_weight = jnp.asarray(np.hstack([orthogonal(rng, units) for _ in range(kind.gates)]))
        bias = np.zeros((kind.gates, units), np.float32)
        if kind.forget_gate is not None:
            # Remember at first (Jozefowicz et al. 2015, An Empirical Exploration of Recurrent Network Architectures).
            bias[kind.forget_gate] = 1.0
        self.bias = jnp.asarray(bias.ravel())
        self.vectors = full((kind.vectors, units), 0.0)
        self.initial = full((kind.states, units), 0.0) if learn_initial else None
        self.cell = cell
        self.reverse = reverse

    @property
    def units(self) -> int:
        """Width of the hidden state."""
        return len(self.recurrent_weight)

    @property
    def states(self) -> int:
        """Arrays in the state."""
        return CELLS[self.cell].states

    def begin(self, batch: int) -> State:
        """The state before the first step, learnt or zeros."""
        zeros = jnp.zeros((self.states, self.units), self.bias.dtype)
        states = zeros if self.initial is None else self.initial
        return tuple(jnp.broadcast_to(state, (batch, self.units)) for state in states)

    def __call__(
        self,
        xs: Steps | Words,
        lengths: Int[Array, " batch"],
        initial: State | None,
        mask: Float[Array, "batch units"] | None,
    ) -> tuple[Steps, State]:
        """Outputs of every step and the final state; `initial` takes the place of the learnt state."""
        kind = CELLS[self.cell]
        initial = self.begin(len(lengths)) if initial is None else initial
        weights = kernels.Weights(self.weight, self.recurrent_weight, self.bias, self.vectors)
        if isinstance(xs, Words):
            return kernels.unroll_tokens(kind, weights, *xs, lengths, initial, mask=mask, reverse=self.reverse)
        return kernels.unroll(kind, weights, xs, lengths, initial, mask=mask, reverse=self.reverse)


class Unrolled(NamedTuple):
    """What a recurrent network makes of a batch of sequences."""

    outputs: Steps
    """The top layer's hidden state after every step, directions side by side; zero past a row's length."""
    last: Float[Array, "batch width"]
    """The top layer's final hidden state, directions side by side."""
    states: tuple[LayerState, ...]
    """The final state of every layer, which can be carried on into the next unroll."""


class RecurrentNetwork(eqx.Module):
    """Layers of one cell, each reading the outputs of the one below.

    In training, `dropout` zeroes parts of what a layer hands to the next, anew at every step, `recurrent_dropout`
    parts of the hidden state on its way into the recurrent product, the same at all steps (Gal and Ghahramani 2016, A
    Theoretically Grounded Application of Dropout in Recurrent Neural Networks, section 4), and `weight_dropout` parts
    of the recurrent weights (Merity et al. 2018, Regularizing and Optimizing LSTM Language Models, section 2).
    """

    layers: tuple[tuple[Direction, ...], ...]
    dropout: Dropout
    recurrent_dropout: Dropout
    weight_dropout: Dropout

    def __init__(
        self,
        cell: str,
        features: int,
        units: int | Sequence[int],
        rng: np.random.Generator,
        *,
        layers: int = 1,
        bidirectional: bool = False,
        reverse: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        weight_dropout: float = 0.0,
        learn_initial: bool = False,
    ) -> None:
        """
        Args:
            cell: a name in `CELLS`.
            features: width of the inputs.
            units: width of the hidden state of each direction, or those of every layer.
            rng: what the first weights are drawn from.
            layers: how many, where `units` is one width.
            bidirectional: read every row from both ends; outputs are then twice as wide.
            reverse: read every row from its end.
            dropout: between layers.
            recurrent_dropout: on the hidden state.
            weight_dropout: on the recurrent weights.
            learn_initial: learn the state before the first step, instead of zeros.
        """
        directions = (False, True) if bidirectional else (reverse,)
        hidden = (units,) * layers if isinstance(units, int) else tuple(units)
        widths = [features, *(each * len(directions) for each in hidden[:-1])]
        self.layers = tuple(
            tuple(
                Direction(cell, width, own, rng, reverse=reverse, learn_initial=learn_initial) for reverse in directions
            )
            for width, own in zip(widths, hidden, strict=True)
        )
        self.dropout = Dropout(dropout)
        self.recurrent_dropout = Dropout(recurrent_dropout)
        self.weight_dropout = Dropout(weight_dropout)

    @property
    def width(self) -> int:
        """Of the outputs."""
        return sum(direction.units for direction in self.layers[-1])

    def begin(self, batch: int) -> tuple[LayerState, ...]:
        """The states of all layers before the first step."""
        return tuple(tuple(direction.begin(batch) for direction in layer) for layer in self.layers)

    def __call__(
        self, xs: Steps | Words, lengths: Int[Array, " batch"], initial: tuple[LayerState, ...] | None = None
    ) -> Unrolled:
        """Read a batch; what stands in `xs` past a row's length changes nothing. `initial` carries states on."""
        return self._read(xs, lengths, initial, None)

    def learn(
        self,
        xs: Steps | Words,
        lengths: Int[Array, " batch"],
        key: PRNGKeyArray,
        initial: tuple[LayerState, ...] | None = None,
    ) -> Unrolled:
        """Read a training batch; `key` decides what drops out."""
        return self._read(xs, lengths, initial, key)

    def _read(
        self,
        xs: Steps | Words,
        lengths: Int[Array, " batch"],
        initial: tuple[LayerState, ...] | None,
        key: PRNGKeyArray | None,
    ) -> Unrolled:
        states = []
        outputs: Steps
        for index, layer in enumerate(self.layers):
            layer_key = None if key is None else jax.random.fold_in(key, index)
            if index and layer_key is not None:
                xs = self.dropout(outputs, layer_key)
            begin = initial[index] if initial is not None else (None,) * len(layer)
            masks = self._masks(layer, len(lengths), layer_key)
            thinned = self._thinned(layer, layer_key)
            unrolled = [
                direction(xs, lengths, state, mask)
                for direction, state, mask in zip(thinned, begin, masks, strict=True)
            ]
            xs = outputs = jnp.concatenate([steps for steps, _ in unrolled], axis=-1)
            states.append(tuple(state for _, state in unrolled))
        last = jnp.concatenate([state[0] for state in states[-1]], axis=-1)
        return Unrolled(outputs, last, tuple(states))

    def _thinned(self, layer: tuple[Direction, ...], key: PRNGKeyArray | None) -> tuple[Direction, ...]:
        """The layer with part of its recurrent weights left out."""
        if key is None or self.weight_dropout.rate == 0.0:
            return layer
        keys = [jax.random.fold_in(key, 101 + place) for place in range(len(layer))]
        weights = [
            self.weight_dropout(direction.recurrent_weight, own) for direction, own in zip(layer, keys, strict=True)
        ]
        thinned: tuple[Direction, ...] = eqx.tree_at(
            lambda layer: [direction.recurrent_weight for direction in layer], layer, weights
        )
        return thinned

    def _masks(
        self, layer: tuple[Direction, ...], batch: int, key: PRNGKeyArray | None
    ) -> list[Float[Array, "batch units"] | None]:
        if key is None or self.recurrent_dropout.rate == 0.0:
            return [None] * len(layer)
        keys = [jax.random.fold_in(key, 1 + place) for place in range(len(layer))]
        return [
            self.recurrent_dropout(jnp.ones((batch, direction.units)), own)
            for direction, own in zip(layer, keys, strict=True)
        ]


def orthogonal(rng: np.random.Generator, units: int) -> NDArray[np.float32]:
    """A random rotation, every one as likely. Source: Saxe et al. 2014, section 3; Mezzadri 2007, section 5."""
    rotation, upper = np.linalg.qr(rng.normal(size=(units, units)))
    turned: NDArray[np.float32] = (rotation * np.sign(np.diagonal(upper))).astype(np.float32)
    return turned
