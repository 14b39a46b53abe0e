"""What a recipe makes of a number of rows: where epochs end, what is drawn when, where a state stands."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from treadle.errors import TrainingError
from treadle.recipe import TrainingRecipe
from treadle.tasks import Objective
from treadle.training.examples import Examples, in_batches
from treadle.training.lengths import Reading, by_width
from treadle.training.progress import Epoch, Progress
from treadle.training.stretch import Orders, State, out_of_patience

ROWS_PER_BLOCK = 1024
"""Validation rows answered at once; more would not be faster, and a large set would not fit into memory."""
TOKENS_PER_BLOCK = 2**15
"""The same for texts, padding included."""
NUMBERS_PER_BLOCK = 2**23
"""Most numbers that a network gives for the validation tokens answered at once."""
EPOCHS_AHEAD = 64
INDICES_AHEAD = 2**20
"""Shuffled row numbers handed to the device at once, unless a single epoch has more."""


@dataclass(frozen=True)
class Course:
    """The steps of one training."""

    recipe: TrainingRecipe
    rows: int
    validation_rows: int
    reading: Reading | None = None
    """How texts are padded; None where none is read."""
    in_order: bool = False
    """Whether the rows are drawn as they stand."""
    answers: float = 1.0
    """Answers due in a row, on average."""
    outputs: int = 1
    """Numbers that the network gives for each answer."""

    @classmethod
    def of(cls, recipe: TrainingRecipe, train: Examples, validation: Examples, task: Objective) -> Course:
        """The steps of training on `train`."""
        each = train.targets.ndim > 1
        answers = float((train.targets >= 0).sum()) / len(train) if each else 1.0
        reading = Reading.of(train, validation)
        outputs = task.outputs if each else 1
        return cls(recipe, len(train), len(validation), reading, train.in_order, answers, outputs)

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

    @property
    def widths(self) -> tuple[int, ...]:
        """Tokens that texts are padded to; none where no text is read."""
        return self.reading.widths if self.reading else ()

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
        places = np.zeros((room, self.batches), np.int32)
        for index, epoch in enumerate(range(first, -(-until // self.batches))):
            train[index], places[index] = self._draw(epoch)
        blocks, block_places = self._blocks()
        orders = Orders(
            train=jnp.asarray(train),
            first_epoch=jnp.asarray(np.int32(first)),
            validation=jnp.asarray(blocks),
            train_places=jnp.asarray(places),
            validation_places=jnp.asarray(block_places),
            key=jax.random.key(self.recipe.seed),
        )
        return orders, until

    def _draw(self, epoch: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The rows of an epoch's batches, shape (batches, batch), and the place of each batch's width."""
        # NumPy shuffles faster on the host than XLA sorts random numbers, and seeding every epoch anew lets a resumed
        # run begin at any of them.
        random = np.random.default_rng([self.recipe.seed, epoch])
        order = random.permutation(self.rows)
        if self.in_order:
            assert self.reading is not None
            batches = in_batches(np.arange(self.rows), self.batch)
            return batches, self.reading.train[batches].max(axis=1)
        if self.reading is None:
            return in_batches(order, self.batch), np.zeros(self.batches, np.int32)
        batches, places = by_width(order, self.reading.train, self.batch)
        shuffled = random.permutation(self.batches)
        return batches[shuffled], places[shuffled]

    def _blocks(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The validation rows that are answered at once, and the place of each block's width."""
        order = np.arange(self.validation_rows)
        block = min(ROWS_PER_BLOCK, self.validation_rows)
        if self.reading is None:
            blocks = in_batches(order, block)
            return blocks, np.zeros(len(blocks), np.int32)
        tokens = min(TOKENS_PER_BLOCK, NUMBERS_PER_BLOCK // self.outputs)
        return by_width(order, self.reading.validation, max(1, min(block, tokens // self.widths[-1])))

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
        drawn = min(done % self.batches * self.batch, self.rows) * self.answers
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
