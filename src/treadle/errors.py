"""Every error a user can meet.

Each says what is wrong, where (file, column, row, key), and what to do about it. The command line prints the
message alone and ends with the error's exit code; REST answers with its status.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class TreadleError(Exception):
    """What every error of Treadle is, so that one `except` catches what a user can put right."""

    exit_code = 1
    status = 400


class RecipeError(TreadleError):
    """A recipe with an unknown key, a value out of range, or an option that nothing would use."""

    exit_code = 2


class DataError(TreadleError):
    """A source that is missing, empty, unreadable, or not a table."""

    exit_code = 3
    status = 422


class ContractError(DataError):
    """Rows that do not keep the contract learnt from the training rows."""


class BundleError(TreadleError):
    """A bundle that is missing, truncated, altered, or of a format this version cannot read."""

    exit_code = 4


class TrainingError(TreadleError):
    """Training that cannot start or go on: a checkpoint of another recipe, a loss that is not finite."""

    exit_code = 5


class MissingExtraError(TreadleError):
    """A feature whose optional dependencies are not installed."""

    exit_code = 6

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs the optional dependencies of Treadle: {install_command(extra)}")


class ServingError(TreadleError):
    """A server that cannot start (a port in use) or a request it must refuse."""

    exit_code = 7


class GenerationError(TreadleError):
    """A text asked for in a way that cannot be: an option out of range or without use, a bundle that does not write."""

    exit_code = 8


def install_command(extra: str) -> str:
    """What adds an extra: from the clone that this installation is run from, or by the package's name."""
    clone = Path(__file__).parents[2]
    place = f"{clone}" if (clone / "pyproject.toml").is_file() else "treadle"
    return f"python -m pip install '{place}[{extra}]'"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence end that suggests the nearest known name, or lists all when none is near: `; did you mean 'x'?`."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known: {', '.join(names)}" if names else ""
