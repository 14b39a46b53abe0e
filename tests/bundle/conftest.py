"""Small bundles made by hand: one layer, known weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from treadle.bundle.answers import ClassificationAnswers, RegressionAnswers
from treadle.bundle.bundle import Bundle
from treadle.bundle.graph import Graph
from treadle.data.contract import Contract, Field
from treadle.data.table import Table
from treadle.features import Features
from treadle.recipe import FeaturesRecipe

COUNTRIES = ("France", "Germany", "Spain")


def customers(rows: int, seed: int = 0) -> Table:
    """Rows of text as a CSV reader gives them: age, balance (sometimes missing), country, active, and the target."""
    random = np.random.default_rng(seed)
    age = random.integers(18, 92, rows)
    balance = np.round(random.normal(50_000, 20_000, rows), 2)
    country = random.integers(0, 3, rows)
    active = random.integers(0, 2, rows)
    left = (age + 20 * (country == 1) + random.normal(0, 10, rows) > 60).astype(int)
    texts = {
        "age": [str(value) for value in age],
        "balance": ["" if value < 20_000 else str(value) for value in balance],
        "country": [COUNTRIES[code] for code in country],
        "active": ["true" if value else "false" for value in active],
        "left": [str(value) for value in left],
    }
    columns = {}
    for name, cells in texts.items():
        columns[name] = np.empty(rows, object)
        columns[name][:] = cells
    return Table.of(columns, source="customers.csv")


def _contract(target: Field) -> Contract:
    return Contract(
        fields=(
            Field(name="age", kind="number", integer=True, minimum=18, maximum=91, typical=37.0),
            Field(name="balance", kind="number", nullable=True, minimum=20_000, maximum=130_000, typical=50_000.0),
            Field(name="country", kind="category", categories=COUNTRIES, typical="France"),
            Field(name="active", kind="boolean", minimum=0, maximum=1, typical=1.0),
            target,
        )
    )


def _layer(inputs: int, outputs: int, activation: str) -> tuple[bytes, dict[str, np.ndarray]]:
    """One fully connected layer as an ONNX model, and its weights."""
    random = np.random.default_rng(1)
    graph = Graph()
    numbers = graph.input("numbers", np.float32, ["rows", inputs])
    weight = graph.constant(random.normal(0, 1, (inputs, outputs)).astype(np.float32), "weight")
    bias = graph.constant(random.normal(0, 1, outputs).astype(np.float32), "bias")
    value = graph.add("Gemm", [numbers, weight, bias])
    if activation == "sigmoid":
        probability = graph.add("Sigmoid", [value])
        rest = graph.add("Sub", [graph.constant(1.0, "one"), probability])
        value = graph.add("Concat", [rest, probability], {"axis": 1})
    elif activation == "softmax":
        value = graph.add("Softmax", [value], {"axis": 1})
    graph.output("outputs", value)
    return graph.to_bytes(), {name: graph.constants[name] for name in ("weight", "bias")}


def make_bundle(task: str = "classification", labels: tuple[str | int, ...] = (0, 1)) -> Bundle:
    """A bundle that predicts `left` (two or more classes), or a value."""
    target = Field(
        name="left",
        kind="category" if task == "classification" else "number",
        role="target",
        categories=tuple(map(str, labels)) if task == "classification" else (),
        numeric_categories=isinstance(labels[0], int),
    )
    contract = _contract(target)
    rows = customers(300)
    features = Features.fit(contract, contract.check(rows).columns, FeaturesRecipe())
    width = len(features.number_names)
    answers: ClassificationAnswers | RegressionAnswers
    if task == "regression":
        onnx, weights = _layer(width, 1, "none")
        answers = RegressionAnswers(mean=100.0, scale=25.0)
    elif len(labels) == 2:
        onnx, weights = _layer(width, 1, "sigmoid")
        answers = ClassificationAnswers(labels=labels, positive=1, threshold=0.4)
    else:
        onnx, weights = _layer(width, len(labels), "softmax")
        answers = ClassificationAnswers(labels=labels)
    return Bundle(
        name="customers",
        task=task,  # type: ignore[arg-type]
        recipe={"name": "customers", "data": {"source": "customers.csv", "target": "left"}},
        contract=contract,
        features=features,
        answers=answers,
        weights=weights,
        onnx=onnx,
        leakage={"rows": 300, "distinct_rows": 300},
        split={"train": 180, "validation": 60, "test": 60},
    )


@pytest.fixture(scope="session")
def make_customers() -> Callable[..., Table]:
    return customers


@pytest.fixture(scope="session")
def bundle_of() -> Callable[..., Bundle]:
    return make_bundle


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return make_bundle()
