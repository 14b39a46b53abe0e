"""The state of training in a file, so that a killed run can go on."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from treadle.bundle.atomic import replacing
from treadle.errors import BundleError, TrainingError
from treadle.nn import Learner, from_arrays, to_arrays
from treadle.recipe import TrainingRecipe
from treadle.tasks import Objective
from treadle.training.examples import Examples
from treadle.training.stretch import State

FORMAT = "2"

_USUAL = 0.25
"""Seconds that saving may take; where it takes longer, a state of hundreds of megabytes, it is done less often."""


class Checkpoint:
    """A safetensors file with the arrays of the state, and in its header what it is the state of."""

    def __init__(self, path: Path, fingerprint: str, seconds_between: float) -> None:
        self._path = path
        self._header = {"format": FORMAT, "fingerprint": fingerprint}
        self._seconds_between = seconds_between
        self._seconds_taken = 0.0
        self._saved_at = time.monotonic()

    def load(self, state: State) -> State:
        """The saved state, in the structure of `state`; `state` itself where nothing was saved yet.

        Raises:
            TrainingError: the file is damaged, or holds the state of another training.
        """
        if not self._path.exists():
            return state
        advice = "remove it, or train without resuming to start anew"
        try:
            with safe_open(self._path, framework="numpy") as file:
                header = file.metadata() or {}
                if header.get("format") != FORMAT:
                    raise TrainingError(f"{self._path} is no checkpoint of this version of Treadle; {advice}")
                if header != self._header:
                    raise TrainingError(
                        f"{self._path} is a checkpoint of another training: the recipe, the data, the seed or the "
                        f"network has changed since; {advice}"
                    )
                return from_arrays(state, {name: file.get_tensor(name) for name in to_arrays(state)})
        except (SafetensorError, BundleError) as error:
            raise TrainingError(f"{self._path} is damaged ({error}); {advice}") from None

    def save_if_due(self, state: State) -> None:
        """Save `state` if the last time is long enough ago."""
        if time.monotonic() - self._saved_at >= self._seconds_between * max(1.0, self._seconds_taken / _USUAL):
            self.save(state)

    def save(self, state: State) -> None:
        """Put `state` into the file, which is the old one or the new one whatever happens meanwhile.

        Raises:
            TrainingError: the folder is missing or not writable, or the disk is full.
        """
        began = time.monotonic()
        arrays = {name: np.asarray(array, order="C") for name, array in to_arrays(state).items()}
        try:
            with replacing(self._path) as file:
                file.write(save(arrays, metadata=self._header))
        except OSError as error:
            raise TrainingError(f"{self._path}: the checkpoint cannot be written: {error.strerror or error}") from None
        self._saved_at = time.monotonic()
        self._seconds_taken = self._saved_at - began


def fingerprint(
    task: Objective, network: Learner, train: Examples, validation: Examples, recipe: TrainingRecipe
) -> str:
    """A digest of everything that decides the weights: what may resume from what."""
    digest = hashlib.sha256()

    def add(name: str, array: Any) -> None:
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data)

    # What a network does between its arrays (dropout, residuals) stands in its structure alone.
    digest.update(f"{recipe.model_dump_json()}\n{task!r}\n{jax.tree.structure(network)}\n".encode())
    for name, array in sorted(to_arrays(network).items()):
        add(name, array)
    for examples in (train, validation):
        for name, array in sorted(examples.inputs.items()):
            add(name, array)
        add("targets", examples.targets)
    return digest.hexdigest()
