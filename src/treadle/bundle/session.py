"""A bundle's network, opened: in ONNX Runtime, its recurrent layers in the compiled engine where that is there."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from treadle.bundle.bundle import Bundle
from treadle.bundle.layers import ReadError
from treadle.bundle.model import UnknownError
from treadle.bundle.stages import Stages, open_stages
from treadle.errors import BundleError


def open_session(bundle: Bundle, *, staged: bool = True) -> Any:
    """A session with the bundle's network: one of ONNX Runtime, or `Stages`, which is asked in the same way.

    Args:
        bundle: whose.
        staged: have recurrent layers read by the compiled engine, where it is there.

    Raises:
        BundleError: it cannot be opened, or does not fit the bundle's features and answers.
    """
    session: Any = None
    if staged:
        with suppress(UnknownError):
            session = open_in_stages(bundle)
    if session is None:
        try:
            session = _open(bundle.onnx)
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


def open_in_stages(bundle: Bundle) -> Stages:
    """The bundle's network, its recurrent layers in the compiled engine.

    Raises:
        UnknownError: it is opened by ONNX Runtime as a whole; says why.
    """
    try:
        return open_stages(bundle.onnx, _open)
    except network_errors() as error:
        # Of the whole model ONNX Runtime says what is wrong, or there is nothing wrong with it.
        raise UnknownError(f"a part that cannot be opened: {error}") from None


def _open(model: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # A row or a block is too small to share among threads; callers that have several run blocks side by side.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def network_errors() -> tuple[type[Exception], ...]:
    """What a session raises for a model it cannot open or run; the classes have no common base of their own."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return (
        ReadError,
        state.Fail,
        state.InvalidArgument,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NotImplemented,
        state.RuntimeException,
    )
