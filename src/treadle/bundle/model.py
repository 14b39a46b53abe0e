"""The graph in the bytes of an ONNX model, read without the `onnx` package, and smaller models made of parts of it.

Field numbers are those of onnx.proto (ONNX IR version 9).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import DTypeLike

from treadle.bundle.wire import Tensor, field, fields, packed, tensor

Attribute = int | str | tuple[int, ...] | tuple[str, ...]
Shape = tuple[int | str | None, ...]
"""A dimension is a number, a name, or not known."""

ELEMENTS = {1: "float32", 2: "uint8", 3: "int8", 6: "int32", 7: "int64", 9: "bool", 11: "float64"}
"""Types of a value's elements by their numbers in ONNX."""
_NUMBERS = {np.dtype(name): number for number, name in ELEMENTS.items()}

_REPEATED = {
    "model": {8, 14},
    "graph": {1, 5, 11, 12, 13},
    "node": {1, 2, 5, 9},
    "attribute": {7, 8, 9, 10, 11, 15, 23},
    "constant": {1, 4, 5, 6, 7, 10, 11, 13, 16},
    "value": {4},
    "type": set(),
    "array": set(),
    "shape": {1},
    "dimension": set(),
}
"""Of each message, the fields that may stand again and again."""
_OF_MODEL, _OF_GRAPH = {1, 2, 3, 4, 5, 6, 7, 8, 14}, {1, 2, 5, 10, 11, 12, 13}
"""Fields that this reads or may pass over; others, such as functions of the model's own, change what it computes."""


class UnknownError(Exception):
    """The model holds something that this does not read."""


@dataclass(frozen=True, eq=False)
class Node:
    """An operator, applied to values by their names; the name "" stands for none."""

    operator: str
    """Of the standard operators."""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Attribute | None]
    """None for those of another type."""
    message: memoryview

    def input(self, place: int) -> str:
        """The name of an input, "" where fewer are given."""
        return self.inputs[place] if place < len(self.inputs) else ""


@dataclass(frozen=True)
class Value:
    """An input or an output of a graph."""

    name: str
    element: int
    """As in `ELEMENTS`; 0 where it is not said."""
    shape: Shape | None
    message: memoryview | bytes

    @property
    def dtype(self) -> np.dtype[np.generic] | None:
        """The type of its elements, where `ELEMENTS` knows it."""
        return np.dtype(ELEMENTS[self.element]) if self.element in ELEMENTS else None


@dataclass(frozen=True)
class Constant:
    """A constant of a graph, read when its numbers are asked for."""

    message: memoryview

    @cached_property
    def tensor(self) -> Tensor:
        """Its numbers; see `wire.tensor`.

        Raises:
            UnknownError: it has others than its shape needs.
        """
        try:
            return tensor(self.message)
        except (IndexError, ValueError) as error:
            raise UnknownError(str(error)) from None


@dataclass(frozen=True)
class Model:
    """The graph of a model."""

    version: int
    opsets: tuple[memoryview, ...]
    nodes: tuple[Node, ...]
    """Those that the outputs hang on, each after those whose outputs it takes."""
    constants: dict[str, Constant]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]


def read_model(model: bytes) -> Model:
    """The graph of a model.

    Raises:
        UnknownError: it holds operators, graphs or fields that this does not read, or is not in order.
        IndexError, ValueError: the bytes are no ONNX model.
    """
    version, graph, opsets = 0, memoryview(b""), []
    for number, content in _fields(memoryview(model), "model"):
        if number not in _OF_MODEL:
            raise UnknownError(f"field {number} of a model")
        if number == 1:
            version = _integer(content)
        elif number == 7:
            graph = _message(content)
        elif number == 8:
            opsets.append(_message(content))
    nodes: list[Node] = []
    constants: dict[str, Constant] = {}
    values: dict[int, list[Value]] = {11: [], 12: []}
    for number, content in _fields(graph, "graph"):
        if number not in _OF_GRAPH:
            raise UnknownError(f"field {number} of a graph")
        if number == 1:
            nodes.append(_node(_message(content)))
        elif number == 5:
            constant = Constant(_message(content))
            name = _name(constant.message, 8, "constant")
            if not name or name in constants:
                raise UnknownError("two values of one name, or one of none")
            constants[name] = constant
        elif number in values:
            values[number].append(_value(_message(content)))
    _require_order(nodes, [*constants, *(value.name for value in values[11])])
    needed = _needed(nodes, [value.name for value in values[12]])
    return Model(version, tuple(opsets), needed, constants, tuple(values[11]), tuple(values[12]))


def write_model(model: Model, nodes: Sequence[Node], inputs: Iterable[Value], outputs: Iterable[Value]) -> bytes:
    """A model of some of the nodes, with the constants that they take."""
    taken = {name: model.constants[name] for node in nodes for name in node.inputs if name in model.constants}
    graph = [
        *chain.from_iterable(field(1, node.message) for node in nodes),
        *field(2, "part"),
        *chain.from_iterable(field(5, constant.message) for constant in taken.values()),
        *chain.from_iterable(field(11, value.message) for value in inputs),
        *chain.from_iterable(field(12, value.message) for value in outputs),
    ]
    opsets = chain.from_iterable(field(8, opset) for opset in model.opsets)
    return b"".join([*field(1, model.version), *opsets, *field(7, graph)])


def make_value(name: str, dtype: DTypeLike | None = None, shape: Shape | None = None) -> Value:
    """An input, which needs a type, or an output, whose type ONNX Runtime finds out.

    Raises:
        UnknownError: `ELEMENTS` has no such type.
    """
    if dtype is None:
        return Value(name, 0, None, b"".join(field(1, name)))
    element = _NUMBERS.get(np.dtype(dtype))
    if element is None:
        raise UnknownError(f"values of type {dtype}")
    about = field(1, element)
    if shape is not None:
        about += field(2, list(chain.from_iterable(field(1, _dimension(length)) for length in shape)))
    return Value(name, element, shape, b"".join([*field(1, name), *field(2, field(1, about))]))


def _dimension(length: int | str | None) -> list[bytes | memoryview]:
    return [] if length is None else field(1 if isinstance(length, int) else 2, length)


def _node(message: memoryview) -> Node:
    inputs, outputs, attributes, operator = [], [], {}, ""
    for number, content in _fields(message, "node"):
        if number == 1:
            inputs.append(_text(content))
        elif number == 2:
            outputs.append(_text(content))
        elif number == 4:
            operator = _text(content)
        elif number == 5:
            name, attribute = _attribute(_message(content))
            if name in attributes:
                raise UnknownError("two attributes of one name")
            attributes[name] = attribute
        elif number == 7 and _text(content) not in ("", "ai.onnx"):
            raise UnknownError(f"operators of {_text(content)}")
    return Node(operator, tuple(inputs), tuple(outputs), attributes, message)


def _attribute(message: memoryview) -> tuple[str, Attribute | None]:
    name, whole, text = "", None, None
    integers: list[int] = []
    texts: list[str] = []
    for number, content in _fields(message, "attribute"):
        if number == 1:
            name = _text(content)
        elif number == 3:
            whole = _integer(content)
        elif number == 4:
            text = _text(content)
        elif number in (6, 11):
            raise UnknownError("graphs within a graph, which may take values from outside")
        elif number == 8:
            integers += [content] if isinstance(content, int) else packed(content)
        elif number == 9:
            texts.append(_text(content))
    return name, next((each for each in (whole, text, tuple(integers), tuple(texts)) if each not in (None, ())), None)


def _value(message: memoryview) -> Value:
    name, element, shape = _name(message, 1, "value"), 0, None
    for kind, about in _within(message, 2, "type"):
        if kind != 1:
            raise UnknownError("values that are no arrays")
        for number, content in _fields(_message(about), "array"):
            if number == 1:
                element = _integer(content)
            elif number == 2:
                sizes = _fields(_message(content), "shape")
                shape = tuple(_length(_message(each)) for place, each in sizes if place == 1)
    return Value(name, element, shape, message)


def _length(message: memoryview) -> int | str | None:
    length: int | str | None = None
    for number, content in _fields(message, "dimension"):
        if number == 1:
            length = _integer(content)
        elif number == 2:
            length = _text(content)
    return length


def _fields(message: memoryview, kind: str) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a message, as `wire.fields`.

    Raises:
        UnknownError: one of which there should be one stands twice; protobuf takes the last, or what both say together.
    """
    seen: set[int] = set()
    for number, content in fields(message):
        if number in seen and number not in _REPEATED[kind]:
            raise UnknownError(f"field {number} of a {kind} twice")
        seen.add(number)
        yield number, content


def _within(message: memoryview, number: int, kind: str) -> list[tuple[int, int | memoryview]]:
    """The fields of the messages, of one kind, in a field."""
    found = [_message(content) for place, content in fields(message) if place == number]
    return [inner for each in found for inner in _fields(each, kind)]


def _name(message: memoryview, number: int, kind: str) -> str:
    return "".join([_text(content) for place, content in _fields(message, kind) if place == number])


def _text(content: int | memoryview) -> str:
    return bytes(_message(content)).decode()


def _message(content: int | memoryview) -> memoryview:
    if isinstance(content, int):
        raise ValueError("an integer stands where a message is due")
    return content


def _integer(content: int | memoryview) -> int:
    if not isinstance(content, int):
        raise ValueError("a message stands where an integer is due")
    return content


def _require_order(nodes: Sequence[Node], given: Sequence[str]) -> None:
    """
    Raises:
        UnknownError: a node takes what no node before it made, or two values have one name.
    """
    known = set(given)
    if len(known) != len(given):
        raise UnknownError("two values of one name")
    for node in nodes:
        if any(name and name not in known for name in node.inputs):
            raise UnknownError("nodes that are not in order")
        made = [name for name in node.outputs if name]
        if known & set(made) or len(made) != len(set(made)):
            raise UnknownError("two values of one name")
        known |= set(made)


def _needed(nodes: Sequence[Node], outputs: Sequence[str]) -> tuple[Node, ...]:
    taken, needed = set(outputs), []
    for node in reversed(nodes):
        if not taken.isdisjoint(filter(None, node.outputs)):
            taken.update(node.inputs)
            needed.append(node)
    return tuple(reversed(needed))


def users(nodes: Iterable[Node]) -> Mapping[str, list[Node]]:
    """The nodes that take each value."""
    found: dict[str, list[Node]] = {}
    for node in nodes:
        for name in dict.fromkeys(filter(None, node.inputs)):
            found.setdefault(name, []).append(node)
    return found
