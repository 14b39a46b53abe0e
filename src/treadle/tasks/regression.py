"""A number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from treadle.bundle.graph import Graph
from treadle.nn import Network
from treadle.tasks.task import by_member, one_each, write_member_mean


@dataclass(frozen=True)
class Regression:
    """A loss of the difference between output and target, both on the scaled target (mean 0, deviation 1)."""

    loss: Literal["mse", "mae", "huber"] = "mse"
    outputs: int = 1

    def training_losses(
        self, outputs: Float[Array, "rows *outputs"], targets: Float[Array, " rows"]
    ) -> Float[Array, " rows"]:
        """The loss of every row; the mean over the members of an ensemble."""
        return self._of(by_member(outputs)[:, :, 0] - targets[:, None]).mean(axis=1)

    def answer_losses(
        self, outputs: Float[Array, "rows *outputs"], targets: Float[Array, " rows"]
    ) -> Float[Array, " rows"]:
        """The loss of every row's answer, the members' mean."""
        return self._of(self.answer(outputs)[:, 0] - targets)

    def answers(self, targets: Float[Array, " rows"]) -> Float[Array, " rows"]:
        """One for every row."""
        return one_each(targets)

    def answer(self, outputs: Float[Array, "rows *outputs"]) -> Float[Array, "rows 1"]:
        """The value, the mean over the members."""
        return by_member(outputs).mean(axis=1)

    def _of(self, difference: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        size = jnp.abs(difference)
        if self.loss == "mae":
            return size
        if self.loss == "huber":
            # Quadratic up to one deviation of the target, then linear, so that outliers do not rule the fit.
            return jnp.where(size <= 1.0, 0.5 * jnp.square(difference), size - 0.5)
        return jnp.square(difference)

    def write(self, network: Network, graph: Graph) -> None:
        """Write `network` and its value into `graph`: output `outputs`, float32 (rows, 1)."""
        values = write_member_mean(network, graph, network.write(graph))
        graph.output("outputs", values, np.float32, ["rows", 1])
