"""Many steps as one compiled program: batches, validation and the best weights, all on the device.

A small network's step takes some 20 microseconds, which one call from Python would double.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from treadle.nn import Learner, Weights, assemble
from treadle.tasks import Objective
from treadle.training.examples import Batch, Rows
from treadle.training.step import OptimizerState, Step, at_width


class State(NamedTuple):
    """All that a stretch of training hands to the next: with it and the data, training goes on bit for bit."""

    weights: Weights
    optimizer: OptimizerState
    step: Int[Array, ""]
    """Steps done."""
    loss_sum: Float[Array, ""]
    """Sum of the losses of the answers that this epoch has drawn so far."""
    mean: Float[Array, " weights"] | None
    """Running mean of the weights, which answers in their place; None where they answer themselves."""
    best: Weights
    """The weights that answered in the epoch with the lowest validation loss."""
    best_epoch: Int[Array, ""]
    """That epoch, counted from 1; 0 before the first."""
    best_loss: Float[Array, ""]
    losses: Float[Array, "epochs 2"]
    """Training and validation loss of every epoch done."""


def first_state(weights: Weights, optimizer: OptimizerState, epochs: int, *, averaging: bool = False) -> State:
    """The state before the first step."""
    return State(
        weights,
        optimizer,
        step=jnp.asarray(np.int32(0)),
        loss_sum=jnp.asarray(np.float32(0.0)),
        mean=weights.trained if averaging else None,
        best=weights,
        best_epoch=jnp.asarray(np.int32(0)),
        best_loss=jnp.asarray(np.float32(np.inf)),
        losses=jnp.asarray(np.zeros((epochs, 2), np.float32)),
    )


def out_of_patience(state: State, batches: int, patience: int) -> Bool[Array, ""]:
    """Whether the last `patience` epochs were no better than the best before them."""
    waited: Bool[Array, ""] = state.step // batches - state.best_epoch >= patience
    return waited


class Orders(NamedTuple):
    """The rows of every step for some epochs ahead, those of every block of validation rows, and what drops out."""

    train: Int[Array, "epochs batches batch"]
    first_epoch: Int[Array, ""]
    """The epoch, counted from 0, of the first order."""
    validation: Int[Array, "blocks block"]
    train_places: Int[Array, "epochs batches"]
    """Which width the texts of every step are cut to."""
    validation_places: Int[Array, " blocks"]
    key: PRNGKeyArray
    """Every step's own key is made of this one and the step's number."""


Stretch = Callable[[State, Rows, Rows, Orders, Int[Array, ""]], State]


def make_stretch(
    task: Objective,
    network: Learner,
    step: Step,
    patience: int,
    *,
    widths: tuple[int, ...] = (),
    averaging: float | None = None,
) -> Stretch:
    """The function that trains from a state up to a given step, or until patience ends.

    It may stop anywhere within an epoch or epochs later; the numbers do not depend on where. `widths` are those of
    `step`; `averaging` is the share that every step keeps of a running mean of the weights, which then answers.
    """
    put_together = assemble(network)

    def moved_mean(
        mean: Float[Array, " weights"], weights: Float[Array, " weights"], step: Int[Array, ""]
    ) -> Float[Array, " weights"]:
        # At first the mean keeps less, or it would hold on to weights that had learnt nothing.
        kept = jnp.minimum(averaging or 0.0, (1.0 + step) / (10.0 + step))
        return kept * mean + (1.0 - kept) * weights

    def answer_loss(batch: Batch, weights: Weights) -> Float[Array, ""]:
        losses = task.answer_losses(put_together(weights)(batch.inputs), batch.targets)
        return jnp.sum(losses * batch.present)

    def mean_answer_loss(weights: Weights, rows: Rows, orders: Orders) -> Float[Array, ""]:
        def add_block(
            total: Float[Array, ""], block: tuple[Int[Array, " block"], Int[Array, ""]]
        ) -> tuple[Float[Array, ""], None]:
            indices, place = block
            return total + at_width(answer_loss, widths, place, rows.take(indices), weights), None

        blocks = (orders.validation, orders.validation_places)
        total, _ = jax.lax.scan(add_block, jnp.float32(0.0), blocks)
        mean: Float[Array, ""] = total / jnp.sum(task.answers(rows.targets))
        return mean

    def stretch(state: State, train: Rows, validation: Rows, orders: Orders, until: Int[Array, ""]) -> State:
        batches = orders.train.shape[1]

        def train_step(state: State) -> State:
            epoch, index = state.step // batches - orders.first_epoch, state.step % batches
            batch = train.take(orders.train[epoch, index])
            place, key = orders.train_places[epoch, index], jax.random.fold_in(orders.key, state.step)
            weights, optimizer, loss = step(state.weights, state.optimizer, batch, place, key)
            loss_sum = state.loss_sum + loss * jnp.sum(task.answers(batch.targets) * batch.present)
            mean = None if state.mean is None else moved_mean(state.mean, weights.trained, state.step)
            return state._replace(
                weights=weights, optimizer=optimizer, step=state.step + 1, loss_sum=loss_sum, mean=mean
            )

        def finish_epoch(state: State) -> State:
            epoch = state.step // batches
            answering = state.weights if state.mean is None else state.weights._replace(trained=state.mean)
            loss = mean_answer_loss(answering, validation, orders)
            better = loss < state.best_loss
            training_loss = state.loss_sum / jnp.sum(task.answers(train.targets))
            return state._replace(
                loss_sum=jnp.float32(0.0),
                best=jax.tree.map(lambda new, old: jnp.where(better, new, old), answering, state.best),
                best_epoch=jnp.where(better, epoch, state.best_epoch),
                best_loss=jnp.where(better, loss, state.best_loss),
                losses=state.losses.at[epoch - 1].set(jnp.stack([training_loss, loss])),
            )

        def train_epoch(state: State) -> State:
            end = jnp.minimum(until, (state.step // batches + 1) * batches)
            state = jax.lax.while_loop(lambda state: state.step < end, train_step, state)
            reached: State = jax.lax.cond(state.step % batches == 0, finish_epoch, lambda state: state, state)
            return reached

        reached: State = jax.lax.while_loop(
            lambda state: (state.step < until) & ~out_of_patience(state, batches, patience), train_epoch, state
        )
        return reached

    return stretch
