"""`treadle inspect` as a person types it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import treadle
from treadle.errors import install_command


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [f"{'good lovely' if row % 2 else 'bad dull'} film {row},{'yes' if row % 2 else 'no'}" for row in range(60)]
    path = tmp_path_factory.mktemp("texts") / "films.csv"
    path.write_text("\n".join(["text,liked", *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def bundle(texts: Path) -> Path:
    recipe = {
        "name": "films",
        "data": {"source": str(texts), "target": "liked", "positive": "yes", "kinds": {"text": "text"}},
        "model": {"hidden": [], "text": {"encoder": "gru", "units": 4, "embedding_width": 4}},
        "training": {"epochs": 4, "batch_size": 16, "learning_rate": 0.05},
        "evaluation": {"opponents": [], "resamples": 100},
    }
    return treadle.fit(recipe, out=texts.parent / "run").bundle


def test_a_report_is_written_beside_the_bundle(bundle: Path, run: Callable[..., Any]) -> None:
    done = run("inspect", bundle)
    assert (done.code, done.out) == (0, "")
    page = bundle.with_name("inspect.html")
    said = done.err.splitlines()
    assert said[0].startswith("films (gru of 4 units): half of the gradient lies within ")
    assert said[1] == f"wrote {page}"
    assert "the bundle&#x27;s golden rows" in page.read_text(encoding="utf-8")


def test_json_is_one_document(bundle: Path, texts: Path, run: Callable[..., Any]) -> None:
    options = ("--beside", bundle, "--text", "a good film", "--word", "good", "--word", "goood", "--json")
    done = run("inspect", bundle, texts, *options)
    assert (done.code, done.err) == (0, "")
    document = json.loads(done.out)
    assert document.keys() == {"name", "source", "rows", "reaches", "texts", "words", "importance", "notices"}
    assert [reach["name"] for reach in document["reaches"]] == ["films", "films"]
    assert document["texts"][0]["why"]["words"] == ["a", "good", "film"]
    assert [near["known"] for near in document["words"]] == [True, False]
    assert document["words"][1]["suggestions"] == ["good"]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--json", "--out", "x.html"], 1, "--json prints to stdout: --out would not be used"),
        (["--query", "SELECT 1"], 1, "--query and --encoding would not be used: they need DATA"),
        (["--text", " "], 3, "is empty: there is nothing to read"),
        (["--out", "/nowhere/inspect.html"], 3, "/nowhere/inspect.html: cannot be written: No such file"),
        (["nowhere.csv"], 3, "nowhere.csv"),
        (["--beside", "nowhere.treadle"], 4, "nowhere.treadle"),
    ],
)
def test_what_is_wrong_is_said(bundle: Path, run: Callable[..., Any], options: list[str], code: int, said: str) -> None:
    done = run("inspect", bundle, *options)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_bundle_of_columns_names_the_largest(trained: treadle.Run, tmp_path: Path, run: Callable[..., Any]) -> None:
    done = run("inspect", trained.bundle, "--out", tmp_path / "page.html")
    said = done.err.splitlines()
    assert said[0].startswith("its answers hang most on ")
    assert said[0].count(", ") == 2
    assert said[1] == f"wrote {tmp_path / 'page.html'}"


def test_a_bundle_of_columns_has_no_text_to_explain(trained: treadle.Run, run: Callable[..., Any]) -> None:
    done = run("inspect", trained.bundle, "--text", "good")
    assert (done.code, "bundle 'shop' reads no text" in done.err) == (3, True)


def test_without_jax_it_says_what_to_install(bundle: Path, trained: treadle.Run) -> None:
    program = "import sys; sys.modules['jax'] = None; from treadle import cli; sys.exit(cli.run(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "inspect"]
    done = subprocess.run([*command, bundle], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 6
    advice = f"needs the optional dependencies of Treadle: {install_command('train')}"
    assert done.stderr == f"error: looking into a network {advice}\n"
    # A network that reads no text is asked, not looked into.
    done = subprocess.run([*command, trained.bundle, "--json"], capture_output=True, timeout=300, check=False)
    assert (done.returncode, json.loads(done.stdout)["importance"]["label"]) == (0, "yes")
