"""A small shop whose customers buy or not, one bundle trained on it, and the command line to run."""

import ctypes
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

import treadle
from treadle import cli
from treadle.bundle.bundle import Bundle
from treadle.bundle.language import Cut, State
from treadle.native import engine
from treadle.native.build import find_compiler

# How long an example takes says more of the machine's load than of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

QUICK = {"opponents": [], "resamples": 100}


def shop_columns(rows: int = 240, seed: int = 0) -> dict[str, list[Any]]:
    """Numbers, categories, booleans, dates and gaps, with a target that hangs on them but for some noise."""
    draw = np.random.default_rng(seed)
    age = draw.integers(18, 80, rows)
    income = np.round(draw.lognormal(10, 0.5, rows), 2)
    city = draw.choice(["Lyon", "Oslo", "Pisa"], rows)
    member = draw.random(rows) < 0.5
    since = np.datetime64("2015-01-01") + draw.integers(0, 3000, rows)
    score = 0.05 * (age - 45) + 2.0 * member + (city == "Oslo") + draw.normal(0, 0.5, rows)
    gap = draw.random(rows) < 0.1
    return {
        "age": age.tolist(),
        "income": [None if lost else value for lost, value in zip(gap, income.tolist(), strict=True)],
        "city": city.tolist(),
        "member": member.tolist(),
        "since": since.tolist(),
        "spent": np.round(100 + 50 * score, 2).tolist(),
        "visits": np.where(score > 2, "often", np.where(score > 0, "sometimes", "never")).tolist(),
        "bought": np.where(score > 1, "yes", "no").tolist(),
    }


def write_csv(path: Path, columns: dict[str, list[Any]]) -> Path:
    """The columns as a CSV file, nothing where a value is None."""
    lines = [",".join(columns)]
    lines += [
        ",".join("" if cell is None else str(cell) for cell in row) for row in zip(*columns.values(), strict=True)
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


class Shop:
    """The shop's table in a file, and recipes for it that train in a moment."""

    def __init__(self, folder: Path) -> None:
        self.columns = shop_columns()
        self.csv = write_csv(folder / "shop.csv", self.columns)

    def recipe(self, target: str = "bought", **sections: dict[str, Any]) -> dict[str, Any]:
        """A quick recipe for one of the targets, with these keys in its sections instead."""
        others = [name for name in ("spent", "visits", "bought") if name != target]
        quick: dict[str, dict[str, Any]] = {
            "data": {"source": str(self.csv), "target": target, "drop": others}
            | ({"positive": "yes"} if target == "bought" else {}),
            "model": {"hidden": [8]},
            "training": {"epochs": 12, "batch_size": 16, "learning_rate": 0.02},
            "evaluation": QUICK,
        }
        changed = {name: quick.get(name, {}) | sections.get(name, {}) for name in quick | sections}
        return {"name": "shop", **changed}


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The shop's table."""
    return Shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="session")
def trained(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> treadle.Run:
    """A run that predicts who buys: two classes."""
    return treadle.fit(shop.recipe(), out=tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="session")
def library() -> ctypes.CDLL | None:
    """The compiled engine, which must be there wherever it can be compiled; None where it is switched off."""
    found = engine.load(compiling=True)
    there = engine.wanted() in engine.INSTRUCTION_SETS and find_compiler() is not None
    assert (found.library is not None) == there, found.sentence
    return found.library


@pytest.fixture
def packaged_data_only(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests see only the data sets that come with installed packages."""
    monkeypatch.delenv("TREADLE_DATA", raising=False)
    monkeypatch.setenv("TREADLE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


class Ended:
    """How a command ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Run a command line in this process."""

    def run(*arguments: object) -> Ended:
        capfd.readouterr()
        code = cli.run([str(argument) for argument in arguments])
        return Ended(code, *capfd.readouterr())

    return run


@pytest.fixture
def start() -> Callable[..., Ended]:
    """Run a command line in a process of its own."""

    def start(*arguments: object, stdin: bytes | None = None, cwd: Path | None = None) -> Ended:
        command = [sys.executable, "-m", "treadle", *map(str, arguments)]
        done = subprocess.run(command, input=stdin, capture_output=True, cwd=cwd, timeout=300, check=False)
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    return start


WORDS = ("to", "be", "or", "not", ".", "that", "is")


class Toy:
    """A language model made by hand: a table of what follows any two tokens, and an account of what was asked of it."""

    def __init__(
        self,
        words: Sequence[str] = WORDS,
        *,
        seed: int = 0,
        marked: bool = True,
        running: bool = False,
        cut: Cut = "word",
        sharp: float = 1.0,
    ) -> None:
        self.words = ("[PAD]", "[UNK]", *words, "[BEGIN]", "[END]")
        self.outputs = len(self.words)
        self.begin, self.end = self.outputs - 2, self.outputs - 1
        self.marked, self.running, self.cut = marked, running, cut
        scores = sharp * np.random.default_rng(seed).normal(0, 1, (self.outputs,) * 3)
        self.table = (scores - np.log(np.exp(scores).sum(axis=2, keepdims=True))).astype(np.float32)
        self.calls: list[list[list[int]]] = []
        """The tokens of every call of `advance`."""

    def start(self, rows: int = 1) -> State:
        return (np.zeros((1, rows, 2), np.float32),)

    def read(self, text: str) -> list[int]:
        found = list(text) if self.cut == "character" else re.findall(r"\w+|[^\w\s]", text.lower())
        if self.cut == "piece":
            found = [piece for word in found for piece in ("_" + word[:2], *([word[2:]] if word[2:] else []))]
        numbers = [self.words.index(word) if word in self.words else 1 for word in found]
        return [self.begin, *numbers] if self.marked else numbers

    def advance(self, state: State, tokens: np.ndarray) -> tuple[np.ndarray, State]:
        assert tokens.dtype == np.int32
        assert tokens.size > 0
        self.calls.append(tokens.tolist())
        seen = np.concatenate([state[0][0], tokens], axis=1)[:, -2:]
        one, two = seen.astype(int).T
        return self.table[one, two], (seen.astype(np.float32)[None],)

    def write(self, numbers: Sequence[int]) -> str:
        words = [self.words[number] for number in numbers]
        if self.cut == "character":
            return "".join(words)
        if self.cut == "piece":
            return "".join(words).replace("_", " ").strip()
        return re.sub(r" ([.,])", r"\1", " ".join(words))

    def says(self, *before: int) -> np.ndarray:
        """Log-probabilities after these tokens."""
        one, two = (0, 0, *before)[-2:]
        return self.table[one, two].astype(np.float64)


@pytest.fixture(scope="session")
def toy() -> type[Toy]:
    """The class of language models made by hand."""
    return Toy


def verses(task: str = "next_word", **sections: dict[str, Any]) -> Bundle:
    """A bundle of a network that answers at every token, as it is before training, so that it is there in a moment."""
    import polars

    from treadle.recipe import parse_recipe
    from treadle.sequence_work import SequenceWork

    draw = np.random.default_rng(0)
    parts = ("the king,my lord,a ghost,the queen", "is,was,sees,loves", "dead,not here,the play,to be or not", ".,!")
    chosen = [draw.choice(part.split(","), 120) for part in parts]
    lines = sorted({f"{who} {does} {what}{mark}" for who, does, what, mark in zip(*chosen, strict=True)})
    columns = {"line": lines}
    quick: dict[str, Any] = {"data": {"source": "frame", "kinds": {"line": "text"}}}
    if task == "tagging":
        columns["kinds"] = [" ".join("NOUN" if len(word) > 3 else "OTHER" for word in line.split()) for line in lines]
        quick["data"] |= {"target": "kinds"}
        quick["features"] = {"text": {"tokens": "spaced"}}
    quick |= {"model": {"sequence": {"units": 8, "embedding_width": 6}}, "training": {"batch_size": 8}}
    changed = {name: quick.get(name, {}) | sections.get(name, {}) for name in quick | sections}
    recipe = parse_recipe({"name": "verses", "task": task, **changed})
    work = SequenceWork.prepare(recipe, polars.DataFrame(columns), "fail")
    return work.bundle(work.network())


@pytest.fixture(scope="session")
def verses_of() -> Callable[..., Bundle]:
    """Makes untrained networks that answer at every token, with these keys in their recipe's sections."""
    return verses
