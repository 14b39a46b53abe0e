"""Categories as learnt vectors."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from treadle.bundle.graph import Graph


class CategoryEmbedding(eqx.Module):
    """A vector for every category of every column, the columns' vectors side by side.

    The last category of a column stands for all that training has not seen. Its vector starts at zero, so that it
    says nothing unless training rows taught it something.
    """

    weight: Float[Array, "categories width"]
    starts: tuple[int, ...] = eqx.field(static=True)
    """Where each column's categories start among the rows of `weight`."""

    def __init__(self, cardinalities: tuple[int, ...], width: int, rng: np.random.Generator) -> None:
        ends = np.cumsum(cardinalities)
        weight = rng.normal(0.0, 1 / np.sqrt(width), (int(ends[-1]), width))
        weight[ends - 1] = 0.0
        self.weight = jnp.asarray(weight.astype(np.float32))
        self.starts = tuple(int(start) for start in ends - cardinalities)

    def __call__(self, codes: Int[Array, "rows columns"]) -> Float[Array, "rows width_of_all"]:
        vectors = self.weight[codes + jnp.array(self.starts, codes.dtype)]
        return vectors.reshape(len(codes), -1)

    def write(self, graph: Graph, codes: str, name: str) -> str:
        """Add the lookup of the value `codes` to `graph`."""
        rows = graph.add("Add", [codes, graph.constant(np.array(self.starts, np.int32), f"{name}.starts")])
        vectors = graph.add("Gather", [graph.constant(np.asarray(self.weight), f"{name}.weight"), rows])
        width = len(self.starts) * self.weight.shape[1]
        return graph.add("Reshape", [vectors, graph.constant(np.array([-1, width]), f"{name}.shape")])
