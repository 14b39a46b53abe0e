"""What a model takes and gives, in words and as JSON Schema."""

from __future__ import annotations

from typing import Any

from treadle.bundle.answers import ClassificationAnswers, RegressionAnswers, TaggingAnswers, WordAnswers
from treadle.bundle.predictor import Predictor
from treadle.data.cells import canonical_text
from treadle.serving.models import Model

_NULL = {"type": "null"}
_PROBABILITY = {"type": "number", "minimum": 0, "maximum": 1}

_WORDS: dict[str, dict[str, Any]] = {
    "word": {"type": "string", "description": "The likeliest word."},
    "probability": {**_PROBABILITY, "description": "Probability of the word."},
    "words": {"type": "array", "items": {"type": "string"}, "description": "The likeliest words, falling."},
    "probabilities": {"type": "array", "items": _PROBABILITY, "description": "Probability of each word."},
}


def describe(model: Model) -> dict[str, Any]:
    """A model in the list of `GET /models`."""
    predictor = model.predictor
    answers = predictor.answers
    classes = {"labels": list(answers.labels)} if isinstance(answers, ClassificationAnswers | TaggingAnswers) else {}
    return {
        "name": model.name,
        "version": model.version,
        "task": predictor.task,
        "target": predictor.contract.target.name if predictor.contract.has_target else None,
        "features": [field.name for field in predictor.contract.features],
        **classes,
        "predict": f"/models/{model.name}/predict",
        **({"generate": f"/models/{model.name}/generate"} if model.language is not None else {}),
        "schema": f"/models/{model.name}/schema",
    }


def row_schema(predictor: Predictor) -> dict[str, Any]:
    """JSON Schema (2020-12) of a row, with one that can be posted as it is."""
    schema = predictor.contract.json_schema_of_row()
    return schema | {"title": f"Row of {predictor.name}", "examples": [predictor.contract.example_row()]}


def request_schema(row: dict[str, Any]) -> dict[str, Any]:
    """JSON Schema of the body of a prediction request, whose rows have the schema `row`."""
    return {
        "type": "object",
        "properties": {"rows": {"type": "array", "minItems": 1, "items": row}},
        "required": ["rows"],
        "additionalProperties": False,
    }


def predictions_schema(predictor: Predictor) -> dict[str, Any]:
    """JSON Schema of the JSON answer to a prediction request."""
    row = {"row": {"type": "integer", "minimum": 1, "description": "Number of the row in the request, from 1."}}
    row |= {name: {"anyOf": [schema, _NULL]} for name, schema in _answer_schemas(predictor).items()}
    properties: dict[str, Any] = {
        "model": {"const": predictor.name},
        "predictions": {
            "type": "array",
            "items": {"type": "object", "properties": row, "required": list(row), "additionalProperties": False},
        },
        "faults": {
            "type": "array",
            "items": fault_schema(),
            "description": "What is wrong with the rows without answer.",
        },
    }
    if predictor.bundle.features.text is not None:
        properties["notices"] = {
            "type": "array",
            "items": _notice_schema(),
            "description": "Rows that are answered, but whose text says nothing to the network.",
        }
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _answer_schemas(predictor: Predictor) -> dict[str, dict[str, Any]]:
    answers = predictor.answers
    if isinstance(answers, WordAnswers):
        return _WORDS
    predicted = f"Predicted {predictor.contract.target.name}."
    if isinstance(answers, RegressionAnswers):
        return {"value": {"type": "number", "description": predicted}}
    if isinstance(answers, TaggingAnswers):
        return {
            "tags": {"type": "array", "items": {"enum": list(answers.labels)}, "description": predicted},
            "probabilities": {"type": "array", "items": _PROBABILITY, "description": "Probability of each tag."},
        }
    names = list(map(canonical_text, answers.labels))
    return {
        "label": {"enum": list(answers.labels), "description": predicted},
        "probability": {**_PROBABILITY, "description": "Probability of the label."},
        "probabilities": {
            "type": "object",
            "properties": dict.fromkeys(names, _PROBABILITY),
            "required": names,
            "additionalProperties": False,
        },
    }


def _notice_schema() -> dict[str, Any]:
    properties = {"row": {"type": "integer", "minimum": 1}, "reason": {"type": "string"}}
    return {"type": "object", "properties": properties, "required": list(properties)}


def fault_schema() -> dict[str, Any]:
    """JSON Schema of a row's fault."""
    text = {"type": "string"}
    row = {"type": "integer", "minimum": 1}
    properties = {"row": row, "column": text, "value": text, "reason": text}
    return {"type": "object", "properties": properties, "required": list(properties)}


def error_schema() -> dict[str, Any]:
    """JSON Schema of every refusal."""
    error = {
        "type": "object",
        "properties": {
            "code": {"type": "string", "description": "A word for programs."},
            "message": {"type": "string", "description": "A sentence for people."},
            "details": {"type": "array", "items": fault_schema()},
        },
        "required": ["code", "message", "details"],
    }
    return {"type": "object", "properties": {"error": error}, "required": ["error"]}
