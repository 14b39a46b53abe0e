"""Charts of the screens. Fields have fixed names and texts are data: no column name is read as an expression."""

from __future__ import annotations

from typing import Any

import altair as alt

from treadle.evaluation.evaluation import Calibration, Confusion, Curve, Evaluation, Residuals
from treadle.evaluation.terms import METRICS, SHORT, TRIVIAL, opponent_over_column

UP, DOWN, QUIET = "#c2572b", "#2f6f9f", "#8a8f98"
"""Rust raises, blue lowers: told apart by people who see no red or no green, on light and dark pages."""

OTHERS = (QUIET, "#b08d2e", "#7a5ea8", "#4d8f68")
NETWORK = "this network"
_ROWS = {"tagging": "sentences", "next_word": "lines", "fill_blank": "lines"}
MANY = 8
"""Classes beyond which a chart of confusions writes small."""
LONG = 24
"""Letters of all classes together beyond which their names do not fit beside one another."""

Rows = list[dict[str, Any]]
Layers = alt.LayerChart | alt.FacetChart


def push_chart(bars: Rows) -> Layers:
    """Bars to the left and right of zero, in the given order.

    Args:
        bars: `label` (column and cell), `push` (signed), `text` (the push in words).
    """
    # Room beside the longest bar for its words.
    reach = 1.25 * max(abs(bar["push"]) for bar in bars)
    labels = [bar["label"] for bar in bars]
    base = alt.Chart(alt.InlineData(values=bars)).encode(
        x=alt.X("push:Q", title=None, scale=alt.Scale(domain=[-reach, reach]), axis=alt.Axis(tickCount=5)),
        y=alt.Y("label:N", sort=labels, title=None, axis=alt.Axis(labelLimit=240, ticks=False, domain=False)),
        tooltip=[alt.Tooltip("label:N", title="column"), alt.Tooltip("text:N", title="push")],
    )
    color = alt.condition("datum.push > 0", alt.value(UP), alt.value(DOWN))
    drawn = base.mark_bar(cornerRadius=2, height={"band": 0.66}).encode(color=color)
    words = base.encode(text=alt.Text("text:N"))
    right = words.transform_filter("datum.push > 0").mark_text(align="left", dx=5, color=QUIET)
    left = words.transform_filter("datum.push < 0").mark_text(align="right", dx=-5, color=QUIET)
    return alt.layer(drawn, right, left, height=26 * len(bars) + 34)


def standing_chart(evaluation: Evaluation) -> Layers:
    """The verdict's metric of the network and of every opponent, with its interval."""
    primary = evaluation.primary
    rows = [_standing(NETWORK, evaluation.metrics[primary], evaluation.intervals.get(primary), network=True)]
    for name, metrics in evaluation.opponents.items():
        # Those that look at no feature lie far off unless there is no signal, and would press all others together.
        if primary in metrics and (name not in TRIVIAL or evaluation.outcome == "no_signal"):
            interval = evaluation.opponent_intervals.get(name, {}).get(primary)
            rows.append(
                _standing(opponent_over_column(name, evaluation.task), metrics[primary], interval, network=False)
            )
    higher = METRICS[primary].higher_is_better
    rows.sort(key=lambda row: row["value"], reverse=higher)
    what = _ROWS.get(evaluation.task, "rows")
    title = f"{METRICS[primary].title} on test {what} ({'higher' if higher else 'lower'} is better)"
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("model:N", sort=[row["model"] for row in rows], title=None, axis=alt.Axis(labelLimit=180, ticks=False)),
        color=alt.condition("datum.network", alt.value(UP), alt.value(QUIET)),
    )
    scale, axis = alt.Scale(zero=False), alt.Axis(tickCount=6)
    lines = base.mark_rule(strokeWidth=3, opacity=0.45).encode(
        x=alt.X("low:Q", scale=scale, title=title, axis=axis), x2="high:Q"
    )
    dots = base.mark_point(filled=True, size=110, opacity=1).encode(
        x=alt.X("value:Q", scale=scale, title=title, axis=axis)
    )
    return alt.layer(lines, dots, height=34 * len(rows) + 46)


def _standing(model: str, value: float, interval: tuple[float, float] | None, *, network: bool) -> dict[str, Any]:
    low, high = interval or (value, value)
    return {"model": model, "value": value, "low": low, "high": high, "network": network}


def calibration_chart(calibration: Calibration) -> Layers:
    """Predicted probability beside the observed share; on the diagonal they agree."""
    rows = [{"predicted": b.predicted, "observed": b.observed, "rows": b.rows} for b in calibration.bins]
    axis = alt.Axis(format="%", tickCount=5)
    scale = alt.Scale(domain=[0, 1])
    x = alt.X("predicted:Q", title="Predicted probability", axis=axis, scale=scale)
    y = alt.Y("observed:Q", title="Share that came true", axis=axis, scale=scale)
    ideal = alt.Chart(alt.InlineData(values=[{"predicted": 0, "observed": 0}, {"predicted": 1, "observed": 1}]))
    base = alt.Chart(alt.InlineData(values=rows)).encode(x=x, y=y)
    return alt.layer(
        ideal.mark_line(strokeDash=[4, 4], color=QUIET).encode(x=x, y=y),
        base.mark_line(color=DOWN),
        base.mark_circle(color=DOWN, opacity=1).encode(
            size=alt.Size("rows:Q", title="Rows", scale=alt.Scale(range=[30, 300]), legend=None),
            tooltip=["rows:Q", alt.Tooltip("predicted:Q", format=".3f"), alt.Tooltip("observed:Q", format=".3f")],
        ),
    ).properties(height=300)


def confusion_chart(confusion: Confusion) -> Layers:
    """How often each class was answered for each class, coloured by its share of the true class."""
    labels = [str(label) for label in confusion.labels]
    rows = [
        {"truth": truth, "answer": answer, "rows": count, "share": count / max(sum(counts), 1)}
        for truth, counts in zip(labels, confusion.counts, strict=True)
        for answer, count in zip(labels, counts, strict=True)
    ]
    many = len(labels) > MANY
    # Upright names and small counts, where they stand close.
    long = sum(map(len, labels)) > LONG
    names = alt.Axis(labelAngle=-90 if many or long else 0, labelOverlap=False, orient="top", labelLimit=120)
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("answer:N", sort=labels, title="Answer", axis=names),
        y=alt.Y("truth:N", sort=labels, title="Truth", axis=alt.Axis(labelLimit=120)),
        tooltip=["truth:N", "answer:N", "rows:Q", alt.Tooltip("share:Q", format=".1%")],
    )
    squares = base.mark_rect().encode(
        color=alt.Color("share:Q", scale=alt.Scale(domain=[0, 1], range=["#eef3f8", DOWN]), legend=None)
    )
    shown = base.transform_filter("datum.rows > 0") if many else base
    counts = shown.mark_text(fontSize=8 if many else 14).encode(
        text=alt.Text("rows:Q", format=","),
        color=alt.condition("datum.share > 0.55", alt.value("white"), alt.value("#1f2937")),
    )
    return alt.layer(squares, counts, height=max(200, (24 if many else 44) * len(labels) + 60))


def roc_chart(curves: dict[str, Curve]) -> Layers:
    """ROC curves of the network and its opponents; the network is drawn on top."""
    shown = {name: SHORT.get(name, NETWORK) for name in sorted(curves) if name not in TRIVIAL}
    rows = [
        {"model": shown[name], "false": false, "true": true}
        for name in shown
        for false, true in zip(curves[name].false_positive_rate, curves[name].true_positive_rate, strict=True)
    ]
    axis = alt.Axis(format="%", tickCount=5)
    models = sorted(shown.values(), key=lambda model: model != NETWORK)
    colors = alt.Scale(domain=models, range=[UP, DOWN, *OTHERS][: len(models)])
    lines = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("false:Q", title="False alarms", axis=axis, scale=alt.Scale(domain=[0, 1])),
        y=alt.Y("true:Q", title="Found", axis=axis, scale=alt.Scale(domain=[0, 1])),
        color=alt.Color("model:N", title=None, scale=colors, legend=alt.Legend(orient="bottom", columns=2)),
    )
    ours = alt.datum.model == NETWORK
    others = lines.transform_filter(~ours).mark_line(strokeWidth=1.5)
    return alt.layer(others, lines.transform_filter(ours).mark_line(strokeWidth=3), height=340)


def residual_chart(residuals: Residuals, target: str) -> Layers:
    """Predictions beside the truth for a sample of test rows; on the diagonal they agree."""
    pairs = zip(residuals.actual, residuals.predicted, strict=True)
    rows = [{"actual": actual, "predicted": predicted} for actual, predicted in pairs]
    ends = [min(residuals.actual + residuals.predicted), max(residuals.actual + residuals.predicted)]
    scale = alt.Scale(zero=False, nice=True)
    x = alt.X("actual:Q", title=[f"Actual {target}"], scale=scale, axis=alt.Axis(tickCount=5))
    y = alt.Y("predicted:Q", title=[f"Predicted {target}"], scale=scale, axis=alt.Axis(tickCount=5))
    ideal = alt.Chart(alt.InlineData(values=[{"actual": end, "predicted": end} for end in ends]))
    dots = alt.Chart(alt.InlineData(values=rows)).mark_circle(color=DOWN, opacity=0.35, size=22)
    line = ideal.mark_line(strokeDash=[4, 4], color=QUIET)
    return alt.layer(dots.encode(x=x, y=y), line.encode(x=x, y=y), height=320)


def error_chart(residuals: Residuals) -> alt.Chart:
    """How far off the predictions are, over all test rows."""
    edges = residuals.errors.edges
    bins = zip(edges[:-1], edges[1:], residuals.errors.rows, strict=True)
    rows = [{"low": low, "high": high, "rows": count} for low, high, count in bins]
    chart: alt.Chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar(color=DOWN, opacity=0.8)
        .encode(
            x=alt.X("low:Q", bin="binned", title="Predicted less actual", axis=alt.Axis(tickCount=5)),
            x2="high:Q",
            y=alt.Y("rows:Q", title="Test rows"),
        )
        .properties(height=320)
    )
    return chart
