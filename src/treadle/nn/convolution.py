"""Neighbouring tokens read together.

Source: Kim 2014, Convolutional Neural Networks for Sentence Classification, section 2.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from treadle.bundle.graph import Graph
from treadle.nn.linear import Linear


class FilterBank(eqx.Module):
    """y_t = relu(W [x_{t-l}, ..., x_{t+r}] + b), for l + 1 + r neighbours; beyond the ends stand zeros."""

    linear: Linear
    neighbours: int = eqx.field(static=True)

    def __init__(self, neighbours: int, inputs: int, outputs: int, rng: np.random.Generator) -> None:
        self.linear = Linear(neighbours * inputs, outputs, rng, gain=float(np.sqrt(2)))
        self.neighbours = neighbours

    @property
    def _sides(self) -> tuple[int, int]:
        return (self.neighbours - 1) // 2, self.neighbours // 2

    def __call__(self, x: Float[Array, "rows time inputs"]) -> Float[Array, "rows time outputs"]:
        time = x.shape[1]
        padded = jnp.pad(x, ((0, 0), self._sides, (0, 0)))
        windows = [padded[:, place : place + time] for place in range(self.neighbours)]
        return jax.nn.relu(self.linear(jnp.concatenate(windows, axis=2)))

    def write(self, graph: Graph, x: str, name: str) -> str:
        """Add this bank, applied to the value `x` of shape (rows, inputs, time), to `graph`."""
        weight = np.asarray(self.linear.weight).reshape(self.neighbours, -1, self.linear.weight.shape[1])
        filters = graph.constant(weight.transpose(2, 1, 0), f"{name}.filters")
        bias = graph.constant(np.asarray(self.linear.bias), f"{name}.linear.bias")
        return graph.add("Relu", [graph.add("Conv", [x, filters, bias], {"pads": list(self._sides)})])


class Convolution(eqx.Module):
    """Banks of filters of different widths side by side; as many states as tokens."""

    banks: tuple[FilterBank, ...]

    def __init__(self, widths: tuple[int, ...], inputs: int, units: int, rng: np.random.Generator) -> None:
        self.banks = tuple(FilterBank(width, inputs, units, rng) for width in widths)

    def __call__(self, x: Float[Array, "rows time inputs"]) -> Float[Array, "rows time outputs"]:
        """States of every step; `x` is zero at steps that are not there."""
        return jnp.concatenate([bank(x) for bank in self.banks], axis=2)

    def write(self, graph: Graph, x: str, name: str) -> str:
        """Add this layer, applied to the value `x` of shape (rows, time, inputs), to `graph`."""
        x = graph.add("Transpose", [x], {"perm": [0, 2, 1]})
        states = [bank.write(graph, x, f"{name}.banks.{index}") for index, bank in enumerate(self.banks)]
        joined = graph.add("Concat", states, {"axis": 1}) if len(states) > 1 else states[0]
        return graph.add("Transpose", [joined], {"perm": [0, 2, 1]})
