"""Tokens as learnt vectors."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int
from numpy.typing import NDArray

from treadle.bundle.graph import Graph
from treadle.kernels import lookup
from treadle.nn.weights import Untrained

DEVIATION = 0.05
"""Of first vectors: small beside what training makes of them, so that tokens hardly seen say little."""


class TokenEmbedding(eqx.Module):
    """A vector for every number of a vocabulary."""

    weight: Float[Array, "numbers width"]

    def __init__(
        self,
        numbers: int,
        width: int,
        rng: np.random.Generator,
        vectors: NDArray[np.float32] | None = None,
        deviation: float = DEVIATION,
    ) -> None:
        weight = rng.normal(0.0, deviation, (numbers, width)).astype(np.float32)
        if vectors is not None:
            known = ~np.isnan(vectors[:, 0])
            # Tokens without a vector begin as long as those with one.
            weight *= float(np.std(vectors[known])) / deviation if known.any() else 1.0
            weight[: len(vectors)][known] = vectors[known]
        self.weight = jnp.asarray(weight)

    def __call__(self, tokens: Int[Array, "*shape"]) -> Float[Array, "*shape width"]:
        """The vectors of tokens; a number below 0 is none, and its vector is zeros that are not learnt."""
        return lookup(self.weight, tokens)

    def write(self, graph: Graph, tokens: str, name: str) -> str:
        """Add the lookup of the value `tokens`, none of them below 0, to `graph`."""
        return graph.add("Gather", [graph.constant(np.asarray(self.weight), f"{name}.weight"), tokens])


class _Salts(Untrained):
    """A random number for every token in every place of a run."""

    salts: Int[Array, "places numbers"]


class Runs(eqx.Module):
    """Numbers for all runs of 2 to n neighbouring tokens, by a hash: the sum of the tokens' salts.

    Source: Joulin et al. 2017, Bag of Tricks for Efficient Text Classification, section 2.1 (the hashing trick for
    n-grams).
    """

    hashes: _Salts
    first: int = eqx.field(static=True)
    """The first number of a run; those of single tokens stand before."""
    buckets: int = eqx.field(static=True)

    def __init__(self, longest: int, numbers: int, buckets: int, rng: np.random.Generator) -> None:
        # Sums of up to five stay within 32 bits.
        self.hashes = _Salts(jnp.asarray(rng.integers(0, 2**28, (longest, numbers), np.int32)))
        self.first = numbers
        self.buckets = buckets

    @property
    def longest(self) -> int:
        """Tokens of the longest run."""
        return len(self.hashes.salts)

    def __call__(
        self, tokens: Int[Array, "rows time"], lengths: Int[Array, " rows"]
    ) -> tuple[Int[Array, "rows all"], Bool[Array, "rows all"]]:
        """Numbers of the single tokens, then of the runs of two, and so on; and which of them are there."""
        time = tokens.shape[1]
        padded = jnp.pad(tokens, ((0, 0), (0, self.longest - 1)))
        numbers, present = [tokens], [within(time, lengths)]
        total = self.hashes.salts[0][tokens]
        for place in range(1, self.longest):
            total += self.hashes.salts[place][padded[:, place : place + time]]
            numbers.append(self.first + total % self.buckets)
            present.append(within(time, lengths - place))
        return jnp.concatenate(numbers, axis=1), jnp.concatenate(present, axis=1)

    def write(self, graph: Graph, tokens: str, lengths: str, name: str) -> tuple[str, str]:
        """Add the numbers of all runs, and which of them are there, to `graph`."""
        whole = [0, 0, 0, self.longest - 1]
        padded = graph.add("Pad", [tokens, graph.constant(np.array(whole), f"{name}.pads")])
        axis = graph.constant(np.array([1]), f"{name}.axis")
        salts = [np.asarray(row) for row in self.hashes.salts]
        total = graph.add("Gather", [graph.constant(salts[0], f"{name}.salts.0"), tokens])
        numbers, present = [tokens], [write_within(graph, tokens, lengths)]
        for place in range(1, self.longest):
            start = graph.constant(np.array([place]), f"{name}.start")
            rest = self.longest - 1 - place
            end = graph.constant(np.array([-rest if rest else 2**31 - 1]), f"{name}.end")
            shifted = graph.add("Slice", [padded, start, end, axis])
            salt = graph.add("Gather", [graph.constant(salts[place], f"{name}.salts.{place}"), shifted])
            total = graph.add("Add", [total, salt])
            bucket = graph.add("Mod", [total, graph.constant(np.array(self.buckets, np.int32), f"{name}.buckets")])
            numbers.append(graph.add("Add", [bucket, graph.constant(np.array(self.first, np.int32), f"{name}.first")]))
            shorter = graph.add("Sub", [lengths, graph.constant(np.array(place, np.int32), f"{name}.place")])
            present.append(write_within(graph, tokens, shorter))
        return graph.add("Concat", numbers, {"axis": 1}), graph.add("Concat", present, {"axis": 1})


def within(time: int, lengths: Int[Array, " rows"]) -> Bool[Array, "rows time"]:
    """Which steps are within a row's length."""
    return jnp.arange(time) < lengths[:, None]


def write_within(graph: Graph, tokens: str, lengths: str) -> str:
    """Add which steps of the value `tokens` are within a row's length to `graph`."""
    shape = graph.add("Shape", [tokens], {"start": 1, "end": 2})
    time = graph.add("Squeeze", [shape])
    zero, one = graph.constant(np.array(0), "zero"), graph.constant(np.array(1), "one")
    steps = graph.add("Range", [zero, time, one])
    ends = graph.add("Cast", [lengths], {"to": 7})
    return graph.add("Less", [steps, graph.add("Unsqueeze", [ends, graph.constant(np.array([1]), "last_axis")])])
