"""Tables of figures as HTML that escapes every text: narrower than Markdown's, and they scroll on a phone."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

RULE = "border-bottom:1px solid color-mix(in srgb, currentColor 14%, transparent)"
QUIET = "opacity:.62"


@dataclass(frozen=True)
class Cell:
    """A text, with a smaller note under it or, in a `line` table, beside it."""

    text: str
    note: str = ""
    strong: bool = False


def show(head: Sequence[str], rows: Sequence[Sequence[Cell]], *, stacked: bool = True, texts: int = 1) -> None:
    """Draw a table; all texts may come from anyone.

    Args:
        head: names of the columns; none: no head.
        rows: cells, as many a row as there are columns.
        stacked: notes stand under their text, else in a column of their own.
        texts: how many columns, from the left, are words; the others are figures and stand to the right.
    """
    lines = ["".join(_cell(cell, place < texts, stacked=stacked) for place, cell in enumerate(row)) for row in rows]
    names = "".join(_name(name, place < texts) for place, name in enumerate(head))
    body = "".join(f'<tr style="{RULE}">{line}</tr>' for line in lines)
    st.html(
        '<div style="overflow-x:auto"><table style="border-collapse:collapse;width:100%;font-size:.875rem;'
        f'line-height:1.35;font-variant-numeric:tabular-nums"><thead>{names}</thead><tbody>{body}</tbody></table></div>'
    )


def _name(name: str, words: bool) -> str:
    return f'<th style="{_place(words)};{RULE};{QUIET};font-weight:500;vertical-align:bottom">{html.escape(name)}</th>'


def _cell(cell: Cell, words: bool, *, stacked: bool) -> str:
    weight = "600" if cell.strong else "400"
    text = html.escape(cell.text)
    note = html.escape(cell.note)
    if stacked:
        note = f'<div style="{QUIET};font-size:.75rem;font-weight:400;white-space:nowrap">{note}</div>' if note else ""
        return f'<td style="{_place(words)};font-weight:{weight}">{text}{note}</td>'
    beside = f'<td style="{_place(words)};{QUIET};font-size:.75rem;white-space:nowrap">{note}</td>' if note else ""
    return f'<td style="{_place(words)};font-weight:{weight}">{text}</td>{beside}'


def _place(words: bool) -> str:
    wrap = "overflow-wrap:anywhere" if words else "white-space:nowrap"
    return f"text-align:{'left' if words else 'right'};padding:.3rem .7rem .3rem 0;{wrap}"
