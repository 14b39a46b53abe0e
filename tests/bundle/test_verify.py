"""Golden rows and verification: a whole bundle passes, and every change that matters is found."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from treadle.bundle.answers import ClassificationAnswers
from treadle.bundle.archive import write_archive
from treadle.bundle.bundle import Bundle
from treadle.bundle.golden import ROWS, Golden, record
from treadle.bundle.graph import Graph
from treadle.bundle.predictor import Predictor
from treadle.bundle.verify import Verification, verify
from treadle.data.contract import Contract, Field
from treadle.data.table import Table
from treadle.errors import BundleError
from treadle.features import Features
from treadle.nn.tokens import write_within
from treadle.recipe import FeaturesRecipe

Customers = Callable[..., Table]


@pytest.fixture
def whole(bundle: Bundle, make_customers: Customers) -> Bundle:
    return replace(bundle, golden=record(Predictor(bundle), make_customers(100)))


def verified(bundle: Bundle, path: Path) -> Verification:
    bundle.save(path)
    return verify(path)


def failed(verification: Verification) -> dict[str, str]:
    assert verification.passed == all(check.passed for check in verification.checks)
    return {check.name: check.detail for check in verification.checks if not check.passed}


def test_golden_rows_keep_raw_cells_and_exact_outputs(whole: Bundle, make_customers: Customers) -> None:
    golden, table = whole.golden, make_customers(100)
    assert len(golden.rows) == len(golden.outputs) == len(golden.answers) == ROWS
    assert golden.rows[0] == {name: table.columns[name][0] for name in ("age", "balance", "country", "active")}
    outputs = Predictor(whole).predict(list(golden.rows)).columns["probabilities"]
    np.testing.assert_array_equal(np.array(golden.outputs), outputs)
    assert golden.answers[0].keys() == {"label", "probability", "probabilities"}


def test_golden_rows_of_a_database_are_json(whole: Bundle, make_customers: Customers, tmp_path: Path) -> None:
    table = make_customers(40)
    table.columns["age"][:] = [Decimal(cell) for cell in table.columns["age"]]
    table.columns["country"][3], table.columns["country"][4] = UUID(int=1), datetime.time(12)
    table.columns["balance"][5] = Decimal("NaN")
    golden = record(Predictor(whole), table)
    assert golden.rows[0]["age"] == str(table.columns["age"][0])
    assert [golden.rows[3]["country"], golden.rows[4]["country"]] == [str(UUID(int=1)), "12:00:00"]
    assert golden.rows[5]["balance"] is None
    expected = Predictor(whole).predict_table(table).columns["probabilities"][:ROWS]
    np.testing.assert_array_equal(np.array(golden.outputs), expected)
    assert verified(replace(whole, golden=golden), tmp_path / "x.treadle").passed


def test_golden_rows_leave_out_rows_with_faults(bundle: Bundle, make_customers: Customers) -> None:
    table = make_customers(5)
    table.columns["age"][1] = "x"
    assert len(record(Predictor(bundle), table).rows) == 4
    table.columns["age"][:] = "x"
    assert record(Predictor(bundle), table) == Golden()


def test_golden_rows_of_typed_columns_are_json(bundle: Bundle, tmp_path: Path) -> None:
    fields = (
        Field(name="when", kind="date", nullable=True, minimum=0, maximum=20_000),
        Field(name="amount", kind="number", nullable=True, minimum=0, maximum=9),
        Field(name="kind", kind="category", nullable=True, categories=("1", "2"), numeric_categories=True),
        bundle.contract.target,
    )
    table = Table.of(
        {
            "when": np.array(["2024-05-31", "NaT", "2000-01-01"], "datetime64[D]"),
            "amount": np.array([1.5, np.nan, 3.0], np.float32),
            "kind": np.array([1, 2, 2]),
        }
    )
    contract = Contract(fields=fields)
    features = Features.fit(contract, contract.check(table).columns, FeaturesRecipe())
    graph = Graph()
    numbers = graph.input("numbers", np.float32, ["rows", len(features.number_names)])
    weight = graph.constant(np.ones((len(features.number_names), 2), np.float32), "weight")
    graph.output("outputs", graph.add("Softmax", [graph.add("MatMul", [numbers, weight])], {"axis": 1}))
    typed = replace(bundle, contract=contract, features=features, onnx=graph.to_bytes(), weights={})
    golden = record(Predictor(typed), table)
    assert golden.rows == (
        {"when": "2024-05-31", "amount": 1.5, "kind": 1},
        {"when": None, "amount": None, "kind": 2},
        {"when": "2000-01-01", "amount": 3.0, "kind": 2},
    )
    dates = Table.of({**table.columns, "when": np.array([datetime.date(2024, 5, 31)] * 3, object)})
    assert record(Predictor(typed), dates).rows[0]["when"] == "2024-05-31"
    assert not failed(verified(replace(typed, golden=golden), tmp_path / "a.treadle"))


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_whole_bundle_passes(
    task: str, bundle_of: Callable[..., Bundle], make_customers: Customers, tmp_path: Path
) -> None:
    bundle = bundle_of(task)
    bundle = replace(bundle, golden=record(Predictor(bundle), make_customers(40)))
    verification = verified(bundle, tmp_path / "a.treadle")
    assert not failed(verification)
    names = [check.name for check in verification.checks]
    assert names == ["file", "manifest", "network", "model", "weights", "golden rows", "batches", "order"]
    assert "opened by ONNX Runtime as a whole (no recurrent layers), sha256 " in verification.checks[2].detail
    assert "2 of 2 stand under their name" in verification.checks[4].detail
    assert verification.model_dump(mode="json")["passed"] is True


def test_a_file_that_is_not_whole_fails(whole: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "a.treadle"
    whole.save(path)
    path.write_bytes(path.read_bytes()[:-1])
    assert "truncated" in failed(verify(path))["bundle"]
    assert "no such bundle" in failed(verify(tmp_path / "gone.treadle"))["bundle"]


def test_an_altered_and_resealed_member_fails(whole: Bundle, tmp_path: Path) -> None:
    members = whole.members()
    write_archive(tmp_path / "a.treadle", {**members, "golden.json": b'{"rows": []}'})
    assert "'golden.json' is not the one" in failed(verify(tmp_path / "a.treadle"))["bundle"]


def test_another_network_fails_on_the_golden_rows(whole: Bundle, tmp_path: Path) -> None:
    def changed(weight: np.ndarray) -> bytes:
        graph = Graph()
        numbers = graph.input("numbers", np.float32, ["rows", weight.shape[0]])
        value = graph.add("Gemm", [numbers, graph.constant(weight, "weight"), graph.constant(bias, "bias")])
        probability = graph.add("Sigmoid", [value])
        rest = graph.add("Sub", [graph.constant(1.0, "one"), probability])
        graph.output("outputs", graph.add("Concat", [rest, probability], {"axis": 1}))
        return graph.to_bytes()

    bias = whole.weights["bias"]
    weight = whole.weights["weight"]
    assert not failed(verified(replace(whole, onnx=changed(weight)), tmp_path / "a.treadle"))
    found = failed(verified(replace(whole, onnx=changed(weight * np.float32(1.01))), tmp_path / "a.treadle"))
    assert "weight is not the same in weights.safetensors and in model.onnx" in found["weights"]
    assert "was answered" in found["golden rows"]


def test_other_features_fail_on_the_golden_rows(whole: Bundle, make_customers: Customers, tmp_path: Path) -> None:
    columns = whole.contract.check(make_customers(300, seed=5)).columns
    features = Features.fit(whole.contract, columns, FeaturesRecipe())
    assert failed(verified(replace(whole, features=features), tmp_path / "a.treadle")).keys() == {"golden rows"}


def test_another_threshold_fails_on_the_golden_answers(whole: Bundle, tmp_path: Path) -> None:
    answers = whole.answers.model_copy(update={"threshold": 0.9})
    found = failed(verified(replace(whole, answers=answers), tmp_path / "a.treadle"))
    assert found.keys() == {"golden rows"}
    assert "was told" in found["golden rows"]


def test_another_contract_fails_on_the_golden_rows(whole: Bundle, tmp_path: Path) -> None:
    fields = tuple(
        field.model_copy(update={"nullable": False}) if field.name == "balance" else field
        for field in whole.contract.fields
    )
    found = failed(verified(replace(whole, contract=Contract(fields=fields)), tmp_path / "a.treadle"))
    assert "row cannot be answered" in found["golden rows"]


def test_no_golden_rows_fail(bundle: Bundle, tmp_path: Path) -> None:
    assert "no golden rows" in failed(verified(bundle, tmp_path / "a.treadle"))["golden rows"]


def test_an_answer_that_depends_on_its_company_fails(whole: Bundle, tmp_path: Path) -> None:
    graph = Graph()
    numbers = graph.input("numbers", np.float32, ["rows", len(whole.features.number_names)])
    mean = graph.add("ReduceMean", [numbers, graph.constant(np.array([0]), "axes")])
    value = graph.add("ReduceSum", [graph.add("Sub", [numbers, mean]), graph.constant(np.array([1]), "columns")])
    probability = graph.add("Sigmoid", [value])
    rest = graph.add("Sub", [graph.constant(1.0, "one"), probability])
    graph.output("outputs", graph.add("Concat", [rest, probability], {"axis": 1}))
    bundle = replace(whole, onnx=graph.to_bytes(), weights={}, golden=Golden())
    rows = list(whole.golden.rows)
    golden = record(
        Predictor(bundle), Table.of({name: np.array([row[name] for row in rows], object) for name in rows[0]})
    )
    found = failed(verified(replace(bundle, golden=golden), tmp_path / "a.treadle"))
    assert "in a batch of 1" in found["batches"]


def test_an_answer_that_depends_on_its_place_fails(whole: Bundle, tmp_path: Path) -> None:
    graph = Graph()
    numbers = graph.input("numbers", np.float32, ["rows", len(whole.features.number_names)])
    one = graph.add("ReduceMean", [numbers, graph.constant(np.array([1]), "axes")])
    running = graph.add("CumSum", [one, graph.constant(np.array(0), "axis")])
    probability = graph.add("Sigmoid", [running])
    rest = graph.add("Sub", [graph.constant(1.0, "one"), probability])
    graph.output("outputs", graph.add("Concat", [rest, probability], {"axis": 1}))
    bundle = replace(whole, onnx=graph.to_bytes(), weights={}, golden=Golden())
    rows = list(whole.golden.rows)
    golden = record(
        Predictor(bundle), Table.of({name: np.array([row[name] for row in rows], object) for name in rows[0]})
    )
    assert "order" in failed(verified(replace(bundle, golden=golden), tmp_path / "a.treadle"))


def test_a_network_of_another_width_fails(whole: Bundle, tmp_path: Path) -> None:
    graph = Graph()
    graph.output("outputs", graph.input("numbers", np.float32, ["rows", len(whole.features.number_names)]))
    found = failed(verified(replace(whole, onnx=graph.to_bytes(), weights={}), tmp_path / "a.treadle"))
    assert "where (32, 2) is due" in found["golden rows"]


def test_without_the_onnx_package_the_rest_is_checked(
    whole: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole.save(tmp_path / "a.treadle")
    monkeypatch.setitem(sys.modules, "onnx", None)
    verification = verify(tmp_path / "a.treadle")
    assert verification.passed
    assert "model" not in [check.name for check in verification.checks]


def test_outputs_that_json_cannot_hold_are_refused(whole: Bundle) -> None:
    golden: Any = {**whole.golden.model_dump(), "outputs": [[float("nan"), 0.0]]}
    with pytest.raises(ValueError, match="finite"):
        Golden.model_validate(golden)
    with pytest.raises(BundleError):
        Bundle.from_members({**whole.members(), "golden.json": b"NaN"}, "x")


def mean_of_words(*, by_length: bool) -> Bundle:
    """A text's mean word vector through a sigmoid: over its own words, or over the padding behind them too."""
    texts = Table.of({"text": np.array([f"good {'bad ' * (row % 9)}film" for row in range(32)], object)})
    fields = (
        Field(name="text", kind="text", minimum=1, maximum=99),
        Field(name="label", kind="category", role="target", categories=("no", "yes")),
    )
    contract = Contract(fields=fields)
    features = Features.fit(contract, contract.check(texts).columns, FeaturesRecipe())
    vectors = np.random.default_rng(0).normal(size=(features.vocabulary, 1)).astype(np.float32)
    graph = Graph()
    tokens = graph.input("tokens", np.int32, ["rows", "time"])
    lengths = graph.input("lengths", np.int32, ["rows"])
    found = graph.add("Squeeze", [graph.add("Gather", [graph.constant(vectors, "vectors"), tokens]), axis(graph, 2)])
    if by_length:
        there = graph.add("Cast", [write_within(graph, tokens, lengths)], {"to": 1})
        found = graph.add("Mul", [found, there])
    total = graph.add("ReduceSum", [found, axis(graph, 1)], {"keepdims": 1})
    words = graph.add("Unsqueeze", [graph.add("Cast", [lengths], {"to": 1}), axis(graph, 1)])
    probability = graph.add("Sigmoid", [graph.add("Div", [total, words])])
    rest = graph.add("Sub", [graph.constant(1.0, "one"), probability])
    graph.output("outputs", graph.add("Concat", [rest, probability], {"axis": 1}))
    bundle = Bundle(
        name="words",
        task="classification",
        recipe={"name": "words"},
        contract=contract,
        features=features,
        answers=ClassificationAnswers(labels=("no", "yes")),
        weights={"vectors": vectors},
        onnx=graph.to_bytes(),
    )
    return replace(bundle, golden=record(Predictor(bundle), texts))


def axis(graph: Graph, number: int) -> str:
    return graph.constant(np.array([number]), f"axis{number}")


def test_a_network_that_reads_to_a_texts_length_passes(tmp_path: Path) -> None:
    verification = verified(mean_of_words(by_length=True), tmp_path / "a.treadle")
    assert not failed(verification)
    assert "of 40 more steps changes no answer" in verification.checks[-1].detail


def test_a_network_that_reads_the_padding_too_fails(tmp_path: Path) -> None:
    found = failed(verified(mean_of_words(by_length=False), tmp_path / "a.treadle"))
    assert "is answered" in found["padding"]
    assert "with 40 steps of padding" in found["padding"]
    assert "in a batch of 1" in found["batches"]
