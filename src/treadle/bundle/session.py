"""A bundle's network, opened by ONNX Runtime."""

from __future__ import annotations

from typing import Any

from treadle.bundle.bundle import Bundle
from treadle.errors import BundleError


def open_session(bundle: Bundle) -> Any:
    """A session of ONNX Runtime with the bundle's network.

    Raises:
        BundleError: it cannot be opened, or does not fit the bundle's features and answers.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # A row or a block is too small to share among threads; callers that have several run blocks side by side.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(bundle.onnx, options, providers=["CPUExecutionProvider"])
    except network_errors() as error:
        raise BundleError(f"bundle {bundle.name!r}: ONNX Runtime cannot open its network: {error}") from None
    features = bundle.features
    widths = {"numbers": len(features.number_names), "codes": len(features.code_names)}
    due: dict[str, int | str] = {name: width for name, width in widths.items() if width}
    if features.text is not None:
        due |= {"tokens": "time", "lengths": "rows"}
    if features.sequence is not None:
        due |= {"wanted": "answers"}
        if features.text is not None and features.text.recipe.affixes:
            due |= {"affixes": features.text.slots}
    given = {value.name: value.shape[-1] if value.shape else None for value in session.get_inputs()}
    if features.sequence is not None:
        given = {name: width for name, width in given.items() if not name.startswith("state_")}
    said = {value.name: value.shape[-1] if value.shape else None for value in session.get_outputs()}
    if given != due or "outputs" not in said:
        raise BundleError(f"bundle {bundle.name!r}: its network takes {given}, where its features give {due}")
    if features.sequence is not None and said["outputs"] != bundle.answers.outputs:
        told = f"{said['outputs']} outputs, where its answers need {bundle.answers.outputs}"
        raise BundleError(f"bundle {bundle.name!r}: its network gives {told}; train the bundle again")
    return session


def network_errors() -> tuple[type[Exception], ...]:
    """What ONNX Runtime raises for a model it cannot open or run; the classes have no common base of their own."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return (
        state.Fail,
        state.InvalidArgument,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NotImplemented,
        state.RuntimeException,
    )
