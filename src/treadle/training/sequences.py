"""Lines as examples: each by itself, or one running text cut into streams that go on from batch to batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from treadle.errors import TrainingError
from treadle.features.sequences import NOT_DUE, Line, padded
from treadle.training.examples import Examples


def line_examples(lines: Sequence[Line], affixes: NDArray[np.int32] | None = None) -> Examples:
    """Each line by itself: nothing of one is seen from another.

    Args:
        lines: what is read and what is due.
        affixes: of every token, shape (lines, tokens of the longest, slots), where they are read.
    """
    inputs = padded([line.reads for line in lines])
    targets = padded([line.due - NOT_DUE for line in lines])["tokens"] + NOT_DUE
    if affixes is not None:
        inputs["affixes"] = affixes
    return Examples(inputs, targets)


def running_examples(line: Line, streams: int, unroll: int) -> Examples:
    """A running text as rows of `unroll` tokens, drawn in order: row i of a batch goes on where row i of the last
    ended (truncated back-propagation through time, Werbos 1990). `starts` is 1 where a stream begins.

    The streams are of one length: what is left over at the end, fewer tokens than streams, is not learnt from.

    Raises:
        TrainingError: there are fewer tokens than streams.
    """
    length = len(line.reads) // streams
    if length == 0:
        raise TrainingError(
            f"training.batch_size: {len(line.reads):,} tokens cannot be read as {streams} streams; lower it"
        )
    reads, due = (part[: streams * length].reshape(streams, length) for part in line)
    steps = -(-length // unroll)
    lengths = np.full((steps, streams), unroll, np.int32)
    lengths[-1] = length - (steps - 1) * unroll
    short = ((0, 0), (0, steps * unroll - length))
    cut = [
        np.pad(part, short, constant_values=filling).reshape(streams, steps, unroll).swapaxes(0, 1).reshape(-1, unroll)
        for part, filling in ((reads, 0), (due, NOT_DUE))
    ]
    starts = np.zeros((steps, streams), np.int32)
    starts[0] = 1
    inputs = {"tokens": cut[0], "lengths": lengths.ravel(), "starts": starts.ravel()}
    return Examples(inputs, cut[1], in_order=True)


def running_validation(line: Line, unroll: int) -> Examples:
    """A running text as rows that stand alone, each begun `unroll` tokens early, of which none is judged."""
    kept = 4 * unroll
    lines = []
    for start in range(0, len(line.reads), kept):
        early = min(unroll, start)
        part = slice(start - early, start + kept)
        due = line.due[part].copy()
        due[:early] = NOT_DUE
        lines.append(Line(line.reads[part], due))
    return line_examples(lines)
