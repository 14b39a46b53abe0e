"""The bundle: everything a prediction needs, and everything a reader should know, in one file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from treadle import __version__
from treadle.bundle.answers import Answers
from treadle.bundle.archive import digest_of, read_archive, write_archive
from treadle.bundle.card import render_card
from treadle.bundle.golden import Golden
from treadle.bundle.wire import refuse_external_data
from treadle.data.contract import Contract
from treadle.data.databases import without_password
from treadle.errors import BundleError
from treadle.features import Features
from treadle.recipe import Task

FORMAT = 1
"""Version of the bundle's format, raised whenever an older Treadle could not read what a newer one writes."""

MEMBERS = frozenset({"manifest.json", "weights.safetensors", "model.onnx", "golden.json", "CARD.md"})
TOKENIZER = "tokenizer.json"
"""Only where text is read with a vocabulary."""
_FEATURES = "features/"
_NETWORK = "network/"


class Manifest(BaseModel):
    """`manifest.json`: what the other members are, and how they came to be."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    format: int
    treadle: str
    name: str
    task: Task
    recipe: dict[str, Any]
    contract: Contract
    features: dict[str, Any]
    answers: Answers
    evaluation: dict[str, Any] | None
    leakage: dict[str, Any]
    split: dict[str, int]
    members: dict[str, str]
    """SHA-256 of every other member."""

    @model_validator(mode="after")
    def _answers_fit_the_task(self) -> Self:
        if self.answers.task != self.task:
            raise ValueError(f"the task is {self.task}, but its answers are of {self.answers.task}")
        return self


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A trained network with all that surrounds it. The same contents always make the same file."""

    name: str
    task: Task
    recipe: dict[str, Any]
    """The resolved recipe, as JSON values."""
    contract: Contract
    features: Features
    answers: Answers
    weights: dict[str, NDArray[Any]]
    """The network's weights by name; those that stand in the ONNX model under the same name hold the same numbers."""
    onnx: bytes
    """The network as an ONNX model: inputs as `Features.transform` names them, one output named `outputs`."""
    leakage: dict[str, Any] = field(default_factory=dict)
    split: dict[str, int] = field(default_factory=dict)
    """Rows of each part: train, validation, test."""
    evaluation: dict[str, Any] | None = None
    golden: Golden = field(default_factory=Golden)
    treadle: str = ".".join(__version__.split(".")[:2])
    """Major and minor version of the Treadle that made it."""

    def save(self, path: str | Path) -> None:
        """Write the bundle to `path`, wholly or not at all.

        Raises:
            BundleError: the disk is full, the folder missing, or the contents hold a number that is not finite.
        """
        write_archive(path, self.members())

    @classmethod
    def load(cls, path: str | Path) -> Bundle:
        """The bundle at `path`, after every byte has been checked. Nothing in it is ever run but the ONNX model.

        Raises:
            BundleError: missing, truncated, altered, of a future format, or made by another program.
        """
        return cls.from_members(read_archive(path), str(path))

    def members(self) -> dict[str, bytes]:
        """The contents of the file, by member."""
        recipe = _without_passwords(self.recipe)
        state, fitted = self.features.state()
        arrays = {_FEATURES + name: array for name, array in fitted.items()}
        arrays |= {_NETWORK + name: array for name, array in self.weights.items()}
        members = {
            "CARD.md": render_card(replace(self, recipe=recipe)).encode(),
            "golden.json": to_json(self.golden.model_dump(), "golden.json"),
            "model.onnx": self.onnx,
            "weights.safetensors": safetensors.save({name: _contiguous(arrays[name]) for name in sorted(arrays)}),
        }
        tokenizer = self.features.tokenizer
        if tokenizer is not None:
            members[TOKENIZER] = tokenizer.encode()
        manifest = {
            "format": FORMAT,
            "treadle": self.treadle,
            "name": self.name,
            "task": self.task,
            "recipe": recipe,
            "contract": self.contract.model_dump(mode="json"),
            "features": state,
            "answers": self.answers.model_dump(mode="json"),
            "evaluation": self.evaluation,
            "leakage": self.leakage,
            "split": self.split,
            "members": {name: digest_of(content) for name, content in members.items()},
        }
        return {**members, "manifest.json": to_json(manifest, "manifest.json")}

    @classmethod
    def from_members(cls, members: dict[str, bytes], where: str) -> Bundle:
        """The bundle that these members make; `where` is what error messages call it.

        Raises:
            BundleError: see `load`.
        """
        manifest = _read_manifest(members, where)
        _check_members(members, manifest, where)
        refuse_external_data(members["model.onnx"], where)
        arrays = _read_arrays(members["weights.safetensors"], where)
        return cls(
            name=manifest.name,
            task=manifest.task,
            recipe=manifest.recipe,
            contract=manifest.contract,
            features=_restore_features(manifest.features, _under(_FEATURES, arrays), members.get(TOKENIZER), where),
            answers=manifest.answers,
            weights=_under(_NETWORK, arrays),
            onnx=members["model.onnx"],
            leakage=manifest.leakage,
            split=manifest.split,
            evaluation=manifest.evaluation,
            golden=_read_golden(members["golden.json"], where),
            treadle=manifest.treadle,
        )


def to_json(document: object, what: str) -> bytes:
    """Canonical JSON: sorted keys, one form of every number, UTF-8, no NaN.

    Raises:
        BundleError: a number in `document` is not finite, or a value is no JSON.
    """
    try:
        text = json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BundleError(f"{what} cannot be written: {error}") from None
    return text.encode() + b"\n"


def _without_passwords(recipe: dict[str, Any]) -> dict[str, Any]:
    """The recipe as it may be passed on: a database address keeps no password."""
    data = recipe.get("data")
    if not isinstance(data, dict):
        return recipe
    bare = {key: without_password(data[key]) for key in ("source", "test") if isinstance(data.get(key), str)}
    return {**recipe, "data": data | bare}


def _read_json(content: bytes, member: str, where: str) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not a JSON number")

    try:
        document = json.loads(content.decode(), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{where}: {member} is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise BundleError(f"{where}: {member} is not a JSON object")
    return document


def _read_manifest(members: dict[str, bytes], where: str) -> Manifest:
    if "manifest.json" not in members:
        raise BundleError(f"{where}: not a Treadle bundle: it has no manifest.json")
    document = _read_json(members["manifest.json"], "manifest.json", where)
    version = document.get("format")
    if type(version) is int and version > FORMAT:
        maker = str(document.get("treadle"))
        raise BundleError(
            f"{where}: made by Treadle {maker} in bundle format {version}; this is Treadle {__version__}, which reads "
            f"formats up to {FORMAT}. Install a newer one: python -m pip install --upgrade 'treadle>={maker}'"
        )
    if type(version) is not int or version != FORMAT:
        raise BundleError(f"{where}: manifest.json names no bundle format that exists: {version!r}")
    try:
        return Manifest.model_validate(document)
    except ValidationError as error:
        raise BundleError(f"{where}: manifest.json: {_first_fault(error)}") from None


def _check_members(members: dict[str, bytes], manifest: Manifest, where: str) -> None:
    known = MEMBERS | {TOKENIZER}
    for name in sorted(MEMBERS - members.keys()):
        raise BundleError(f"{where}: member {name!r} is missing")
    for name in sorted(members.keys() - known):
        raise BundleError(f"{where}: unknown member {name!r}; a bundle holds only {', '.join(sorted(known))}")
    described = members.keys() - {"manifest.json"}
    for name in sorted(described):
        if manifest.members.get(name) != digest_of(members[name]):
            raise BundleError(f"{where}: member {name!r} is not the one that manifest.json describes")
    if set(manifest.members) != described:
        raise BundleError(f"{where}: manifest.json describes members that a bundle does not have")


def _read_arrays(content: bytes, where: str) -> dict[str, NDArray[Any]]:
    try:
        return safetensors.load(content)
    except (SafetensorError, KeyError, ValueError) as error:
        raise BundleError(f"{where}: weights.safetensors cannot be read: {error}") from None


def _restore_features(
    state: dict[str, Any], arrays: dict[str, NDArray[Any]], tokenizer: bytes | None, where: str
) -> Features:
    try:
        features = Features.restore(state, arrays, None if tokenizer is None else tokenizer.decode())
        # Names and sizes are worked out at their first use: here, where a wrong state is a bundle's fault.
        _ = features.number_names, features.code_names, features.cardinalities
        return features
    except BundleError as error:
        raise BundleError(f"{where}: {error}") from None
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise BundleError(f"{where}: the features cannot be restored: {type(error).__name__}: {error}") from None


def _read_golden(content: bytes, where: str) -> Golden:
    try:
        return Golden.model_validate(_read_json(content, "golden.json", where))
    except ValidationError as error:
        raise BundleError(f"{where}: golden.json: {_first_fault(error)}") from None


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    place = ".".join(map(str, fault["loc"]))
    return f"{place}: {fault['msg']}" if place else fault["msg"].removeprefix("Value error, ")


def _under(prefix: str, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _contiguous(array: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(array, order="C")
