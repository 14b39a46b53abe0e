"""What training tells while it runs and when it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

N = TypeVar("N")


@dataclass(frozen=True)
class Epoch:
    """One pass over the training rows."""

    epoch: int
    """Counted from 1."""
    loss: float
    """Mean training loss while the weights were changing."""
    validation_loss: float
    """Mean loss of the answers for the validation rows after the epoch."""


@dataclass(frozen=True)
class Progress:
    """Where training stands."""

    epoch: int
    """Epochs done."""
    epochs: int
    """Epochs at most."""
    loss: float
    """Mean training loss of the last epoch done, or of the part done of the first."""
    validation_loss: float | None
    """After the last epoch done; none before the first."""
    best_epoch: int
    """The epoch with the lowest validation loss so far; 0 before the first."""
    best_validation_loss: float | None
    share: float
    """Share of the steps done, between 0 and 1."""
    seconds_left: float
    """At most: training that gets no better stops sooner."""


@dataclass(frozen=True)
class Trained(Generic[N]):
    """A trained network."""

    network: N
    """With the weights of the best epoch."""
    history: tuple[Epoch, ...]
    best_epoch: int
    seconds: float
    """Of this run, compilation included; a resumed run counts from its resumption."""
