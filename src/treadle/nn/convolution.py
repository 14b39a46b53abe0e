"""Neighbouring tokens read together.

Source: Kim 2014, Convolutional Neural Networks for Sentence Classification, section 2.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import NDArray

from treadle.bundle.graph import Graph
from treadle.nn.linear import Linear, full


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


class OneHotConvolution(eqx.Module):
    """y_t = relu(sum over j of W_j[token_{t+j}] + b): a convolution over tokens one-hot encoded.

    A token has a vector of its own for every place in a bank's window, side by side in one embedding of
    `sum(widths) * units` columns. No vector is shared by the places, as it is where embeddings are convolved, and there
    is nothing to multiply. Source: Johnson and Zhang 2015, Effective Use of Word Order for Text Categorization with
    Convolutional Neural Networks, section 2.2 (seq-CNN).
    """

    bias: Float[Array, " outputs"]
    widths: tuple[int, ...] = eqx.field(static=True)
    units: int = eqx.field(static=True)

    def __init__(self, widths: tuple[int, ...], units: int) -> None:
        self.bias = full((len(widths) * units,), 0.0)
        self.widths = widths
        self.units = units

    @property
    def inputs(self) -> int:
        """Columns that a token's embedding needs."""
        return sum(self.widths) * self.units

    def __call__(self, x: Float[Array, "rows time inputs"]) -> Float[Array, "rows time outputs"]:
        """States of every step; `x` is zero at steps that are not there."""
        time, reach = x.shape[1], max(self.widths)
        padded = jnp.pad(x, ((0, 0), (reach, reach), (0, 0)))
        banks = []
        for first, places in self._banks():
            shifted = [
                padded[:, reach + shift : reach + shift + time, (first + place) * self.units :][..., : self.units]
                for place, shift in enumerate(places)
            ]
            banks.append(sum(shifted[1:], start=shifted[0]))
        return jax.nn.relu(jnp.concatenate(banks, axis=2) + self.bias)

    def write(self, graph: Graph, table: NDArray[np.float32], tokens: str, present: str, name: str) -> str:
        """Add this layer to `graph`.

        Args:
            graph: where to.
            table: the embedding, shape (numbers, inputs).
            tokens: value of shape (rows, time).
            present: which of the tokens are there, shape (rows, time).
            name: what the weights' names begin with.
        """
        # One column block of the table at a time: a token's whole row would be a matrix as wide as all banks together.
        blocks = np.concatenate([table, np.zeros((1, table.shape[1]), np.float32)])
        none = graph.constant(np.array(len(table), np.int32), f"{name}.none")
        there = graph.add("Where", [present, tokens, none])
        reach = max(self.widths)
        padded = graph.add("Pad", [there, graph.constant(np.array([0, reach, 0, reach]), f"{name}.pads"), none])
        states = []
        for bank, (first, places) in enumerate(self._banks()):
            total = graph.constant(np.asarray(self.bias)[bank * self.units :][: self.units], f"{name}.bias.{bank}")
            for place, shift in enumerate(places, start=first):
                edges = (reach + shift, shift - reach)
                start, end = (graph.constant(np.array([edge]), f"{name}.edge") for edge in edges)
                shifted = graph.add("Slice", [padded, start, end, graph.constant(np.array([1]), f"{name}.axis")])
                block = np.ascontiguousarray(blocks[:, place * self.units : (place + 1) * self.units])
                found = graph.add("Gather", [graph.constant(block, f"{name}.weight.{place}"), shifted])
                total = graph.add("Add", [total, found])
            states.append(graph.add("Relu", [total]))
        return graph.add("Concat", states, {"axis": 2}) if len(states) > 1 else states[0]

    def _banks(self) -> list[tuple[int, range]]:
        """For every bank its first place in the embedding, and how far from the step each of its places looks."""
        starts = np.cumsum([0, *self.widths[:-1]]).tolist()
        return [
            (start, range(-((width - 1) // 2), width // 2 + 1))
            for start, width in zip(starts, self.widths, strict=True)
        ]
