"""Numbers as learnt vectors, so that a network can treat ranges of a number differently.

Source: Gorishniy et al. 2022, On Embeddings for Numerical Features in Tabular Deep Learning.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import NDArray

from treadle.bundle.graph import Graph
from treadle.nn.linear import full, initial_weight, normal
from treadle.nn.weights import Untrained


class Pieces(Untrained):
    """How full each piece of each number's range is, as (x - start) * slope held between lowest and highest.

    A piece is 0 before its start and 1 after its end, except that a number's first piece goes on below 0 and its
    last above 1, so that values outside the range seen in training are still told apart (section 3.2).
    """

    start: Float[Array, "numbers pieces"]
    slope: Float[Array, "numbers pieces"]
    lowest: Float[Array, "numbers pieces"]
    highest: Float[Array, "numbers pieces"]

    def __call__(self, x: Float[Array, "rows numbers"]) -> Float[Array, "rows numbers pieces"]:
        return jnp.clip((x[:, :, None] - self.start) * self.slope, self.lowest, self.highest)


def quantile_pieces(numbers: NDArray[np.float32], pieces: int) -> Pieces:
    """Pieces that hold equally many training rows, at most `pieces` for each column of `numbers`.

    A column with few distinct values has fewer; the places left over stay 0.
    """
    columns = numbers.shape[1]
    start, slope, lowest, highest = (np.zeros((columns, pieces), np.float32) for _ in range(4))
    for column in range(columns):
        edges = np.unique(np.quantile(numbers[:, column], np.linspace(0.0, 1.0, pieces + 1)).astype(np.float32))
        if len(edges) == 1:
            edges = np.append(edges, edges + np.float32(1.0))
        used = len(edges) - 1
        start[column, :used] = edges[:-1]
        slope[column, :used] = 1.0 / np.diff(edges)
        highest[column, :used] = 1.0
        lowest[column, 0] = -np.inf
        highest[column, used - 1] = np.inf
    return Pieces(jnp.asarray(start), jnp.asarray(slope), jnp.asarray(lowest), jnp.asarray(highest))


class PiecewiseEmbedding(eqx.Module):
    """A piecewise-linear function of every number to `width` values.

    It starts as a plain linear map; the pieces' weights start at zero and bend it where the data ask for it.
    """

    pieces: Pieces
    weight: Float[Array, "numbers pieces width"]
    linear_weight: Float[Array, "numbers width"]
    bias: Float[Array, "numbers width"]

    def __init__(self, numbers: NDArray[np.float32], pieces: int, width: int, rng: np.random.Generator) -> None:
        columns = numbers.shape[1]
        self.pieces = quantile_pieces(numbers, pieces)
        self.weight = full((columns, pieces, width), 0.0)
        self.linear_weight = jnp.asarray(rng.uniform(-1.0, 1.0, (columns, width)).astype(np.float32))
        self.bias = jnp.asarray(rng.uniform(-1.0, 1.0, (columns, width)).astype(np.float32))

    def __call__(self, x: Float[Array, "rows numbers"]) -> Float[Array, "rows width_of_all"]:
        bent = jnp.einsum("rnp,npw->rnw", self.pieces(x), self.weight)
        return (x[:, :, None] * self.linear_weight + bent + self.bias).reshape(len(x), -1)

    def write(self, graph: Graph, x: str, name: str) -> str:
        """Add the embedding of the value `x` to `graph`."""
        columns, _, width = self.weight.shape
        pieces = self.pieces
        x = graph.add("Unsqueeze", [x, graph.constant(np.array([2]), f"{name}.axes")])
        since = graph.add("Sub", [x, graph.constant(np.asarray(pieces.start), f"{name}.start")])
        share = graph.add("Mul", [since, graph.constant(np.asarray(pieces.slope), f"{name}.slope")])
        share = graph.add("Max", [share, graph.constant(np.asarray(pieces.lowest), f"{name}.lowest")])
        share = graph.add("Min", [share, graph.constant(np.asarray(pieces.highest), f"{name}.highest")])
        bent = write_map_per_number(graph, share, np.asarray(self.weight), name)
        straight = graph.add("Mul", [x, graph.constant(np.asarray(self.linear_weight), f"{name}.linear_weight")])
        y = graph.add("Add", [straight, bent])
        y = graph.add("Add", [y, graph.constant(np.asarray(self.bias), f"{name}.bias")])
        return graph.add("Reshape", [y, graph.constant(np.array([-1, columns * width]), f"{name}.shape")])


class PeriodicEmbedding(eqx.Module):
    """relu(W [sin(2 pi c x), cos(2 pi c x)] + b) for every number x, with learnt frequencies c (section 3.3)."""

    frequencies: Float[Array, "numbers frequencies"]
    weight: Float[Array, "numbers waves width"]
    bias: Float[Array, "numbers width"]

    def __init__(self, columns: int, frequencies: int, scale: float, width: int, rng: np.random.Generator) -> None:
        self.frequencies = normal(rng, (columns, frequencies), scale)
        self.weight = initial_weight(rng, (columns, 2 * frequencies, width), gain=float(np.sqrt(2)))
        self.bias = full((columns, width), 0.0)

    def __call__(self, x: Float[Array, "rows numbers"]) -> Float[Array, "rows width_of_all"]:
        angle = 2 * np.pi * self.frequencies * x[:, :, None]
        waves = jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], axis=-1)
        y = jax.nn.relu(jnp.einsum("rnp,npw->rnw", waves, self.weight) + self.bias)
        return y.reshape(len(x), -1)

    def write(self, graph: Graph, x: str, name: str) -> str:
        """Add the embedding of the value `x` to `graph`."""
        columns, _, width = self.weight.shape
        x = graph.add("Unsqueeze", [x, graph.constant(np.array([2]), f"{name}.axes")])
        turns = np.float32(2 * np.pi) * np.asarray(self.frequencies)
        angle = graph.add("Mul", [x, graph.constant(turns, f"{name}.turns")])
        waves = graph.add("Concat", [graph.add("Sin", [angle]), graph.add("Cos", [angle])], {"axis": -1})
        y = write_map_per_number(graph, waves, np.asarray(self.weight), name)
        y = graph.add("Relu", [graph.add("Add", [y, graph.constant(np.asarray(self.bias), f"{name}.bias")])])
        return graph.add("Reshape", [y, graph.constant(np.array([-1, columns * width]), f"{name}.shape")])


def write_map_per_number(graph: Graph, x: str, weight: NDArray[np.float32], name: str) -> str:
    """Add, for every number n, x[:, n] W[n] to `graph`; x is (rows, numbers, inputs), W (numbers, inputs, width)."""
    by_number = graph.add("Transpose", [x], {"perm": [1, 0, 2]})
    product = graph.add("MatMul", [by_number, graph.constant(weight, f"{name}.weight")])
    return graph.add("Transpose", [product], {"perm": [1, 0, 2]})
