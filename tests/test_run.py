import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import polars
import pytest
from sklearn import metrics

import treadle
from treadle.data import sources
from treadle.data.databases import without_password
from treadle.data.sources import from_frame
from treadle.data.table import Table
from treadle.errors import BundleError, DataError, RecipeError, TrainingError
from treadle.preparation import prepare
from treadle.recipe import parse_recipe
from treadle.recipe_file import read_recipe

LONG = {"epochs": 600, "patience": None, "batch_size": 16}
"""Training of some seconds, to be stopped in between."""

KILLED = """
import os, pathlib, signal, sys, threading, time
from unittest import mock
from treadle import cli
from treadle.training import loop

checkpoint = pathlib.Path(sys.argv[-1], "checkpoint")

def kill():
    while not checkpoint.exists():
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGKILL)

threading.Thread(target=kill, daemon=True).start()
with mock.patch.object(loop, "SECONDS_PER_CHECKPOINT", 0.0):
    sys.exit(cli.run(["train", *sys.argv[1:]]))
"""


def three_classes(shop: Any) -> dict[str, Any]:
    return shop.recipe("visits")


def regression(shop: Any) -> dict[str, Any]:
    return shop.recipe("spent", training={"loss": "mae", "epochs": 3})


def embeddings(shop: Any) -> dict[str, Any]:
    return shop.recipe(
        features={"categories": "embedding", "imputation": "knn", "scaling": "quantile"},
        model={"category_width": 3, "numbers": "piecewise", "pieces": 4, "members": 2, "normalization": "layer"},
    )


# --- what it learns from


@pytest.mark.parametrize(
    "frame", [polars.DataFrame, pandas.DataFrame, lambda columns: polars.DataFrame(columns).lazy()]
)
def test_a_frame_gives_what_the_file_gives(
    shop: Any, trained: treadle.Run, tmp_path: Path, frame: Callable[[dict[str, Any]], object]
):
    run = treadle.fit(shop.recipe(), frame(shop.columns), out=tmp_path)
    assert run.predictor.contract == trained.predictor.contract
    assert run.report.evaluation.metrics == trained.report.evaluation.metrics
    assert run.report.source == "the given frame"


def test_a_dict_of_columns_is_a_frame_too(shop: Any, trained: treadle.Run, tmp_path: Path):
    run = treadle.fit(shop.recipe(), shop.columns, out=tmp_path)
    assert run.predictor.contract == trained.predictor.contract


def test_a_mapping_beside_a_frame_needs_no_source(shop: Any, trained: treadle.Run, tmp_path: Path):
    recipe = shop.recipe()
    del recipe["data"]["source"]
    run = treadle.fit(recipe, polars.DataFrame(shop.columns), out=tmp_path)
    assert run.report.evaluation.metrics == trained.report.evaluation.metrics
    with pytest.raises(RecipeError, match=r"^recipe: the key 'data.source' is missing$"):
        treadle.fit(recipe, out=tmp_path)


def test_the_password_of_a_database_is_shown_and_stored_nowhere(
    shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def read(address: str, query: str | None, chunk_rows: int) -> Iterator[Table]:
        yield from_frame(shop.columns)

    monkeypatch.setattr(sources, "read_database", read)
    address = "postgresql://ada:s3cret@loom.example/shop"
    run = treadle.fit(shop.recipe(data={"source": address, "query": "SELECT * FROM sales"}), out=tmp_path)
    for path in tmp_path.iterdir():
        assert b"s3cret" not in path.read_bytes(), path
    assert run.predictor.bundle.recipe["data"]["source"] == "postgresql://ada:***@loom.example/shop"
    with pytest.raises(DataError, match=r"^postgresql://ada:\*\*\*@loom.example/shop: data.target: no column 'sold'"):
        treadle.fit(shop.recipe("sold", data={"source": address, "query": "SELECT 1"}), out=tmp_path)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("postgresql://ada:s3cret@loom.example:5432/shop", "postgresql://ada:***@loom.example:5432/shop"),
        ("postgresql+psycopg://:s3:cr/et@/shop", "postgresql+psycopg://:***@/shop"),
        (
            "postgresql://loom.example/shop?user=ada&password=s3cret",
            "postgresql://loom.example/shop?user=ada&password=***",
        ),
        ("postgresql://ada@loom.example/shop", "postgresql://ada@loom.example/shop"),
        ("sqlite:////home/ada/shop.db", "sqlite:////home/ada/shop.db"),
        ("shop:1@home.csv", "shop:1@home.csv"),
    ],
)
def test_what_of_an_address_is_shown(source: str, shown: str):
    assert without_password(source) == shown


@pytest.mark.parametrize("recipe", [three_classes, regression, embeddings])
def test_the_recipe_in_the_bundle_trains_the_same_bundle(
    shop: Any, tmp_path: Path, recipe: Callable[[Any], dict[str, Any]]
):
    first = treadle.fit(recipe(shop), out=tmp_path / "first")
    again = treadle.fit(first.predictor.bundle.recipe, out=tmp_path / "again")
    assert again.bundle.read_bytes() == first.bundle.read_bytes()


@pytest.mark.parametrize("recipe", [three_classes, regression, embeddings])
def test_every_kind_of_problem_is_learnt(shop: Any, tmp_path: Path, recipe: Callable[[Any], dict[str, Any]]):
    run = treadle.fit(recipe(shop), out=tmp_path)
    kinds = {field.name: field.kind for field in run.predictor.contract.features}
    assert kinds == {"age": "number", "income": "number", "city": "category", "member": "boolean", "since": "date"}
    row = {"age": 30, "income": None, "city": "Atlantis", "member": True, "since": "2020-02-29"}
    (answer,) = run.predictor.predict(row).records()
    if run.recipe.task == "regression":
        assert np.isfinite(answer["value"])
    else:
        assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-6)
    assert run.predictor.task == run.recipe.task


def test_class_weights_may_name_numbers_and_booleans(shop: Any, tmp_path: Path):
    plain = treadle.fit(shop.recipe("member", data={"drop": []}), out=tmp_path / "plain")
    weights = {"class_weights": {False: 1, True: 50}}
    weighted = treadle.fit(shop.recipe("member", data={"drop": []}, training=weights), out=tmp_path / "weighted")
    rows = prepare(plain.recipe, None, "fail").test_table

    def chance(run: treadle.Run) -> float:
        return float(run.predictor.predict(rows).columns["probabilities"][:, 1].mean())

    assert chance(weighted) > chance(plain)


def test_a_built_in_recipe_is_learnt_from_an_installed_package(packaged_data_only: None, tmp_path: Path):
    settings = ("training.epochs=3", "evaluation.resamples=100", "evaluation.opponents=[majority]")
    run = treadle.fit(read_recipe("phishing_small", settings), out=tmp_path)
    assert run.report.rows == {"train": 750, "validation": 250, "test": 250}
    assert run.report.leakage.test_rows_seen == 0
    assert run.report.leakage.distinct_rows == 625


# --- what it gives


def test_the_summary_has_every_key(trained: treadle.Run):
    summary = json.loads(json.dumps(trained.summary(), allow_nan=False))
    assert summary.keys() >= {
        "name", "task", "seed", "rows", "leakage", "metrics", "opponents", "verdict", "seconds", "bundle",
    }  # fmt: skip
    assert summary["rows"].keys() == {"train", "validation", "test"}
    assert summary["seconds"].keys() == {"data", "train", "evaluate"}
    assert summary["metrics"].keys() >= {"accuracy", "roc_auc", "log_loss", "f1", "precision", "recall"}
    assert summary["opponents"]["majority"].keys() == summary["metrics"].keys()
    assert summary["intervals"].keys() == summary["metrics"].keys()
    assert (summary["name"], summary["task"], summary["positive"]) == ("shop", "classification", "yes")
    assert Path(summary["bundle"]).is_file()
    assert Path(summary["report"]).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert summary["seed"] == 0
    assert summary["epochs"] == 12
    assert 1 <= summary["best_epoch"] <= 12


def test_the_network_learns_something(trained: treadle.Run):
    assert trained.report.evaluation.metrics["roc_auc"] > 0.8


def test_the_figures_are_those_of_scikit_learn_on_the_answers_of_the_saved_bundle(trained: treadle.Run):
    test = prepare(trained.recipe, None, "fail").test_table
    answers = treadle.load(trained.bundle).predict(test).columns
    truth = test.columns["bought"] == "yes"
    chance = answers["probabilities"][:, trained.predictor.answers.labels.index("yes")]  # type: ignore[union-attr]
    chosen = answers["label"] == "yes"
    expected = {
        "accuracy": metrics.accuracy_score(truth, chosen),
        "roc_auc": metrics.roc_auc_score(truth, chance),
        "log_loss": metrics.log_loss(truth, chance),
        "f1": metrics.f1_score(truth, chosen),
        "precision": metrics.precision_score(truth, chosen),
        "recall": metrics.recall_score(truth, chosen),
        "brier": metrics.brier_score_loss(truth, chance),
    }
    assert trained.summary()["metrics"] == pytest.approx(expected, rel=1e-6)


def test_the_figures_of_a_regression_are_those_of_scikit_learn(shop: Any, tmp_path: Path):
    run = treadle.fit(regression(shop), out=tmp_path)
    test = prepare(run.recipe, None, "fail").test_table
    truth = test.columns["spent"].astype(float)
    values = treadle.load(run.bundle).predict(test).columns["value"]
    expected = {
        "mae": metrics.mean_absolute_error(truth, values),
        "rmse": metrics.root_mean_squared_error(truth, values),
        "r2": metrics.r2_score(truth, values),
    }
    assert run.summary()["metrics"] == pytest.approx(expected, rel=1e-6)


def test_nothing_of_the_test_rows_gets_into_the_network(shop: Any, tmp_path: Path):
    # Rows are split one by one, so that changing a row moves no other to another set.
    recipe = shop.recipe(data={"split": {"group": None, "stratify": False}}, evaluation={"threshold": "f1"})
    clean = treadle.fit(recipe, out=tmp_path / "clean").predictor.bundle
    columns = {name: list(cells) for name, cells in shop.columns.items()}
    for row in prepare(parse_recipe(recipe), None, "fail").split.test:
        columns["age"][row], columns["income"][row], columns["city"][row] = 900, 1e12, "Atlantis"
        columns["bought"][row] = "yes" if columns["bought"][row] == "no" else "no"
    poisoned = treadle.fit(recipe, columns, out=tmp_path / "poisoned").predictor.bundle
    assert poisoned.contract == clean.contract
    assert poisoned.answers == clean.answers
    assert poisoned.onnx == clean.onnx
    assert poisoned.weights.keys() == clean.weights.keys()
    for name, array in clean.weights.items():
        np.testing.assert_array_equal(poisoned.weights[name], array)
    assert poisoned.evaluation != clean.evaluation


def test_the_threshold_is_found_on_the_validation_rows(shop: Any, tmp_path: Path):
    run = treadle.fit(shop.recipe(evaluation={"threshold": "f1"}), out=tmp_path)
    prepared = prepare(run.recipe, None, "fail")
    answers = run.predictor.answers
    chances = run.predictor.outputs(prepared.validation.columns)[:, answers.positive]  # type: ignore[union-attr]
    positive = prepared.validation.targets == answers.positive  # type: ignore[union-attr]

    def f1(threshold: float) -> float:
        return float(metrics.f1_score(positive, chances >= threshold))

    assert f1(answers.threshold) == max(f1(chance) for chance in chances)  # type: ignore[union-attr]


def test_the_example_beside_the_bundle_can_be_predicted(shop: Any, trained: treadle.Run, tmp_path: Path):
    examples = pandas.read_csv(trained.report.example)
    assert list(examples.columns) == ["age", "income", "city", "member", "since"]
    assert len(trained.predictor.predict(examples)) == 20
    # Also where the frame's gaps are no text that the recipe takes for missing.
    recipe = shop.recipe(data={"missing": ["?"]})
    run = treadle.fit(recipe, polars.DataFrame(shop.columns), out=tmp_path)
    text = Path(run.report.example).read_text(encoding="utf-8")
    assert "?" in text
    from treadle.data.sources import read_table

    assert not run.predictor.predict(read_table(run.report.example)).faults


# --- where it is written, and that it can be written again


def test_the_folder_is_named_after_the_recipe(shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    run = treadle.fit(shop.recipe())
    assert run.bundle == Path("runs/shop/shop.treadle")
    names = sorted(path.name for path in (tmp_path / "runs" / "shop").iterdir())
    assert names == ["checkpoint", "example.csv", "report.html", "shop.treadle"]


def test_a_folder_that_cannot_be_made_is_an_error(shop: Any, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match=r"file/run: this folder for the run cannot be made: Not a directory"):
        treadle.fit(shop.recipe(), out=tmp_path / "file" / "run")


def test_a_run_that_fails_leaves_the_older_bundle(shop: Any, trained: treadle.Run, tmp_path: Path):
    bundle = tmp_path / "shop.treadle"
    bundle.write_bytes(trained.bundle.read_bytes())
    with pytest.raises(TrainingError, match="the loss is no longer finite"):
        treadle.fit(shop.recipe(training={"learning_rate": 1e30, "optimizer": "sgd"}), out=tmp_path)
    assert bundle.read_bytes() == trained.bundle.read_bytes()
    assert not list(tmp_path.glob("*.draft"))


@pytest.fixture(scope="module")
def long_recipe(shop: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "shop.json"
    path.write_text(json.dumps(shop.recipe(training=LONG)))
    return path


@pytest.fixture(scope="module")
def uninterrupted(long_recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> treadle.Run:
    return treadle.fit(long_recipe, out=tmp_path_factory.mktemp("uninterrupted"))


def test_a_killed_run_goes_on_to_the_same_bytes_in_another_process(
    long_recipe: Path, uninterrupted: treadle.Run, start: Callable[..., Any], tmp_path: Path
):
    command = [sys.executable, "-c", KILLED, str(long_recipe), "--out", str(tmp_path)]
    killed = subprocess.run(command, capture_output=True, timeout=300, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (tmp_path / "checkpoint").is_file()
    assert not (tmp_path / "shop.treadle").exists()
    done = start("train", long_recipe, "--out", tmp_path, "--resume", "--json")
    assert done.code == 0, done.err
    assert (tmp_path / "shop.treadle").read_bytes() == uninterrupted.bundle.read_bytes()
    assert done.out.count("\n") == 1
    summary = json.loads(done.out)
    assert summary["epochs"] == 600
    assert summary["metrics"] == uninterrupted.summary()["metrics"]


def test_resuming_a_finished_run_trains_no_more_and_gives_the_same_bytes(shop: Any, tmp_path: Path):
    first = treadle.fit(shop.recipe(), out=tmp_path).bundle.read_bytes()
    told: list[object] = []
    run = treadle.fit(shop.recipe(), out=tmp_path, resume=True, progress=told.append)
    assert run.bundle.read_bytes() == first
    assert told == []
    assert run.summary()["epochs"] == 12


def test_without_resuming_training_starts_afresh(shop: Any, tmp_path: Path):
    first = treadle.fit(shop.recipe(), out=tmp_path).bundle.read_bytes()
    told: list[treadle.training.Progress] = []  # type: ignore[name-defined]
    run = treadle.fit(shop.recipe(), out=tmp_path, progress=told.append)
    assert run.bundle.read_bytes() == first
    assert told[0].share < 0.5
    # Another recipe may take the folder over.
    treadle.fit(shop.recipe(training={"seed": 1}), out=tmp_path)
    with pytest.raises(TrainingError, match="is a checkpoint of another training"):
        treadle.fit(shop.recipe(), out=tmp_path, resume=True)


def test_resuming_where_nothing_was_begun_is_a_first_run(shop: Any, trained: treadle.Run, tmp_path: Path):
    run = treadle.fit(shop.recipe(), out=tmp_path, resume=True)
    assert run.bundle.read_bytes() == trained.bundle.read_bytes()


def test_another_seed_gives_another_network(shop: Any, trained: treadle.Run, tmp_path: Path):
    run = treadle.fit(shop.recipe(training={"seed": 1}), out=tmp_path)
    assert run.predictor.bundle.onnx != trained.predictor.bundle.onnx


# --- what it says


def test_it_says_what_is_going_on(shop: Any, tmp_path: Path):
    said: list[str] = []
    shop_with_constant = {**shop.columns, "shop": ["main street"] * 240}
    treadle.fit(shop.recipe(), shop_with_constant, out=tmp_path, say=said.append)
    assert said == [
        "shop is main street in every row: left out",
        "144 rows to train, 48 to validate, 48 to test",
        "fitting the opponents, and judging all on the test rows",
    ]


@pytest.mark.parametrize(
    ("sections", "error", "message"),
    [
        (
            {"data": {"positive": "maybe"}},
            RecipeError,
            "data.positive: 'bought' has no class 'maybe'; classes: no, yes",
        ),
        (
            {"evaluation": {"opponents": ["ridge"]}},
            RecipeError,
            "evaluation.opponents: ridge does not fit classification",
        ),
        (
            {"training": {"class_weights": {"yes": 1}}},
            RecipeError,
            "training.class_weights: class 'no' has no weight; give every class one",
        ),
    ],
)
def test_what_does_not_fit_the_data_is_refused(
    shop: Any, tmp_path: Path, sections: dict[str, Any], error: type[Exception], message: str
):
    with pytest.raises(error, match=message):
        treadle.fit(shop.recipe(**sections), out=tmp_path / "run")


def test_a_bundle_that_is_not_there_cannot_be_loaded(tmp_path: Path):
    with pytest.raises(BundleError, match="no such bundle"):
        treadle.load(tmp_path / "none.treadle")
