"""The words that moved an answer, coloured, for a screen."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from treadle.inspection import coloured

if TYPE_CHECKING:
    from treadle.inspection.why import Why


def coloured_words(why: Why) -> str:
    """HTML of the text as it was read and of what the colours mean; every text in it is escaped.

    `why` comes from `treadle.inspection.why.why(open_bundle(predictor), row)`; `open_bundle` takes a second or two and
    is worth keeping, and without JAX it raises MissingExtraError, whose message says in a line what to install.
    """
    return f'{coloured.coloured_words(why)}<div style="font-size:.8rem;margin-top:.6rem">{_legend(why)}</div>'


def _legend(why: Why) -> str:
    what = "the value" if why.label is None else f"the probability of {html.escape(str(why.label))}"
    marks = [
        f'<span style="background:color-mix(in srgb,{colour} 50%,transparent);border-radius:.25em;padding:0 .5em">'
        f"{verb}</span>"
        for colour, verb in ((coloured.UP, "raised"), (coloured.DOWN, "lowered"))
    ]
    unknown = "" if all(why.known) else "; underlined words are not in the vocabulary"
    return f"{' or '.join(marks)} {what}{unknown}"
