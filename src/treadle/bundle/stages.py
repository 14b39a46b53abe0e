"""A network in stages: its recurrent layers in the compiled engine, all else in ONNX Runtime."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from treadle.bundle.layers import Layer
from treadle.bundle.model import (
    ELEMENTS,
    Model,
    Node,
    UnknownError,
    Value,
    make_value,
    read_model,
    write_model,
)
from treadle.bundle.surroundings import OPERATORS, Surroundings
from treadle.native import engine

Values = dict[str, NDArray[Any]]
OpenSession = Callable[[bytes], Any]
"""Makes a session of ONNX Runtime of a model's bytes."""

_TYPES = {f"tensor({ {'float32': 'float', 'float64': 'double'}.get(name, name) })": name for name in ELEMENTS.values()}
"""Types of values by the names that ONNX Runtime gives them."""


class _Stage(Protocol):
    """A part of the network."""

    @property
    def takes(self) -> tuple[str, ...]: ...

    def run(self, values: Mapping[str, NDArray[Any]]) -> Values: ...


class _Part(NamedTuple):
    """Operators that ONNX Runtime runs."""

    session: Any
    takes: tuple[str, ...]
    gives: tuple[str, ...]

    def run(self, values: Mapping[str, NDArray[Any]]) -> Values:
        given = {name: values[name] for name in self.takes}
        return dict(zip(self.gives, self.session.run(self.gives, given), strict=True))


class Stages:
    """A network that is asked as a session of ONNX Runtime is, by several threads at once if they like."""

    def __init__(self, inputs: Sequence[Value], outputs: Sequence[Value], stages: Sequence[_Stage]) -> None:
        self._inputs, self._outputs = list(inputs), list(outputs)
        wanted = {value.name for value in outputs}
        self._stages: list[tuple[_Stage, tuple[str, ...]]] = []
        for stage in reversed(stages):
            last = tuple(name for name in dict.fromkeys(stage.takes) if name not in wanted)
            wanted.update(last)
            self._stages.insert(0, (stage, last))

    def get_inputs(self) -> list[Value]:
        """The inputs, with `name` and `shape`."""
        return list(self._inputs)

    def get_outputs(self) -> list[Value]:
        """The outputs, with `name` and `shape`."""
        return list(self._outputs)

    def run(self, names: Sequence[str] | None, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """The outputs of these names, or all.

        Raises:
            KeyError: an input is missing.
            ReadError, and what ONNX Runtime raises: one is such as the network does not take.
        """
        values = dict(inputs)
        for stage, last in self._stages:
            made = stage.run(values)
            # What no later stage takes makes room.
            for name in last:
                del values[name]
            values |= made
        return [values[name] for name in names or [value.name for value in self._outputs]]


def open_stages(model: bytes, open_session: OpenSession) -> Stages:
    """The network in stages.

    Raises:
        UnknownError: it has no recurrent layers, the engine is not compiled here, or they are none that it reads; says
            why. Of a model that is broken, ONNX Runtime says what is wrong.
        what ONNX Runtime raises for a part that it cannot open.
    """
    try:
        read = read_model(model)
    except (IndexError, ValueError) as error:
        raise UnknownError(f"bytes that are no model: {error}") from None
    if OPERATORS.isdisjoint(node.operator for node in read.nodes):
        raise UnknownError("no recurrent layers")
    library, sentence = engine.load()
    if library is None:
        raise UnknownError(f"engine: {sentence}")
    return _stage(read, library, open_session)


def _stage(model: Model, library: ctypes.CDLL, open_session: OpenSession) -> Stages:
    if any(value.dtype is None for value in model.inputs):
        raise UnknownError("inputs of other types")
    around = Surroundings(model)
    layers = {node: Layer(library, node, model.constants, around) for node in model.nodes if node.operator in OPERATORS}
    parts = _place(model, layers, around.left)
    known: dict[str, Value] = {value.name: value for value in model.inputs}
    outputs = {value.name: value for value in model.outputs}
    stages: list[_Stage] = []
    for nodes, level in parts:
        makes = [name for node in nodes for name in node.outputs if name]
        outside = {name for other, _ in parts if other is not nodes for node in other for name in node.inputs}
        outside |= {name for layer in layers.values() for name in layer.takes} | outputs.keys()
        takes = {name: known[name] for node in nodes for name in node.inputs if name in known}
        gives = tuple(name for name in makes if name in outside)
        if gives:
            told = [outputs.get(name, make_value(name)) for name in gives]
            session = open_session(write_model(model, nodes, takes.values(), told))
            stages.append(_Part(session, tuple(takes), gives))
            for value in session.get_outputs():
                if value.type not in _TYPES:
                    raise UnknownError(f"values of type {value.type}")
                # Of a value that is no output, a shape that is not known looks like that of a single number.
                shape = tuple(value.shape) if value.name in outputs else None
                known[value.name] = make_value(value.name, _TYPES[value.type], shape)
        for layer in level:
            stages.append(layer)
            known |= {name: make_value(name, np.float32, shape) for name, shape in layer.gives.items()}
    if not known.keys() >= outputs.keys():
        raise UnknownError("an output that is a constant")
    return Stages(model.inputs, [known[name] for name in outputs], stages)


def _place(model: Model, layers: dict[Node, Layer], nodes: list[Node]) -> list[tuple[list[Node], list[Layer]]]:
    """Operators to run together, and the layers to run after them, again and again.

    A layer is run as early as it can be, any other operator as late, so that little goes from part to part.
    """
    ready: dict[str, int] = {}
    level: dict[Node, int] = {}
    for node in nodes:
        layer = layers.get(node)
        takes, gives = (node.inputs, node.outputs) if layer is None else (layer.takes, tuple(layer.gives))
        level[node] = max((ready.get(name, 0) for name in takes), default=0)
        ready |= dict.fromkeys(gives, level[node] + (layer is not None))
    last = max(ready.values(), default=0)
    due = {value.name: last for value in model.outputs}
    for node in reversed(nodes):
        layer = layers.get(node)
        if layer is None:
            # What nobody takes, since a layer does without it, is not run.
            level[node] = min((due[name] for name in node.outputs if name in due), default=-1)
        for name in () if level[node] < 0 else node.inputs if layer is None else layer.takes:
            due[name] = min(due.get(name, last), level[node])
    return [
        (
            [node for node in nodes if level[node] == step and node not in layers],
            [layer for node, layer in layers.items() if level[node] == step],
        )
        for step in range(last + 1)
    ]
