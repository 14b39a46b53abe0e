"""The predictor: raw rows to answers, faults as asked, from several threads, the same whatever the company."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import treadle
from treadle.bundle import predictor as predictor_module
from treadle.bundle.bundle import Bundle
from treadle.bundle.graph import Graph
from treadle.bundle.predictor import Predictor
from treadle.data.table import Table
from treadle.errors import BundleError, ContractError

Customers = Callable[..., Table]
Bundles = Callable[..., Bundle]

ROW = {"age": 40, "balance": 60_000, "country": "France", "active": True}


@pytest.fixture(scope="module")
def predictor(bundle: Bundle) -> Predictor:
    return Predictor(bundle)


def by_hand(bundle: Bundle, table: Table) -> np.ndarray:
    """The positive class's probability, from the bundle's parts in NumPy."""
    numbers = bundle.features.transform(bundle.contract.check(table).columns)["numbers"]
    return 1 / (1 + np.exp(-(numbers @ bundle.weights["weight"] + bundle.weights["bias"])))[:, 0]


def test_answers_are_the_networks(predictor: Predictor, make_customers: Customers) -> None:
    table = make_customers(200)
    predictions = predictor.predict_table(table)
    expected = by_hand(predictor.bundle, table)
    np.testing.assert_allclose(predictions.columns["probabilities"][:, 1], expected, atol=1e-6)
    assert predictions.columns["label"].tolist() == [int(p >= 0.4) for p in expected]
    assert predictions.numbers.tolist() == list(range(1, 201))
    assert not predictions.faults


def test_a_saved_bundle_answers_the_same(bundle: Bundle, make_customers: Customers, tmp_path: Path) -> None:
    bundle.save(tmp_path / "a.treadle")
    table = make_customers(50)
    loaded = treadle.load(tmp_path / "a.treadle")
    for name, column in Predictor(bundle).predict_table(table).columns.items():
        np.testing.assert_array_equal(loaded.predict_table(table).columns[name], column)


def test_rows_come_as_dictionaries_lists_frames_and_tables(predictor: Predictor) -> None:
    one = predictor.predict(ROW)
    assert len(one) == 1
    frames: list[Any] = [
        [ROW],
        Table.of({name: np.array([cell], object) for name, cell in ROW.items()}),
        pl.DataFrame([ROW]),
        pd.DataFrame([ROW]),
        {name: [cell] for name, cell in ROW.items()},
        dict(reversed(ROW.items())),
        {**ROW, "extra": "ignored"},
    ]
    for rows in frames:
        assert predictor.predict(rows).records() == one.records()


def test_records_are_json_values_with_labels_in_their_own_type(predictor: Predictor) -> None:
    (record,) = predictor.predict(ROW).records()
    assert record.keys() == {"label", "probability", "probabilities"}
    assert type(record["label"]) is int
    assert type(record["probability"]) is float
    assert record["probability"] == record["probabilities"][record["label"]]


def test_no_rows_give_no_answers(predictor: Predictor, make_customers: Customers) -> None:
    for rows in ([], make_customers(0), pl.DataFrame(schema=dict.fromkeys(ROW, pl.String))):
        predictions = predictor.predict(rows)
        assert len(predictions) == 0
        assert predictions.records() == []
        assert predictions.columns["probabilities"].shape == (0, 2)


def broken(make_customers: Customers, rows: int = 10) -> Table:
    table = make_customers(rows)
    table.columns["age"][2] = "forty"
    table.columns["age"][4] = ""
    table.columns["active"][4] = "perhaps"
    return table


def test_fail_names_row_column_value_and_reason(predictor: Predictor, make_customers: Customers) -> None:
    with pytest.raises(ContractError) as caught:
        predictor.predict_table(broken(make_customers))
    message = str(caught.value)
    assert message.startswith("customers.csv: 2 rows cannot be answered\n")
    assert "row 3, column 'age'" in message
    assert "'forty'" in message
    assert "is no number" in message
    assert "row 5, column 'active'" in message


def test_fail_counts_what_it_does_not_list(predictor: Predictor, make_customers: Customers) -> None:
    table = make_customers(100)
    table.columns["age"][:] = "x"
    with pytest.raises(ContractError, match=r"customers\.csv: 100 rows cannot be answered(\n.*){5}\n  and 95 more"):
        predictor.predict_table(table)


def test_skip_leaves_broken_rows_out(predictor: Predictor, make_customers: Customers) -> None:
    predictions = predictor.predict_table(broken(make_customers), "skip")
    assert predictions.numbers.tolist() == [1, 2, 4, 6, 7, 8, 9, 10]
    assert len(predictions.columns["label"]) == 8
    assert {fault.row for fault in predictions.faults} == {3, 5}


def test_report_keeps_broken_rows_with_an_empty_answer(predictor: Predictor, make_customers: Customers) -> None:
    predictions = predictor.predict_table(broken(make_customers), "report")
    assert predictions.numbers.tolist() == list(range(1, 11))
    records = predictions.records()
    assert records[2] == records[4] == {"label": None, "probability": None, "probabilities": None}
    whole = predictor.predict_table(make_customers(10)).records()
    assert [record for row, record in enumerate(records) if row not in (2, 4)] == [
        record for row, record in enumerate(whole) if row not in (2, 4)
    ]


def test_rows_that_are_all_broken_get_no_answer(predictor: Predictor) -> None:
    rows = [{**ROW, "age": "x"}, {**ROW, "age": None}]
    assert len(predictor.predict(rows, "skip")) == 0
    assert [record["label"] for record in predictor.predict(rows, "report").records()] == [None, None]


def test_a_missing_column_is_named(predictor: Predictor) -> None:
    with pytest.raises(ContractError, match="no column 'age'; did you mean 'Age'"):
        predictor.predict({"Age" if name == "age" else name: cell for name, cell in ROW.items()})


def _overflowing(bundle: Bundle) -> Bundle:
    """A network that gives no number for customers who are not active."""
    graph = Graph()
    numbers = graph.input("numbers", np.float32, ["rows", len(bundle.features.number_names)])
    active = bundle.features.number_names.index("active")
    column = graph.add("Gather", [numbers, graph.constant(np.array([active]), "active")], {"axis": 1})
    graph.output("outputs", graph.add("Log", [graph.add("Sub", [column, graph.constant(0.5, "half")])]))
    return replace(bundle, onnx=graph.to_bytes())


def test_an_answer_that_is_no_number_is_a_fault(bundle_of: Bundles) -> None:
    predictor = Predictor(_overflowing(bundle_of("regression")))
    rows = [ROW, {**ROW, "active": False}, {**ROW, "age": "x"}, ROW]
    assert predictor.predict(rows, "skip").numbers.tolist() == [1, 4]
    reported = predictor.predict(rows, "report")
    assert [record["value"] is None for record in reported.records()] == [False, True, True, False]
    assert {fault.row for fault in reported.faults} == {2, 3}
    with pytest.raises(ContractError, match="row 1: the network gives no finite answer"):
        predictor.predict({**ROW, "active": False})


def test_values_are_in_the_targets_units(bundle_of: Bundles) -> None:
    bundle = bundle_of("regression")
    (record,) = Predictor(bundle).predict(ROW).records()
    table = Table.of({name: np.array([cell], object) for name, cell in ROW.items()})
    numbers = bundle.features.transform(bundle.contract.check(table).columns)["numbers"]
    scaled = (numbers @ bundle.weights["weight"] + bundle.weights["bias"])[0, 0]
    assert record == {"value": pytest.approx(100.0 + 25.0 * scaled, rel=1e-6)}


def test_many_classes_have_a_probability_each(bundle_of: Bundles, make_customers: Customers) -> None:
    predictions = Predictor(bundle_of(labels=("low", "mid", "high"))).predict_table(make_customers(20))
    probabilities = predictions.columns["probabilities"]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-6)
    assert predictions.columns["label"].tolist() == [("low", "mid", "high")[i] for i in probabilities.argmax(axis=1)]


def test_company_order_and_blocks_change_no_answer(
    predictor: Predictor, make_customers: Customers, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = make_customers(500)
    together = predictor.predict_table(table).columns["probabilities"]
    backwards = predictor.predict_table(table.take(np.arange(500)[::-1])).columns["probabilities"]
    np.testing.assert_allclose(backwards[::-1], together, atol=1e-6)
    monkeypatch.setattr(predictor_module, "BLOCK", 7)
    np.testing.assert_allclose(predictor.predict_table(table).columns["probabilities"], together, atol=1e-6)
    alone = [predictor.predict_table(table.take(np.array([row]))).columns["probabilities"][0] for row in range(40)]
    np.testing.assert_allclose(alone, together[:40], atol=1e-6)


def test_several_threads_may_ask_at_once(predictor: Predictor, make_customers: Customers) -> None:
    tables = [make_customers(rows, seed=rows) for rows in (1, 30, 300, 1000)] * 8
    expected = [predictor.predict_table(table).records() for table in tables]
    with ThreadPoolExecutor(4) as pool:
        answered = list(pool.map(lambda table: predictor.predict_table(table).records(), tables))
    assert answered == expected


def test_a_network_that_does_not_fit_its_features_is_refused(bundle: Bundle) -> None:
    graph = Graph()
    graph.output("outputs", graph.add("Relu", [graph.input("numbers", np.float32, ["rows", 2])]))
    with pytest.raises(BundleError, match=r"its network takes \{'numbers': 2\}, where its features give"):
        Predictor(replace(bundle, onnx=graph.to_bytes()))
    with pytest.raises(BundleError, match="ONNX Runtime cannot open its network"):
        Predictor(replace(bundle, onnx=b"no model"))


def test_a_network_that_cannot_be_run_is_named(predictor: Predictor) -> None:
    with pytest.raises(BundleError, match=f"bundle '{predictor.name}': its network cannot be run: "):
        predictor.run_block({"numbers": np.zeros((1, 1), np.float32)})


def test_predicting_imports_neither_jax_nor_what_training_needs(bundle: Bundle, tmp_path: Path) -> None:
    bundle.save(tmp_path / "a.treadle")
    script = (
        "import sys, treadle\n"
        f"print(treadle.load(sys.argv[1]).predict({ROW!r}).records()[0]['label'])\n"
        "heavy = {'jax', 'sklearn', 'polars', 'pandas', 'onnx', 'sqlalchemy', 'optax', 'equinox'}\n"
        "print(sorted(heavy & {name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "a.treadle"], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [str(Predictor(bundle).predict(ROW).records()[0]["label"]), "[]"]
