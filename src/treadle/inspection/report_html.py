"""What was seen in a bundle, as one HTML file: nothing is loaded, no script runs, every text is escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from treadle.evaluation import plots
from treadle.evaluation.page import page
from treadle.evaluation.report import printable
from treadle.inspection.coloured import DOWN, UP, coloured_words, gate_strips
from treadle.inspection.importance import Importance
from treadle.inspection.inspection import Explained, Inspection
from treadle.inspection.reach_plot import reach_plot

if TYPE_CHECKING:
    from treadle.inspection.neighbours import Neighbours
    from treadle.inspection.reach import Reach

OWN_CSS = """
figure + figure, .card + .card { margin-top: 1rem; }
.card { padding: 1rem 1.25rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.card h3 { margin: 0 0 0.4rem; font-size: 1rem; }
.card h3 + p { margin-top: 0; }
.text { font-size: 1.06rem; }
.bar { display: inline-block; height: 0.7rem; border-radius: 3px; background: var(--network); vertical-align: middle; }
.near td, .near th { white-space: normal; text-align: left; vertical-align: top; }
.near small { display: inline; }
th small { display: block; color: var(--soft); font-weight: 400; }
mark { border-radius: 0.25em; padding: 0 0.4em; color: var(--ink); }
"""


def render_inspection(inspection: Inspection) -> str:
    """The inspection as an HTML document. The same findings give the same text.

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """
    return page(
        f"{_text(inspection.name)}: inspection",
        [
            "<header><p>Treadle inspection</p>"
            f"<h1>{_text(inspection.name)}</h1><p>{_text(_source(inspection))}</p></header>",
            *(f'<p class="soft">{_text(notice)}</p>' for notice in inspection.notices),
            _texts(inspection.texts),
            _reach(inspection.reaches),
            _gates(inspection.texts),
            _words(inspection.words),
            _columns(inspection.importance),
        ],
        OWN_CSS,
    )


def _text(text: object) -> str:
    return escape(printable(str(text)))


def _source(inspection: Inspection) -> str:
    return f"Seen on {inspection.rows:,} rows from {inspection.source}"


def _texts(texts: tuple[Explained, ...]) -> str:
    if not texts:
        return ""
    cards = "".join(_card(explained) for explained in texts)
    return (
        "<h2>Why: the words that moved an answer</h2>"
        f'<p class="soft">Integrated gradients from a text without words to this one (Sundararajan et al. 2017): '
        f"{_mark(UP, 'raised')} or {_mark(DOWN, 'lowered')} the answer, the stronger the more. Underlined words are "
        f"not in the vocabulary. The words' shares add up to the difference.</p>{cards}"
    )


def _mark(colour: str, word: str) -> str:
    return f'<mark style="background:color-mix(in srgb,{colour} 50%,transparent)">{word}</mark>'


def _card(explained: Explained) -> str:
    why = explained.why
    what = "the answer" if why.label is None else f"the probability of {why.label}"
    sentence = f"Without words {what} is {why.baseline:.3g}, with them {why.value:.3g}."
    gap = f" {why.steps} steps; the shares miss {abs(why.gap):.1g} of it"
    note = f"{gap}." if why.close else f"{gap}, which is more than 1 %: read them with care."
    most = sorted(zip(why.words, why.pushes, strict=True), key=lambda pair: -abs(pair[1]))[:5]
    named = "Most of all: " + ", ".join(f"{_text(word)} {_signed(push)}" for word, push in most)
    # A character by itself says nothing.
    named = f'<p class="soft">{named}</p>' if why.joint else ""
    return (
        f'<div class="card"><h3>{_text(explained.answer)}</h3><p class="soft">{_text(sentence + note)}</p>'
        f'<div class="text">{coloured_words(why)}</div>{named}</div>'
    )


def _signed(push: float) -> str:
    return f"{push:+.2g}".replace("-", "\N{MINUS SIGN}")


def _reach(reaches: tuple[Reach, ...]) -> str:
    if not reaches:
        return ""
    chart = plots.svg("Gradient by distance from the end", reach_plot(reaches), size=(8.4, 3.9))
    end = reaches[0].counted_from
    caption = (
        f"Norm of the gradient that arrives from the answer at each word, by its distance from the {end}, relative to "
        "the largest in the text: median and middle half over the texts. A straight fall on this scale is a gradient "
        "that vanishes by an equal share with every word (Bengio et al. 1994)."
    )
    others = {each.counted_from for each in reaches} - {end}
    caption += " Bundles that read from both ends are counted from the nearest end." if others else ""
    rows = "".join(_reach_row(each) for each in reaches)
    head = (
        '<tr><th scope="col">bundle</th><th scope="col">half-life</th>'
        '<th scope="col">10 back</th><th scope="col">furthest</th><th scope="col">texts</th></tr>'
    )
    table = (
        "<table><caption>Half-life: what carries, from the end on, half of a text's gradient; median over the texts."
        "</caption>"
        f"<thead>{head}</thead><tbody>{rows}</tbody></table>"
    )
    return (
        "<h2>Reach: how far back the answer looks</h2>"
        f'<figure>{chart}<figcaption>{_text(caption)}</figcaption></figure><div class="wide below">{table}</div>'
    )


def _reach_row(reach: Reach) -> str:
    name = f"{_text(reach.name)}<small>{_text(reach.encoder)}</small>"
    ten = f"{reach.curve[10]:.2g}" if len(reach.curve) > 10 else ""
    last = f"{reach.curve[-1]:.2g}<small>{len(reach.curve) - 1} back</small>"
    left_out = f"<small>left out: {reach.left_out}</small>" if reach.left_out else ""
    half = f"{reach.half_life:.1f}<small>{reach.unit}</small>"
    cells = "".join(f"<td>{cell}</td>" for cell in (half, ten, last, f"{reach.texts:,}{left_out}"))
    return f'<tr><th scope="row">{name}</th>{cells}</tr>'


def _gates(texts: tuple[Explained, ...]) -> str:
    all_gates = [explained.gates for explained in texts if explained.gates is not None]
    cards = "".join(
        f'<div class="card"><h3>{_text(gates.cell.replace("_", " "))}</h3>{gate_strips(gates)}</div>'
        for gates in all_gates
    )
    if not cards:
        return ""
    return (
        "<h2>Gates: what is forgotten and let in</h2>"
        '<p class="soft">The mean over the units of a layer at every word: the darker, the larger beside the smallest '
        f"of its line.</p>{cards}"
    )


def _words(words: tuple[Neighbours, ...]) -> str:
    if not words:
        return ""
    rows = "".join(f'<tr><th scope="row">{_text(each.word)}</th><td>{_near(each)}</td></tr>' for each in words)
    return (
        "<h2>Words: neighbours in the embedding</h2>"
        f'<div class="wide"><table class="near"><caption>Cosine of the angle between the words\' vectors; words seen '
        f"seldom are hardly told from chance.</caption><tbody>{rows}</tbody></table></div>"
    )


def _near(found: Neighbours) -> str:
    if found.known:
        return " · ".join(f"{_text(word)} <small>{cosine:.2f}</small>" for word, cosine in found.near)
    like = f"; written alike: {_text(', '.join(found.suggestions))}" if found.suggestions else ""
    return f'<span class="soft">not in the vocabulary{like}</span>'


def _columns(importance: Importance | None) -> str:
    if importance is None:
        return ""
    largest = max(importance.columns.values()) or 1.0
    rows = "".join(
        f'<tr><th scope="row">{_text(name)}</th><td>{size:.3g}</td>'
        f'<td><span class="bar" style="width:{max(18 * size / largest, 0.1):.2f}rem"></span></td></tr>'
        for name, size in importance.columns.items()
    )
    what = "answer" if importance.label is None else f"probability of {importance.label}"
    caption = (
        f"Mean size of each column's contribution to the {what} over {importance.rows:,} rows (Shapley values against "
        "the typical row)."
    )
    return (
        "<h2>Columns: what answers hang on</h2>"
        f'<div class="wide"><table class="near"><caption>{_text(caption)}</caption><tbody>{rows}</tbody></table></div>'
    )
