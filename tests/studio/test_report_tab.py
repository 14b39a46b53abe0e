"""The report and the sidebar say what the evaluation in the bundle says."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from treadle.bundle.bundle import Bundle
from treadle.evaluation.evaluation import Confusion, Evaluation
from treadle.evaluation.terms import figure
from treadle.studio import charts

Open = Callable[..., AppTest]


def evaluation_of(path: Path) -> Evaluation:
    return Evaluation.model_validate(Bundle.load(path).evaluation)


@pytest.mark.parametrize("name", ["bank", "tiers", "spending"])
def test_metrics_opponents_verdict_and_leakage_are_shown(open_screen: Open, paths: dict[str, Path], name: str) -> None:
    screen = open_screen(name)
    evaluation = evaluation_of(paths[name])
    report = "".join(html.proto.body for html in screen.main.get("html"))
    for metrics in (evaluation.metrics, *evaluation.opponents.values()):
        for metric, value in metrics.items():
            assert figure(metric, value) in report
    said = [warning.value.replace("\\", "") for warning in screen.warning]
    assert said.count(f"N{(evaluation.verdict or '')[1:]}.") == 2
    assert any("test row" in markdown.value for markdown in screen.markdown)


def test_the_class_that_metrics_speak_of_is_named(open_screen: Open) -> None:
    screen = open_screen("bank")
    captions = [caption.value.replace("\\", "") for caption in screen.caption]
    assert any("Left = 1" in caption and "precision" in caption for caption in captions)


def test_the_sidebar_has_the_figures(open_screen: Open, paths: dict[str, Path]) -> None:
    screen = open_screen("bank")
    sidebar = "".join(html.proto.body for html in screen.sidebar.get("html"))
    evaluation = evaluation_of(paths["bank"])
    assert figure("roc_auc", evaluation.metrics["roc_auc"]) in sidebar
    assert any(
        r"144 to train\, 48 to validate\, 48 to test" in caption.value for caption in screen.sidebar.caption
    ) or any("to train" in caption.value for caption in screen.sidebar.caption)


def words_evaluation() -> Evaluation:
    metrics = {"perplexity": 123.45, "accuracy": 0.0887, "top5_accuracy": 0.2169}
    return Evaluation(
        task="next_word",
        target="line",
        rows=824,
        distinct_rows=801,
        skipped=0,
        tokens=5942,
        vocabulary=2210,
        min_count=2,
        unknown_share=0.1833,
        primary="perplexity",
        metrics=metrics,
        intervals={"perplexity": (117.4, 132.6)},
        opponents={"unigram": {"perplexity": 187.6}, "kneser_ney": {"perplexity": 125.2, "accuracy": 0.0873}},
        opponent_intervals={"kneser_ney": {"perplexity": (118.1, 133.4)}},
        opponent_notes={"unigram": "counts one word", "kneser_ney": "counts three words"},
        verdict="worth it: perplexity 123.5 beats the Kneser-Ney trigram model by 1.7",
        outcome="worth_it",
        resamples=1000,
        confidence=0.95,
    )


def tags_evaluation(labels: int) -> Evaluation:
    counts = np.random.default_rng(0).integers(0, 9, (labels, labels)) + 200 * np.eye(labels, dtype=int)
    return words_evaluation().model_copy(
        update={
            "task": "tagging",
            "target": "upos",
            "primary": "accuracy",
            "metrics": {"accuracy": 0.913, "accuracy_unseen": 0.702},
            "intervals": {},
            "opponents": {"majority": {"accuracy": 0.17}, "most_frequent_tag": {"accuracy": 0.86}},
            "opponent_intervals": {},
            "opponent_notes": {"majority": "answers NOUN", "most_frequent_tag": "each word's tag"},
            "labels": tuple(f"TAG{number}" for number in range(labels)),
            "confusion": Confusion(
                labels=tuple(f"TAG{number}" for number in range(labels)), counts=tuple(map(tuple, counts.tolist()))
            ),
        }
    )


@pytest.mark.parametrize(
    "evaluation",
    [words_evaluation(), tags_evaluation(17), tags_evaluation(40)],
    ids=["words", "seventeen tags", "forty tags"],
)
def test_words_and_tags_are_reported_as_such(
    open_screen: Open, paths: dict[str, Path], tmp_path: Path, evaluation: Evaluation
) -> None:
    path = tmp_path / "tokens.treadle"
    dataclasses.replace(Bundle.load(paths["tiers"]), evaluation=evaluation.model_dump(mode="json")).save(path)
    screen = open_screen(path)
    report = "".join(html.proto.body for html in screen.main.get("html"))
    for metrics in (evaluation.metrics, *evaluation.opponents.values()):
        for metric, value in metrics.items():
            assert figure(metric, value) in report
    captions = " ".join(caption.value.replace("\\", "") for caption in screen.caption)
    assert f"5,942 words of 824 {'sentences' if evaluation.labels else 'lines'}" in captions
    assert "The vocabulary has 2,210 words" in captions
    assert "threshold" not in captions
    assert "class" not in captions
    assert ("TAG" in report) is (len(evaluation.labels) > 24)
    charts.standing_chart(evaluation).to_dict(validate=True)
    if evaluation.confusion:
        charts.confusion_chart(evaluation.confusion).to_dict(validate=True)


def test_a_bundle_without_an_evaluation_says_so(open_screen: Open, paths: dict[str, Path], tmp_path: Path) -> None:
    bare = tmp_path / "bare.treadle"
    dataclasses.replace(Bundle.load(paths["bank"]), evaluation=None).save(bare)
    screen = open_screen(bare)
    assert any("no evaluation" in info.value for info in screen.info)


def test_an_evaluation_of_another_shape_is_a_message(open_screen: Open, paths: dict[str, Path], tmp_path: Path) -> None:
    odd = tmp_path / "odd.treadle"
    dataclasses.replace(
        Bundle.load(paths["bank"]), evaluation={"rows": 48}, leakage={"rows": 240, "distinct_rows": 240}
    ).save(odd)
    screen = open_screen(odd)
    messages = [warning.value for warning in screen.warning]
    assert any("evaluation in this bundle cannot be read" in message for message in messages)
    assert any("leakage in this bundle cannot be read" in message for message in messages)


@pytest.mark.parametrize("name", ["bank", "tiers", "spending", "hostile"])
def test_charts_are_valid_vega_lite(paths: dict[str, Path], name: str) -> None:
    evaluation = evaluation_of(paths[name])
    drawn = [charts.standing_chart(evaluation)]
    if evaluation.calibration:
        drawn.append(charts.calibration_chart(evaluation.calibration))
    if evaluation.confusion:
        drawn.append(charts.confusion_chart(evaluation.confusion))
    if evaluation.roc:
        drawn.append(charts.roc_chart(evaluation.roc))
    if evaluation.residuals:
        drawn.append(charts.residual_chart(evaluation.residuals, evaluation.target))
        drawn.append(charts.error_chart(evaluation.residuals))
    drawn.append(charts.push_chart([{"label": "a.b[0] = 'x'", "push": -1.5, "text": "1.5"}]))
    for chart in drawn:
        chart.to_dict(validate=True)
