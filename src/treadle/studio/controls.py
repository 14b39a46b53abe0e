"""A control per column, drawn from the contract: what training saw is what a person is offered first."""

from __future__ import annotations

import datetime
import math

import streamlit as st

from treadle.data.contract import Field
from treadle.studio.text import number, plain

PER_LINE = 4
NARROWEST = 160
"""Pixels that a control needs; narrower pages have fewer in a line."""
UNKNOWN = "not known"
EPOCH = datetime.date(1970, 1, 1)
SAFE_INTEGER = 2**53 - 1
"""The browser's numbers are float64: beyond this it cannot tell neighbouring integers apart."""


def ask(fields: tuple[Field, ...], key: str, example: str = "") -> dict[str, object]:
    """Draw a control for every field and return the row they show, one cell per column; None is "not known".

    Args:
        fields: the contract's features, in their order.
        key: tells the controls of one bundle from those of another.
        example: a sentence, where a text is no longer than that.
    """
    texts = {field.name: _text(field, f"{key}/{field.name}", example) for field in fields if field.kind == "text"}
    with st.grid(PER_LINE, min_column_width=NARROWEST, vertical_alignment="bottom"):
        others = {field.name: _control(field, f"{key}/{field.name}") for field in fields if field.kind != "text"}
    cells = texts | others
    return {field.name: cells[field.name] for field in fields}


def _text(field: Field, key: str, example: str) -> str | None:
    words = [f"Training read texts of {number(field.minimum or 0)} to {number(field.maximum or 0)} characters."]
    if field.nullable:
        words.append("Leave it empty when there is none.")
    height = 100 if example else 160
    entered: str = st.text_area(
        plain(field.name), key=key, height=height, help=_sentences(words), placeholder=example or None
    )
    return entered.strip() or None


def _control(field: Field, key: str) -> object:
    if field.kind == "number":
        return _number(field, key)
    if field.kind == "category":
        return _category(field, key)
    if field.kind == "boolean":
        return _boolean(field, key)
    return _date(field, key)


def _number(field: Field, key: str) -> int | float | None:
    largest = max(abs(bound) for bound in (field.minimum or 0.0, field.maximum or 0.0))
    whole = field.integer and largest <= SAFE_INTEGER
    typical = float(field.typical) if isinstance(field.typical, int | float) else 0.0
    value: int | float | None = round(typical) if whole else typical
    if field.nullable:
        # An empty box is offered only where the default is empty, so the typical value comes in as if typed.
        st.session_state.setdefault(key, value)
        value = None
    entered: int | float | None = st.number_input(
        plain(field.name),
        value=value,
        step=1 if whole else _step(field),
        format="%d" if whole else "%g",
        key=key,
        help=_number_help(field),
        placeholder=UNKNOWN,
    )
    return entered


def _step(field: Field) -> float:
    """About a hundredth of the range that training saw, as a power of ten."""
    if field.minimum is None or field.maximum is None:
        return 1.0
    step = (field.maximum - field.minimum) / 50
    return float(10.0 ** math.floor(math.log10(step))) if 1e-300 < step < 1e300 else 1.0


def _number_help(field: Field) -> str | None:
    words = []
    if field.minimum is not None and field.maximum is not None:
        words.append(f"Training saw {number(field.minimum)} to {number(field.maximum)}.")
    if isinstance(field.typical, int | float):
        words.append(f"The median is {number(field.typical)}.")
    if field.nullable:
        words.append("Leave it empty when it is not known.")
    return _sentences(words)


def _category(field: Field, key: str) -> str | None:
    options: list[str | None] = list(field.categories)
    if field.nullable:
        options.append(None)
    typical = options.index(field.typical) if field.typical in field.categories else 0
    chosen: str | None = st.selectbox(
        plain(field.name),
        options,
        index=typical,
        format_func=lambda option: UNKNOWN if option is None else option,
        key=key,
        help=_sentences([f"Training saw {len(field.categories)} categories. You may type another one."]),
        accept_new_options=True,
    )
    return chosen


def _boolean(field: Field, key: str) -> bool | None:
    typical = field.typical in (1.0, "true", True)
    if not field.nullable:
        return bool(st.toggle(plain(field.name), value=typical, key=key, wrap=True))
    words = {True: "yes", False: "no", None: UNKNOWN}
    chosen: bool | None = st.selectbox(
        plain(field.name), list(words), index=0 if typical else 1, format_func=words.__getitem__, key=key
    )
    return chosen


def _date(field: Field, key: str) -> str | None:
    first, last = _day(field.minimum), _day(field.maximum)
    value = _day(field.typical if isinstance(field.typical, int | float) else None) or last
    if field.nullable:
        st.session_state.setdefault(key, value)
        value = None
    words = [f"Training saw {first} to {last}."] if first and last else []
    if field.nullable:
        words.append("Leave it empty when it is not known.")
    entered = st.date_input(
        plain(field.name),
        value=value,
        # The calendar reaches only ten years around the value unless told otherwise.
        min_value=datetime.date(1, 1, 1),
        max_value=datetime.date(9999, 12, 31),
        key=key,
        help=_sentences(words),
        format="YYYY-MM-DD",
    )
    return entered.isoformat() if entered else None


def _day(days: float | None) -> datetime.date | None:
    return None if days is None else EPOCH + datetime.timedelta(days=math.floor(days))


def _sentences(sentences: list[str]) -> str | None:
    """Sentences for a tooltip, or none."""
    return plain(" ".join(sentences)) or None
