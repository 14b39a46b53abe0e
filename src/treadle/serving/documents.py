"""JSON documents from the body of a request, read strictly: what is ambiguous is refused, not guessed."""

from __future__ import annotations

from collections import Counter
from json import JSONDecodeError, JSONDecoder
from typing import Any, NoReturn

from treadle.errors import did_you_mean
from treadle.serving.refusals import RequestError


def parse_json(body: bytes) -> Any:
    """The JSON document in `body`.

    Raises:
        RequestError: not UTF-8, not JSON, NaN or Infinity, a key twice in one object, too deep, or a number of
            thousands of digits (400).
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refuse(f"the body is not UTF-8: byte {error.start}") from None
    try:
        return _DECODER.decode(text)
    except JSONDecodeError as error:
        raise _refuse(f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise _refuse("the body is nested too deeply") from None
    except ValueError:
        # Python reads no integer of more than 4,300 digits, because the time grows with their square.
        raise _refuse("the body has a number with too many digits") from None


def require_object(document: object, what: str, known: tuple[str, ...]) -> dict[str, Any]:
    """`document`, which must be a JSON object without other keys than the known.

    Raises:
        RequestError: it is not (400).
    """
    if not isinstance(document, dict):
        raise RequestError(400, "bad_request", f"{what} must be a JSON object, not {name_of_type(document)}")
    for key in document:
        if key not in known:
            raise RequestError(400, "bad_request", f"{what}: unknown key {key[:100]!r}{did_you_mean(key[:100], known)}")
    return document


def name_of_type(value: object) -> str:
    """What JSON calls the type of `value`."""
    if value is None:
        return "null"
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}
    return names.get(type(value), "a number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise _refuse(f"the body has the key {twice[:100]!r} twice in one object")
    return document


def _refuse_constant(constant: str) -> NoReturn:
    raise _refuse(f"{constant} is not JSON; send null where a value is missing")


def _refuse(message: str) -> RequestError:
    return RequestError(400, "bad_json", message)


_DECODER = JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)
