"""What pydantic found wrong with a document, in a person's words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from treadle.errors import did_you_mean

_SHOWN = 60


def faults(error: ValidationError, document: Mapping[str, Any], model: type[BaseModel]) -> Iterator[str]:
    """A line for every key of `document` that `model` refused, with the key's whole path."""
    wanted: dict[str, list[str]] = {}
    given: dict[str, object] = {}
    for fault in error.errors():
        place = ".".join(_keys_of(fault["loc"], document))
        match fault["type"]:
            case "extra_forbidden" | "invalid_key":
                *section, key = map(str, fault["loc"])
                yield f"unknown key {place!r}{did_you_mean(key, _known_keys(model, section))}"
            case "missing":
                yield f"the key {'.'.join(map(str, fault['loc']))!r} is missing"
            case "unused":
                keys, needs = fault["ctx"]["keys"], fault["ctx"]["needs"]
                yield from (f"{place}{'.' * bool(place)}{key} would not be used: it needs {needs}" for key in keys)
            case "value_error":
                yield f"{place}{': ' * bool(place)}{fault['ctx']['error']}"
            case _ if given.setdefault(place, fault["input"]) is fault["input"]:
                # One value that fits none of several forms; the first one, where it is an item of a list.
                wanted.setdefault(place, []).append(_wanted(fault))
    for place, kinds in wanted.items():
        # Where one of several forms fits up to a key further in, that key says more.
        if not any(other.startswith(f"{place}.") for other in wanted):
            yield f"{place}: should be {' or '.join(dict.fromkeys(kinds))}, not {_shown(given[place])}"


def _keys_of(location: tuple[int | str, ...], document: Any) -> Iterator[str]:
    """The keys of the document on the way to a fault: pydantic adds the forms that it tried."""
    for part in location:
        # A class may stand as the number 0 in the document and as the text '0' in the place.
        named = {str(key).lower(): key for key in document} if isinstance(document, Mapping) else {}
        if str(part).lower() in named:
            key = named[str(part).lower()]
            document = document[key]
            yield str(key)


_FORMS = {
    "string_type": "text (in quotes)",
    "string_pattern_mismatch": "letters, digits, '_', '-' and '.', a letter or digit first",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a section with keys of its own",
    "greater_than": "above {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "below {lt:g}",
    "less_than_equal": "at most {le:g}",
    "too_short": "a list of at least {min_length}",
    "literal_error": "{expected}",
}
"""What a person reads in place of pydantic's words."""


def _wanted(fault: ErrorDetails) -> str:
    form = _FORMS.get(fault["type"])
    return form.format(**fault.get("ctx", {})) if form else fault["msg"].removeprefix("Input should be ")


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _known_keys(section: type[BaseModel], path: list[str]) -> list[str]:
    for key in path:
        annotation = section.model_fields[key].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        section = annotation
    return list(section.model_fields)
