"""Bundles for the screens, made by hand: a table, the contract learnt from it, one layer of known weights."""

from __future__ import annotations

import dataclasses
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import polars
import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright
from streamlit.testing.v1 import AppTest

import treadle
from treadle.bundle.answers import ClassificationAnswers, RegressionAnswers
from treadle.bundle.bundle import Bundle
from treadle.bundle.graph import Graph
from treadle.bundle.predictor import Predictor
from treadle.data.infer import learn
from treadle.data.split import split
from treadle.data.table import Table
from treadle.evaluation import evaluate
from treadle.evaluation.opponents import Opponent
from treadle.features import Features
from treadle.recipe import DataRecipe, FeaturesRecipe

HOSTILE = {
    "html": "<img src=x onerror=\"document.title='taken'\">",
    "bold": "**loud** _low_ `code`",
    "color": ":red[paint] :material/home: :smile:",
    "formula": "$\\frac{a}{b}$ -> b | c",
    "image": "![pixel](http://127.0.0.1:9/pixel.png)",
    "link": "[press](javascript:alert(1)) http://example.test/",
}
"""Names and categories that Markdown, HTML or a spreadsheet would act on."""

ROWS = 240
CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def customers(rows: int = ROWS, seed: int = 0) -> dict[str, list[str]]:
    """Text as a CSV reader gives it, with every kind of column, some with holes."""
    random = np.random.default_rng(seed)
    age = random.integers(18, 92, rows)
    balance = np.round(random.normal(60_000, 20_000, rows), 2)
    country = random.integers(0, 3, rows)
    card = random.integers(0, 2, rows)
    joined = np.datetime64("2015-01-01") + random.integers(0, 3000, rows)
    noise = random.normal(0, 9, rows)
    return {
        "Age": [str(value) for value in age],
        "Balance": ["" if value < 30_000 else str(value) for value in balance],
        "Country": [("France", "Germany", "Spain")[code] for code in country],
        "Plan": ["" if value % 7 == 0 else ("basic", "gold")[value % 2] for value in age],
        "Card": [("false", "true")[value] for value in card],
        "Active": ["" if value % 11 == 0 else ("no", "yes")[value % 2] for value in age],
        "Joined": [str(day) for day in joined],
        "Left": [str(int(a + 20 * (c == 1) + e > 60)) for a, c, e in zip(age, country, noise, strict=True)],
        "Tier": [("low", "middle", "high")[int(min(a // 31, 2))] for a in age],
        "Spent": [str(round(float(b / 10 + a), 2)) for b, a in zip(balance, age, strict=True)],
    }


def hostile_customers() -> dict[str, list[str]]:
    """Rows whose column names, categories and classes try to be more than text."""
    random = np.random.default_rng(5)
    words = list(HOSTILE.values())
    cells: dict[str, list[str]] = {
        HOSTILE["html"]: [words[value] for value in random.integers(0, len(words), ROWS)],
        HOSTILE["bold"]: [str(value) for value in random.integers(0, 50, ROWS)],
        HOSTILE["image"]: [("no", "yes")[value] for value in random.integers(0, 2, ROWS)],
        HOSTILE["link"]: [("no", "yes")[value] for value in random.integers(0, 2, ROWS)],
        HOSTILE["formula"]: [str(value) for value in random.integers(0, 5, ROWS)],
        HOSTILE["color"]: [HOSTILE[("formula", "link")[value]] for value in random.integers(0, 2, ROWS)],
    }
    return cells


def as_table(cells: dict[str, list[str]]) -> Table:
    return Table.of({name: np.array(column, object) for name, column in cells.items()}, "customers.csv")


def layer(inputs: int, outputs: int) -> tuple[bytes, dict[str, np.ndarray]]:
    """One layer: a value for one output, else probabilities."""
    random = np.random.default_rng(1)
    graph = Graph()
    numbers = graph.input("numbers", np.float32, ["rows", inputs])
    weight = graph.constant(random.normal(0, 0.6, (inputs, outputs)).astype(np.float32), "weight")
    bias = graph.constant(random.normal(0, 0.3, outputs).astype(np.float32), "bias")
    value = graph.add("Gemm", [numbers, weight, bias])
    graph.output("outputs", graph.add("Softmax", [value], {"axis": 1}) if outputs > 1 else value)
    return graph.to_bytes(), {name: graph.constants[name] for name in ("weight", "bias")}


def make_bundle(
    name: str, cells: dict[str, list[str]], target: str, answers: ClassificationAnswers | RegressionAnswers
) -> Bundle:
    """A bundle with an evaluation beside two opponents."""
    others = {"Left", "Tier", "Spent"} - {target}
    data = DataRecipe(source="customers.csv", target=target, drop=tuple(each for each in others if each in cells))
    table = as_table(cells)
    contract, _ = learn(table, data, answers.task)
    columns = contract.check(table).columns
    features = Features.fit(contract, columns, FeaturesRecipe())
    onnx, weights = layer(len(features.number_names), answers.outputs)
    parts = split(table, data, answers.task)
    bundle = Bundle(
        name=name,
        task=answers.task,
        recipe={"name": name, "evaluation": {"resamples": 100}},
        contract=contract,
        features=features,
        answers=answers,
        weights=weights,
        onnx=onnx,
        leakage=parts.leakage.model_dump(mode="json"),
        split={"train": len(parts.train), "validation": len(parts.validation), "test": len(parts.test)},
    )
    opponents = {name: flat(answers, name) for name in opponents_for(answers)}
    evaluation = evaluate(Predictor(bundle), table.take(parts.test), opponents)
    return dataclasses.replace(bundle, evaluation=evaluation.model_dump(mode="json"))


def opponents_for(answers: ClassificationAnswers | RegressionAnswers) -> tuple[str, ...]:
    if isinstance(answers, ClassificationAnswers):
        return ("majority", "logistic_regression")
    return ("mean", "ridge")


def flat(answers: ClassificationAnswers | RegressionAnswers, name: str) -> Opponent:
    """An opponent that answers nearly the same to every row."""
    classes = answers.outputs

    def outputs(rows: object) -> np.ndarray:
        wave = np.sin(np.arange(len(rows)))  # type: ignore[arg-type]
        if classes == 1:
            return 6000 + wave
        shares = np.full((len(wave), classes), 1 / classes)
        shares[:, 0] += wave / 10
        shares[:, 1] -= wave / 10
        return shares

    return Opponent(name=name, predict=outputs, answers=answers, note="made by hand")


def churn_bundle() -> Bundle:
    return make_bundle("bank", customers(), "Left", ClassificationAnswers(labels=(0, 1), positive=1, threshold=0.4))


def tiers_bundle() -> Bundle:
    return make_bundle("tiers", customers(), "Tier", ClassificationAnswers(labels=("high", "low", "middle")))


def spending_bundle() -> Bundle:
    return make_bundle("spending", customers(), "Spent", RegressionAnswers(mean=6000.0, scale=2000.0))


def hostile_bundle() -> Bundle:
    labels = tuple(sorted((HOSTILE["formula"], HOSTILE["link"])))
    answers = ClassificationAnswers(labels=labels, positive=0, threshold=0.5)
    return make_bundle("hostile", hostile_customers(), HOSTILE["color"], answers)


MAKERS: dict[str, Callable[[], Bundle]] = {
    "bank": churn_bundle,
    "tiers": tiers_bundle,
    "spending": spending_bundle,
    "hostile": hostile_bundle,
}


@pytest.fixture(scope="session")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Saved bundles by name: bank (two classes), tiers (three), spending (a value), hostile."""
    folder = tmp_path_factory.mktemp("bundles")
    saved = {}
    for name, make in MAKERS.items():
        saved[name] = folder / f"{name}.treadle"
        make().save(saved[name])
    return saved


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained bundle that reads a text beside a number."""
    random = np.random.default_rng(0)
    liked = np.arange(90) % 2
    rows = {
        "review": [f"the film was {('dull', 'lovely')[mood]} {number % 7}" for number, mood in enumerate(liked)],
        "stars": np.round(random.normal(3, 1, 90), 2).tolist(),
        "liked": [("no", "yes")[mood] for mood in liked],
    }
    recipe = {
        "name": "films",
        "data": {"target": "liked", "positive": "yes", "kinds": {"review": "text"}},
        "model": {"hidden": [], "text": {"embedding_width": 4}},
        "training": {"epochs": 20, "batch_size": 16, "learning_rate": 0.03},
        "evaluation": {"opponents": ["majority"], "resamples": 100},
    }
    return treadle.fit(recipe, polars.DataFrame(rows), out=tmp_path_factory.mktemp("films")).bundle


@pytest.fixture
def hostile() -> dict[str, str]:
    return HOSTILE


@pytest.fixture
def some_customers() -> Callable[..., dict[str, list[str]]]:
    return customers


@pytest.fixture
def open_screen(paths: dict[str, Path]) -> Callable[..., AppTest]:
    """Opens the screen of these bundles in this process, without a browser."""

    def opened(*names: str | Path) -> AppTest:
        chosen = [str(paths[name] if isinstance(name, str) else name) for name in names]
        script = f"from pathlib import Path\nfrom treadle.studio.screens import show\nshow([*map(Path, {chosen!r})])"
        screen = AppTest.from_string(script, default_timeout=30).run()
        assert not screen.exception
        return screen

    return opened


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[..., tuple[subprocess.Popen[bytes], str]]]:
    """Starts the app in a process of its own; gives the process and the page's address."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*bundles: Path) -> tuple[subprocess.Popen[bytes], str]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        code = (
            "import sys; from pathlib import Path; from treadle.studio.launch import launch\n"
            f"launch([Path(path) for path in sys.argv[1:]], port={port}, browser=False)"
        )
        arguments = [sys.executable, "-c", code, *map(str, bundles)]
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        started.append(process)
        address = f"http://127.0.0.1:{port}"
        await_health(process, f"{address}/_stcore/health")
        return process, address

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=20)


def await_health(process: subprocess.Popen[bytes], address: str) -> None:
    """Wait until the server answers.

    Raises:
        AssertionError: it ended instead, or does not answer within half a minute.
    """
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the app ended: {process.communicate()[0].decode()}"
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"no answer from {address} within 30 s")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM.exists(), f"{CHROMIUM} is missing: install it (Debian: apt-get install chromium)"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def visit(browser: Browser) -> Callable[[str], AbstractContextManager[Page]]:
    """Opens a page; it fails the test if it asks anybody but our server, or throws."""

    @contextmanager
    def opened(address: str) -> Iterator[Page]:
        context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
        page = context.new_page()
        page.set_default_timeout(15_000)
        asked: set[str] = set()
        thrown: list[str] = []

        def note(request: Request) -> None:
            if urlsplit(request.url).scheme in {"http", "https", "ws", "wss"}:
                asked.add(urlsplit(request.url).netloc)

        page.on("request", note)
        page.on("pageerror", lambda error: thrown.append(str(error)))
        page.goto(address)
        yield page
        context.close()
        assert asked == {urlsplit(address).netloc}
        assert not thrown

    return opened
