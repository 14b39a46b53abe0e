"""The writing desk: likely words, a text that grows, and what is kept of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from treadle.bundle.generation import Continuation, Word, open_language, text_of
from treadle.bundle.predictor import Predictor
from treadle.bundle.sampling import Sampling
from treadle.studio.box import CHOICES, Paper, read
from treadle.studio.desk import UNSETTLED, Reading, Written, _page, look
from treadle.studio.text import percent

Open = Callable[..., AppTest]


@pytest.fixture(scope="module")
def verses(verses_of: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Untrained language models: of separate lines, of running text, and of neither."""
    folder = tmp_path_factory.mktemp("verses")
    made = {
        "lines": {},
        "running": {"data": {"running": True, "split": {"sequential": True}}},
        "unmarked": {"features": {"text": {"marks": False}}},
        "characters": {"features": {"text": {"tokens": "characters"}}},
    }
    paths = {name: folder / f"{name}.treadle" for name in made}
    for name, sections in made.items():
        verses_of(**sections).save(paths[name])
    return paths


def continued(path: Path, text: str) -> Continuation:
    continuation = Continuation(open_language(Predictor.load(path)))
    continuation.feed(text)
    return continuation


def paper_of(screen: AppTest) -> dict[str, Any]:
    """What the text box is told."""
    [box] = screen.get("bidi_component")
    told: dict[str, Any] = json.loads(box.proto.json)
    return told


def text_in(screen: AppTest) -> str:
    text: str = paper_of(screen)["text"]
    return text


def type_text(screen: AppTest, path: Path, text: str) -> AppTest:
    """As if `text` stood in the box."""
    key = f"{path}/{path.stat().st_mtime_ns}/desk/paper"
    screen.session_state[key] = Paper(text, paper_of(screen)["edition"])
    return screen.run()


def press(screen: AppTest, label: str) -> AppTest:
    next(each for each in screen.button if each.label == label).click()
    return screen.run()


def said(screen: AppTest) -> str:
    return " ".join(each.value for each in screen.caption).replace("\\", "")


def number(screen: AppTest, label: str) -> Any:
    return next(each for each in screen.number_input if each.label == label)


def test_the_likeliest_words_follow_the_text(open_screen: Open, verses: dict[str, Path]) -> None:
    screen = open_screen(verses["lines"])
    assert [tab.label for tab in screen.tabs] == ["Write", "A CSV file", "Report"]
    for text in ("", "the king", "the king is"):
        type_text(screen, verses["lines"], text)
        told = paper_of(screen)
        words = continued(verses["lines"], text).likeliest(CHOICES)
        assert (told["text"], told["heading"], told["notice"]) == (text, "Most likely next", "")
        assert told["words"] == [
            {
                "shown": "end of line" if word.word == "\n" else word.word,
                "adds": word.text,
                "share": word.probability,
                "percent": percent(word.probability),
            }
            for word in words
        ]


def test_a_word_that_was_begun_is_one_that_begins_so(verses: dict[str, Path]) -> None:
    model = open_language(Predictor.load(verses["lines"]))
    every = continued(verses["lines"], "the ").likeliest(len(model.words))
    for begun in ("qu", "Qu", "lo"):
        choices = look(model, f"the {begun}")
        likely = [word for word in every if word.word.startswith(begun.lower())][:CHOICES]
        assert choices.heading == f"Most likely beginning with “{begun}”"
        assert [offer.shown for offer in choices.offers] == [word.word for word in likely]
        assert [begun.lower() + offer.adds for offer in choices.offers] == [word.word for word in likely]
        assert choices.notice == ""


@pytest.mark.parametrize("text", ["the king", "the zzz", "the qu ", "the qu.", "qu\n", "the k\u00f6nig"])
def test_a_text_that_ends_with_a_word_or_with_none_is_followed_by_the_next(verses: dict[str, Path], text: str) -> None:
    choices = look(open_language(Predictor.load(verses["lines"])), text)
    likely = continued(verses["lines"], text).likeliest(CHOICES)
    assert choices.heading == "Most likely next"
    assert [(offer.adds, offer.share) for offer in choices.offers] == [(word.text, word.probability) for word in likely]


def test_a_text_that_grows_costs_its_new_end(toy: Any) -> None:
    model = toy()
    reading, text = Reading(), "to be or not " * 500
    look(model, text, reading)
    for longer in (f"{text}t", f"{text}that", f"{text}that is", f"{text}that i", text):
        model.calls.clear()
        choices = look(model, longer, reading)
        assert 0 < sum(len(call[0]) for call in model.calls) <= 2 * (UNSETTLED + 2)
        assert choices == look(model, longer)


@pytest.mark.parametrize("kind", ["lines", "running", "unmarked", "characters"])
def test_what_was_read_before_changes_no_choice(verses: dict[str, Path], kind: str) -> None:
    model, reading = open_language(Predictor.load(verses[kind])), Reading()
    for text in ("", "the king is ", "the king is dead, " * 20, "the king is dead, " * 9, "a\n" * 40 + "the", "no", ""):
        found, fresh = look(model, text, reading), look(model, text)
        assert [offer.shown for offer in found.offers] == [offer.shown for offer in fresh.offers]
        assert [offer.share for offer in found.offers] == pytest.approx(
            [offer.share for offer in fresh.offers], rel=1e-4
        )
        assert (found.heading, found.notice) == (fresh.heading, fresh.notice)


def test_characters_are_never_completed(verses: dict[str, Path]) -> None:
    choices = look(open_language(Predictor.load(verses["characters"])), "the qu")
    assert choices.heading == "Most likely next"


def test_what_was_typed_behind_another_text_is_nothing_to_go_by(monkeypatch: pytest.MonkeyPatch) -> None:
    session: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", session)
    paper = Paper()
    assert read(paper, "box") == paper
    session["box"] = {"typed": {"text": "the king", "edition": 0}}
    typed = read(paper, "box")
    assert typed == Paper("the king")
    cleared = typed.put("")
    assert cleared == Paper("", 1, before="the king")
    assert read(cleared, "box") == cleared
    # A second click changes nothing, so that what was typed since the first is compared with the text before it.
    assert cleared.put("") == cleared


def test_it_writes_on_with_what_the_controls_say(open_screen: Open, verses: dict[str, Path]) -> None:
    screen = open_screen(verses["running"])
    type_text(screen, verses["running"], "the king")
    number(screen, "Words").set_value(12)
    number(screen, "Seed").set_value(7)
    next(each for each in screen.slider if each.label == "Temperature").set_value(0.7)
    next(each for each in screen.slider if each.label == "Top-p").set_value(0.9)
    screen.run()
    press(screen, "Write on")
    sampling = Sampling(length=12, seed=7, temperature=0.7, top_p=0.9)
    words = list(continued(verses["running"], "the king").write(sampling))
    assert text_in(screen) == "the king" + text_of(words)
    assert "Seed 7 writes it again" in said(screen)
    press(screen, "Take back")
    assert text_in(screen) == "the king"
    press(screen, "Write on")
    assert text_in(screen) == "the king" + text_of(words)
    press(screen, "Write on")
    longer = text_in(screen)
    assert len(longer) > len("the king" + text_of(words))
    press(screen, "Clear")
    assert text_in(screen) == ""


def test_a_drawn_seed_is_told(open_screen: Open, verses: dict[str, Path]) -> None:
    screen = open_screen(verses["running"])
    press(screen, "Write on")
    text = text_in(screen)
    seed = int(said(screen).split("Seed ")[1].split()[0])
    press(screen, "Take back")
    number(screen, "Seed").set_value(seed)
    screen.run()
    press(screen, "Write on")
    assert text_in(screen) == text


def test_at_no_temperature_nothing_is_drawn(open_screen: Open, verses: dict[str, Path]) -> None:
    screen = open_screen(verses["lines"])
    next(each for each in screen.slider if each.label == "Temperature").set_value(0.0)
    screen.run()
    assert number(screen, "Seed").disabled
    assert next(each for each in screen.slider if each.label == "Top-p").disabled
    press(screen, "Write on")
    assert text_in(screen) == text_of(continued(verses["lines"], "").write(Sampling(temperature=0, length=40)))
    assert "writes it again" not in said(screen)


def test_lines_are_asked_for_only_where_there_are_some(open_screen: Open, verses: dict[str, Path]) -> None:
    assert "Lines" not in [each.label for each in open_screen(verses["unmarked"]).number_input]
    screen = open_screen(verses["characters"])
    number(screen, "Characters").set_value(600)
    number(screen, "Lines").set_value(3)
    screen.run()
    press(screen, "Write on")
    assert text_in(screen).count("\n") == 3
    assert "It stopped where the line ends" in said(screen)


def test_what_was_begun_when_it_was_stopped_stays(open_screen: Open, verses: dict[str, Path]) -> None:
    screen = open_screen(verses["lines"])
    path = verses["lines"]
    screen.session_state[f"{path}/{path.stat().st_mtime_ns}/desk/begun"] = "the king was"
    screen.run()
    assert text_in(screen) == "the king was"
    screen.run()
    assert text_in(screen) == "the king was"


def test_words_that_training_never_saw_are_told(open_screen: Open, verses: dict[str, Path]) -> None:
    screen = open_screen(verses["lines"])
    type_text(screen, verses["lines"], "zounds hark")
    assert "The prompt holds nothing that training saw" in paper_of(screen)["notice"]
    beginning = open_screen(verses["unmarked"])
    assert "Training marked no beginnings of lines" in paper_of(beginning)["notice"]


def test_texts_that_are_markup_stay_text(hostile: dict[str, str], open_screen: Open, verses: dict[str, Path]) -> None:
    words = [Word(2, text, f" {text}", 0.5) for text in hostile.values()]
    page = _page("<b>before</b>", words)
    assert "<img" not in page
    assert "&lt;b&gt;before&lt;/b&gt;" in page
    screen = open_screen(verses["lines"])
    type_text(screen, verses["lines"], " ".join(hostile.values()))
    assert not screen.exception
    press(screen, "Write on")
    assert not screen.exception


def test_the_whole_text_is_what_was_before_and_the_words() -> None:
    words = (Word(2, "to", "to", 0.5), Word(3, "be", " be", 0.5))
    assert Written("or ", words, None, "length").text == "or to be"
