"""Training from the first step to the best weights: stretches on the device, and what stands between them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from treadle.errors import TrainingError
from treadle.nn import Learner, assemble, decayed, take_apart
from treadle.recipe import TrainingRecipe
from treadle.tasks import Objective
from treadle.training.checkpoint import Checkpoint, fingerprint
from treadle.training.course import Course
from treadle.training.curves import Curves
from treadle.training.examples import Examples, to_device
from treadle.training.optimizer import build_optimizer, learning_rate
from treadle.training.pace import Pace
from treadle.training.programs import compile_once, outline
from treadle.training.progress import Progress, Trained
from treadle.training.step import make_step
from treadle.training.stretch import State, first_state, make_stretch

N = TypeVar("N", bound=Learner)

SECONDS_PER_CHECKPOINT = 5.0


def train(
    task: Objective,
    network: N,
    train: Examples,
    validation: Examples,
    recipe: TrainingRecipe,
    *,
    checkpoint: Path | None = None,
    resume: bool = False,
    report: Callable[[Progress], None] | None = None,
    tensorboard: Path | None = None,
) -> Trained[N]:
    """Train `network` on `train`, and keep the weights of the epoch with the lowest loss on `validation`.

    The same arguments give the same weights, bit for bit, on the same machine, however often training was stopped
    and resumed in between.

    Args:
        task: the loss.
        network: untrained; its weights are where training starts.
        train: rows to learn from. The last batch of an epoch may be smaller than the others.
        validation: rows that decide when to stop.
        recipe: the recipe's section `training`.
        checkpoint: file that keeps the state of training, written every few seconds, when training ends, and when
            it is interrupted.
        resume: go on from `checkpoint`, or start where there is none yet.
        report: called about twice a second.
        tensorboard: folder for event files.

    Raises:
        TrainingError: no rows, a loss that is not finite, a checkpoint that is damaged or of another training.
        MissingExtraError: TensorBoard event files are asked for and tensorboardX is not installed.
    """
    began = time.perf_counter()
    for name, examples in (("training", train), ("validation", validation)):
        if len(examples) == 0:
            raise TrainingError(f"there are no {name} rows; take more data, or give them a larger share in data.split")
    course = Course.of(recipe, train, validation, task)
    optimizer = build_optimizer(recipe, course.batches, decayed(network))
    weights = take_apart(network)
    state = first_state(weights, optimizer.init(weights.trained), recipe.epochs, averaging=recipe.averaging is not None)
    keeper = None
    if checkpoint is not None:
        keeper = Checkpoint(checkpoint, fingerprint(task, network, train, validation, recipe), SECONDS_PER_CHECKPOINT)
        state = keeper.load(state) if resume else state
    step = make_step(task, network, optimizer, course.widths)
    stretch = make_stretch(task, network, step, course.patience, widths=course.widths, averaging=recipe.averaging)
    # The weights of classes are part of the task.
    meaning = (task, recipe.model_dump_json(exclude={"seed", "class_weights"}), outline(network), course.widths)
    rows, validation_rows = to_device(train), to_device(validation)
    pace, compiled = Pace(), None
    with _curves(tensorboard, course, state) as curves:
        try:
            while not course.finished(state):
                orders, until = course.orders(int(state.step), pace.steps)
                arguments = (state, rows, validation_rows, orders, np.int32(until))
                compiled = compiled or compile_once(meaning, stretch, *arguments)
                started = time.perf_counter()
                reached = compiled(*arguments)
                steps = int(reached.step) - int(state.step)  # waits for the device
                pace.took(steps, time.perf_counter() - started)
                losses = course.losses(reached)
                state = reached
                if curves:
                    curves.write(losses)
                if report:
                    report(course.progress(state, pace.seconds_per_step))
                if keeper:
                    keeper.save_if_due(state)
        finally:
            # Also when interrupted: `state` is the end of a stretch that went well.
            if keeper:
                keeper.save(state)
    best = assemble(network)(jax.tree.map(np.asarray, state.best))
    seconds = time.perf_counter() - began
    return Trained(jax.tree.map(jnp.asarray, best), course.history(state), int(state.best_epoch), seconds)


def _curves(folder: Path | None, course: Course, state: State) -> AbstractContextManager[Curves | None]:
    if folder is None:
        return nullcontext()
    last_steps = np.arange(1, course.recipe.epochs + 1) * course.batches - 1
    rates = np.asarray(jax.jit(learning_rate(course.recipe, course.batches))(last_steps))
    return Curves(folder, rates, done=len(course.losses(state)))
