"""Treadle: tables and sequences into tested, served neural networks, on the CPU you have.

`import treadle` loads nothing heavy: each name below is imported when it is first used, so that a server which only
predicts never imports JAX.
"""

from __future__ import annotations

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from treadle.bundle.predictor import Predictor as Predictor
    from treadle.bundle.predictor import load as load
    from treadle.errors import TreadleError as TreadleError
    from treadle.estimators import TreadleClassifier as TreadleClassifier
    from treadle.estimators import TreadleRegressor as TreadleRegressor
    from treadle.recipe import Recipe as Recipe
    from treadle.run import Run as Run
    from treadle.run import fit as fit

__version__ = version("treadle")

_HOMES = {
    "Predictor": "treadle.bundle.predictor",
    "Recipe": "treadle.recipe",
    "Run": "treadle.run",
    "TreadleClassifier": "treadle.estimators",
    "TreadleError": "treadle.errors",
    "TreadleRegressor": "treadle.estimators",
    "fit": "treadle.run",
    "load": "treadle.bundle.predictor",
}

__all__ = ["__version__", *sorted(_HOMES)]  # noqa: PLE0604 - the names are strings


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'treadle' has no attribute {name!r}")
    try:
        home = importlib.import_module(_HOMES[name])
    except ModuleNotFoundError as error:
        from treadle.errors import MissingExtraError

        if (error.name or "").startswith("treadle"):
            raise
        raise MissingExtraError(f"treadle.{name}", "train") from error
    return getattr(home, name)


def __dir__() -> list[str]:
    return sorted(__all__)
