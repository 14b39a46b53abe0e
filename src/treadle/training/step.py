"""One step of training, a pure function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from treadle.nn import Learner, Weights, assemble, untrained_arrays
from treadle.tasks import Objective
from treadle.training.examples import Batch

OptimizerState: TypeAlias = PyTree[Array]
Step = Callable[
    [Weights, OptimizerState, Batch, Int[Array, ""], PRNGKeyArray], tuple[Weights, OptimizerState, Float[Array, ""]]
]
R = TypeVar("R")


def make_step(
    task: Objective, network: Learner, optimizer: optax.GradientTransformation, widths: tuple[int, ...] = ()
) -> Step:
    """The step (weights, optimiser state, batch, place of its width, key) -> (weights, optimiser state, loss).

    It reads nothing else and changes nothing, so that it can be mapped over candidates, folds and seeds. Of `network`
    only the structure is used. The loss is the mean over the answers due in the rows present in the
    batch.

    Args:
        task: the loss.
        network: what is trained.
        optimizer: of the vector of weights.
        widths: to which the texts of batches are cut; none where no text is read.
    """
    put_together: Callable[[Weights], Any] = assemble(network)

    def loss_of(
        trained: Float[Array, " weights"], untrained: PyTree[Array], batch: Batch, key: PRNGKeyArray
    ) -> tuple[Float[Array, ""], PyTree[Array]]:
        if "noise_read" in batch.inputs:
            key, noise_key = jax.random.split(key)
            batch = batch.noised(noise_key)
        outputs, moved = put_together(Weights(trained, untrained)).learn(batch.inputs, batch.present, key)
        losses = task.training_losses(outputs, batch.targets)
        answers = jnp.sum(task.answers(batch.targets) * batch.present)
        return jnp.sum(losses * batch.present) / jnp.maximum(answers, 1.0), untrained_arrays(moved)

    def gradient_of(
        batch: Batch, weights: Weights, key: PRNGKeyArray
    ) -> tuple[tuple[Float[Array, ""], PyTree[Array]], Float[Array, " weights"]]:
        return jax.value_and_grad(loss_of, has_aux=True)(weights.trained, weights.untrained, batch, key)

    def step(
        weights: Weights, state: OptimizerState, batch: Batch, place: Int[Array, ""], key: PRNGKeyArray
    ) -> tuple[Weights, OptimizerState, Float[Array, ""]]:
        (loss, untrained), gradient = at_width(gradient_of, widths, place, batch, weights, key)
        updates, state = optimizer.update(gradient, state, weights.trained)
        return Weights(optax.apply_updates(weights.trained, updates), untrained), state, loss

    return step


def at_width(
    function: Callable[..., R], widths: tuple[int, ...], place: Int[Array, ""], batch: Batch, *arguments: Any
) -> R:
    """`function(batch, *arguments)` with the texts of the batch cut to the width at `place`: compiled for each."""
    if not widths:
        return function(batch, *arguments)

    def branch(width: int) -> Callable[..., R]:
        return lambda batch, *rest: function(batch.cut(width), *rest)

    # The optimiser is no part of it: a choice copies what it changes, and there are many weights.
    chosen: R = jax.lax.switch(place, [branch(width) for width in widths], batch, *arguments)
    return chosen
