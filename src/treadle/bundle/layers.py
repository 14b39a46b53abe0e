"""ONNX's operators RNN, LSTM and GRU, read by the compiled engine."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from treadle.bundle.model import Attribute, Constant, Node, UnknownError
from treadle.bundle.surroundings import Surroundings
from treadle.native.reader import CELLS, Floats, Reader, Weights

_DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
# Of each cell, where its gates stand among the operator's.
_PLACES = {
    "simple_tanh": (0,),
    "simple_relu": (0,),
    "lstm": (0, 2, 3, 1),
    "peephole_lstm": (0, 2, 3, 1),
    # Its forget gate is 1 - i of the operator's i, and 1 - sigmoid(z) = sigmoid(-z).
    "coupled_lstm": (0, 3, 1),
    "gru": (0, 1, 2),
}


class ReadError(Exception):
    """The values given to a layer are such as ONNX Runtime refuses too."""


class Names(NamedTuple):
    """How a layer's values are called in the graph."""

    inputs: str
    """Shape (time, batch, features), or with a table codes, shape (time, batch) or turned (batch, time)."""
    lengths: str
    initial: tuple[str, ...]
    """Of each state, shape (directions, batch, units); none for zeros."""
    outputs: str
    """Shape (time, directions, batch, units), or where they are joined (time, batch, directions * units)."""
    final: tuple[str, ...]
    """As `initial`. Here and of the outputs, "" is for what nobody takes."""


class Layer:
    """A recurrent operator of a graph.

    Args:
        library: the engine.
        node: the operator.
        constants: of the graph.
        around: the graph, in which the layer takes over what it does itself.

    Raises:
        UnknownError: the engine does not read such an operator, or its weights are no constants of the graph.
        MemoryError: see `Reader`.
    """

    def __init__(
        self, library: ctypes.CDLL, node: Node, constants: Mapping[str, Constant], around: Surroundings
    ) -> None:
        given = (*node.inputs, *[""] * 8)
        cell = _cell(node, peepholes=given[7] if node.operator == "LSTM" else "")
        states = CELLS[cell].states
        initial = given[5 : 5 + states] if any(given[5 : 5 + states]) else ()
        if not all(initial):
            raise UnknownError(f"{node.operator} with one initial state")
        directions = _DIRECTIONS.get(str(node.attributes.get("direction", "forward")), ())
        weights = _weights(cell, [constants.get(name) for name in (*given[1:4], given[7])], given, len(directions))
        table, joined = around.take_table(node), around.take_joined(node)
        self._turned = table is not None and table.turned
        self._joined = joined is not None
        outputs = joined or node.outputs[0]
        final = (*around.take_final(node, initial), "", "")[:states]
        self.names = Names(
            given[0] if table is None else table.codes,
            given[4],
            initial,
            outputs if around.taken(outputs) else "",
            tuple(name if around.taken(name) else "" for name in final),
        )
        if not given[4] or constants.keys() & {*self.takes}:
            raise UnknownError(f"{node.operator} without values to read")
        vectors = None if table is None else _numbers(table.constant)
        if vectors is not None and vectors.shape[1] != weights[0].input.shape[0]:
            raise UnknownError("a table of another width than its layer's weights")
        self._words = None if vectors is None else len(vectors)
        self._readers = [
            (Reader(library, cell, each, vectors), reverse) for each, reverse in zip(weights, directions, strict=True)
        ]
        self.units = self._readers[0][0].units
        if node.attributes.get("hidden_size", self.units) != self.units:
            raise UnknownError(f"{node.operator} of another size than its weights")

    @property
    def takes(self) -> tuple[str, ...]:
        """Names of the values that it reads."""
        return self.names.inputs, self.names.lengths, *self.names.initial

    @property
    def gives(self) -> dict[str, tuple[int | None, ...]]:
        """The shapes of the values that it makes, by their names."""
        directions, units = len(self._readers), self.units
        outputs = (None, None, directions * units) if self._joined else (None, directions, None, units)
        shapes = {self.names.outputs: outputs} | dict.fromkeys(self.names.final, (directions, None, units))
        return {name: shape for name, shape in shapes.items() if name}

    def run(self, values: Mapping[str, NDArray[Any]]) -> dict[str, Floats]:
        """The values that it makes of those that it reads.

        Raises:
            ReadError: lengths or codes are out of bounds, or a value is not of its type or shape.
        """
        inputs, lengths, *initial = (values[name] for name in self.takes)
        if self._words is not None:
            inputs = _within(inputs.T if self._turned else inputs, self._words)
        if lengths.size and (lengths.min() < 0 or lengths.max() > len(inputs)):
            raise ReadError(f"a sequence has a length that is not within 0 and {len(inputs)} steps")
        if any(state.shape[:1] != (len(self._readers),) for state in initial):
            raise ReadError(f"a state is not of {len(self._readers)} directions")
        last_only = not self.names.outputs
        try:
            read = [
                reader.read(
                    inputs, lengths, tuple(state[place] for state in initial), reverse=reverse, last_only=last_only
                )
                for place, (reader, reverse) in enumerate(self._readers)
            ]
        except ValueError as error:
            raise ReadError(str(error)) from None
        made = {} if last_only else {self.names.outputs: self._side_by_side([outputs for outputs, _ in read])}
        for place, name in enumerate(self.names.final):
            if name:
                states = [final[place] for _, final in read]
                made[name] = np.stack(states) if len(states) > 1 else states[0][None]
        return made

    def _side_by_side(self, outputs: list[Floats]) -> Floats:
        """The outputs of all directions as one array."""
        if len(outputs) == 1:
            return outputs[0] if self._joined else outputs[0][:, None]
        return np.concatenate(outputs, axis=2) if self._joined else np.stack(outputs, axis=1)


def _cell(node: Node, peepholes: str) -> str:
    """The cell that an operator computes.

    Raises:
        UnknownError: none that the engine knows.
    """
    told = {name: value for name, value in node.attributes.items() if name not in ("hidden_size", "direction")}
    directions = 2 if node.attributes.get("direction") == "bidirectional" else 1
    plain = "peephole_lstm" if peepholes else "lstm"
    known: list[tuple[str, str, dict[str, Attribute | None]]] = [
        ("simple_tanh", "RNN", {}),
        ("simple_tanh", "RNN", {"activations": ("Tanh",) * directions}),
        ("simple_relu", "RNN", {"activations": ("Relu",) * directions}),
        (plain, "LSTM", {}),
        (plain, "LSTM", {"input_forget": 0}),
        ("coupled_lstm", "LSTM", {"input_forget": 1}),
        ("gru", "GRU", {"linear_before_reset": 1}),
    ]
    for cell, *asked in known:
        if asked == [node.operator, told] and not (peepholes and cell == "coupled_lstm"):
            return cell
    raise UnknownError(f"{node.operator} with the attributes {told}")


def _weights(cell: str, constants: list[Constant | None], given: tuple[str, ...], directions: int) -> list[Weights]:
    """The weights of each direction, as the engine takes them.

    Args:
        cell: whose.
        constants: W, R, B and P of the operator, those that stand in the graph.
        given: the names of the operator's inputs.
        directions: how many there should be.

    Raises:
        UnknownError: they are no constants, or do not belong together.
    """
    wide = CELLS[cell].gates + (cell == "coupled_lstm")
    if constants[0] is None or constants[1] is None or bool(given[3]) != bool(constants[2]):
        raise UnknownError("weights that are no constants")
    weight, recurrent = _numbers(constants[0]), _numbers(constants[1])
    if weight.ndim != 3 or recurrent.ndim != 3:
        raise UnknownError("weights that do not belong together")
    units, features = recurrent.shape[-1], weight.shape[-1]
    bias = np.zeros((directions, 2 * wide * units), np.float32) if constants[2] is None else _numbers(constants[2])
    shapes = [(directions, wide * units, features), (directions, wide * units, units), (directions, 2 * wide * units)]
    if [weight.shape, recurrent.shape, bias.shape] != shapes or not directions:
        raise UnknownError("weights that do not belong together")
    bias = bias.reshape(directions, 2, wide * units)
    vectors = np.zeros((directions, CELLS[cell].vectors, units), np.float32)
    if cell == "gru":
        # The bias of the recurrent half of the candidate stands within what the reset gate multiplies.
        vectors[:, 0] = bias[:, 1, 2 * units :]
        bias = bias.copy()
        bias[:, 1, 2 * units :] = 0.0
    elif cell == "peephole_lstm":
        if constants[3] is None or (peepholes := _numbers(constants[3])).shape != (directions, 3 * units):
            raise UnknownError("peepholes that are no constants")
        vectors = peepholes.reshape(directions, 3, units)[:, [0, 2, 1]]
    total = bias[:, 0] + bias[:, 1]
    turned = [_reorder(cell, array, units) for array in (weight, recurrent, total[:, :, None])]
    return [Weights(turned[0][way], turned[1][way], turned[2][way, 0], vectors[way]) for way in range(directions)]


def _reorder(cell: str, array: Floats, units: int) -> Floats:
    """(directions, gates * units, rows) -> (directions, rows, gates * units), gates in the cell's order."""
    gates = [array[:, place * units : (place + 1) * units].swapaxes(1, 2) for place in _PLACES[cell]]
    if cell == "coupled_lstm":
        gates[0] = -gates[0]
    return np.concatenate(gates, axis=2)


def _numbers(constant: Constant) -> Floats:
    """
    Raises:
        UnknownError: the constant does not stand in the model as float32.
    """
    array = constant.tensor.array
    if array is None or array.dtype != np.float32:
        raise UnknownError("weights that are not float32")
    return array


def _within(codes: NDArray[Any], words: int) -> NDArray[np.int32]:
    """Codes of a table with so many rows, where -1 stands for the last row."""
    if codes.dtype.kind != "i":
        raise ReadError(f"numbers of a table's rows are {codes.dtype}")
    least, most = codes.min(initial=0), codes.max(initial=0)
    if least < -words or most >= words:
        raise ReadError(f"a number is not within the {words} rows of a table")
    if least < 0:
        codes = np.where(codes < 0, codes + words, codes)
    return codes.astype(np.int32, copy=False)
