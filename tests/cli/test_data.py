import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest

from treadle.recipe_file import recipe_schema


def test_init_writes_a_recipe_that_trains(
    shop: Any, run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    done = run("init", shop.csv, "--target", "bought")
    assert (done.code, done.err) == (0, "wrote shop.yaml; read it, then: treadle train shop.yaml\n")
    quick = ("--set", "training.epochs=2", "--set", "evaluation.opponents=[]", "--set", "evaluation.resamples=100")
    trained = run("train", "shop.yaml", "--json", *quick)
    assert trained.code == 0
    assert json.loads(trained.out)["positive"] in {"yes", "no"}


def test_init_of_a_text_writes_a_recipe_that_foretells_it(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("verses.txt").write_text("".join(f"to be or not {n}\n" for n in range(20)))
    assert run("init", "verses.txt").code == 0
    small = ("model.sequence.units=4", "training.epochs=1", "evaluation.resamples=100")
    trained = run("train", "verses.yaml", "--json", *(word for each in small for word in ("--set", each)))
    assert trained.code == 0, trained.err
    assert json.loads(trained.out)["task"] == "next_word"


def test_init_points_editors_to_the_schema(shop: Any, run: Callable[..., Any], tmp_path: Path):
    path = tmp_path / "mine.yaml"
    assert run("init", shop.csv, "--target", "spent", "--out", path, "--name", "money").code == 0
    first, *rest = path.read_text(encoding="utf-8").splitlines()
    mark, _, address = first.partition("=")
    assert mark == "# yaml-language-server: $schema"
    assert address.startswith("file:///")
    assert json.loads(Path(unquote(urlparse(address).path)).read_text(encoding="utf-8")) == recipe_schema()
    assert "name: money" in rest
    assert "task: regression" in rest


def test_init_overwrites_only_if_asked(shop: Any, run: Callable[..., Any], tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text("precious")
    done = run("init", shop.csv, "--target", "bought", "--out", path)
    assert done.code == 2
    assert done.err == f"error: {path} exists already; give --out another name, or --force to overwrite it\n"
    assert path.read_text() == "precious"
    assert run("init", shop.csv, "--target", "bought", "--out", path, "--force").code == 0
    assert path.read_text() != "precious"


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "refusal",
    [
        (("none.csv", "--target", "bought"), 3, "none.csv: no such file"),
        (("{csv}",), 2, "--target is missing: the column to predict, one of 'age', 'income'"),
        (("{csv}", "--target", "bougt"), 3, "no column 'bougt'; did you mean 'bought'?"),
        (
            ("{csv}", "--target", "bought", "--out", "none/mine.yaml"),
            2,
            "none/mine.yaml: cannot be written: No such file",
        ),
        (("{csv}", "--target", "bought", "--name", "a shop"), 2, "name: should be letters, digits, "),
    ],
)
def test_init_refuses(shop: Any, empty_folder: Path, run: Callable[..., Any], refusal: tuple[Any, ...]):
    arguments, code, message = refusal
    done = run("init", *(word.format(csv=shop.csv) for word in arguments))
    assert done.code == code
    assert message in done.err
    assert not list(empty_folder.iterdir())


def test_data_sets_are_listed(packaged_data_only: None, run: Callable[..., Any]):
    told = run("datasets", "list")
    assert told.code == 0
    assert "bank_churn  10,000 rows, not here yet: treadle datasets fetch bank_churn\n" in told.out
    listed = {each["name"]: each for each in json.loads(run("datasets", "list", "--json").out)}
    assert listed.keys() >= {"bank_churn", "california_housing", "phishing_small", "phishing_uci"}
    assert listed["bank_churn"]["paths"] == []
    assert [Path(path).is_file() for path in listed["phishing_small"]["paths"]] == [True]
    assert all(each["sha256"] and each["licence"] and each["rows"] for each in listed.values())
    assert all(len(digest) == 64 for each in listed.values() for digest in each["sha256"].values())


def test_fetching_what_comes_with_a_package_says_where_it_is(packaged_data_only: None, run: Callable[..., Any]):
    done = run("datasets", "fetch", "phishing_small")
    assert done.code == 0
    assert done.err.startswith("phishing_small: /")
    unknown = run("datasets", "fetch", "phishing_smal")
    assert (unknown.code, unknown.err) == (3, "error: no data set 'phishing_smal'; did you mean 'phishing_small'?\n")


def test_training_on_a_data_set_that_is_not_here_says_how_to_get_it(packaged_data_only: None, run: Callable[..., Any]):
    done = run("train", "churn")
    assert done.code == 3
    assert done.err.startswith("error: no copy of bank_churn is here: run `treadle datasets fetch bank_churn`, or put")


def test_the_schema_is_printed(run: Callable[..., Any]):
    done = run("schema")
    assert done.code == 0
    assert json.loads(done.out) == recipe_schema()
