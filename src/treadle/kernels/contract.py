"""What a recurrent cell and an unroll over time are: the contract that every implementation keeps."""

from __future__ import annotations

from typing import ClassVar, NamedTuple, Protocol

from jaxtyping import Array, Float

State = tuple[Float[Array, "batch units"], ...]
"""What a cell hands from step to step: the hidden state first, then the memory of cells that have one."""


class Weights(NamedTuple):
    """The arrays of one direction of a recurrent layer."""

    input: Float[Array, "features gates_units"]
    recurrent: Float[Array, "units gates_units"]
    bias: Float[Array, " gates_units"]
    vectors: Float[Array, "vectors units"]
    """Weights that meet a unit alone, such as peepholes; shape (0, units) for cells without."""


class Cell(Protocol):
    """A recurrent cell: a name, some numbers and its equation, no arrays."""

    kind: ClassVar[str]
    """The name by which the fused kernels know the cell."""
    gates: ClassVar[int]
    """Sums that the input and the recurrent product feed, each of `units` columns."""
    states: ClassVar[int]
    """Arrays in the state."""
    vectors: ClassVar[int]
    """Rows of `Weights.vectors`."""

    @staticmethod
    def step(
        state: State,
        x: Float[Array, "batch gates_units"],
        h: Float[Array, "batch gates_units"],
        vectors: Float[Array, "vectors units"],
    ) -> State:
        """The state after one step, from the state before, `x_t W + b`, `h_{t-1} U` and the vectors."""
        ...
