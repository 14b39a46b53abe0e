"""What is learnt from, and the order in which it is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Num, PRNGKeyArray
from numpy.typing import NDArray

from treadle.features.vocabulary import UNKNOWN
from treadle.nn import Inputs
from treadle.nn.dropout import chances

ALONG_TIME = ("tokens", "affixes", "noise_read", "noise_due")
"""Inputs with an axis of tokens."""


@dataclass(frozen=True)
class Examples:
    """Rows as a network reads them, with what it should answer."""

    inputs: dict[str, NDArray[Any]]
    """As the features gave them: `numbers` float32 (rows, numbers), `codes` int32 (rows, categories), `tokens` int32
    (rows, time), `lengths` int32 (rows,), `affixes` int32 (rows, time, slots); of examples to learn from, `noise_read`
    and `noise_due` float32 (rows, time), the chance of every token to be taken for unknown as it is read and as it is
    due."""
    targets: NDArray[Any]
    """Codes of classes, or scaled values, shape (rows,); of tasks that answer at tokens the number due at each, below 0
    where none is, shape (rows, time)."""
    in_order: bool = False
    """Whether every batch goes on where the one before it ended, so that their order must stay."""

    def __len__(self) -> int:
        return len(self.targets)


class Rows(NamedTuple):
    """Examples on the device."""

    inputs: Inputs
    targets: Num[Array, "rows *time"]

    def take(self, indices: Int[Array, " batch"]) -> Batch:
        """The batch of the rows at `indices`, where -1 stands for none."""
        # Row 0 fills the place of an absent row; its `present` of 0 keeps it out of everything.
        chosen = jnp.maximum(indices, 0)
        inputs = {name: array[chosen] for name, array in self.inputs.items()}
        return Batch(inputs, self.targets[chosen], (indices >= 0).astype(jnp.float32))


class Batch(NamedTuple):
    """Rows that make one step."""

    inputs: Inputs
    targets: Num[Array, "batch *time"]
    present: Float[Array, " batch"]
    """1 for a row, 0 for what only fills the last batch of an epoch up."""

    def noised(self, key: PRNGKeyArray) -> Batch:
        """The batch with some tokens taken for unknown, as read and as due, each by its own chance."""
        inputs, targets = dict(self.inputs), self.targets
        read, due = inputs.pop("noise_read", None), inputs.pop("noise_due", None)
        keys = jax.random.split(key)
        if read is not None:
            inputs["tokens"] = jnp.where(chances(keys[0], read), UNKNOWN, inputs["tokens"])
        if due is not None:
            targets = jnp.where(chances(keys[1], due), UNKNOWN, targets)
        return self._replace(inputs=inputs, targets=targets)

    def cut(self, width: int) -> Batch:
        """The batch with texts padded to `width` tokens, at least as many as the longest has."""
        # Only a row that fills the batch up can be longer.
        lengths = jnp.minimum(self.inputs["lengths"], width)
        along_time = {name: self.inputs[name][:, :width] for name in ALONG_TIME if name in self.inputs}
        targets = self.targets if self.targets.ndim == 1 else self.targets[:, :width]
        return self._replace(inputs=self.inputs | along_time | {"lengths": lengths}, targets=targets)


def to_device(examples: Examples) -> Rows:
    """The examples on the device, in the 32-bit types that networks compute in."""
    whole = np.issubdtype(examples.targets.dtype, np.integer)
    return Rows(
        {name: jnp.asarray(array) for name, array in sorted(examples.inputs.items())},
        jnp.asarray(examples.targets.astype(np.int32 if whole else np.float32)),
    )


def in_batches(order: NDArray[np.integer[Any]], batch: int) -> NDArray[np.int32]:
    """Indices of rows, cut into batches: shape (batches, batch), filled up with -1."""
    batches = -(-len(order) // batch)
    filled = np.full(batches * batch, -1, np.int32)
    filled[: len(order)] = order
    return filled.reshape(batches, batch)
