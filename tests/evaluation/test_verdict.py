"""The sentence, case by case."""

from __future__ import annotations

import pytest

from treadle.evaluation.terms import change, figure, primary_metric, span
from treadle.evaluation.verdict import Comparison, Standing, judge


def standing(primary: str, network: float, comparisons: dict[str, Comparison], *, signal: bool = True) -> Standing:
    trivial = {"roc_auc": "majority", "mae": "median", "rmse": "mean"}[primary]
    return Standing("classification", primary, network, comparisons, trivial, signal=signal, confidence=0.95)


def test_no_signal() -> None:
    found = standing("mae", 50_168.0, {"median": Comparison(49_782.0, 386.0, -100.0, 900.0)}, signal=False)
    assert judge(found) == ("no_signal", "no signal: nothing beats the median (MAE 49,782)")


def test_worth_it() -> None:
    comparisons = {
        "majority": Comparison(0.5, 0.366, 0.34, 0.39),
        "gradient_boosting": Comparison(0.858, 0.008, 0.001, 0.014),
    }
    sentence = "worth it: ROC AUC 0.866 beats gradient boosting by 0.008 (95 % interval 0.001 to 0.014)"
    assert judge(standing("roc_auc", 0.866, comparisons)) == ("worth_it", sentence)


def test_worth_it_by_a_smaller_error() -> None:
    comparisons = {"mean": Comparison(1.15, -0.7, -0.8, -0.6), "ridge": Comparison(0.7, -0.25, -0.3, -0.2)}
    sentence = "worth it: RMSE 0.4500 beats ridge regression by 0.2500 (95 % interval 0.2000 to 0.3000)"
    assert judge(standing("rmse", 0.45, comparisons)) == ("worth_it", sentence)


def test_not_worth_it() -> None:
    comparisons = {
        "majority": Comparison(0.5, 0.35, 0.3, 0.4),
        "gradient_boosting": Comparison(0.874, -0.012, -0.018, -0.005),
    }
    outcome, sentence = judge(standing("roc_auc", 0.862, comparisons))
    assert outcome == "not_worth_it"
    assert sentence == (
        "not worth it: gradient boosting is better by 0.012 (95 % interval 0.005 to 0.018): ROC AUC 0.874 against 0.862"
    )


def test_no_difference_names_a_simpler_model_that_does_as_well() -> None:
    comparisons = {
        "majority": Comparison(0.5, 0.362, 0.3, 0.4),
        "logistic_regression": Comparison(0.86, 0.002, -0.004, 0.008),
        "gradient_boosting": Comparison(0.864, -0.002, -0.0081, 0.0002),
    }
    outcome, sentence = judge(standing("roc_auc", 0.862, comparisons))
    assert outcome == "no_difference"
    assert sentence == (
        "no difference that this test set can see between the network (ROC AUC 0.862) and gradient boosting (0.864): "
        "-0.002 (95 % interval -0.008 to 0.0002); nor can it tell the network from logistic regression, "
        "which is simpler"
    )


@pytest.mark.parametrize(
    ("classes", "loss", "primary"),
    [(2, None, "roc_auc"), (3, "cross_entropy", "accuracy"), (0, None, "rmse"), (0, "mae", "mae"), (0, "huber", "mae")],
)
def test_what_the_verdict_is_about(classes: int, loss: str | None, primary: str) -> None:
    assert primary_metric(classes, loss) == primary


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("mae", 49_782.4, "49,782"),
        ("mae", 0.04621, "0.04621"),
        ("rmse", 3.14159, "3.142"),
        ("mae", 0.0, "0.000"),
        ("roc_auc", 0.8664, "0.866"),
        ("r2", -0.0001, "0.000"),
    ],
)
def test_figures_as_a_person_writes_them(metric: str, value: float, text: str) -> None:
    assert figure(metric, value) == text


def test_a_difference_never_vanishes_in_rounding() -> None:
    assert change("roc_auc", 0.00021, 0.9) == "0.0002"
    assert change("mae", -386.2, 49_782) == "-386"
    assert span("mae", (-120.4, 301.2), 49_782) == "-120 to 301"
