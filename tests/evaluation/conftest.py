"""A bundle whose network is a logistic or linear regression, trained in the test, and the rows to judge it on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from treadle.bundle.answers import ClassificationAnswers, RegressionAnswers
from treadle.bundle.bundle import Bundle
from treadle.bundle.graph import Graph
from treadle.bundle.predictor import Predictor
from treadle.data.infer import learn
from treadle.data.split import split
from treadle.data.table import Table
from treadle.evaluation import Evaluation, Opponent, Problem, Rows, evaluate, fit_opponents, names_for
from treadle.evaluation.report import LearningCurve, Report
from treadle.features import Features
from treadle.recipe import DataRecipe, FeaturesRecipe, SplitRecipe

SHARES = SplitRecipe(validation=0.25, test=0.35)


@dataclass(frozen=True)
class Case:
    """Everything an evaluation is made of."""

    predictor: Predictor
    test: Table
    problem: Problem
    opponents: dict[str, Opponent]
    leakage: object
    rows: dict[str, int]

    def evaluate(self) -> Evaluation:
        return evaluate(self.predictor, self.test, self.opponents, seed=3)

    def report(self, **changes: object) -> Report:
        facts: dict[str, object] = {
            "name": "shop",
            "source": "shop.csv",
            "bundle": "runs/shop/shop.treadle",
            "page": "runs/shop/report.html",
            "example": "runs/shop/example.csv",
            "rows": self.rows,
            "leakage": self.leakage,
            "evaluation": self.evaluate(),
            "curve": LearningCurve(training=(0.7, 0.5, 0.4), validation=(0.6, 0.5, 0.55), best_epoch=2),
            "seconds": {"data": 0.1, "train": 1.0, "evaluate": 0.5},
            "notices": ("column 'shop' is always the same: dropped",),
        }
        return Report(**(facts | changes))  # type: ignore[arg-type]


def text_table(columns: dict[str, np.ndarray]) -> Table:
    """Columns as a CSV reader gives them."""
    return Table.of({name: np.array([str(cell) for cell in cells], object) for name, cells in columns.items()})


def make_case(
    table: Table, target: str, task: str, *, opponents: tuple[str, ...] | None = None, loss: str | None = None
) -> Case:
    recipe = DataRecipe(source="shop.csv", target=target, split=SHARES)
    parts = split(table, recipe, task)  # type: ignore[arg-type]
    contract, _ = learn(table.take(parts.train), recipe, task)  # type: ignore[arg-type]
    train = contract.check(table.take(parts.train), with_target=True).columns
    validation = contract.check(table.take(parts.validation), with_target=True).columns
    features = Features.fit(contract, train, FeaturesRecipe())
    learnt, rest = Rows.of(train, contract, features), Rows.of(validation, contract, features)

    onnx, answers = _fit(learnt, contract.target.values, task)
    bundle = Bundle(
        name="shop",
        task=task,  # type: ignore[arg-type]
        recipe={"training": {"loss": loss}, "evaluation": {"resamples": 300}},
        contract=contract,
        features=features,
        answers=answers,
        weights={},
        onnx=onnx,
    )
    predictor = Predictor(bundle)
    problem = Problem.of(learnt, rest, predictor, seed=0)
    names = names_for(task, problem.primary, opponents)
    rows = {"train": len(parts.train), "validation": len(parts.validation), "test": len(parts.test)}
    test = table.take(parts.test)
    return Case(predictor, test, problem, fit_opponents(names, problem, "accuracy"), parts.leakage, rows)


def _fit(
    rows: Rows, labels: tuple[str | int | float | bool, ...], task: str
) -> tuple[bytes, ClassificationAnswers | RegressionAnswers]:
    numbers = rows.inputs["numbers"]
    graph = Graph()
    inputs = graph.input("numbers", np.float32, ["rows", numbers.shape[1]])
    if task == "regression":
        mean, scale = float(rows.targets.mean()), float(rows.targets.std())
        linear = Ridge().fit(numbers, (rows.targets - mean) / scale)
        weight, bias = linear.coef_[:, None], np.array([linear.intercept_])
        answers: ClassificationAnswers | RegressionAnswers = RegressionAnswers(mean=mean, scale=scale)
    else:
        logistic = LogisticRegression().fit(numbers, rows.targets)
        weight, bias = logistic.coef_.T, logistic.intercept_
        if len(labels) == 2:
            weight, bias = np.hstack([0 * weight, weight]), np.append(0 * bias, bias)
        positive = 1 if len(labels) == 2 else None
        answers = ClassificationAnswers(labels=labels, positive=positive, threshold=0.45 if positive else None)
    value = graph.add(
        "Gemm",
        [
            inputs,
            graph.constant(weight.astype(np.float32), "weight"),
            graph.constant(bias.astype(np.float32), "bias"),
        ],
    )
    graph.output("outputs", graph.add("Softmax", [value], {"axis": 1}) if task == "classification" else value)
    return graph.to_bytes(), answers


def shop(rows: int, seed: int) -> dict[str, np.ndarray]:
    """Age, spending (missing for some), city, and a target of two classes, three classes and a number."""
    random = np.random.default_rng(seed)
    age = random.integers(18, 80, rows)
    spending = np.round(random.normal(100, 30, rows), 2)
    city = random.choice(["Oslo", "Rome", "Lima"], rows)
    score = (age - 50) / 15 + (city == "Rome") * 1.5 + (spending - 100) / 40 + random.normal(0, 0.7, rows)
    return {
        "age": age,
        "spending": np.where(random.random(rows) < 0.1, "", spending.astype(str)),
        "city": city,
        "returns": np.where(score > 0.3, "yes", "no"),
        "kind": np.select([score < -0.5, score < 1], ["rare", "casual"], "regular"),
        "worth": np.round(1000 * score + 20_000, 1),
    }


@pytest.fixture(scope="session")
def columns_of() -> Callable[..., dict[str, np.ndarray]]:
    """Columns of a made-up shop, `(rows, seed)`."""
    return shop


@pytest.fixture(scope="session")
def case_of() -> Callable[..., Case]:
    """A case from columns, `(columns, target, task)`."""

    def case(columns: dict[str, np.ndarray], target: str, task: str, **settings: object) -> Case:
        return make_case(text_table(columns), target, task, **settings)  # type: ignore[arg-type]

    return case


@pytest.fixture(scope="session")
def table_of() -> Callable[..., Table]:
    return text_table


def _only(target: str) -> dict[str, np.ndarray]:
    columns = shop(900, 1)
    return {name: columns[name] for name in ("age", "spending", "city", target)}


@pytest.fixture(scope="session")
def two_classes() -> Case:
    return make_case(text_table(_only("returns")), "returns", "classification")


@pytest.fixture(scope="session")
def three_classes() -> Case:
    return make_case(text_table(_only("kind")), "kind", "classification")


@pytest.fixture(scope="session")
def regression() -> Case:
    return make_case(text_table(_only("worth")), "worth", "regression")
