"""What a request asks for in its address and its Accept header."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args
from urllib.parse import parse_qsl

from starlette.types import Scope

from treadle.bundle.predictor import OnBadRow
from treadle.errors import did_you_mean
from treadle.serving.refusals import RequestError

Format = Literal["json", "csv", "html"]

_CHOICES = {"format": get_args(Format), "on_bad_row": get_args(OnBadRow)}
_FORMATS: dict[str, Format] = {"application/json": "json", "text/csv": "csv", "text/html": "html"}


@dataclass(frozen=True)
class Options:
    """How a prediction is answered."""

    format: Format = "json"
    on_bad_row: OnBadRow = "fail"


_DEFAULT = Options()


def read_options(scope: Scope) -> Options:
    """The options in the query string; without `format` there, the Accept header says it.

    Raises:
        RequestError: an unknown option or value (400), or no format that is accepted (406).
    """
    accept = next((value for name, value in scope["headers"] if name == b"accept"), b"*/*")
    query = scope["query_string"]
    if not query and accept in (b"*/*", b"application/json"):
        return _DEFAULT
    chosen = _read_query(query)
    return Options(
        format=cast(Format, chosen["format"]) if "format" in chosen else negotiate(accept.decode("latin-1")),
        on_bad_row=cast(OnBadRow, chosen.get("on_bad_row", "fail")),
    )


def negotiate(accept: str) -> Format:
    """The format an Accept header likes best; JSON where it has no preference.

    Raises:
        RequestError: it accepts none (406).
    """
    best: Format | None = None
    best_quality = 0.0
    for media_type, format_ in _FORMATS.items():
        liked = quality(accept, media_type)
        if liked > best_quality:
            best, best_quality = format_, liked
    if best is None:
        raise RequestError(406, "not_acceptable", f"answers come as {', '.join(_FORMATS)}; Accept allows none of them")
    return best


def quality(accept: str, media_type: str) -> float:
    """How much the header likes the type, by its most specific range (RFC 9110, section 12.5.1)."""
    ranges = (media_type, media_type.split("/", maxsplit=1)[0] + "/*", "*/*")
    liked = {}
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
        liked[name] = float(weight) if weight.replace(".", "", 1).isdecimal() else 0.0
    return next((liked[name] for name in ranges if name in liked), 0.0)


def _read_query(query: bytes) -> dict[str, str]:
    chosen: dict[str, str] = {}
    try:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=20)
    except ValueError as error:
        raise RequestError(400, "bad_query", f"the query string cannot be read: {error}") from None
    for name, value in pairs:
        if name not in _CHOICES:
            raise RequestError(
                400, "unknown_option", f"unknown option {name[:100]!r}{did_you_mean(name[:100], _CHOICES)}"
            )
        if name in chosen:
            raise RequestError(400, "bad_option", f"option {name!r} is given twice")
        if value not in _CHOICES[name]:
            raise RequestError(400, "bad_option", f"{name} is one of {', '.join(_CHOICES[name])}, not {value[:100]!r}")
        chosen[name] = value
    return chosen
