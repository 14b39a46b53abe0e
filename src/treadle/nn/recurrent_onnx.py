"""Recurrent networks as ONNX's standard operators RNN, LSTM and GRU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from treadle.bundle.graph import Attribute, Graph
from treadle.nn.recurrent import CELLS
from treadle.nn.recurrent_layers import Direction, RecurrentNetwork

Array = NDArray[np.float32]


class Operator(NamedTuple):
    """How ONNX knows a cell."""

    name: str
    order: tuple[int, ...]
    """The cell's gates in the operator's order."""
    attributes: dict[str, Attribute]


OPERATORS = {
    "simple_tanh": Operator("RNN", (0,), {}),
    "simple_relu": Operator("RNN", (0,), {"activations": ["Relu"]}),
    "lstm": Operator("LSTM", (0, 3, 1, 2), {}),
    "peephole_lstm": Operator("LSTM", (0, 3, 1, 2), {}),
    # The operator takes the forget gate as 1 - i, and i = sigmoid(-z) where the cell's f = sigmoid(z).
    "coupled_lstm": Operator("LSTM", (0, 2, 0, 1), {"input_forget": 1}),
    "gru": Operator("GRU", (0, 1, 2), {"linear_before_reset": 1}),
}


class Written(NamedTuple):
    """Names of values in the graph, as the fields of `Unrolled`."""

    outputs: str
    """Shape (time, batch, width)."""
    last: str
    """Shape (batch, width)."""
    states: tuple[tuple[str, ...], ...]
    """Of every layer the hidden state, and the memory of cells that have one; shape (directions, batch, units)."""


def write(
    network: RecurrentNetwork,
    graph: Graph,
    x: str,
    lengths: str,
    name: str,
    *,
    initial: Sequence[Sequence[str]] | None = None,
) -> Written:
    """Add a recurrent network to `graph`.

    Args:
        network: as when it answers.
        graph: where to.
        x: the value of shape (time, batch, features).
        lengths: int32, shape (batch,).
        name: what the weights' names begin with.
        initial: states to carry on, as `Written.states`.
    """
    states = []
    for index, layer in enumerate(network.layers):
        prefix = f"{name}.layers.{index}"
        begin = list(initial[index]) if initial is not None else _begin(graph, layer, lengths, prefix)
        x, state = _write_layer(graph, layer, x, lengths, begin, name=prefix)
        states.append(state)
    turned = graph.add("Transpose", [states[-1][0]], {"perm": [1, 0, 2]})
    last = graph.add("Reshape", [turned, graph.constant(np.array([0, network.width]), f"{name}.last_shape")])
    return Written(x, last, tuple(states))


def _write_layer(
    graph: Graph, layer: tuple[Direction, ...], x: str, lengths: str, begin: list[str], *, name: str
) -> tuple[str, tuple[str, ...]]:
    operator, units = OPERATORS[layer[0].cell], layer[0].units
    arrays = [_arrays(direction) for direction in layer]
    weight, recurrent, bias, peepholes = (np.stack(parts) for parts in zip(*arrays, strict=True))
    inputs = [
        x,
        graph.constant(weight, f"{name}.weight"),
        graph.constant(recurrent, f"{name}.recurrent_weight"),
        graph.constant(bias, f"{name}.bias"),
        lengths,
        *begin,
    ]
    if peepholes.size:
        inputs += [""] * (7 - len(inputs)) + [graph.constant(peepholes, f"{name}.peepholes")]
    attributes: dict[str, Attribute] = {"hidden_size": units, **operator.attributes}
    if len(layer) == 2:
        attributes["direction"] = "bidirectional"
        if isinstance(activations := attributes.get("activations"), list):
            attributes["activations"] = activations * 2
    elif layer[0].reverse:
        attributes["direction"] = "reverse"
    outputs, *states = graph.add_many(operator.name, inputs, 1 + CELLS[layer[0].cell].states, attributes)
    if begin:
        # ONNX Runtime answers zeros for a row of length 0, not the state it began with.
        empty = graph.add("Equal", [lengths, graph.constant(np.array(0, np.int32), f"{name}.no_steps")])
        empty = graph.add("Unsqueeze", [empty, graph.constant(np.array([1]), f"{name}.beside")])
        states = [graph.add("Where", [empty, old, new]) for old, new in zip(begin, states, strict=True)]
    # (time, directions, batch, units): directions side by side
    turned = graph.add("Transpose", [outputs], {"perm": [0, 2, 1, 3]})
    joined = graph.constant(np.array([0, 0, len(layer) * units]), f"{name}.outputs_shape")
    return graph.add("Reshape", [turned, joined]), tuple(states)


def _begin(graph: Graph, layer: tuple[Direction, ...], lengths: str, name: str) -> list[str]:
    """The learnt states before the first step, once for every row."""
    learnt = [np.asarray(direction.initial) for direction in layer if direction.initial is not None]
    if not learnt:
        return []
    directions, states, units = (stacked := np.stack(learnt)).shape
    around = [graph.constant(np.array([size]), f"{name}.initial_shape") for size in (directions, units)]
    shape = graph.add("Concat", [around[0], graph.add("Shape", [lengths]), around[1]], {"axis": 0})
    return [
        graph.add("Expand", [graph.constant(stacked[:, state, None, :], f"{name}.initial"), shape])
        for state in range(states)
    ]


def _arrays(direction: Direction) -> tuple[Array, Array, Array, Array]:
    """Input weights, recurrent weights, both biases and peepholes in the operator's order and shape."""
    operator, units = OPERATORS[direction.cell], direction.units
    weight, recurrent, bias = (
        _reorder(np.asarray(array), operator.order, units)
        for array in (direction.weight, direction.recurrent_weight, direction.bias[None])
    )
    second, peepholes = np.zeros_like(bias), np.zeros(0, np.float32)
    if direction.cell == "coupled_lstm":
        for array in (weight, recurrent, bias):
            array[:units] *= -1
    elif direction.cell == "gru":
        second[2 * units :, 0] = direction.vectors[0]
    elif direction.cell == "peephole_lstm":
        i, f, o = np.asarray(direction.vectors)
        peepholes = np.concatenate([i, o, f])
    return weight, recurrent, np.concatenate([bias, second])[:, 0], peepholes


def _reorder(array: Array, order: tuple[int, ...], units: int) -> Array:
    """(rows, gates * units) -> (gates * units, rows), with the gates in another order."""
    gates = array.reshape(len(array), -1, units).transpose(1, 2, 0)
    return np.concatenate([gates[gate] for gate in order])
