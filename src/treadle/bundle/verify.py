"""Whether a bundle is whole, and still gives the answers it gave when it was made."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from treadle.bundle import wire
from treadle.bundle.archive import digest_of, read_archive
from treadle.bundle.bundle import Bundle
from treadle.bundle.generation import open_language
from treadle.bundle.golden import TOLERANCE
from treadle.bundle.model import UnknownError
from treadle.bundle.predictor import Predictor
from treadle.bundle.replay import rewrite
from treadle.bundle.sequences import SequenceSession
from treadle.bundle.session import network_errors, open_in_stages, open_session
from treadle.data.sources import from_rows
from treadle.errors import BundleError, ContractError, GenerationError

COMPANY = 1e-6
"""Largest change of a raw output, absolute and relative, from other rows in the batch, their order or their number:
the last bits of float32, where a processor adds in another order."""

_BATCHES = (1, 2, 7)
_PADDING = 40
_Look = Callable[[Predictor], str]


class Check(BaseModel):
    """One thing that was looked at."""

    model_config = ConfigDict(frozen=True)

    name: str
    passed: bool
    detail: str


class Verification(BaseModel):
    """All that was looked at, in order; it ends early where the rest cannot be looked at."""

    model_config = ConfigDict(frozen=True)

    bundle: str
    passed: bool
    checks: tuple[Check, ...]


def verify(path: str | Path) -> Verification:
    """Check the bundle at `path`: its bytes, its members, its network, and its golden rows in every company.

    Of a language model, also the texts that it wrote when it was made.
    """
    checks = tuple(_checks(Path(path)))
    return Verification(bundle=str(path), passed=all(check.passed for check in checks), checks=checks)


def _checks(path: Path) -> Iterator[Check]:
    try:
        members = read_archive(path)
        yield Check(name="file", passed=True, detail=f"{len(members)} members, every byte as it was written")
        bundle = Bundle.from_members(members, str(path))
        yield Check(name="manifest", passed=True, detail=f"made by Treadle {bundle.treadle}, all members as described")
        predictor = Predictor(bundle)
        staged, opened = _how_opened(bundle)
        yield Check(name="network", passed=True, detail=f"{opened}, sha256 {digest_of(bundle.onnx)[:16]}")
    except BundleError as error:
        yield Check(name="bundle", passed=False, detail=str(error))
        return
    looks: dict[str, _Look] = {"weights": _weights, "golden rows": _golden, "batches": _batches, "order": _order}
    if staged:
        looks["recurrent layers"] = _recurrent
    if predictor.bundle.features.text is not None:
        looks["padding"] = _padding
    if predictor.task == "next_word":
        looks["writing"] = _writing
    if importlib.util.find_spec("onnx") is not None:
        looks = {"model": _model} | looks
    for name, look in looks.items():
        try:
            yield Check(name=name, passed=True, detail=look(predictor))
        except (BundleError, ContractError, GenerationError) as error:
            yield Check(name=name, passed=False, detail=str(error))


def _how_opened(bundle: Bundle) -> tuple[bool, str]:
    """Whether its recurrent layers are read by the compiled engine, and by what its network is opened."""
    try:
        open_in_stages(bundle)
    except UnknownError as reason:
        return False, f"opened by ONNX Runtime as a whole ({reason})"
    return True, "opened by ONNX Runtime, its recurrent layers by the compiled engine"


def _model(predictor: Predictor) -> str:
    import onnx
    import onnx.checker

    try:
        onnx.checker.check_model(predictor.bundle.onnx, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise BundleError(f"not a valid ONNX model: {error}") from None
    return f"a valid ONNX model, by ONNX {onnx.__version__}"


def _weights(predictor: Predictor) -> str:
    bundle = predictor.bundle
    constants = {tensor.name: tensor.array for tensor in wire.tensors(bundle.onnx)}
    shared = sorted(bundle.weights.keys() & constants.keys())
    for name in shared:
        array = constants[name]
        if array is None or array.dtype != bundle.weights[name].dtype or not _same(array, bundle.weights[name]):
            raise BundleError(f"{name} is not the same in weights.safetensors and in model.onnx")
    return f"{len(shared)} of {len(bundle.weights)} stand under their name in model.onnx, with the same numbers"


def _same(left: NDArray[Any], right: NDArray[Any]) -> bool:
    return left.shape == right.shape and left.tobytes() == right.tobytes()


def _golden(predictor: Predictor) -> str:
    golden = predictor.bundle.golden
    outputs = _replayed(predictor, np.arange(len(golden.rows)))
    recorded = [np.asarray(row, np.float32) for row in golden.outputs]
    farthest = _require_near(outputs, recorded, TOLERANCE, "golden row {row} was answered {was}, now {now}")
    table = from_rows([dict(row) for row in golden.rows], source="golden rows")
    if predictor.sequences is None:
        answers = predictor.answer(predictor.ready(table), np.stack(recorded)).records()
        how = "from the recorded output comes"
    else:
        answers, how = predictor.predict_table(table).records(), "the answer is now"
    for row, (answer, told) in enumerate(zip(answers, golden.answers, strict=True), start=1):
        if answer != told and (predictor.sequences is None or not _alike(answer, told)):
            raise BundleError(f"golden row {row}: {how} {answer}, where {told} was told")
    return f"{len(golden.rows)} answered as when the bundle was made, within {farthest:.1g}"


def _alike(now: Any, was: Any) -> bool:
    """Whether answers are the same but for the last digits of probabilities."""
    if isinstance(now, float) and isinstance(was, float):
        return abs(now - was) <= TOLERANCE
    if isinstance(now, dict) and isinstance(was, dict):
        return now.keys() == was.keys() and all(_alike(now[key], was[key]) for key in now)
    if isinstance(now, list) and isinstance(was, list):
        return len(now) == len(was) and all(map(_alike, now, was))
    return bool(now == was)


def _recurrent(predictor: Predictor) -> str:
    """Whether the compiled engine reads as ONNX Runtime's operators do: as close as two machines, no closer, since it
    adds in another order."""
    bundle = predictor.bundle
    table = from_rows([dict(row) for row in bundle.golden.rows], source="golden rows")
    readied = predictor.ready(table)
    now, was = (
        predictor.kept(readied, _outputs(bundle, open_session(bundle, staged=staged), readied.inputs))
        for staged in (True, False)
    )
    message = "golden row {row} is answered {now} by the compiled engine, {was} by ONNX Runtime alone"
    farthest = _require_near(now, was, TOLERANCE, message)
    return f"read by the compiled engine as by ONNX Runtime alone, within {farthest:.1g}"


def _outputs(bundle: Bundle, session: Any, inputs: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
    """The raw outputs of these rows in a session of their network."""
    if bundle.features.sequence is not None:
        return SequenceSession(session, bundle.name, bundle.weights).run(inputs, bundle.answers.outputs)
    try:
        outputs: NDArray[np.float32] = session.run(("outputs",), inputs)[0]
    except network_errors() as error:
        raise BundleError(f"bundle {bundle.name!r}: its network cannot be run: {error}") from None
    return outputs


def _batches(predictor: Predictor) -> str:
    rows = np.arange(len(predictor.bundle.golden.rows))
    together = _replayed(predictor, rows)
    farthest = 0.0
    for size in _BATCHES:
        parts = [_replayed(predictor, rows[start : start + size]) for start in range(0, len(rows), size)]
        message = f"row {{row}} is answered {{now}} in a batch of {size}, {{was}} among {len(rows)}"
        farthest = max(farthest, _require_near(list(chain(*parts)), together, COMPANY, message))
    return f"of {', '.join(map(str, _BATCHES))} and {len(rows)} rows give the same answers, within {farthest:.1g}"


def _order(predictor: Predictor) -> str:
    rows = np.arange(len(predictor.bundle.golden.rows))
    straight = _replayed(predictor, rows)
    message = "row {row} is answered {now} when the order is turned round, {was} in order"
    farthest = _require_near(_replayed(predictor, rows[::-1])[::-1], straight, COMPANY, message)
    return f"of rows changes no answer, within {farthest:.1g}"


def _padding(predictor: Predictor) -> str:
    table = from_rows([dict(row) for row in predictor.bundle.golden.rows], source="golden rows")
    readied = predictor.ready(table)
    inputs, more = readied.inputs, (0, _PADDING)
    padded = inputs | {"tokens": np.pad(inputs["tokens"], ((0, 0), more))}
    if "affixes" in inputs:
        padded["affixes"] = np.pad(inputs["affixes"], ((0, 0), more, (0, 0)), constant_values=-1)
    message = f"row {{row}} is answered {{now}} with {_PADDING} steps of padding, {{was}} with less"
    # Each at the width it is given; `run` would cut to what rows need.
    now, was = (predictor.kept(readied, predictor.run_block(each)) for each in (padded, inputs))
    return f"of {_PADDING} more steps changes no answer, within {_require_near(now, was, COMPANY, message):.1g}"


def _writing(predictor: Predictor) -> str:
    return rewrite(open_language(predictor), predictor.bundle.golden.written)


def _replayed(predictor: Predictor, rows: NDArray[np.int64]) -> list[NDArray[np.float32]]:
    """What is kept of the raw outputs of these golden rows, answered as one batch."""
    golden = predictor.bundle.golden
    if not golden.rows:
        raise BundleError("there are no golden rows to replay")
    table = from_rows([dict(golden.rows[row]) for row in rows], source="golden rows")
    readied = predictor.ready(table)
    outputs = predictor.run(readied.inputs)
    expected = (len(rows), predictor.answers.outputs)
    if (len(outputs), outputs.shape[-1]) != expected:
        raise BundleError(f"the network answers in the shape {outputs.shape}, where {expected} is due")
    return predictor.kept(readied, outputs)


def _require_near(
    now: list[NDArray[np.float32]], was: list[NDArray[np.float32]], tolerance: float, message: str
) -> float:
    """The largest difference, relative where outputs are above 1.

    Raises:
        BundleError: `message`, with the row, where it is above `tolerance`.
    """
    if [row.shape for row in now] != [row.shape for row in was]:
        shapes = {row.shape for row in was}, {row.shape for row in now}
        raise BundleError(
            f"{len(was)} outputs of shapes {shapes[0]} were recorded, {len(now)} of {shapes[1]} are given"
        )
    farthest = 0.0
    for row, (here, there) in enumerate(zip(now, was, strict=True), start=1):
        with np.errstate(invalid="ignore"):
            away = float(np.max(np.abs(here - there) / np.maximum(1.0, np.abs(there)), initial=0.0))
        if not away <= tolerance:
            raise BundleError(message.format(row=row, was=there.tolist(), now=here.tolist()))
        farthest = max(farthest, away)
    return farthest
