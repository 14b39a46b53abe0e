"""What the training loop needs of a task."""

from __future__ import annotations

from typing import Protocol

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num, PyTree

from treadle.bundle.graph import Graph
from treadle.nn import Network


class Objective(Protocol):
    """What training makes small."""

    @property
    def outputs(self) -> int:
        """Raw outputs that a network (every member of an ensemble) must have."""
        ...

    def training_losses(self, outputs: PyTree[Array], targets: Num[Array, "rows *time"]) -> Array:
        """The loss of every row, shape (rows,), summed over its answers; of an ensemble, the mean of the members'."""
        ...

    def answer_losses(self, outputs: PyTree[Array], targets: Num[Array, "rows *time"]) -> Array:
        """The loss of every row's answers, shape (rows,); of an ensemble, the loss of the members' mean."""
        ...

    def answers(self, targets: Num[Array, "rows *time"]) -> Float[Array, " rows"]:
        """How many answers every row asks for: the mean loss is over them."""
        ...


class Task(Objective, Protocol):
    """A loss of one answer for a row, and the way from raw outputs to answers."""

    def answer(self, outputs: Float[Array, "rows *outputs"]) -> Float[Array, "rows answers"]:
        """What is answered: probabilities of every class, or values on the scaled target."""
        ...

    def write(self, network: Network, graph: Graph) -> None:
        """Write `network` and the way to its answers into `graph`, as the output `outputs`."""
        ...


def one_each(targets: Num[Array, " rows"]) -> Float[Array, " rows"]:
    """One answer for every row."""
    return jnp.ones(targets.shape, jnp.float32)


def by_member(outputs: Float[Array, "rows *outputs"]) -> Float[Array, "rows members outputs"]:
    """Raw outputs with an axis for the members, of which a single network is one."""
    return outputs if outputs.ndim == 3 else outputs[:, None, :]


def write_member_mean(network: Network, graph: Graph, values: str) -> str:
    """Add the mean over the members of `network` to `graph`: (rows, members, n) to (rows, n)."""
    if network.members == 1:
        return values
    return graph.add("ReduceMean", [values, graph.constant(np.array([1]), "member_axis")], {"keepdims": 0})
