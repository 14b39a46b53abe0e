"""What the training loop needs of a task."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from jaxtyping import Array, Float, Num

from treadle.bundle.graph import Graph
from treadle.nn import Network


class Task(Protocol):
    """A loss, and the way from raw outputs to answers."""

    @property
    def outputs(self) -> int:
        """Raw outputs that a network (every member of an ensemble) must have."""
        ...

    def training_losses(self, outputs: Float[Array, "rows *outputs"], targets: Num[Array, " rows"]) -> Array:
        """The loss of every row, shape (rows,); of an ensemble, the mean of the members' losses."""
        ...

    def answer_losses(self, outputs: Float[Array, "rows *outputs"], targets: Num[Array, " rows"]) -> Array:
        """The loss of every row's answer, shape (rows,); of an ensemble, the loss of the members' mean."""
        ...

    def answer(self, outputs: Float[Array, "rows *outputs"]) -> Float[Array, "rows answers"]:
        """What is answered: probabilities of every class, or values on the scaled target."""
        ...

    def write(self, network: Network, graph: Graph) -> None:
        """Write `network` and the way to its answers into `graph`, as the output `outputs`."""
        ...


def by_member(outputs: Float[Array, "rows *outputs"]) -> Float[Array, "rows members outputs"]:
    """Raw outputs with an axis for the members, of which a single network is one."""
    return outputs if outputs.ndim == 3 else outputs[:, None, :]


def write_member_mean(network: Network, graph: Graph, values: str) -> str:
    """Add the mean over the members of `network` to `graph`: (rows, members, n) to (rows, n)."""
    if network.members == 1:
        return values
    return graph.add("ReduceMean", [values, graph.constant(np.array([1]), "member_axis")], {"keepdims": 0})
