"""What the sidebar says of a bundle: its task, the verdict, its figures on rows it never saw, where they come from."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from pydantic import ValidationError

from treadle.bundle.bundle import Bundle
from treadle.evaluation.evaluation import Evaluation
from treadle.evaluation.report import about_sentence, counted
from treadle.evaluation.terms import METRICS, figure, span
from treadle.studio import figures
from treadle.studio.figures import Cell
from treadle.studio.text import capital, number, plain

PARTS = {"train": "to train", "validation": "to validate", "test": "to test"}


def show(bundle: Bundle, path: Path) -> None:
    """Draw the facts of `bundle`."""
    evaluation = evaluation_of(bundle)
    if evaluation is not None:
        verdict(evaluation)
        rows = [_figure(name, value, evaluation) for name, value in evaluation.metrics.items()]
        figures.show([], rows, stacked=False)
        confidence = f"with {100 * evaluation.confidence:g} % intervals"
        words = f"On {counted(evaluation)} it never saw, {confidence}. {about_sentence(evaluation) or ''}"
        st.caption(plain(words))
    if bundle.split:
        rows_of = [f"{number(bundle.split[part])} {words}" for part, words in PARTS.items() if part in bundle.split]
        st.caption(f"Rows: {', '.join(rows_of)}.")
    st.caption(f"{plain(path)}  \nmade by Treadle {plain(bundle.treadle)}")


def _figure(name: str, value: float, evaluation: Evaluation) -> list[Cell]:
    interval = evaluation.intervals.get(name)
    between = span(name, interval, value) if interval else "no interval"
    return [Cell(METRICS[name].title), Cell(figure(name, value), between, strong=True)]


def evaluation_of(bundle: Bundle) -> Evaluation | None:
    """The evaluation in the bundle; none, after a message, where there is none to show."""
    if bundle.evaluation is None:
        st.info("This bundle holds no evaluation.")
        return None
    try:
        return Evaluation.model_validate(bundle.evaluation)
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"]))
        st.warning(f"The evaluation in this bundle cannot be read: {plain(place)}: {plain(fault['msg'])}")
        return None


def verdict(evaluation: Evaluation) -> None:
    """Draw the sentence that says whether the network is worth it."""
    if evaluation.verdict is None:
        return
    sentence = plain(capital(evaluation.verdict)) + "."
    if evaluation.outcome == "worth_it":
        st.success(sentence, icon=":material/check_circle:")
    elif evaluation.outcome == "no_difference":
        st.info(sentence, icon=":material/balance:")
    else:
        st.warning(sentence, icon=":material/info:")


def named_class(evaluation: Evaluation) -> str | None:
    """`Exited = 1`: the class that precision, recall and F1 speak of."""
    return None if evaluation.positive is None else f"{evaluation.target} = {evaluation.positive}"
