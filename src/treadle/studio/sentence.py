"""Answers to a sentence as HTML: the tags under its words, and the word in its gap; all texts may come from anyone."""

from __future__ import annotations

import html
from collections.abc import Sequence

from treadle.evaluation.spans import mark_spans
from treadle.features.sequences import GAP
from treadle.studio import charts
from treadle.studio.text import percent

SURE = 0.9
"""Probabilities below this are told."""

_QUIET = "font-size:.75rem;opacity:.65"
_TURN = 100.3
"""Degrees between the hues of one kind of tag and the next: up to 18 lie 20 apart, and 40 where they are as strong."""
_BAR = "height:.55rem;border-radius:.25em;min-width:1px"


def tagged(tokens: Sequence[str], tags: Sequence[str], shares: Sequence[float], labels: Sequence[str]) -> str:
    """A sentence with its tag under every token, and the tag's probability where it is not sure.

    Args:
        tokens: of the sentence.
        tags: of each token.
        shares: probability of each tag.
        labels: all tags that there are; each kind has a colour of its own.
    """
    spans = mark_spans(tuple(labels))
    kinds = sorted({_kind(label, spans=spans) for label in labels})
    cells = []
    for token, tag, share in zip(tokens, tags, shares, strict=True):
        colour = "transparent" if spans and tag == "O" else _colour(kinds.index(_kind(tag, spans=spans)))
        style = f"background:{colour};border-radius:.25em;padding:0 .4em;font-size:.75rem"
        doubt = f'<div style="{_QUIET}">{percent(share)}</div>' if share < SURE else ""
        mark = f'<div style="{style}" title="{percent(share)}">{html.escape(tag)}</div>'
        cells.append(f'<div style="text-align:center"><div>{html.escape(token)}</div>{mark}{doubt}</div>')
    return f'<div style="display:flex;flex-wrap:wrap;gap:.7rem .6rem" dir="auto">{"".join(cells)}</div>'


def _kind(label: str, *, spans: bool) -> str:
    """What a tag says, wherever in a span it stands."""
    return label[2:] if spans else label


def _colour(number: int) -> str:
    return f"oklch(.65 .12 {number * _TURN % 360:.0f} / {0.22 if number % 2 else 0.4})"


def filled(sentence: str, word: str) -> str:
    """A sentence with `word` in its gap."""
    before, after = (html.escape(part) for part in GAP.split(sentence, maxsplit=1))
    mark = f'<b style="border-bottom:3px solid {charts.DOWN}">{html.escape(word)}</b>'
    style = "font-size:1.35rem;line-height:1.6;white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:plaintext"
    return f'<div style="{style}" dir="auto">{before}{mark}{after}</div>'


def ranked(words: Sequence[str], shares: Sequence[float]) -> str:
    """Words with a bar for the probability of each."""
    rows = "".join(_row(word, share) for word, share in zip(words, shares, strict=True))
    return f'<table style="border-collapse:collapse;width:100%;max-width:36rem"><tbody>{rows}</tbody></table>'


def _row(word: str, share: float) -> str:
    bar = f'<div style="{_BAR};background:{charts.DOWN};width:{100 * share:.1f}%"></div>'
    return (
        f'<tr><th style="text-align:start;font-weight:400;padding:.2rem 1rem .2rem 0">{html.escape(word)}</th>'
        f'<td style="width:70%" aria-hidden="true">{bar}</td>'
        f'<td style="text-align:end;font-variant-numeric:tabular-nums;white-space:nowrap;padding-inline-start:1rem">'
        f"{percent(share)}</td></tr>"
    )
