"""`treadle generate`, on a language model made by hand."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import treadle
from treadle.bundle.generation import Continuation, generate, text_of
from treadle.bundle.sampling import Sampling
from treadle.cli import generate as command

Run = Callable[..., Any]


@pytest.fixture
def model(toy: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Stands for what is in any bundle."""

    class Named:
        name, task = "toy", "next_word"

    made = toy()
    monkeypatch.setattr(command.Predictor, "load", lambda path: Named())
    monkeypatch.setattr(command, "open_language", lambda predictor: made)
    return made


def test_it_writes_the_prompt_and_what_follows(model: Any, run: Run):
    done = run("generate", "toy.treadle", "--prompt", "to be", "--seed", 3, "--lines", 2)
    expected = text_of(generate(model, "to be", Sampling(seed=3, lines=2)))
    assert (done.code, done.err) == (0, "")
    assert done.out == "to be" + expected + ("" if expected.endswith("\n") else "\n")


@pytest.mark.parametrize(
    ("options", "sampling"),
    [
        (["--temperature", 0, "--length", 7], Sampling(temperature=0, length=7)),
        (["--temperature", 0.5, "--top-k", 3, "--seed", 1], Sampling(temperature=0.5, top_k=3, seed=1)),
        (["--top-p", 0.6, "--seed", 1, "--stop", "."], Sampling(top_p=0.6, seed=1, stop=".")),
        (["--beams", 3, "--lines", 2], Sampling(beams=3, lines=2)),
    ],
)
def test_options_are_those_of_the_sampling(model: Any, run: Run, options: list[object], sampling: Sampling):
    done = run("generate", "toy.treadle", *options, "--json")
    document = json.loads(done.out)
    assert document["text"] == text_of(generate(model, "", sampling))
    assert "".join(document["words"]).replace("\n", "") == document["text"].replace(" ", "").replace("\n", "")


def test_one_json_document(model: Any, run: Run):
    done = run("generate", "toy.treadle", "--prompt", "hark to", "--temperature", 0, "--length", 4, "--json")
    document = json.loads(done.out)
    words = list(generate(model, "hark to", Sampling(temperature=0, length=4)))
    assert document == {
        "bundle": "toy",
        "prompt": "hark to",
        "text": text_of(words),
        "words": [word.word for word in words],
        "probabilities": [word.probability for word in words],
        "stopped": document["stopped"],
        "seed": None,
        "notices": ["1 of 2 words of the prompt are none that training saw"],
    }
    assert done.err == ""


def test_a_drawn_seed_is_told_and_writes_the_same_again(model: Any, run: Run):
    first = run("generate", "toy.treadle")
    assert first.err.startswith("the same again: --seed ")
    seed = first.err.split()[-1]
    again = run("generate", "toy.treadle", "--seed", seed)
    assert (again.out, again.err) == (first.out, "")
    told = json.loads(run("generate", "toy.treadle", "--json").out)
    assert json.loads(run("generate", "toy.treadle", "--json", "--seed", told["seed"]).out) == told


def test_words_that_may_come_next(model: Any, run: Run):
    model.table[:, :, model.end] = -0.1
    done = run("generate", "toy.treadle", "--prompt", "to be", "--likeliest", 3)
    continuation = Continuation(model)
    continuation.feed("to be")
    words = continuation.likeliest(3)
    assert [float(line.split()[0]) for line in done.out.splitlines()] == pytest.approx(
        [word.probability for word in words], abs=1e-4
    )
    assert done.out.splitlines()[0].endswith("  (end of line)")
    assert done.out.splitlines()[1].endswith(f"  {words[1].word}")
    document = json.loads(run("generate", "toy.treadle", "--prompt", "to be", "--likeliest", 3, "--json").out)
    assert (document["text"], [each["word"] for each in document["likeliest"]]) == ("", [word.word for word in words])
    both = run("generate", "toy.treadle", "--prompt", "to", "--likeliest", 2, "--length", 1, "--temperature", 0)
    assert len(both.out.splitlines()) == 3


def test_notices_go_to_people(model: Any, run: Run):
    done = run("generate", "toy.treadle", "--prompt", "hark", "--temperature", 0, "--length", 1)
    assert done.err == "the prompt holds nothing that training saw: what follows does not rest on it\n"
    assert done.out.startswith("hark ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--temperature", -1], "temperature: should be at least 0, not -1"),
        (["--top-p", 0], "top_p: should be above 0, not 0"),
        (["--beams", 2, "--top-k", 3], "top_k would not be used: it needs beams: 1"),
        (["--likeliest", 3, "--seed", 1], "seed would not be used: it needs a length above 0"),
    ],
)
def test_what_cannot_be_is_refused(model: Any, run: Run, options: list[object], message: str):
    done = run("generate", "toy.treadle", *options)
    assert (done.code, done.out) == (8, "")
    assert message in done.err


def test_a_bundle_that_writes_no_text_says_what_to_use(trained: treadle.Run, run: Run):
    done = run("generate", trained.bundle)
    assert (done.code, done.out) == (8, "")
    assert "is for classification and writes no text: ask it with treadle predict" in done.err


def test_a_missing_bundle_is_told(run: Run, tmp_path: Path):
    done = run("generate", tmp_path / "none.treadle")
    assert done.code == 4
    assert "none.treadle" in done.err


class Terminal(io.StringIO):
    """A terminal that notes what it held at every flush."""

    encoding = "ascii"

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []

    def isatty(self) -> bool:
        return True

    def flush(self) -> None:
        self.shown.append(self.getvalue())


def test_a_terminal_shows_every_word_as_it_comes(model: Any, monkeypatch: pytest.MonkeyPatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    command.generate(Path("toy.treadle"), prompt="to", temperature=0, length=5)
    words = list(generate(model, "to", Sampling(temperature=0, length=5)))
    steps = ["to" + text_of(words[: count + 1]) for count in range(len(words))]
    assert terminal.shown[: len(steps)] == steps


def test_what_a_terminal_would_act_on_is_left_out(model: Any, monkeypatch: pytest.MonkeyPatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    command.generate(Path("toy.treadle"), prompt="\x1b[31m\u00e9\udc80 to", temperature=0, length=1)
    assert terminal.getvalue().startswith("[31m?? to")
