"""A column of the contract: its kind, and what the training rows held."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from treadle.recipe import Kind

LISTED = 10
"""Most categories that a description names."""
EXAMPLE = "Some words to read."
"""Stands where a text is asked for: one of the training texts might not be for everyone."""
_BINARY: dict[tuple[str, ...], tuple[str, ...]] = {("0", "1"): ("false", "true"), ("false", "true"): ("0", "1")}
"""Categories of one meaning: a CSV writes 1 where a database says true."""


class Field(BaseModel):
    """One column of the contract."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    kind: Kind
    role: str = "feature"
    """`feature` or `target`."""
    nullable: bool = False
    """Whether a training row lacked it."""
    integer: bool = False
    """Whether all numbers seen were whole."""
    minimum: float | None = None
    """Smallest value seen (dates: days since 1970-01-01; texts: characters)."""
    maximum: float | None = None
    categories: tuple[str, ...] = ()
    """Canonical texts, sorted (by value when they are numbers); of tags, all that training saw."""
    numeric_categories: bool = False
    """Whether the categories are numbers, and answers in JSON give numbers."""
    typical: float | str | None = None
    """Median, or most frequent value: what a screen shows first. Of texts, a made-up one where any other would not do:
    a web address."""

    @property
    def lowest(self) -> float:
        """Smallest value seen, minus infinity where none is known."""
        return -math.inf if self.minimum is None else self.minimum

    @property
    def highest(self) -> float:
        """Largest value seen, infinity where none is known."""
        return math.inf if self.maximum is None else self.maximum

    @cached_property
    def codes(self) -> dict[str, int]:
        """Code of every category by its canonical text; 0 and 1 may be written false and true, and the other way."""
        codes = {text: code for code, text in enumerate(self.categories)}
        others = _BINARY.get(self.categories, ())
        return codes | {text: code for code, text in enumerate(others)}

    @cached_property
    def values(self) -> tuple[str | int | float | bool, ...]:
        """The categories as JSON values: numbers or booleans where they are, else text."""
        if self.numeric_categories:
            return tuple(int(text) if text.lstrip("-").isdigit() else float(text) for text in self.categories)
        if self.categories == ("false", "true") and self.kind != "tags":
            return (False, True)
        return self.categories

    @property
    def example(self) -> str | float | bool | None:
        """The typical value as a request holds it; None where none is known."""
        if self.kind == "text":
            return self.typical or EXAMPLE
        if self.typical is None or isinstance(self.typical, str):
            return self.values[self.codes[self.typical]] if self.typical in self.codes else self.typical
        if self.kind == "boolean":
            return bool(self.typical)
        if self.kind == "date":
            return self.show(self.typical)
        return int(self.typical) if self.integer else self.typical

    def describe(self) -> str:
        """What was seen, in a few words: `18 to 92, whole, typically 37`."""
        if self.kind in ("category", "tags"):
            shown = ", ".join(self.categories[:LISTED])
            more = f" and {len(self.categories) - LISTED:,} more" if len(self.categories) > LISTED else ""
            seen = f"{shown}{more}, one at every token" if self.kind == "tags" else f"{shown}{more}"
        elif self.kind == "boolean":
            seen = "true or false"
        elif self.kind == "text":
            seen = f"free text of {self.lowest:,.0f} to {self.highest:,.0f} characters"
        else:
            seen = f"{self.show(self.minimum)} to {self.show(self.maximum)}, typically {self.show(self.typical)}"
        return f"{seen}, may be missing" if self.nullable else seen

    def show(self, value: float | str | None) -> str:
        """A value of this field as a person writes it: `37`, `2024-05-31`, `France`, `true`."""
        if value is None or isinstance(value, str):
            return value or "missing"
        if self.kind == "boolean":
            return "true" if value else "false"
        if self.kind == "date":
            moment = np.datetime64(round(value * 86400), "s")
            return str(moment.astype("datetime64[D]") if value == math.floor(value) else moment)
        return f"{value:.0f}" if value.is_integer() else f"{value:.6g}"


def json_schema(field: Field) -> dict[str, Any]:
    """JSON Schema (2020-12) of a cell of this field, as a request holds it."""
    types: dict[Kind, list[str]] = {
        "number": ["number"],
        "category": ["number", "string"] if field.numeric_categories else ["string"],
        "boolean": ["boolean", "integer"],
        "date": ["string"],
        "text": ["string"],
        "tags": ["string"],
    }
    schema: dict[str, Any] = {"type": types[field.kind] + (["null"] if field.nullable else [])}
    if field.kind == "boolean":
        schema |= {"minimum": 0, "maximum": 1}
    schema["description"] = f"{field.kind}: {field.describe()}"
    if field.kind == "category":
        schema["examples"] = list(field.values[:LISTED])
    elif field.example is not None:
        schema["examples"] = [field.example]
    return schema
