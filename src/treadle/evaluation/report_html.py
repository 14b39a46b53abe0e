"""The report as one HTML file: nothing is loaded, no script runs, every text of the user is escaped."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from treadle.evaluation import plots
from treadle.evaluation.evaluation import Confusion, Evaluation
from treadle.evaluation.page import page
from treadle.evaluation.report import (
    Report,
    about_sentence,
    counted,
    label_text,
    leakage_sentences,
    printable,
    subject,
)
from treadle.evaluation.terms import METRICS, TRIVIAL, figure, opponent_over_column, span
from treadle.evaluation.verdict import Outcome

HEADLINES: dict[Outcome, str] = {
    "worth_it": "Worth it",
    "no_difference": "No difference",
    "not_worth_it": "Not worth it",
    "no_signal": "No signal",
}
TILES = {
    "classification": ("roc_auc", "accuracy", "f1", "log_loss"),
    "regression": ("mae", "rmse", "r2"),
    "next_word": ("perplexity", "accuracy", "top5_accuracy"),
    "fill_blank": ("perplexity", "accuracy", "top5_accuracy"),
    "tagging": ("f1", "accuracy", "accuracy_unseen"),
}

_CHOSEN = "What the opponents are, all chosen on the validation rows"
_LEARNT = "What the opponents are, all learnt from the training rows"

_WORDS = {"tagging": ("words", "tag", "tags")}
"""What a confusion counts, by one and by more of which label, where it is not of rows by class."""

MOST_CLASSES = 12
"""Classes for which a table of counts can be read; beyond, the largest are listed."""
MOST_SHARES = 24
"""Classes for which a table of shares can be read beside that list."""


def render_report(report: Report) -> str:
    """The report as an HTML document. The same facts give the same text."""
    evaluation = report.evaluation
    return page(
        f"{_text(report.name)}: report",
        [
            _header(report),
            _verdict(evaluation),
            _tiles(evaluation),
            _metrics(evaluation),
            _answers(evaluation),
            _facts(report),
            _next(report),
        ],
    )


def _text(text: str) -> str:
    return escape(printable(text))


def _header(report: Report) -> str:
    evaluation = report.evaluation
    what = f"{subject(evaluation)}, from {report.source}"
    return f"<header><p>Treadle report</p><h1>{_text(report.name)}</h1><p>{_text(what)}</p></header>"


def _verdict(evaluation: Evaluation) -> str:
    if evaluation.verdict is None or evaluation.outcome is None:
        return ""
    headline = HEADLINES[evaluation.outcome]
    sentence = evaluation.verdict.removeprefix(f"{headline.lower()}: ")
    sentence = sentence[0].upper() + sentence[1:]
    return f'<p class="verdict {evaluation.outcome}"><strong>{headline}</strong><span>{_text(sentence)}.</span></p>'


def _tiles(evaluation: Evaluation) -> str:
    tiles = []
    for metric in TILES[evaluation.task]:
        if metric in evaluation.metrics:
            value = evaluation.metrics[metric]
            ends = evaluation.intervals.get(metric)
            within = f"<dd>{span(metric, ends, value)}</dd>" if ends is not None else ""
            tiles.append(f"<div><dt>{METRICS[metric].title}</dt><dd>{figure(metric, value)}</dd>{within}</div>")
    return f'<dl class="tiles">{"".join(tiles)}</dl>'


def _metrics(evaluation: Evaluation) -> str:
    models = {"network": evaluation.metrics, **evaluation.opponents}
    intervals = {"network": evaluation.intervals, **evaluation.opponent_intervals}
    heads = "".join(f'<th scope="col">{opponent_over_column(name, evaluation.task)}</th>' for name in models)
    rows = []
    for metric in evaluation.metrics:
        found = [figures[metric] for figures in models.values() if metric in figures]
        best = max(found) if METRICS[metric].higher_is_better else min(found)
        cells = [
            _cell(metric, models[name].get(metric), intervals[name].get(metric), best, alone=len(models) == 1)
            for name in models
        ]
        rows.append(f'<tr><th scope="row">{METRICS[metric].title}</th>{"".join(cells)}</tr>')
    table = (
        f"<table><caption>{_text(_how(evaluation))}</caption>"
        f'<thead><tr><th scope="col"></th>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )
    title = "Beside its opponents" if evaluation.opponents else "Metrics"
    return f"<h2>{title}</h2>{_scroll(table, 'Metrics', 'wide')}{_forest(evaluation)}"


def _cell(metric: str, value: float | None, ends: tuple[float, float] | None, best: float, *, alone: bool) -> str:
    if value is None:
        return "<td></td>"
    within = f"<small>{span(metric, ends, value)}</small>" if ends is not None and ends[0] < ends[1] else ""
    mark = ' class="best"' if value == best and not alone else ""
    return f"<td{mark}>{figure(metric, value)}{within}</td>"


def _how(evaluation: Evaluation) -> str:
    """What the figures are figures of."""
    distinct = f" ({evaluation.distinct_rows:,} of them distinct)" if evaluation.distinct_rows < evaluation.rows else ""
    sentences = [f"On {counted(evaluation)}{distinct} that training never saw."]
    if evaluation.skipped:
        sentences.append(f"{evaluation.skipped:,} rows that break the contract were left out.")
    about = about_sentence(evaluation)
    if about is not None:
        sentences.append(about)
    sentences.append(
        f"Small: {100 * evaluation.confidence:g} % intervals from {evaluation.resamples:,} bootstrap resamples."
    )
    return " ".join(sentences)


def _forest(evaluation: Evaluation) -> str:
    # The trivial opponents, far behind as a rule, would press all others against zero.
    shown = {name: found for name, found in evaluation.differences.items() if name not in TRIVIAL}
    notes = "".join(
        f"<li>{opponent_over_column(name, evaluation.task)}: {_text(note)}</li>"
        for name, note in evaluation.opponent_notes.items()
    )
    if not shown:
        return ""
    title = METRICS[evaluation.primary].title
    chart = plots.svg(
        f"{title} of the network less that of each opponent, with intervals",
        plots.forest(shown),
        size=(8.4, 0.9 + 0.36 * len(shown)),
    )
    caption = (
        f"Every line is the {100 * evaluation.confidence:g} % interval of a difference on the same test rows. Green, "
        "right of zero: the network is better. Red, left of it: the opponent is. Amber: this test set cannot tell. "
        f"{_LEARNT if evaluation.tokens is not None else _CHOSEN}:"
    )
    return (
        f'<figure class="below"><h3>Is the difference more than luck?</h3>{_scroll(chart, "Differences")}'
        f"<figcaption>{caption}<ul>{notes}</ul></figcaption></figure>"
    )


def _answers(evaluation: Evaluation) -> str:
    figures = _of_values(evaluation) if evaluation.task == "regression" else _of_classes(evaluation)
    return f'<h2>What it answers</h2><div class="figures">{"".join(figures)}</div>' if figures else ""


def _of_classes(evaluation: Evaluation) -> list[str]:
    figures = []
    if "network" in evaluation.roc:
        caption = (
            "How many rows of the positive class are found, against how many others are taken for it, at every "
            "threshold. The further to the upper left the better; the diagonal is guessing."
        )
        figures.append(_figure("ROC curve", plots.svg("ROC curves", plots.roc(evaluation.roc)), caption))
    if evaluation.calibration is not None:
        found = evaluation.calibration
        what = "the positive class" if found.about == "positive" else "the answered class"
        caption = (
            f"Rows in bins of the probability given to {what}; larger dots hold more rows. On the diagonal, "
            f"probabilities are as frequent as they say. Expected calibration error {found.error:.3f}."
        )
        figures.append(_figure("Calibration", plots.svg("Reliability diagram", plots.calibration(found)), caption))
    if evaluation.confusion is not None:
        figures += _of_mistakes(evaluation.confusion, *_WORDS.get(evaluation.task, ("test rows", "class", "classes")))
    return figures


def _of_mistakes(confusion: Confusion, what: str, label: str, labels: str) -> list[str]:
    """The confusion of classes or tags.

    Args:
        confusion: the counts.
        what: what is counted: `test rows`.
        label: `class` or `tag`.
        labels: more than one of them.
    """
    kinds = len(confusion.labels)
    if kinds <= MOST_CLASSES:
        caption = f"{what.capitalize()} by their true {label} (rows) and the {label} that was answered (columns)."
        kind = "whole" if kinds > 3 else "part"
        return [_figure("Confusion", _scroll(_confusion(confusion), "Confusion"), caption, kind)]
    caption = f"The {labels} that are most often taken for another."
    mistakes = _scroll(_mistakes(confusion, what), "Mistakes")
    if kinds > MOST_SHARES:
        return [_figure("Mistakes", mistakes, caption)]
    shares = f"How many of 100 {what} of a true {label} (rows) were given each {label} (columns)."
    return [
        _figure("Confusion", _scroll(_shares(confusion), "Confusion"), shares, "whole"),
        _figure("Mistakes", mistakes, caption, "whole"),
    ]


def _confusion(confusion: Confusion) -> str:
    return _square(
        confusion,
        "confusion",
        lambda count, share: f"{count:,}<small>{100 * share:.1f} %</small>",
    )


def _shares(confusion: Confusion) -> str:
    """The same of many classes, in cells so small that only a share stands in them, and none where it rounds to 0."""
    return _square(confusion, "confusion compact", lambda _, share: f"{100 * share:.0f}" if share >= 0.005 else "")


def _square(confusion: Confusion, kind: str, cell: Callable[[int, float], str]) -> str:
    labels = [_text(label_text(label)) for label in confusion.labels]
    heads = "".join(f'<th scope="col">{label}</th>' for label in labels)
    rows = []
    for label, counts in zip(labels, confusion.counts, strict=True):
        shares = [count / max(sum(counts), 1) for count in counts]
        cells = [
            f'<td style="--share:{60 * share:.0f}%">{cell(count, share)}</td>'
            for count, share in zip(counts, shares, strict=True)
        ]
        rows.append(f'<tr><th scope="row">{label}</th>{"".join(cells)}</tr>')
    head = f'<thead><tr><th scope="col">true \\ answered</th>{heads}</tr></thead>'
    return f'<table class="{kind}">{head}<tbody>{"".join(rows)}</tbody></table>'


def _mistakes(confusion: Confusion, what: str) -> str:
    rows = "".join(
        f'<tr><th scope="row">{_text(label_text(mistake.truth))}</th><th>{_text(label_text(mistake.answer))}</th>'
        f"<td>{mistake.times:,} of {mistake.of:,}</td></tr>"
        for mistake in confusion.mistakes(MOST_CLASSES)
    )
    head = f'<thead><tr><th scope="col">true</th><th scope="col">answered</th><th scope="col">{what}</th></tr></thead>'
    return f'<table class="confusion pairs">{head}<tbody>{rows}</tbody></table>'


def _of_values(evaluation: Evaluation) -> list[str]:
    if evaluation.residuals is None:
        return []
    found = evaluation.residuals
    shown = f"{len(found.actual):,} of the test rows. " if len(found.actual) < evaluation.rows else ""
    against = plots.svg("Predicted against actual values", plots.against_actual(found))
    errors = plots.svg("Histogram of the errors", plots.errors(found))
    return [
        _figure("Predicted and actual", against, f"{shown}On the diagonal, the prediction is exact."),
        _figure("Errors", errors, "Predicted less actual; the outermost bars hold the largest 1 % of the errors."),
    ]


def _scroll(content: str, label: str, kind: str = "scroll") -> str:
    """A box that scrolls on its own, by keyboard too, where the content is wider than the page."""
    return f'<div class="{kind}" tabindex="0" role="region" aria-label="{label}">{content}</div>'


def _figure(title: str, content: str, caption: str, kind: str = "part") -> str:
    return f'<figure class="{kind}"><h3>{title}</h3>{content}<figcaption>{_text(caption)}</figcaption></figure>'


def _facts(report: Report) -> str:
    rows = ", ".join(f"{count:,} {part}" for part, count in report.rows.items())
    leakage = "; ".join(leakage_sentences(report.leakage))
    seconds = ", ".join(f"{stage} {taken:.1f} s" for stage, taken in report.seconds.items())
    facts = [("rows", rows), ("leakage", leakage), *(("notice", notice) for notice in report.notices)]
    facts += [("time", seconds), ("bundle", report.bundle)]
    lines = "".join(f'<tr><th scope="row">{name}</th><td>{_text(value)}</td></tr>' for name, value in facts)
    chart = plots.svg("Loss by epoch", plots.learning(report.curve))
    caption = (
        "Mean loss of every epoch. Training stops when the validation loss gets no better, and the best weights are "
        "kept."
    )
    return (
        '<h2>How it was trained</h2><div class="figures">'
        f'<figure><h3>Data</h3><table class="facts"><tbody>{lines}</tbody></table></figure>'
        f"{_figure('Learning curve', chart, caption)}</div>"
    )


def _next(report: Report) -> str:
    items = "".join(
        f"<li><code>{_text(command)}</code><span>{_text(purpose)}</span></li>" for command, purpose in report.commands
    )
    return f'<h2>What to try next</h2><ul class="next">{items}</ul>'
