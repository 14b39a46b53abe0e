"""The loop: batches in, best weights out, resumable."""

from treadle.training.examples import Examples
from treadle.training.loop import train
from treadle.training.progress import Epoch, Progress, Trained

__all__ = ["Epoch", "Examples", "Progress", "Trained", "train"]
