"""Words on coloured ground, as HTML that escapes every text: the same in a report and on a screen."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from treadle.evaluation.report import printable

if TYPE_CHECKING:
    from treadle.inspection.gates import Gates, Strip
    from treadle.inspection.why import Why

UP, DOWN, SHADE = "#c2572b", "#2f6f9f", "#7a5ea8"
"""Rust raises, blue lowers: told apart by people who see no red or no green, on light and dark pages."""
STRONGEST = 62
"""Per cent of the colour on the ground of the word that moved most; text stays legible on it."""
FAINTEST = 3
"""Per cent below which nothing is painted."""
NARROWEST = 0.05
"""Difference of gates that the whole of the colours stands for at least."""

_LINE = "display:flex;flex-wrap:wrap;gap:0 1rem;margin-top:.6rem"
_TEXT = "line-height:1.9;overflow-wrap:anywhere;white-space:pre-wrap"
_WORD = "border-radius:.25em;padding:.12em var(--gap,.18em);unicode-bidi:isolate"
_UNKNOWN = "text-decoration:underline dotted;text-underline-offset:.25em"


def coloured_words(why: Why) -> str:
    """The words of an explained text, the stronger coloured the more they moved the answer; rust up, blue down."""
    strongest = max((abs(push) for push in why.pushes), default=0.0) or 1.0
    words = [
        _word(word, UP if push > 0 else DOWN, abs(push) / strongest, _told(push, known=known), known=known)
        for word, push, known in zip(why.words, why.pushes, why.known, strict=True)
    ]
    return _running(words, why.joint)


def gate_strips(gates: Gates) -> str:
    """The text once for every figure of its gates, the darker the larger it is at a word."""
    several_layers = max(strip.layer for strip in gates.strips) > 1
    both_ends = len({strip.backwards for strip in gates.strips}) > 1
    lines = []
    for strip in gates.strips:
        words = [strip.title]
        words += [f"layer {strip.layer}"] if several_layers else []
        words += ["backwards" if strip.backwards else "forwards"] if both_ends else []
        ends = f"{min(strip.values):.2f} to {max(strip.values):.2f}"
        name = f'<b>{", ".join(words)}</b><div style="opacity:.7;font-size:.85em">{ends}</div>'
        lines.append(
            f'<div style="flex:0 0 9rem" title="{escape(strip.meaning)}">{name}</div>'
            f'<div style="flex:1 1 18rem">{_shaded(gates.tokens, strip, gates.joint)}</div>'
        )
    return "".join(f'<div style="{_LINE}">{line}</div>' for line in lines)


def _shaded(words: Sequence[str], strip: Strip, joint: str) -> str:
    low = min(strip.values)
    width = max(max(strip.values) - low, NARROWEST)
    shades = zip(words, strip.values, strict=True)
    return _running([_word(word, SHADE, (value - low) / width, f"{value:.2f}") for word, value in shades], joint)


def _running(words: list[str], joint: str) -> str:
    style = _TEXT if joint else f"{_TEXT};--gap:0"
    return f'<div dir="auto" style="{style}">{joint.join(words)}</div>'


def _word(word: str, colour: str, share: float, told: str, *, known: bool = True) -> str:
    percent = round(STRONGEST * share)
    styles = [_WORD]
    if percent >= FAINTEST:
        styles.append(f"background:color-mix(in srgb,{colour} {percent}%,transparent)")
    if not known:
        styles.append(_UNKNOWN)
    return f'<span style="{";".join(styles)}" title="{told}">{escape(printable(word))}</span>'


def _told(push: float, *, known: bool) -> str:
    told = f"{push:+.3g}".replace("-", "\N{MINUS SIGN}")
    return told if known else f"{told}, not in the vocabulary"
