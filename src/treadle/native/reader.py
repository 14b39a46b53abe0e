"""A direction of a recurrent layer that reads and does not learn, in the compiled engine."""

from __future__ import annotations

import ctypes
import weakref
from functools import cache
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import DTypeLike, NDArray

Floats = NDArray[np.float32]
Codes = NDArray[np.int32]


class Cell(NamedTuple):
    """What the engine must be told of a cell."""

    number: int
    """Its place in `Cell` of recurrence.h."""
    gates: int
    states: int
    """1: h alone, 2: h and the memory c."""
    vectors: int
    """Weights of a unit that stand outside all products: peepholes, or the GRU's q."""


CELLS = {
    "simple_tanh": Cell(0, 1, 1, 0),
    "simple_relu": Cell(1, 1, 1, 0),
    "lstm": Cell(2, 4, 2, 0),
    "peephole_lstm": Cell(3, 4, 2, 3),
    "coupled_lstm": Cell(4, 3, 2, 0),
    "gru": Cell(5, 3, 1, 1),
}


class Weights(NamedTuple):
    """Of a direction, float32; gates stand side by side in the order of the cell's equation."""

    input: Floats
    """Shape (features, gates * units)."""
    recurrent: Floats
    """Shape (units, gates * units)."""
    bias: Floats
    """Shape (gates * units,)."""
    vectors: Floats
    """Shape (vectors, units): peepholes i, f and o, or the GRU's q."""


class Reader:
    """Reads batch after batch, and may do so for several threads at once.

    Args:
        library: the engine, as `engine.load` gives it.
        cell: one of `CELLS`.
        weights: copied, in the order in which they are read.
        table: where inputs are its rows and are given as codes, shape (words, features).

    Raises:
        ValueError: an array is not as it should be; says which, and how it should be.
        MemoryError: the weights find no room.
    """

    def __init__(self, library: ctypes.CDLL, cell: str, weights: Weights, table: Floats | None = None) -> None:
        self._number, gates, self.states, vectors = CELLS[cell]
        self.features, self.units = weights.input.shape[0], weights.recurrent.shape[0]
        wide = gates * self.units
        shapes = ((self.features, wide), (self.units, wide), (wide,), (vectors, self.units))
        arrays = [
            _array(array, shape, f"the {name} weights of {cell}")
            for name, array, shape in zip(Weights._fields, weights, shapes, strict=True)
        ]
        self._table = None if table is None else _array(table, (-1, self.features), "the table")
        words = 0 if self._table is None else len(self._table)
        self._functions = _functions(library)
        self._reader = self._functions.open(
            self._number, self.features, self.units, *map(_place, arrays), _place(self._table), words
        )
        if self._reader is None:
            raise MemoryError(f"no room for the weights of a recurrent layer with {self.units} units")
        # Not when Python ends: a thread may still be reading then, and the memory goes anyway.
        weakref.finalize(self, self._functions.close, self._reader).atexit = False

    def __reduce__(self) -> NoReturn:
        """
        Raises:
            TypeError: a copy would outlive the weights, which this frees.
        """
        raise TypeError("a reader of the engine cannot be copied")

    def read(
        self,
        inputs: Floats | Codes,
        lengths: NDArray[np.int32],
        initial: tuple[Floats, ...] = (),
        *,
        reverse: bool,
        last_only: bool = False,
    ) -> tuple[Floats, tuple[Floats, ...]]:
        """Read a batch, on the calling thread and without Python's lock.

        A row's numbers hang, to the bit, neither on other rows nor on what stands past its length.

        Args:
            inputs: shape (time, batch, features); of a reader with a table int32 codes, shape (time, batch), where
                one outside the table stands for a vector of zeros.
            lengths: steps of each row, shape (batch,); those below 0 or above `time` count as 0 and as `time`.
            initial: the states before a row's first step, h and c of cells that have one, each of shape
                (batch, units); none for zeros.
            reverse: read each row from its own last step to its first.
            last_only: keep no state but the last, which is quicker.

        Returns:
            h after every step, shape (time, batch, units), zero past a row's length, or with `last_only` of no step,
            shape (0, batch, units); and the states after a row's last step, as `initial`.

        Raises:
            ValueError: an array is not as it should be; says which, and how it should be.
            MemoryError: what is held while reading finds no room.
        """
        if self._table is None:
            inputs, codes = _array(inputs, (-1, -1, self.features), "inputs"), None
        else:
            inputs = codes = _array(inputs, (-1, -1), "codes", np.int32)
        time, batch = inputs.shape[:2]
        lengths = _array(lengths, (batch,), "lengths", np.int32)
        if initial and len(initial) != self.states:
            raise ValueError(f"{len(initial)} initial states are given, where the cell has {self.states}")
        begin = [_array(state, (batch, self.units), "an initial state") for state in initial]
        outputs = np.empty((0 if last_only else time, batch, self.units), np.float32)
        final = tuple(np.empty((batch, self.units), np.float32) for _ in range(self.states))
        done = self._functions.read(
            self._reader,
            time,
            batch,
            reverse,
            _place(inputs if codes is None else None),
            _place(codes),
            _place(lengths),
            *map(_place, (*begin, None, None)[:2]),
            _place(None if last_only else outputs),
            *map(_place, (*final, None)[:2]),
        )
        if not done:
            raise MemoryError(f"no room to read a batch of {batch} rows and {time} steps")
        return outputs, final


class _Functions(NamedTuple):
    open: Any
    read: Any
    close: Any


@cache
def _functions(library: ctypes.CDLL) -> _Functions:
    """Those of interface.cpp, with the types that they take and give."""
    pointer, index, flag = ctypes.c_void_p, ctypes.c_int64, ctypes.c_bool
    functions = _Functions(library.treadle_open_reader, library.treadle_read, library.treadle_close_reader)
    functions.open.argtypes, functions.open.restype = [index] * 3 + [pointer] * 5 + [index], pointer
    functions.read.argtypes, functions.read.restype = [pointer, index, index, flag] + [pointer] * 8, flag
    functions.close.argtypes, functions.close.restype = [pointer], None
    return functions


def _array(array: Any, shape: tuple[int, ...], name: str, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """The array as C++ takes it; -1 stands for any length."""
    fits = len(shape) == array.ndim and all(map(_meets, array.shape, shape))
    if array.dtype != dtype or not fits:
        wanted = ", ".join("any" if due == -1 else str(due) for due in shape)
        raise ValueError(
            f"{name}: {np.dtype(dtype)} of shape ({wanted}) is due, {array.dtype} of shape {array.shape} is given"
        )
    return array if array.flags.c_contiguous and array.flags.aligned else np.require(array, requirements=("C", "A"))


def _meets(length: int, due: int) -> bool:
    return due in (-1, length)


def _place(array: NDArray[Any] | None) -> int | None:
    """Where the numbers of a contiguous array lie."""
    if array is None:
        return None
    if array.size and array.flags.writeable:  # four times as fast, which shows where a step is one row
        return ctypes.addressof(ctypes.c_char.from_buffer(array.data))
    return array.ctypes.data
