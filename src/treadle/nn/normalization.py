"""Layer and batch normalisation."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from treadle.bundle.graph import Graph
from treadle.nn.linear import full
from treadle.nn.weights import Untrained

EPSILON = 1e-5


class LayerNorm(eqx.Module):
    """Zero mean and unit variance over the last axis of every row, then a learnt scale and bias.

    Source: Ba et al. 2016, Layer Normalization, section 3.
    """

    scale: Float[Array, " width"]
    bias: Float[Array, " width"]

    def __init__(self, width: int) -> None:
        self.scale = full((width,), 1.0)
        self.bias = full((width,), 0.0)

    def __call__(self, x: Float[Array, "*rows width"]) -> Float[Array, "*rows width"]:
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = jnp.square(centred).mean(axis=-1, keepdims=True)
        return centred * jax.lax.rsqrt(variance + EPSILON) * self.scale + self.bias

    def write(self, graph: Graph, x: str, name: str) -> str:
        """Add this layer, applied to the value `x`, to `graph`."""
        scale = graph.constant(np.asarray(self.scale), f"{name}.scale")
        bias = graph.constant(np.asarray(self.bias), f"{name}.bias")
        return graph.add("LayerNormalization", [x, scale, bias], {"axis": -1, "epsilon": EPSILON})


class RunningStatistics(Untrained):
    """What batch normalisation remembers of the training batches; no optimiser touches it."""

    mean: Float[Array, "*shape"]
    variance: Float[Array, "*shape"]


class BatchNorm(eqx.Module):
    """Zero mean and unit variance over the rows of a batch, then a learnt scale and bias.

    Answers use running statistics instead, so that no row's answer depends on the rows beside it.
    Source: Ioffe and Szegedy 2015, Batch Normalization, algorithms 1 and 2.
    """

    running: RunningStatistics
    scale: Float[Array, "*shape"]
    bias: Float[Array, "*shape"]
    rate: float = eqx.field(static=True)
    """How far a full batch moves the running statistics towards its own."""

    def __init__(self, shape: tuple[int, ...], rate: float = 0.1) -> None:
        self.running = RunningStatistics(full(shape, 0.0), full(shape, 1.0))
        self.scale = full(shape, 1.0)
        self.bias = full(shape, 0.0)
        self.rate = rate

    def __call__(self, x: Float[Array, "rows *shape"]) -> Float[Array, "rows *shape"]:
        return self._normalize(x, self.running.mean, self.running.variance)

    def learn(
        self, x: Float[Array, "rows *shape"], present: Float[Array, " rows"]
    ) -> tuple[Float[Array, "rows *shape"], BatchNorm]:
        """The batch normalised by its own statistics, and this layer with its running statistics moved.

        Rows whose `present` is 0 only fill up the batch and do not count; a batch that is partly filled moves the
        running statistics in proportion.
        """
        weight = present.reshape(-1, *(1,) * (x.ndim - 1)) / present.sum()
        mean = jnp.sum(weight * x, axis=0)
        variance = jnp.sum(weight * jnp.square(x - mean), axis=0)
        rate = self.rate * present.mean()
        moved = RunningStatistics(
            self.running.mean + rate * (jax.lax.stop_gradient(mean) - self.running.mean),
            self.running.variance + rate * (jax.lax.stop_gradient(variance) - self.running.variance),
        )
        return self._normalize(x, mean, variance), eqx.tree_at(lambda layer: layer.running, self, moved)

    def _normalize(
        self, x: Float[Array, "rows *shape"], mean: Float[Array, "*shape"], variance: Float[Array, "*shape"]
    ) -> Float[Array, "rows *shape"]:
        return (x - mean) * jax.lax.rsqrt(variance + EPSILON) * self.scale + self.bias

    def write(self, graph: Graph, x: str, name: str) -> str:
        """Add this layer, with its running statistics, applied to the value `x`, to `graph`."""
        factor = np.asarray(self.scale) / np.sqrt(np.asarray(self.running.variance) + np.float32(EPSILON))
        centred = graph.add("Sub", [x, graph.constant(np.asarray(self.running.mean), f"{name}.mean")])
        scaled = graph.add("Mul", [centred, graph.constant(factor, f"{name}.factor")])
        return graph.add("Add", [scaled, graph.constant(np.asarray(self.bias), f"{name}.bias")])
