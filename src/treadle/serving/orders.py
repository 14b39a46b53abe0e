"""What a request for a text asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Scope

from treadle.bundle.sampling import Sampling, read_sampling
from treadle.errors import GenerationError
from treadle.serving.documents import name_of_type, parse_json, require_object
from treadle.serving.options import quality
from treadle.serving.refusals import RequestError
from treadle.serving.replies import EVENTS, JSON
from treadle.serving.rows import type_of, unsupported
from treadle.serving.settings import Settings

MOST_CHOICES = 1000
MOST_BEAMS = 64
MOST_SCORES = 4_000_000
"""Probabilities that a search by beams may hold at once: of every token of the vocabulary for every line in mind."""
_SAMPLING = tuple(Sampling.model_fields)
_WANTED = {str: "a string", bool: "true or false", int: "a whole number"}
_KEYS = ("prompt", "session", "likeliest", "stream", *_SAMPLING)


@dataclass(frozen=True)
class Order:
    """A text that is asked for."""

    prompt: str
    sampling: Sampling
    likeliest: int
    """How many words that may come next are told at the end."""
    stream: bool
    session: str | None
    """The id of a text to go on with."""
    keep: bool
    """Whether the text is kept."""


def read_order(scope: Scope, body: bytes, settings: Settings, outputs: int) -> Order:
    """The order in a request for a text.

    Args:
        scope: of the request.
        body: of the request.
        settings: say how much may be asked for.
        outputs: tokens of the model's vocabulary.

    Raises:
        RequestError: not JSON (415), or not an order (400); nothing that Accept allows (406); a prompt that is too
            long (413).
    """
    kind, _ = type_of(Headers(scope=scope))
    if kind != JSON:
        raise unsupported(f"{kind[:100] or 'no Content-Type'}; send {JSON}")
    if scope["query_string"]:
        raise RequestError(400, "unknown_option", "options of a text stand in the body, not in the address")
    document = require_object(parse_json(body), "the body", _KEYS)
    session = _typed(document, "session", (str, bool), True)
    likeliest = _typed(document, "likeliest", (int,), 0)
    if not 0 <= likeliest <= MOST_CHOICES:
        raise RequestError(400, "bad_option", f"likeliest is 0 to {MOST_CHOICES}, not {likeliest}")
    return Order(
        prompt=_read_prompt(document, settings.max_prompt),
        sampling=_read_sampling(document, settings.max_words, outputs),
        likeliest=likeliest,
        stream=_wants_stream(scope, document),
        session=session if isinstance(session, str) else None,
        keep=session is not False,
    )


def _typed(document: dict[str, Any], key: str, types: tuple[type, ...], default: Any) -> Any:
    value = document.get(key, default)
    if type(value) not in types:
        wanted = " or ".join(_WANTED[each] for each in types)
        raise RequestError(400, "bad_option", f"{key} must be {wanted}, not {name_of_type(value)}")
    return value


def _read_prompt(document: dict[str, Any], most: int) -> str:
    prompt: str = _typed(document, "prompt", (str,), "")
    if len(prompt) > most:
        message = (
            f"the prompt has {len(prompt)} characters, more than the {most} that this server reads at once; send its "
            "end only, or send it part by part in a session"
        )
        raise RequestError(413, "prompt_too_long", message)
    return prompt


def _read_sampling(document: dict[str, Any], max_words: int, outputs: int) -> Sampling:
    options = {key: value for key, value in document.items() if key in _SAMPLING}
    try:
        if "likeliest" in document and "length" not in options:
            options["length"] = 0
        sampling = read_sampling(options)
        if "length" not in options:
            fits = max(1, min(sampling.length, max_words // sampling.beams))
            sampling = read_sampling(options | {"length": fits})
    except GenerationError as error:
        raise RequestError(400, "bad_option", str(error)) from None
    most = max(1, min(MOST_BEAMS, MOST_SCORES // outputs))
    if sampling.beams > most:
        message = f"beams is 1 to {most} for this model's vocabulary of {outputs}, not {sampling.beams}"
        raise RequestError(400, "too_many_beams", message)
    if sampling.length * sampling.beams > max_words:
        times = f" times {sampling.beams} beams" if sampling.beams > 1 else ""
        message = f"length {sampling.length}{times} is more than the {max_words} words that this server writes at once"
        raise RequestError(400, "too_many_words", message)
    return sampling.seeded()


def _wants_stream(scope: Scope, document: dict[str, Any]) -> bool:
    accept = ",".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"accept") or "*/*"
    events, whole = quality(accept, EVENTS), quality(accept, JSON)
    if not events and not whole:
        message = f"a text comes as {JSON} or {EVENTS}; Accept allows none of them"
        raise RequestError(406, "not_acceptable", message)
    stream: bool = _typed(document, "stream", (bool,), events > whole)
    return stream
