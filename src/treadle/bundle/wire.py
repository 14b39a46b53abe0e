"""Reads and writes protobuf messages, and reads the tensors of an ONNX model, which needs no `onnx` package.

Field numbers are those of onnx.proto (ONNX IR version 9); the encoding is that of the protobuf documentation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from treadle.errors import BundleError

_DTYPES = {1: "<f4", 2: "u1", 3: "i1", 6: "<i4", 7: "<i8", 9: "?", 11: "<f8"}

# Message -> {field number: message in that field}; only the fields through which a tensor can be reached.
_PATHS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_DEEPEST = 64


@dataclass(frozen=True)
class Tensor:
    """A constant of the model."""

    name: str
    external: bool
    """Its numbers are said to stand in another file."""
    array: NDArray[Any] | None
    """Its numbers, where they stand in the model as raw bytes of a common type."""


def refuse_external_data(model: bytes, where: str) -> None:
    """Refuse a model that makes the runtime open other files.

    Raises:
        BundleError: naming the constant, or saying that the bytes are no ONNX model.
    """
    try:
        for tensor in tensors(model):
            if tensor.external:
                raise BundleError(
                    f"{where}: refused: constant {tensor.name!r} of model.onnx lies in another file; "
                    "a bundle holds all its numbers"
                )
    except (IndexError, ValueError) as error:
        raise BundleError(f"{where}: model.onnx is not an ONNX model: {error}") from None


def tensors(model: bytes) -> Iterator[Tensor]:
    """Every constant of the model, wherever it stands.

    Raises:
        IndexError, ValueError: the bytes are no protobuf message.
    """
    yield from _walk(memoryview(model), "model", 0)


def _walk(message: memoryview, kind: str, depth: int) -> Iterator[Tensor]:
    if depth > _DEEPEST:
        raise ValueError("its graphs are nested too deeply")
    if kind == "tensor":
        yield tensor(message)
        return
    for number, value in fields(message):
        inner = _PATHS[kind].get(number)
        if inner is not None:
            if isinstance(value, int):
                raise ValueError(f"field {number} of a {kind} is no message")
            yield from _walk(value, inner, depth + 1)


def tensor(message: memoryview) -> Tensor:
    """The constant in a message TensorProto; its numbers are not copied.

    Raises:
        IndexError, ValueError: it is none, or has other numbers than its shape needs.
    """
    shape: list[int] = []
    dtype, name, external, raw = 0, "", False, None
    for number, value in fields(message):
        if isinstance(value, int):
            if number == 1:
                shape.append(value)
            elif number == 2:
                dtype = value
            elif number == 14:
                external = external or value != 0
        elif number == 1:
            shape += packed(value)
        elif number == 8:
            name = bytes(value).decode("utf-8", "replace")
        elif number == 9:
            raw = value
        elif number == 13:
            external = True
    array = None
    if raw is not None and dtype in _DTYPES:
        array = np.frombuffer(raw, _DTYPES[dtype])
        if array.size != math.prod(shape):
            raise ValueError(f"constant {name!r} has {array.size} numbers for the shape {tuple(shape)}")
        array = array.reshape(shape)
    return Tensor(name, external, array)


def fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of every field: an integer, or the bytes of a message, a text or an array.

    Raises:
        IndexError, ValueError: the bytes are no protobuf message.
    """
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, place = _varint(message, place)
            yield number, value
            continue
        if wire == 2:
            length, place = _varint(message, place)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError(f"no such wire type: {wire}")
        if place + length > len(message):
            raise ValueError("it ends in the middle of a field")
        yield number, message[place : place + length]
        place += length


def packed(values: memoryview) -> list[int]:
    """The integers of a field that holds them all."""
    numbers, place = [], 0
    while place < len(values):
        number, place = _varint(values, place)
        numbers.append(number)
    return numbers


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("a number is longer than 64 bits")


def field(
    number: int, value: int | bytes | memoryview | str | Sequence[bytes | memoryview]
) -> list[bytes | memoryview]:
    """A field of a message, in parts to be joined: an integer, a text, or a message, which may be in parts itself."""
    if isinstance(value, int):
        return [_as_varint(number << 3) + _as_varint(value)]
    if isinstance(value, str):
        value = value.encode()
    parts = [value] if isinstance(value, bytes | memoryview) else list(value)
    return [_as_varint(number << 3 | 2) + _as_varint(sum(map(len, parts))), *parts]


def _as_varint(value: int) -> bytes:
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])
