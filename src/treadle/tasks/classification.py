"""One class of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from numpy.typing import NDArray

from treadle.bundle.graph import Graph
from treadle.errors import RecipeError, did_you_mean
from treadle.nn import Network
from treadle.tasks.task import by_member, one_each, write_member_mean


@dataclass(frozen=True)
class Classification:
    """Cross-entropy; the answer is the probability of every class.

    Two classes need one raw output, the log-odds of the second; more need one each.
    """

    classes: int
    weights: tuple[float, ...] | None = None
    """What the loss of a row is multiplied by, by its class; see `class_weights`."""

    @property
    def outputs(self) -> int:
        """Raw outputs that a network must have."""
        return 1 if self.classes == 2 else self.classes

    def training_losses(
        self, outputs: Float[Array, "rows *outputs"], targets: Int[Array, " rows"]
    ) -> Float[Array, " rows"]:
        """Weighted cross-entropy of every row, in nats; the mean over the members of an ensemble."""
        return self._weight(-self._target_log_probabilities(outputs, targets).mean(axis=1), targets)

    def answer_losses(
        self, outputs: Float[Array, "rows *outputs"], targets: Int[Array, " rows"]
    ) -> Float[Array, " rows"]:
        """Weighted cross-entropy of the members' mean probability, in nats."""
        by_members = self._target_log_probabilities(outputs, targets)
        mean = jax.nn.logsumexp(by_members, axis=1) - np.log(by_members.shape[1])
        return self._weight(-mean, targets)

    def answers(self, targets: Int[Array, " rows"]) -> Float[Array, " rows"]:
        """One for every row."""
        return one_each(targets)

    def answer(self, outputs: Float[Array, "rows *outputs"]) -> Float[Array, "rows classes"]:
        """Probabilities, the mean over the members."""
        logits = by_member(outputs)
        if self.classes == 2:
            return jax.nn.sigmoid(jnp.concatenate([-logits, logits], axis=2)).mean(axis=1)
        return jax.nn.softmax(logits, axis=2).mean(axis=1)

    def _target_log_probabilities(
        self, outputs: Float[Array, "rows *outputs"], targets: Int[Array, " rows"]
    ) -> Float[Array, "rows members"]:
        logits = by_member(outputs)
        if self.classes == 2:
            towards = 2 * targets.astype(logits.dtype) - 1
            return jax.nn.log_sigmoid(logits[:, :, 0] * towards[:, None])
        chosen = jax.nn.one_hot(targets, self.classes, dtype=logits.dtype)
        return jnp.sum(jax.nn.log_softmax(logits, axis=2) * chosen[:, None, :], axis=2)

    def _weight(self, losses: Float[Array, " rows"], targets: Int[Array, " rows"]) -> Float[Array, " rows"]:
        return losses if self.weights is None else losses * jnp.array(self.weights, losses.dtype)[targets]

    def write(self, network: Network, graph: Graph) -> None:
        """Write `network` and its probabilities into `graph`: output `outputs`, float32 (rows, classes)."""
        logits = network.write(graph)
        if self.classes == 2:
            both = graph.add("Concat", [graph.add("Neg", [logits]), logits], {"axis": -1})
            probabilities = graph.add("Sigmoid", [both])
        else:
            probabilities = graph.add("Softmax", [logits], {"axis": -1})
        probabilities = write_member_mean(network, graph, probabilities)
        graph.output("outputs", probabilities, np.float32, ["rows", self.classes])


def class_weights(
    setting: Literal["balanced"] | Mapping[str, float] | None,
    labels: Sequence[object],
    targets: NDArray[np.integer[Any]],
) -> tuple[float, ...] | None:
    """The weight of every class, scaled so that the mean over the training rows is 1.

    With that scale the learning rate keeps its meaning whatever weights are asked for.

    Args:
        setting: the recipe's `training.class_weights`; `balanced` gives every class the same total weight.
        labels: the classes in the order of their codes.
        targets: codes of the training rows, shape (rows,).

    Raises:
        RecipeError: weights for a class that is not there, none for one that is, or one that is not positive.
    """
    if setting is None:
        return None
    counts = np.bincount(targets, minlength=len(labels))
    if setting == "balanced":
        weights = 1.0 / np.maximum(counts, 1)
    else:
        weights = np.array([_weight_of(setting, str(label)) for label in labels])
        names = [str(label) for label in labels]
        for name in setting:
            if name not in names:
                raise RecipeError(f"training.class_weights: no class {name!r}{did_you_mean(name, names)}")
    return tuple(float(weight) for weight in weights / np.average(weights, weights=counts))


def _weight_of(setting: Mapping[str, float], label: str) -> float:
    if label not in setting:
        raise RecipeError(f"training.class_weights: class {label!r} has no weight; give every class one")
    if not setting[label] > 0:
        raise RecipeError(f"training.class_weights: the weight of class {label!r} must be above 0")
    return setting[label]
