"""The endpoints that predict: rows in, answers out, in Treadle's form and in the Open Inference Protocol's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from starlette.types import Receive, Scope

from treadle.bundle.predictor import Predictions
from treadle.data.table import Table
from treadle.serving import protocol_v2, threads
from treadle.serving.answers import Writer, answered_only, refuse_faults
from treadle.serving.documents import parse_json
from treadle.serving.endpoint import Answer
from treadle.serving.limits import read_body
from treadle.serving.models import Model, Models
from treadle.serving.options import Options, read_options
from treadle.serving.pages import HTML
from treadle.serving.refusals import RequestError
from treadle.serving.replies import JSON
from treadle.serving.rows import read_rows
from treadle.serving.settings import Settings

_CSV = "text/csv; charset=utf-8"


@dataclass(frozen=True)
class Predict:
    """Answers POST requests with rows."""

    models: Models
    settings: Settings
    pool: ThreadPoolExecutor

    async def rows(self, scope: Scope, receive: Receive) -> Answer:
        """`POST /predict` and `POST /models/{name}/predict`."""
        model = self.models.of(scope)
        options = read_options(scope)
        body = await self._body(scope, receive)
        table = await read_rows(scope, body, model.predictor.contract, self.settings.max_rows, self.pool)
        predictions = await model.answer(table, scope)
        write = partial(_write, model, options, table, predictions)
        return await threads.run(self.pool, write, large=len(table) > threads.LARGE_ANSWER)

    async def tensors(self, scope: Scope, receive: Receive) -> Answer:
        """`POST /v2/models/{name}[/versions/{version}]/infer`."""
        model = self.models.of(scope)
        for name, _ in scope["headers"]:
            if name == b"inference-header-content-length":
                raise RequestError(
                    400, "bad_request", "binary tensor data is an extension that this server does not have"
                )
        body = await self._body(scope, receive)
        read = partial(_read_tensors, body, model, self.settings.max_rows)
        table, outputs, request_id = await threads.run(self.pool, read, large=len(body) > threads.LARGE_BODY)
        predictions = await model.answer(table, scope)
        write = partial(protocol_v2.write_response, model.predictor, model.version, predictions, outputs, request_id)
        return Answer(await threads.run(self.pool, write, large=len(table) > threads.LARGE_ANSWER))

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        return await read_body(scope, receive, limit=self.settings.max_body_bytes, timeout_s=self.settings.timeout_s)


def _read_tensors(body: bytes, model: Model, max_rows: int) -> tuple[Table, list[str], str | None]:
    return protocol_v2.read_request(parse_json(body), model.predictor, max_rows)


def _write(model: Model, options: Options, table: Table, predictions: Predictions) -> Answer:
    if options.on_bad_row == "fail":
        refuse_faults(predictions)
    elif options.on_bad_row == "skip":
        predictions = answered_only(predictions)
    writer = Writer.of(model.predictor)
    if options.format == "json":
        return Answer(writer.to_json(predictions), JSON)
    if options.format == "html":
        return Answer(_encoded(writer.to_html(table, predictions, options.on_bad_row)), HTML)
    name = f"{model.name}-predictions.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Answer(_encoded(writer.to_csv(table, predictions, options.on_bad_row)), _CSV, headers=headers)


def _encoded(text: str) -> bytes:
    # JSON can hold halves of a surrogate pair, which no encoding can.
    return text.encode("utf-8", "replace")
