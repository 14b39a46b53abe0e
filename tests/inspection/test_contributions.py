"""Shapley values: additive, fair to equal columns, exact where they can be."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from types import SimpleNamespace

import numpy as np
import pytest

from treadle.bundle.answers import ClassificationAnswers, RegressionAnswers
from treadle.data.contract import Contract, Field
from treadle.errors import ContractError
from treadle.inspection import contributions

Function = Callable[[np.ndarray], np.ndarray]


def numbers(count: int) -> tuple[Field, ...]:
    return tuple(
        Field(name=f"x{index}", kind="number", typical=0.5, minimum=-9.0, maximum=9.0) for index in range(count)
    )


def predictor_of(function: Function, fields: tuple[Field, ...], *, answers: object = None) -> SimpleNamespace:
    """What `contributions` uses of a predictor, whose network is `function`: columns (rows, fields) -> (rows,)."""
    calls: list[int] = []

    def outputs(columns: dict[str, np.ndarray]) -> np.ndarray:
        value = function(np.stack([columns[field.name] for field in fields], axis=1)).astype(np.float32)
        calls.append(len(value))
        return value[:, None] if answers is None else np.stack([1 - value, value], axis=1)

    target = Field(name="y", kind="number", role="target")
    return SimpleNamespace(
        contract=Contract(fields=(*fields, target)),
        row_answers=answers or RegressionAnswers(mean=10.0, scale=2.0),
        outputs=outputs,
        calls=calls,
    )


def row_of(values: np.ndarray) -> dict[str, object]:
    return {f"x{index}": float(value) for index, value in enumerate(values)}


@pytest.mark.parametrize("count", [1, 4, 7, 12, 30])
def test_a_linear_networks_contributions_are_its_terms(count):
    weights = np.random.default_rng(0).normal(size=count)
    predictor = predictor_of(lambda x: x @ weights, numbers(count))
    values = np.random.default_rng(1).normal(size=count)
    found = contributions(predictor, row_of(values))
    np.testing.assert_allclose(list(found.columns.values()), 2.0 * weights * (values - 0.5), atol=1e-5)
    assert found.exact == (count <= 8)
    assert found.label is None
    assert predictor.calls == [2**count if found.exact else 32 * (count + 1)]


@pytest.mark.parametrize("count", [3, 6, 12])
def test_they_add_up(count):
    predictor = predictor_of(lambda x: np.sin(x.sum(axis=1)) * x[:, 0] ** 3, numbers(count))
    found = contributions(predictor, row_of(np.linspace(-3.0, 3.0, count)))
    assert found.baseline + sum(found.columns.values()) == pytest.approx(found.value, abs=1e-12)
    assert found.value == pytest.approx(10.0 + 2.0 * -27.0 * np.sin(0.0), abs=1e-4)


def test_few_columns_are_averaged_over_all_orders():
    def function(x: np.ndarray) -> np.ndarray:
        return np.maximum(x[:, 0] * x[:, 1] - x[:, 2], 0.0) + np.exp(x[:, 3] * x[:, 0])

    values = np.array([1.5, -2.0, -1.0, 0.75])
    expected = np.zeros(4)
    orders = list(permutations(range(4)))
    for order in orders:
        x = np.full(4, 0.5)
        for column in order:
            before = function(x[None])[0]
            x[column] = values[column]
            expected[column] += (function(x[None])[0] - before) / len(orders)
    found = contributions(predictor_of(function, numbers(4)), row_of(values))
    np.testing.assert_allclose(list(found.columns.values()), 2.0 * expected, atol=1e-5)


def test_a_sample_is_exact_where_columns_act_in_pairs():
    count = 14
    pairs = np.random.default_rng(0).normal(size=(count, count))
    values = np.random.default_rng(1).normal(size=count)
    predictor = predictor_of(lambda x: np.einsum("ri,ij,rj->r", x, pairs, x), numbers(count))
    found = contributions(predictor, row_of(values), permutations=2)
    # The Shapley value of a product of two columns gives each of them half of what they do together.
    step = values - 0.5
    symmetric = pairs + pairs.T
    expected = step * (symmetric @ np.full(count, 0.5)) + step * (symmetric @ step) / 2
    np.testing.assert_allclose(list(found.columns.values()), 2.0 * expected, atol=1e-4)
    assert not found.exact


def test_equal_columns_contribute_equally():
    predictor = predictor_of(lambda x: np.tanh(x[:, 0] + x[:, 1]) * x[:, 2], numbers(3))
    found = contributions(predictor, row_of(np.array([1.0, 1.0, 2.0])))
    assert found.columns["x0"] == pytest.approx(found.columns["x1"], abs=1e-9)


def test_more_orders_come_nearer_to_the_exact_values():
    def function(x: np.ndarray) -> np.ndarray:
        return np.tanh(x[:, :5].prod(axis=1) + x.sum(axis=1) / 4)

    row = row_of(np.random.default_rng(0).normal(1.0, 1.0, 11))
    predictor = predictor_of(function, numbers(11))
    exact = np.array(list(contributions(predictor, row, permutations=400).columns.values()))
    assert contributions(predictor, row, permutations=400).exact
    errors = []
    for count in (4, 120):
        sampled = [
            np.array(list(contributions(predictor, row, permutations=count, seed=seed).columns.values()))
            for seed in range(10)
        ]
        errors.append(np.mean([np.linalg.norm(one - exact) for one in sampled]))
    assert errors[1] < errors[0] / 3


def test_a_typical_row_has_nothing_to_explain():
    predictor = predictor_of(lambda x: x.sum(axis=1), numbers(3))
    found = contributions(predictor, {"x0": 0.5, "x1": "0.5", "x2": 0.5})
    assert found.columns == {"x0": 0.0, "x1": 0.0, "x2": 0.0}
    assert found.baseline == found.value == 13.0
    assert found.exact


def test_every_kind_of_column_starts_from_its_typical_value():
    fields = (
        Field(name="town", kind="category", categories=("Bonn", "Kiel", "Ulm"), typical="Kiel"),
        Field(name="member", kind="boolean", nullable=True, typical=1.0),
        Field(name="joined", kind="date", typical=20.0, minimum=0.0, maximum=99.0),
        Field(name="age", kind="number", nullable=True, typical=40.0),
    )
    weights = np.array([1.0, 10.0, 100.0, 1000.0])
    predictor = predictor_of(lambda x: np.nan_to_num(x) @ weights, fields)
    row = {"town": "Mainz", "member": None, "joined": "1970-01-06", "age": None, "extra": 1}
    found = contributions(predictor, row)
    # Codes: Kiel is 1, a town that was never seen is 3; missing is no value, which this network takes as 0.
    expected = {"town": 2.0, "member": -10.0, "joined": -1500.0, "age": -40000.0}
    assert found.columns == pytest.approx({name: 2.0 * change for name, change in expected.items()})


@pytest.mark.parametrize(
    ("positive", "label", "explained", "value"),
    [(1, None, "yes", 0.75), (0, None, "no", 0.25), (None, None, "yes", 0.75), (1, "no", "no", 0.25)],
)
def test_the_probability_of_one_class_is_explained(positive, label, explained, value):
    answers = ClassificationAnswers(labels=("no", "yes"), positive=positive)
    predictor = predictor_of(lambda x: x[:, 0], numbers(2), answers=answers)
    found = contributions(predictor, row_of(np.array([0.75, 0.0])), label=label)
    assert (found.label, found.value, found.baseline) == (explained, value, 0.5)
    assert found.columns == {"x0": value - 0.5, "x1": 0.0}


def test_an_unknown_class_is_refused():
    answers = ClassificationAnswers(labels=("no", "yes"), positive=1)
    predictor = predictor_of(lambda x: x[:, 0], numbers(1), answers=answers)
    with pytest.raises(ContractError, match="no class 'yess'; did you mean 'yes'"):
        contributions(predictor, {"x0": 1.0}, label="yess")


def test_a_row_that_breaks_the_contract_is_refused():
    predictor = predictor_of(lambda x: x[:, 0], numbers(2))
    with pytest.raises(ContractError, match=r"'x1': 'many'"):
        contributions(predictor, {"x0": 1.0, "x1": "many"})
    with pytest.raises(ContractError, match="no column 'x1'"):
        contributions(predictor, {"x0": 1.0})
