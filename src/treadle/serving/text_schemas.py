"""What is asked and told of a text, as JSON Schema."""

from __future__ import annotations

from typing import Any

from treadle.bundle.sampling import Sampling
from treadle.serving.orders import MOST_BEAMS, MOST_CHOICES
from treadle.serving.settings import Settings

_TEXT = {"type": "string"}
_PROBABILITY = {"type": "number", "minimum": 0, "maximum": 1}
_CHOICE = {
    "type": "object",
    "properties": {
        "word": {"type": "string", "description": "As it stands in the vocabulary; a line break ends a line."},
        "text": {"type": "string", "description": "What it adds to the text, a blank before it included."},
        "probability": {**_PROBABILITY, "description": "By the network alone, whatever the sampling."},
    },
    "required": ["word", "text", "probability"],
}


def order_schema(settings: Settings) -> dict[str, Any]:
    """JSON Schema of the body of a request for a text."""
    properties: dict[str, Any] = {
        "prompt": {
            "type": "string",
            "maxLength": settings.max_prompt,
            "default": "",
            "description": "What to go on from; without it a line begins.",
        },
        "session": {
            "type": ["string", "boolean"],
            "default": True,
            "description": "The id of a text to go on with; false: do not keep this one.",
        },
        "likeliest": {
            "type": "integer",
            "minimum": 0,
            "maximum": MOST_CHOICES,
            "default": 0,
            "description": "Tell so many words that may come next; without length nothing is written.",
        },
        "stream": {"type": "boolean", "description": "Server-sent events; default: what Accept asks for."},
    }
    properties |= {name: _plain(each) for name, each in Sampling.model_json_schema()["properties"].items()}
    properties["length"] |= {"maximum": settings.max_words}
    properties["beams"] |= {"maximum": MOST_BEAMS}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """An option that may be left out, which is not null."""
    forms = [form for form in schema.get("anyOf", [schema]) if form.get("type") != "null"]
    kept = {key: value for key, value in {**schema, **forms[0]}.items() if key not in ("anyOf", "title")}
    return {key: value for key, value in kept.items() if not (key == "default" and value is None)}


def text_schema(model: str) -> dict[str, Any]:
    """JSON Schema of the JSON answer to a request for a text."""
    properties: dict[str, Any] = {
        "model": {"const": model},
        "text": {**_TEXT, "description": "What was written after the prompt."},
        "words": {"type": "array", "items": _TEXT},
        "probabilities": {"type": "array", "items": _PROBABILITY},
        "stopped": {"enum": ["length", "line", "stop"], "description": "What ended the text."},
        "seed": {"type": ["integer", "null"], "description": "Writes the same again; null where nothing was drawn."},
        "notices": {"type": "array", "items": _TEXT, "description": "What to know of the prompt."},
        "session": {"type": ["string", "null"], "description": "Send it back to go on; null where none is kept."},
    }
    required = list(properties)
    properties["likeliest"] = {"type": "array", "items": _CHOICE}
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


EVENTS = (
    "Events: `word` with word, text and probability for every word; at the end `done`, which is the JSON answer "
    "without words and probabilities, or `error`, a refusal."
)
