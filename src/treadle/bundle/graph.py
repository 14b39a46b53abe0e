"""A small builder of ONNX graphs: networks write themselves into it, operator by operator.

Nothing is traced and nothing is named by chance: the same calls give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from treadle.errors import MissingExtraError

OPSET = 20
IR_VERSION = 9
"""Both are read by every ONNX Runtime that Treadle accepts (1.20 and later)."""

Attribute = int | float | str | Sequence[int] | Sequence[float] | Sequence[str]


class Graph:
    """Operators in the order in which they were added, with named inputs, constants and outputs.

    Args:
        name: what viewers of the model show.

    Raises:
        MissingExtraError: the `onnx` package, which only training needs, is not installed.
    """

    def __init__(self, name: str = "treadle") -> None:
        self._onnx = _import_onnx()
        self._name = name
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._nodes: list[Any] = []
        self._names: set[str] = set()
        self._constants: dict[str, NDArray[Any]] = {}

    @property
    def constants(self) -> dict[str, NDArray[Any]]:
        """Every constant by its name, as it stands in the model."""
        return dict(self._constants)

    def input(self, name: str, dtype: DTypeLike, shape: Sequence[int | str]) -> str:
        """An input of the network; a dimension given as text (`rows`) may have any length. Returns its name."""
        self._take(name)
        self._inputs.append(self._onnx.helper.make_tensor_value_info(name, self._type(dtype), list(shape)))
        return name

    def constant(self, array: NDArray[Any] | float | int, hint: str) -> str:
        """A constant; its name is `hint`, numbered where that is taken. Equal constants of one hint are shared.

        Python numbers become float32 and int64, the types that operators expect of them.
        """
        value = _as_constant(array)
        known = self._constants.get(hint)
        if known is not None and known.dtype == value.dtype and np.array_equal(known, value):
            return hint
        name = self._fresh(hint)
        self._constants[name] = value
        return name

    def add(self, op: str, inputs: Sequence[str], attributes: Mapping[str, Attribute] | None = None) -> str:
        """The first result of operator `op` (of the standard operator set) on named values; `""` omits an input."""
        return self.add_many(op, inputs, 1, attributes)[0]

    def add_many(
        self, op: str, inputs: Sequence[str], outputs: int, attributes: Mapping[str, Attribute] | None = None
    ) -> tuple[str, ...]:
        """All `outputs` results of an operator that has several."""
        for value in inputs:
            if value and value not in self._names:
                raise ValueError(f"{op}: no value {value!r} in this graph")
        names = tuple(self._fresh(op.lower()) for _ in range(outputs))
        ordered = dict(sorted((attributes or {}).items()))
        self._nodes.append(self._onnx.helper.make_node(op, list(inputs), list(names), **ordered))
        return names

    def output(self, name: str, value: str, dtype: DTypeLike = np.float32, shape: Sequence[int | str] = ()) -> None:
        """Answer `value` under `name`; without a `shape` it is rows by any number of columns."""
        self._take(name)
        self._nodes.append(self._onnx.helper.make_node("Identity", [value], [name]))
        dimensions = list(shape) or ["rows", "outputs"]
        self._outputs.append(self._onnx.helper.make_tensor_value_info(name, self._type(dtype), dimensions))

    def to_bytes(self) -> bytes:
        """The model, checked by ONNX's own checker; the same calls give the same bytes.

        Raises:
            ValueError: the graph is not a valid model.
        """
        helper = self._onnx.helper
        constants = [self._onnx.numpy_helper.from_array(array, name) for name, array in self._constants.items()]
        graph = helper.make_graph(self._nodes, self._name, self._inputs, self._outputs, constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="treadle")
        model.ir_version = IR_VERSION
        try:
            self._onnx.checker.check_model(model, full_check=True)
        except (self._onnx.checker.ValidationError, self._onnx.shape_inference.InferenceError) as error:
            raise ValueError(f"not a valid ONNX model: {error}") from error
        return bytes(model.SerializeToString(deterministic=True))

    def _type(self, dtype: DTypeLike) -> int:
        return int(self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def _take(self, name: str) -> None:
        if name in self._names:
            raise ValueError(f"the name {name!r} is taken in this graph")
        self._names.add(name)

    def _fresh(self, hint: str) -> str:
        name, number = hint, 1
        while name in self._names:
            number += 1
            name = f"{hint}_{number}"
        self._names.add(name)
        return name


def _as_constant(array: NDArray[Any] | float | int) -> NDArray[Any]:
    if isinstance(array, bool | int):
        return np.asarray(array, np.int64)
    if isinstance(array, float):
        return np.asarray(array, np.float32)
    return np.asarray(array, order="C")


def _import_onnx() -> ModuleType:
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
        import onnx.shape_inference
    except ImportError:
        raise MissingExtraError("writing a network as ONNX", "train") from None
    return onnx
