"""The linear layer."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from treadle.bundle.graph import Graph


def normal(rng: np.random.Generator, shape: tuple[int, ...], deviation: float = 1.0) -> Float[Array, "..."]:
    """Initial weights with mean 0. NumPy draws them because JAX would first compile a program for every shape."""
    return jnp.asarray(rng.normal(0.0, deviation, shape).astype(np.float32))


def full(shape: tuple[int, ...], value: float) -> Float[Array, "..."]:
    """Initial weights that are all `value`."""
    return jnp.asarray(np.full(shape, value, np.float32))


def initial_weight(rng: np.random.Generator, shape: tuple[int, ...], gain: float = 1.0) -> Float[Array, "..."]:
    """A weight of shape (..., inputs, outputs) that keeps the variance of its inputs, times `gain` squared.

    Source: He et al. 2015, Delving Deep into Rectifiers, section 2.2.
    """
    return normal(rng, shape, gain / float(np.sqrt(shape[-2])))


class Linear(eqx.Module):
    """y = x W + b, for x of shape (..., inputs)."""

    weight: Float[Array, "inputs outputs"]
    bias: Float[Array, " outputs"]

    def __init__(self, inputs: int, outputs: int, rng: np.random.Generator, gain: float = 1.0) -> None:
        self.weight = initial_weight(rng, (inputs, outputs), gain)
        self.bias = full((outputs,), 0.0)

    def __call__(self, x: Float[Array, "*rows inputs"]) -> Float[Array, "*rows outputs"]:
        return x @ self.weight + self.bias

    def write(self, graph: Graph, x: str, name: str) -> str:
        """Add this layer, applied to the value `x`, to `graph`; its weights are called `name`.weight and so on."""
        product = graph.add("MatMul", [x, graph.constant(np.asarray(self.weight), f"{name}.weight")])
        return graph.add("Add", [product, graph.constant(np.asarray(self.bias), f"{name}.bias")])
