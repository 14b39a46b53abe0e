"""The beginnings, endings and shapes of words as learnt vectors."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from treadle.bundle.graph import Graph
from treadle.kernels import lookup
from treadle.nn.linear import normal
from treadle.nn.tokens import DEVIATION


class AffixEmbedding(eqx.Module):
    """The sum of the vectors of a word's affixes.

    Source: Bojanowski et al. 2017, Enriching Word Vectors with Subword Information, section 3.2 (a word as the sum of
    the vectors of its parts, which share buckets by a hash).
    """

    weight: Float[Array, "buckets width"]

    def __init__(self, buckets: int, width: int, rng: np.random.Generator) -> None:
        self.weight = normal(rng, (buckets, width), DEVIATION)

    def __call__(self, affixes: Int[Array, "*shape slots"]) -> Float[Array, "*shape width"]:
        """The vectors of words; a number below 0 is no affix and adds nothing, so that padding is zeros."""
        return jnp.sum(lookup(self.weight, affixes), axis=-2)

    def write(self, graph: Graph, affixes: str, name: str) -> str:
        """Add the sum for the value `affixes`, of shape (..., ..., slots), to `graph`."""
        # The last row of the table stands at -1.
        nothing = graph.constant(np.zeros((1, self.weight.shape[1]), np.float32), f"{name}.nothing")
        weight = graph.constant(np.asarray(self.weight), f"{name}.weight")
        table = graph.add("Concat", [weight, nothing], {"axis": 0})
        numbers = graph.add("Max", [affixes, graph.constant(np.array(-1, np.int32), f"{name}.none")])
        vectors = graph.add("Gather", [table, numbers])
        return graph.add("ReduceSum", [vectors, graph.constant(np.array([2]), f"{name}.slots")], {"keepdims": 0})
