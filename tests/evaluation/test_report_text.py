"""The terminal report: what it says, how wide it is, and that no text of the user can move the cursor."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from rich.console import Console

from treadle.evaluation import evaluate
from treadle.evaluation.evaluation import Evaluation
from treadle.evaluation.report import Report
from treadle.evaluation.report_text import print_evaluation, print_report
from treadle.evaluation.terms import figure

OF_TOKENS = ["next_word", "fill_blank", "tagging", "spans"]


def printed(report: Report | Evaluation, width: int = 80, encoding: str = "utf-8", **settings: Any) -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    console = Console(file=file, width=width, highlight=False, **settings)
    if isinstance(report, Report):
        print_report(report, console)
    else:
        print_evaluation(report, console)
    file.flush()
    return raw.getvalue().decode(encoding)


def words(text: str) -> str:
    return " ".join(text.split())


def test_it_says_all_that_matters(two_classes: Any) -> None:
    report = two_classes.report()
    text = words(printed(report))
    evaluation = report.evaluation
    for expected in (
        f"{report.rows['train']} to train, {report.rows['validation']} to validate, {report.rows['test']} to judge",
        "no test row has a twin among the training rows",
        "column 'shop' is always the same: dropped",
        "3 epochs, best 2",
        "F1, precision and recall are those of the class returns = yes, which is answered when its probability",
        evaluation.verdict,
        "treadle predict runs/shop/shop.treadle runs/shop/example.csv",
        "treadle serve runs/shop/shop.treadle",
        "treadle app runs/shop/shop.treadle",
    ):
        assert expected in text
    assert f"{evaluation.metrics['roc_auc']:.3f}" in text
    assert f"{evaluation.opponents['gradient_boosting']['log_loss']:.3f}" in text


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("name", ["two_classes", "three_classes", "regression", *OF_TOKENS])
def test_it_fits_and_cuts_nothing(name: str, width: int, request: pytest.FixtureRequest) -> None:
    made = request.getfixturevalue(name)
    text = printed(made if isinstance(made, Report) else made.report(), width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    assert "…" not in text


@pytest.mark.parametrize("name", OF_TOKENS)
def test_words_and_tags_are_reported_as_such(name: str, request: pytest.FixtureRequest) -> None:
    report = request.getfixturevalue(name)
    evaluation = report.evaluation
    text = words(printed(report))
    rows = "sentences" if evaluation.task == "tagging" else "lines"
    assert f"judged on {evaluation.tokens:,} words of {evaluation.rows} {rows}" in text
    assert f"The vocabulary has {evaluation.vocabulary} words" in text
    assert evaluation.verdict in text
    for figures in (evaluation.metrics, *evaluation.opponents.values()):
        for metric, value in figures.items():
            assert figure(metric, value) in text
    for word in ("class", "classes", "positive", "threshold"):
        assert not re.search(rf"\b{word}\b", text, re.IGNORECASE)


def test_no_colour_and_no_escape_codes_where_it_is_piped(two_classes: Any) -> None:
    assert "\x1b" not in printed(two_classes.report())
    assert "\x1b" in printed(two_classes.report(), force_terminal=True)


def test_plain_letters_where_the_terminal_knows_no_others(two_classes: Any) -> None:
    text = printed(two_classes.report(), encoding="ascii")
    assert "worse | better" in text


def test_text_of_the_user_is_neither_markup_nor_control(two_classes: Any) -> None:
    report = two_classes.report(name="[red]shop[/red]", source="\x1b[2Jshop.csv", bundle="[bold]runs[/bold]\x07")
    text = printed(report)
    assert "[red]shop[/red]" in text
    assert "[bold]runs[/bold]" in text
    assert "\x1b" not in text
    assert "\x07" not in text


def test_an_evaluation_alone(regression: Any) -> None:
    text = printed(evaluate(regression.predictor, regression.test))
    assert "judged on" in text
    assert "MAE" in text
    assert "verdict" not in text
