"""The report: what the evaluation in the bundle found, and how clean the split was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import altair as alt
import streamlit as st
from pydantic import ValidationError

from treadle.bundle.bundle import Bundle
from treadle.data.split import Leakage
from treadle.evaluation.evaluation import Calibration, Confusion, Evaluation, Mistake, Residuals
from treadle.evaluation.report import about_sentence, counted, leakage_sentences
from treadle.evaluation.terms import METRICS, figure, opponent_over_column, span
from treadle.studio import charts, facts, figures
from treadle.studio.figures import Cell
from treadle.studio.text import capital, number, percent, plain

Panel = Callable[[], None]

MOST_SHOWN, MOST_LISTED = 24, 12
"""Classes for which a chart of all confusions can be read, and the largest that are listed beyond."""


def show(bundle: Bundle) -> None:
    """Draw the report of `bundle`."""
    evaluation = facts.evaluation_of(bundle)
    panels = _panels(evaluation) if evaluation is not None else []
    if evaluation is not None:
        facts.verdict(evaluation)
        _standing(evaluation)
    if bundle.leakage:
        panels.append(partial(_split, bundle.leakage))
    for start in range(0, len(panels), 2):
        for place, panel in zip(st.columns(2, gap="large"), panels[start : start + 2], strict=False):
            with place:
                panel()


def _panels(evaluation: Evaluation) -> list[Panel]:
    """What stands two by two under the figures: those pictures that the evaluation has the numbers for."""
    panels: list[Panel] = []
    if evaluation.calibration is not None:
        panels.append(partial(_calibration, evaluation, evaluation.calibration))
    if evaluation.roc:
        panels.append(partial(_roc, evaluation))
    if evaluation.confusion is not None:
        panels.append(partial(_confusion, evaluation, evaluation.confusion))
    if evaluation.residuals is not None:
        panels.append(partial(_residuals, evaluation, evaluation.residuals))
        panels.append(partial(_errors, evaluation, evaluation.residuals))
    return panels


def _standing(evaluation: Evaluation) -> None:
    _heading("Beside its opponents")
    if evaluation.opponents:
        title = METRICS[evaluation.primary].title
        _chart(charts.standing_chart(evaluation), f"{title} of the network and its opponents")
    names = list(evaluation.metrics)
    rows = [_line("this network", names, evaluation.metrics, evaluation.intervals, strong=True)]
    for model, metrics in evaluation.opponents.items():
        intervals = evaluation.opponent_intervals.get(model, {})
        rows.append(_line(opponent_over_column(model, evaluation.task), names, metrics, intervals, strong=False))
    figures.show(["", *(METRICS[name].title for name in names)], rows)
    sentences = [
        f"Judged on {counted(evaluation)}, {number(evaluation.distinct_rows)} of them distinct;",
        f"{100 * evaluation.confidence:g} % intervals from {number(evaluation.resamples)} bootstrap resamples.",
        about_sentence(evaluation) or "",
        *(
            f"{capital(opponent_over_column(name, evaluation.task))}: {note}."
            for name, note in evaluation.opponent_notes.items()
        ),
    ]
    st.caption(plain(" ".join(sentences)))


def _line(
    model: str,
    names: list[str],
    metrics: Mapping[str, float],
    intervals: Mapping[str, tuple[float, float]],
    *,
    strong: bool,
) -> list[Cell]:
    cells = [Cell(model, strong=strong)]
    for name in names:
        between = span(name, intervals[name], metrics[name]) if name in intervals and name in metrics else ""
        cells.append(Cell(figure(name, metrics[name]) if name in metrics else "", between, strong))
    return cells


def _calibration(evaluation: Evaluation, calibration: Calibration) -> None:
    _heading("Are its probabilities right?")
    about = facts.named_class(evaluation) if calibration.about == "positive" else "the answered class"
    st.caption(plain(f"Of {about}: {percent(calibration.error)} off on average."))
    _chart(charts.calibration_chart(calibration), "Predicted probability beside what came true")


def _roc(evaluation: Evaluation) -> None:
    _heading("Found, and false alarms")
    st.caption(plain(f"ROC curves of {facts.named_class(evaluation)}: every threshold at once."))
    _chart(charts.roc_chart(evaluation.roc), "ROC curves of the network and its opponents")


def _confusion(evaluation: Evaluation, confusion: Confusion) -> None:
    _heading("Right and wrong answers")
    what = "Words" if evaluation.task == "tagging" else "Test rows"
    if len(confusion.labels) > MOST_SHOWN:
        st.caption(plain(f"What is most often taken for another {evaluation.target}."))
        mistakes = confusion.mistakes(MOST_LISTED)
        rows = [[Cell(str(each.truth)), Cell(str(each.answer)), _times(each)] for each in mistakes]
        figures.show(["True", "Answered", what], rows, texts=2)
        return
    st.caption(plain(f"{what} by true and answered {evaluation.target}."))
    _chart(charts.confusion_chart(confusion), f"{what} by true and answered {evaluation.target}")


def _times(mistake: Mistake) -> Cell:
    return Cell(f"{number(mistake.times)} of {number(mistake.of)}")


def _residuals(evaluation: Evaluation, residuals: Residuals) -> None:
    _heading("Predicted beside actual")
    st.caption(f"{number(len(residuals.actual))} of the test rows; on the line the two agree.")
    _chart(charts.residual_chart(residuals, evaluation.target), "Predicted beside actual values")


def _errors(evaluation: Evaluation, residuals: Residuals) -> None:
    _heading("How far off it is")
    st.caption(f"All {number(evaluation.rows)} test rows.")
    _chart(charts.error_chart(residuals), "Histogram of errors")


def _split(leakage: dict[str, object]) -> None:
    _heading("The split")
    try:
        found = Leakage.model_validate(leakage)
    except ValidationError as error:
        fault = error.errors()[0]
        st.warning(f"The leakage in this bundle cannot be read: {plain('.'.join(map(str, fault['loc'])))}")
        return
    st.markdown("\n".join(f"- {plain(capital(sentence))}." for sentence in leakage_sentences(found)))


def _heading(words: str) -> None:
    st.markdown(f"#### {words}")


def _chart(chart: alt.Chart | charts.Layers, description: str) -> None:
    st.altair_chart(chart.properties(description=description), width="stretch")
