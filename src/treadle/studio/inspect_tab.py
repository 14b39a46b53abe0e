"""What the network looks at: after a click, the words that moved an answer, its reach, its gates, its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import streamlit as st

from treadle.bundle.predictor import Predictor
from treadle.errors import TreadleError
from treadle.inspection.coloured import gate_strips
from treadle.inspection.importance import Importance
from treadle.inspection.inspection import Explained, Inspection, inspect
from treadle.inspection.reach_plot import LOWEST
from treadle.studio import charts, figures
from treadle.studio.figures import Cell
from treadle.studio.text import capital, number, plain, plain_lines
from treadle.studio.words import coloured_words

if TYPE_CHECKING:
    from treadle.inspection.neighbours import Neighbours
    from treadle.inspection.reach import Reach

SHOWN_COLUMNS = 20


def show(predictor: Predictor, key: str) -> None:
    """Draw what is asked, and after a click what is seen."""
    texts = [field for field in predictor.contract.features if field.kind == "text"]
    with st.form(f"{key}/inspect", enter_to_submit=False):
        text, words = "", ""
        if len(texts) == 1:
            text = st.text_area(
                "A text to look into (without one: some of the bundle's own)", key=f"{key}/inspect/text"
            )
        if texts:
            words = st.text_input("Words whose neighbours to show", key=f"{key}/inspect/words", placeholder="good dull")
        clicked = st.form_submit_button("Look inside", type="primary", icon=":material/search:")
    kept = f"{key}/inspection"
    if clicked:
        st.session_state.pop(kept, None)
        try:
            with st.spinner("Looking inside"):
                given = [text] if text.strip() else []
                st.session_state[kept] = inspect(predictor, texts=given, words=words.split())
        except TreadleError as error:
            st.error(plain_lines(error), icon=":material/error:")
    if kept in st.session_state:
        _show_seen(st.session_state[kept])


def _show_seen(seen: Inspection) -> None:
    st.caption(plain(f"On {number(seen.rows)} rows: {seen.source}."))
    for notice in seen.notices:
        st.caption(plain(notice))
    for explained in seen.texts:
        _show_text(explained)
    for reach in seen.reaches:
        _show_reach(reach)
    if seen.words:
        _show_words(seen.words)
    if seen.importance is not None:
        _show_columns(seen.importance)


def _show_text(explained: Explained) -> None:
    st.markdown(f"#### {plain(explained.answer)}")
    why = explained.why
    st.caption(plain(f"Without words the answer is {why.baseline:.3g}, with them {why.value:.3g}."))
    st.html(coloured_words(why))
    if not why.close:
        st.caption(plain(f"The words' shares miss {number(abs(why.gap))} of it, more than 1 %: read them with care."))
    if explained.gates is not None:
        with st.expander("What is forgotten and let in"):
            st.html(gate_strips(explained.gates))


def _show_reach(reach: Reach) -> None:
    st.markdown("#### How far back the answer looks")
    words = f"{number(round(reach.half_life, 1))} {reach.unit} of the {reach.counted_from}"
    texts = f"{number(reach.texts)} texts" + (f"; left out: {reach.left_out}" if reach.left_out else "")
    st.caption(plain(f"Half of the gradient lies within {words}: {reach.encoder}, {texts}."))
    chart = reach_chart(reach)
    st.altair_chart(chart.properties(description="Gradient by distance from the end"), width="stretch")


def reach_chart(reach: Reach) -> charts.Layers:
    """The median over the texts with the middle half of them, on a logarithmic scale."""
    quartiles = enumerate(zip(reach.low, reach.curve, reach.high, strict=True))
    rows = [
        {"distance": distance, "low": max(low, LOWEST), "curve": max(curve, LOWEST), "high": max(high, LOWEST)}
        for distance, (low, curve, high) in quartiles
    ]
    scale, axis = alt.Scale(type="log", nice=False), alt.Axis(tickCount=5)
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X(
            "distance:Q", title=f"{capital(reach.unit)} before the {reach.counted_from}", axis=alt.Axis(tickMinStep=1)
        )
    )
    title = "Gradient, relative to the text's largest"
    area = base.mark_area(color=charts.DOWN, opacity=0.18).encode(
        y=alt.Y("low:Q", scale=scale, title=title, axis=axis), y2="high:Q"
    )
    line = base.mark_line(color=charts.DOWN, strokeWidth=2.5).encode(
        y=alt.Y("curve:Q", scale=scale, title=title, axis=axis)
    )
    return alt.layer(area, line, height=260)


def _show_words(words: tuple[Neighbours, ...]) -> None:
    st.markdown("#### Neighbours in the embedding")
    figures.show(
        ["Word", "Nearest, by cosine"],
        [[Cell(found.word, strong=True), Cell(_near(found))] for found in words],
        texts=2,
    )


def _near(found: Neighbours) -> str:
    if found.known:
        return ", ".join(f"{word} {cosine:.2f}" for word, cosine in found.near)
    like = f"; written alike: {', '.join(found.suggestions)}" if found.suggestions else ""
    return f"not in the vocabulary{like}"


def _show_columns(importance: Importance) -> None:
    st.markdown("#### What answers hang on")
    what = "answer" if importance.label is None else f"probability of {importance.label}"
    st.caption(plain(f"Mean size of each column's contribution to the {what} over {number(importance.rows)} rows."))
    sizes = list(importance.columns.items())[:SHOWN_COLUMNS]
    figures.show(["Column", "Contribution"], [[Cell(name), Cell(f"{size:.3g}")] for name, size in sizes])
