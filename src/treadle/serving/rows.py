"""From the body of a prediction request to a table: JSON rows, CSV text, or an uploaded CSV file."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO
from itertools import islice
from typing import Any

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.types import Scope

from treadle.data.contract import Contract
from treadle.data.delimited import read_delimited
from treadle.data.frames import from_rows
from treadle.data.table import Table
from treadle.serving import threads
from treadle.serving.documents import name_of_type, parse_json, require_object
from treadle.serving.limits import too_many_rows
from treadle.serving.refusals import RequestError

_DELIMITERS = {"text/csv": None, "text/tab-separated-values": "\t"}
_CHARSETS = {"utf-8", "utf8", "us-ascii", "ascii", "utf-16", "iso-8859-1", "latin-1", "windows-1252", "cp1252"}
_MOST_OTHERS = 1000
_HINTED = 50


async def read_rows(scope: Scope, body: bytes, contract: Contract, max_rows: int, pool: ThreadPoolExecutor) -> Table:
    """The rows in the body of the request, by its Content-Type.

    Raises:
        RequestError: another Content-Type (415), a body that breaks its format (400), or too many rows (413).
        DataError: CSV that is no table.
    """
    headers = Headers(scope=scope)
    kind, charset = type_of(headers)
    if kind == "application/json":
        read = partial(rows_from_json, body, contract, max_rows)
        return await threads.run(pool, read, large=len(body) > threads.LARGE_BODY)
    if kind == "multipart/form-data":
        kind, charset, body = await _read_upload(headers, body)
    if kind not in _DELIMITERS:
        raise unsupported(f"{kind[:100] or 'no Content-Type'}; send application/json, text/csv or multipart/form-data")
    if charset not in _CHARSETS:
        raise unsupported(f"text in {charset[:40]}; send UTF-8")
    if not body:
        raise RequestError(400, "bad_request", "the body is empty")
    read = partial(rows_from_csv, body, charset, _DELIMITERS[kind], contract, max_rows)
    return await threads.run(pool, read, large=len(body) > threads.LARGE_BODY)


def type_of(headers: Headers) -> tuple[str, str]:
    """Media type and charset of a body.

    Raises:
        RequestError: it is compressed, or JSON in another encoding than UTF-8 (415).
    """
    kind, parameters = _split_type(headers.get("content-type", ""))
    if headers.get("content-encoding", "identity") != "identity":
        raise unsupported("a compressed body; send it as it is")
    charset = parameters.get("charset", "utf-8").lower()
    if kind == "application/json" and charset not in ("utf-8", "utf8"):
        raise unsupported(f"JSON in {charset}; send UTF-8")
    return kind, charset


def rows_from_json(body: bytes, contract: Contract, max_rows: int) -> Table:
    """The rows of `{"rows": [{column: value, ...}, ...]}`.

    Raises:
        RequestError: see `read_rows`.
    """
    rows = require_object(parse_json(body), "the body", ("rows",)).get("rows")
    if not isinstance(rows, list):
        raise RequestError(400, "bad_request", 'the body must be {"rows": [{"column": value, ...}, ...]}')
    if not rows:
        raise RequestError(400, "bad_request", "rows is empty; send one row at least")
    if len(rows) > max_rows:
        raise too_many_rows(max_rows)
    for number, row in enumerate(rows, start=1):
        if type(row) is not dict:
            raise RequestError(400, "bad_request", f"row {number} is {name_of_type(row)}, not an object of columns")
    return from_rows(rows, names=_columns_of(rows, contract))


def rows_from_csv(body: bytes, charset: str, delimiter: str | None, contract: Contract, max_rows: int) -> Table:
    """The rows of CSV text with a header.

    Raises:
        DataError: no table.
        RequestError: see `read_rows`.
    """
    _require_charset(body, charset)
    text = BytesIO(body)
    chunks = read_delimited(text, "upload", encoding=charset, delimiter=delimiter, chunk_rows=max_rows)
    first, second = (*islice(chunks, 2), None, None)[:2]
    if second is not None:
        raise too_many_rows(max_rows)
    if first is None:
        raise RequestError(422, "unreadable_rows", "upload: column names but no rows")
    if len(first.columns) > len(contract.fields) + _MOST_OTHERS:
        message = f"more than {_MOST_OTHERS} columns besides those of the contract; send only what is needed"
        raise RequestError(413, "too_many_columns", message)
    return first


def _require_charset(body: bytes, charset: str) -> None:
    try:
        body.decode(charset)
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        place = f"byte {error.start} (line {line})"
        advice = "name its charset in Content-Type, as in text/csv; charset=windows-1252"
        raise RequestError(422, "unreadable_rows", f"the text is not {charset}: {place}; {advice}") from None


def _columns_of(rows: list[dict[str, Any]], contract: Contract) -> list[str]:
    """The contract's columns that the rows have. Others are left out, for they do not matter, and a table of all keys
    of all rows could be far larger than the request; a few are kept where they may be misspelt columns."""
    present = rows[0].keys() if len(rows) == 1 else {key for row in rows for key in row}
    names = [field.name for field in contract.features if field.name in present]
    if len(names) < len(contract.features):
        names += islice((key for key in present if key not in names), _HINTED)
    return names


async def _read_upload(headers: Headers, body: bytes) -> tuple[str, str, bytes]:
    """Media type, charset and bytes of the one file of a form."""

    async def chunks() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        form = await MultiPartParser(headers, chunks(), max_files=1, max_fields=0).parse()
    except (MultiPartException, KeyError) as error:
        raise RequestError(400, "bad_request", f"the upload cannot be read: {error}") from None
    try:
        upload = next(iter(form.values()), None)
        if not isinstance(upload, UploadFile):
            raise RequestError(400, "bad_request", "the upload holds no file")
        kind, parameters = _split_type(upload.content_type or "")
        if (upload.filename or "").lower().endswith((".tsv", ".tab")):
            kind = "text/tab-separated-values"
        elif kind not in _DELIMITERS:
            # Browsers and clients name CSV files in many ways, Excel's among them.
            kind = "text/csv"
        return kind, parameters.get("charset", "utf-8").lower(), await upload.read()
    finally:
        await form.close()


def _split_type(content_type: str) -> tuple[str, dict[str, str]]:
    kind, *pieces = content_type.split(";")
    pairs = (piece.partition("=") for piece in pieces)
    return kind.strip().lower(), {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def unsupported(what: str) -> RequestError:
    """The refusal of a body that is `what`."""
    return RequestError(415, "unsupported_media_type", f"the body is {what}")
