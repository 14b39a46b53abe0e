"""One step of training, a pure function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from treadle.nn import Network, Weights, assemble, untrained_arrays
from treadle.tasks import Task
from treadle.training.examples import Batch

OptimizerState: TypeAlias = PyTree[Array]
Step = Callable[[Weights, OptimizerState, Batch, PRNGKeyArray], tuple[Weights, OptimizerState, Float[Array, ""]]]


def make_step(task: Task, network: Network, optimizer: optax.GradientTransformation) -> Step:
    """The step (weights, optimiser state, batch, key) -> (weights, optimiser state, loss).

    It reads nothing else and changes nothing, so that it can be mapped over candidates, folds and seeds. Of `network`
    only the structure is used. The loss is the mean over the rows present in the batch.
    """
    put_together: Callable[[Weights], Any] = assemble(network)

    def loss_of(
        trained: Float[Array, " weights"], untrained: PyTree[Array], batch: Batch, key: PRNGKeyArray
    ) -> tuple[Float[Array, ""], PyTree[Array]]:
        outputs, moved = put_together(Weights(trained, untrained)).learn(batch.inputs, batch.present, key)
        losses = task.training_losses(outputs, batch.targets)
        return jnp.sum(losses * batch.present) / jnp.sum(batch.present), untrained_arrays(moved)

    def step(
        weights: Weights, state: OptimizerState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[Weights, OptimizerState, Float[Array, ""]]:
        value_and_gradient = jax.value_and_grad(loss_of, has_aux=True)
        (loss, untrained), gradient = value_and_gradient(weights.trained, weights.untrained, batch, key)
        updates, state = optimizer.update(gradient, state, weights.trained)
        return Weights(optax.apply_updates(weights.trained, updates), untrained), state, loss

    return step
