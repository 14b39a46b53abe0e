"""Loss curves as TensorBoard event files."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from treadle.errors import MissingExtraError


class Curves:
    """Writes every finished epoch once; use it as a context."""

    def __init__(self, folder: Path, learning_rates: NDArray[np.floating[Any]], done: int) -> None:
        """
        Args:
            folder: where the event files go; it is made if missing.
            learning_rates: of every epoch, shape (epochs,).
            done: epochs that an earlier run has written already.

        Raises:
            MissingExtraError: tensorboardX is not installed.
        """
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise MissingExtraError("writing TensorBoard event files", "train") from None
        # A killed run may have written epochs after its last checkpoint; the screen shall show them once. The suffix
        # keeps two files of the same second apart.
        self._writer = SummaryWriter(str(folder), purge_step=done + 1 if done else None, filename_suffix=f".{done}")
        self._learning_rates = learning_rates
        self._done = done

    def write(self, losses: NDArray[np.float32]) -> None:
        """Add the epochs not yet written; `losses` holds training and validation loss of all, shape (done, 2)."""
        for epoch in range(self._done + 1, len(losses) + 1):
            loss, validation_loss = losses[epoch - 1]
            self._writer.add_scalar("loss/training", float(loss), epoch)
            self._writer.add_scalar("loss/validation", float(validation_loss), epoch)
            self._writer.add_scalar("learning_rate", float(self._learning_rates[epoch - 1]), epoch)
        self._done = len(losses)
        self._writer.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
