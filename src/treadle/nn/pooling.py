"""Many steps to one vector, over the steps that are there."""

from __future__ import annotations

from typing import Literal, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from treadle.bundle.graph import Graph
from treadle.nn.linear import Linear, normal

LOWEST = -1e30
"""Stands in for what is not there: no float32 that a network makes is below, and its exponential is zero."""

States = Float[Array, "rows time width"]
Present = Bool[Array, "rows time"]
"""Which steps are there; every row has one at least."""


class Pooling(Protocol):
    """States of shape (rows, time, width) to one vector a row, shape (rows, width)."""

    def __call__(self, states: States, present: Present) -> Float[Array, "rows width"]:
        """The vector of every row; steps that are not present change nothing."""
        ...

    def write(self, graph: Graph, states: str, present: str, name: str, *, clean: bool = False) -> str:
        """Add this pooling of the value `states` to `graph`; `clean`: what is not present is zeros already."""
        ...


class MeanPooling(eqx.Module):
    """The mean of the steps."""

    def __call__(self, states: States, present: Present) -> Float[Array, "rows width"]:
        counts = present.sum(axis=1, keepdims=True)
        return jnp.sum(jnp.where(present[:, :, None], states, 0.0), axis=1) / counts

    def write(self, graph: Graph, states: str, present: str, name: str, *, clean: bool = False) -> str:
        """Add the mean over the second axis to `graph`."""
        axis = graph.constant(np.array([1]), f"{name}.axis")
        kept = graph.add("Cast", [present], {"to": 1})
        there = states if clean else graph.add("Mul", [states, _beside(graph, kept, name)])
        total = graph.add("ReduceSum", [there, axis], {"keepdims": 0})
        return graph.add("Div", [total, graph.add("ReduceSum", [kept, axis], {"keepdims": 1})])


class MaxPooling(eqx.Module):
    """The largest value of every column over the steps."""

    def __call__(self, states: States, present: Present) -> Float[Array, "rows width"]:
        return jnp.max(jnp.where(present[:, :, None], states, LOWEST), axis=1)

    def write(
        self,
        graph: Graph,
        states: str,
        present: str,
        name: str,
        *,
        clean: bool = False,  # noqa: ARG002 - zeros may be above what is there
    ) -> str:
        """Add the maximum over the second axis to `graph`."""
        lowest = graph.constant(LOWEST, f"{name}.lowest")
        kept = graph.add("Where", [_beside(graph, present, name), states, lowest])
        return graph.add("ReduceMax", [kept, graph.constant(np.array([1]), f"{name}.axis")], {"keepdims": 0})


class AttentionPooling(eqx.Module):
    """The mean of the steps, weighted by softmax(query . tanh(W state + b)).

    Source: Yang et al. 2016, Hierarchical Attention Networks for Document Classification, section 2.2.
    """

    linear: Linear
    query: Float[Array, " width"]

    def __init__(self, width: int, rng: np.random.Generator) -> None:
        self.linear = Linear(width, width, rng)
        self.query = normal(rng, (width,), float(1 / np.sqrt(width)))

    def weights(self, states: States, present: Present) -> Float[Array, "rows time"]:
        """What share every step has in its row."""
        scores = jnp.tanh(self.linear(states)) @ self.query
        return jax.nn.softmax(jnp.where(present, scores, LOWEST), axis=1)

    def __call__(self, states: States, present: Present) -> Float[Array, "rows width"]:
        # A state that is not there has the weight zero, but zero times what it holds need not be zero.
        there = jnp.where(present[:, :, None], states, 0.0)
        return jnp.einsum("rt,rtw->rw", self.weights(states, present), there)

    def write(self, graph: Graph, states: str, present: str, name: str, *, clean: bool = False) -> str:
        """Add the weighted mean over the second axis to `graph`."""
        axis = graph.constant(np.array([1]), f"{name}.axis")
        bent = graph.add("Tanh", [self.linear.write(graph, states, f"{name}.linear")])
        scores = graph.add("MatMul", [bent, graph.constant(np.asarray(self.query), f"{name}.query")])
        lowest = graph.constant(LOWEST, f"{name}.lowest")
        shares = graph.add("Softmax", [graph.add("Where", [present, scores, lowest])], {"axis": 1})
        there = states
        if not clean:
            there = graph.add("Mul", [states, _beside(graph, graph.add("Cast", [present], {"to": 1}), name)])
        weighted = graph.add("Mul", [there, _beside(graph, shares, name)])
        return graph.add("ReduceSum", [weighted, axis], {"keepdims": 0})


def make_pooling(kind: Literal["last", "mean", "max", "attention"], width: int, rng: np.random.Generator) -> Pooling:
    """The pooling of a recipe, for states of this width."""
    if kind == "attention":
        return AttentionPooling(width, rng)
    return MaxPooling() if kind == "max" else MeanPooling()


def _beside(graph: Graph, steps: str, name: str) -> str:
    """A value of shape (rows, time), to be broadcast over (rows, time, width)."""
    return graph.add("Unsqueeze", [steps, graph.constant(np.array([2]), f"{name}.beside")])
