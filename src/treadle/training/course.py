"""What a recipe makes of a number of rows: where epochs end, what is drawn when, where a state stands."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from treadle.errors import TrainingError
from treadle.recipe import TrainingRecipe
from treadle.training.examples import in_batches
from treadle.training.progress import Epoch, Progress
from treadle.training.stretch import Orders, State, out_of_patience

ROWS_PER_BLOCK = 1024
"""Validation rows answered at once; more would not be faster, and a large set would not fit into memory."""
EPOCHS_AHEAD = 64
INDICES_AHEAD = 2**20
"""Shuffled row numbers handed to the device at once, unless a single epoch has more."""


@dataclass(frozen=True)
class Course:
    """The steps of one training."""

    recipe: TrainingRecipe
    rows: int
    validation_rows: int

    @property
    def batch(self) -> int:
        """Rows of a step."""
        return min(self.recipe.batch_size, self.rows)

    @property
    def batches(self) -> int:
        """Steps of an epoch; the last may have fewer rows."""
        return -(-self.rows // self.batch)

    @property
    def steps(self) -> int:
        """Steps of all epochs."""
        return self.recipe.epochs * self.batches

    @property
    def patience(self) -> int:
        """Epochs without a better validation loss before stopping."""
        return self.recipe.patience or self.recipe.epochs

    def finished(self, state: State) -> bool:
        """Whether all epochs are done, or patience has ended."""
        return int(state.step) >= self.steps or bool(out_of_patience(state, self.batches, self.patience))

    def orders(self, step: int, wanted: int) -> tuple[Orders, int]:
        """What is drawn in the next `wanted` steps after `step`, and the step up to which that reaches.

        The shapes are always the same, so that one compiled program serves every stretch.
        """
        first = step // self.batches
        room = max(1, min(self.recipe.epochs, EPOCHS_AHEAD, INDICES_AHEAD // (self.batches * self.batch)))
        until = min(step + wanted, (first + room) * self.batches, self.steps)
        train = np.full((room, self.batches, self.batch), -1, np.int32)
        for place, epoch in enumerate(range(first, -(-until // self.batches))):
            # NumPy shuffles faster on the host than XLA sorts random numbers, and seeding every epoch anew lets a
            # resumed run begin at any of them.
            order = np.random.default_rng([self.recipe.seed, epoch]).permutation(self.rows)
            train[place] = in_batches(order, self.batch)
        blocks = in_batches(np.arange(self.validation_rows), min(ROWS_PER_BLOCK, self.validation_rows))
        key = jax.random.key(self.recipe.seed)
        return Orders(jnp.asarray(train), jnp.asarray(np.int32(first)), jnp.asarray(blocks), key), until

    def losses(self, state: State) -> NDArray[np.float32]:
        """Training and validation loss of the epochs done, shape (epochs, 2).

        Raises:
            TrainingError: a loss is not finite.
        """
        losses = np.asarray(state.losses)[: int(state.step) // self.batches]
        bad = np.flatnonzero(~np.isfinite(losses).all(axis=1))
        if len(bad) or not np.isfinite(state.loss_sum):
            epoch = int(bad[0]) + 1 if len(bad) else len(losses) + 1
            raise TrainingError(
                f"the loss is no longer finite in epoch {epoch}: the steps are too large. Try a training.learning_rate "
                f"below {self.recipe.learning_rate:g}, or training.clip_norm: 1.0"
            )
        return losses

    def history(self, state: State) -> tuple[Epoch, ...]:
        """The epochs done."""
        return tuple(
            Epoch(epoch, float(loss), float(validation_loss))
            for epoch, (loss, validation_loss) in enumerate(self.losses(state), start=1)
        )

    def progress(self, state: State, seconds_per_step: float) -> Progress:
        """Where `state` stands."""
        history, done = self.history(state), int(state.step)
        drawn = min(done % self.batches * self.batch, self.rows)
        return Progress(
            epoch=len(history),
            epochs=self.recipe.epochs,
            loss=history[-1].loss if history else float(state.loss_sum) / drawn,
            validation_loss=history[-1].validation_loss if history else None,
            best_epoch=int(state.best_epoch),
            best_validation_loss=float(state.best_loss) if history else None,
            share=done / self.steps,
            seconds_left=(self.steps - done) * seconds_per_step,
        )
