"""The models a server answers with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256

from starlette.types import Scope

from treadle.bundle.language import StepModel
from treadle.bundle.predictor import Predictions, Predictor
from treadle.data.table import Table
from treadle.errors import did_you_mean
from treadle.serving.batching import Batcher
from treadle.serving.gate import facts_of
from treadle.serving.metrics import Metrics, ModelMetrics
from treadle.serving.refusals import RequestError
from treadle.serving.settings import Settings


@dataclass(frozen=True)
class Model:
    """A predictor with what serving keeps about it."""

    predictor: Predictor
    batcher: Batcher
    metrics: ModelMetrics
    timeout_s: float
    version: str
    """First 12 digits of the manifest's SHA-256: another bundle is another version."""
    language: StepModel | None = None
    """What writes, of a bundle that can."""

    @property
    def name(self) -> str:
        """Name of the bundle."""
        return self.predictor.name

    async def answer(self, table: Table, scope: Scope) -> Predictions:
        """Answers for every row; rows that break the contract are empty, and listed as faults.

        Raises:
            ContractError: a column is missing.
            RequestError: it took too long (504).
        """
        facts = facts_of(scope)
        facts.rows = len(table)
        try:
            async with asyncio.timeout(self.timeout_s):
                predictions = await self.batcher.answer(table)
        except TimeoutError:
            raise RequestError(
                504, "timeout", f"no answer within {self.timeout_s:g} s; send fewer rows at once"
            ) from None
        self.metrics.count_rows(len(table), len(predictions.faults))
        return predictions


class Models:
    """All models of a server by name."""

    def __init__(
        self,
        predictors: dict[str, Predictor],
        settings: Settings,
        metrics: Metrics,
        pool: ThreadPoolExecutor,
        languages: Mapping[str, StepModel],
    ) -> None:
        self._models = {
            name: replace(_model(name, predictor, settings, metrics, pool), language=languages.get(name))
            for name, predictor in predictors.items()
        }

    def __iter__(self) -> Iterator[Model]:
        return iter(self._models.values())

    def of(self, scope: Scope) -> Model:
        """The model that the path names, or the only one there is.

        Raises:
            RequestError: there is none of that name (404), or there are several and none is named.
        """
        name = scope["path_params"].get("name")
        model = self._only(scope["path"]) if name is None else self._named(name)
        version = scope["path_params"].get("version")
        if version is not None and version != model.version:
            raise RequestError(404, "unknown_version", f"model {model.name!r} has version {model.version!r} only")
        facts_of(scope).model = model.name
        return model

    def _only(self, path: str) -> Model:
        if len(self._models) != 1:
            paths = ", ".join(f"/models/{name}{path}" for name in sorted(self._models))
            raise RequestError(404, "unknown_model", f"several models are served here; name one: {paths}")
        return next(iter(self._models.values()))

    def _named(self, name: str) -> Model:
        if name not in self._models:
            message = f"no model {name[:100]!r}{did_you_mean(name[:100], self._models)}"
            raise RequestError(404, "unknown_model", message)
        return self._models[name]


def _model(name: str, predictor: Predictor, settings: Settings, metrics: Metrics, pool: ThreadPoolExecutor) -> Model:
    counters = metrics.of_model(name)
    batcher = Batcher(
        partial(predictor.predict_table, on_bad_row="report"),
        max_batch=settings.max_batch,
        wait_s=settings.batch_wait_s,
        pool=pool,
        observe=counters.count_batch,
    )
    return Model(predictor, batcher, counters, settings.timeout_s, _version(predictor))


def _version(predictor: Predictor) -> str:
    return sha256(predictor.bundle.members()["manifest.json"]).hexdigest()[:12]
