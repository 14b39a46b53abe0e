"""The writing desk: likely words, a text that grows, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from treadle.bundle.generation import Continuation, Word, open_language, text_of
from treadle.bundle.predictor import Predictor
from treadle.bundle.sampling import Sampling
from treadle.studio.desk import CHOICES, Written, _page
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


def area(screen: AppTest) -> Any:
    return next(each for each in screen.text_area if each.label == "Text")


def press(screen: AppTest, label: str) -> AppTest:
    next(each for each in screen.button if each.label == label).click()
    return screen.run()


def choices(screen: AppTest) -> list[Any]:
    return [each for each in screen.button if ":gray[" in each.label]


def said(screen: AppTest) -> str:
    return " ".join(each.value for each in screen.caption).replace("\\", "")


def number(screen: AppTest, label: str) -> Any:
    return next(each for each in screen.number_input if each.label == label)


def test_the_likeliest_words_follow_the_text(open_screen: Open, verses: dict[str, Path]) -> None:
    screen = open_screen(verses["lines"])
    assert [tab.label for tab in screen.tabs] == ["Write", "A CSV file", "Report"]
    for text in ("", "the king", "the king is"):
        area(screen).set_value(text)
        screen.run()
        labels = [each.label.replace("\\", "") for each in choices(screen)]
        words = continued(verses["lines"], text).likeliest(CHOICES)
        shown = ["end of line" if word.word == "\n" else word.word for word in words]
        assert labels == [f"{each} :gray[{percent(word.probability)}]" for each, word in zip(shown, words, strict=True)]


def test_a_click_puts_a_word_behind_the_text(open_screen: Open, verses: dict[str, Path]) -> None:
    screen = open_screen(verses["lines"])
    area(screen).set_value("the king")
    screen.run()
    second = continued(verses["lines"], "the king").likeliest(2)[1]
    choices(screen)[1].click()
    screen.run()
    assert area(screen).value == "the king" + second.text
    first = continued(verses["lines"], "the king" + second.text).likeliest(1)[0]
    choices(screen)[0].click()
    screen.run()
    assert area(screen).value == "the king" + second.text + first.text


def test_a_word_that_was_offered_for_a_shorter_text_goes_behind_the_longer_one(
    open_screen: Open, verses: dict[str, Path]
) -> None:
    screen = open_screen(verses["lines"])
    offered = choices(screen)[0]
    word = continued(verses["lines"], "").likeliest(1)[0]
    area(screen).set_value("the king")
    offered.click()
    screen.run()
    assert area(screen).value == "the king" + continued(verses["lines"], "the king").append(word.number)


def test_it_writes_on_with_what_the_controls_say(open_screen: Open, verses: dict[str, Path]) -> None:
    screen = open_screen(verses["running"])
    area(screen).set_value("the king")
    number(screen, "Words").set_value(12)
    number(screen, "Seed").set_value(7)
    next(each for each in screen.slider if each.label == "Temperature").set_value(0.7)
    next(each for each in screen.slider if each.label == "Top-p").set_value(0.9)
    screen.run()
    press(screen, "Write on")
    sampling = Sampling(length=12, seed=7, temperature=0.7, top_p=0.9)
    words = list(continued(verses["running"], "the king").write(sampling))
    assert area(screen).value == "the king" + text_of(words)
    assert "Seed 7 writes it again" in said(screen)
    press(screen, "Take back")
    assert area(screen).value == "the king"
    press(screen, "Write on")
    assert area(screen).value == "the king" + text_of(words)
    press(screen, "Write on")
    longer = area(screen).value
    assert len(longer) > len("the king" + text_of(words))
    press(screen, "Clear")
    assert area(screen).value == ""


def test_a_drawn_seed_is_told(open_screen: Open, verses: dict[str, Path]) -> None:
    screen = open_screen(verses["running"])
    press(screen, "Write on")
    text = area(screen).value
    seed = int(said(screen).split("Seed ")[1].split()[0])
    press(screen, "Take back")
    number(screen, "Seed").set_value(seed)
    screen.run()
    press(screen, "Write on")
    assert area(screen).value == text


def test_at_no_temperature_nothing_is_drawn(open_screen: Open, verses: dict[str, Path]) -> None:
    screen = open_screen(verses["lines"])
    next(each for each in screen.slider if each.label == "Temperature").set_value(0.0)
    screen.run()
    assert number(screen, "Seed").disabled
    assert next(each for each in screen.slider if each.label == "Top-p").disabled
    press(screen, "Write on")
    assert area(screen).value == text_of(continued(verses["lines"], "").write(Sampling(temperature=0, length=40)))
    assert "writes it again" not in said(screen)


def test_lines_are_asked_for_only_where_there_are_some(open_screen: Open, verses: dict[str, Path]) -> None:
    assert "Lines" not in [each.label for each in open_screen(verses["unmarked"]).number_input]
    screen = open_screen(verses["characters"])
    number(screen, "Characters").set_value(600)
    number(screen, "Lines").set_value(3)
    screen.run()
    press(screen, "Write on")
    assert area(screen).value.count("\n") == 3
    assert "It stopped where the line ends" in said(screen)


def test_what_was_begun_when_it_was_stopped_stays(open_screen: Open, verses: dict[str, Path]) -> None:
    screen = open_screen(verses["lines"])
    path = verses["lines"]
    screen.session_state[f"{path}/{path.stat().st_mtime_ns}/desk/begun"] = "the king was"
    screen.run()
    assert area(screen).value == "the king was"
    screen.run()
    assert area(screen).value == "the king was"


def test_words_that_training_never_saw_are_told(open_screen: Open, verses: dict[str, Path]) -> None:
    screen = open_screen(verses["lines"])
    area(screen).set_value("zounds hark")
    screen.run()
    assert "The prompt holds nothing that training saw" in said(screen)
    beginning = open_screen(verses["unmarked"])
    assert "Training marked no beginnings of lines" in said(beginning)


def test_texts_that_are_markup_stay_text(hostile: dict[str, str], open_screen: Open, verses: dict[str, Path]) -> None:
    words = [Word(2, text, f" {text}", 0.5) for text in hostile.values()]
    page = _page("<b>before</b>", words)
    assert "<img" not in page
    assert "&lt;b&gt;before&lt;/b&gt;" in page
    screen = open_screen(verses["lines"])
    area(screen).set_value(" ".join(hostile.values()))
    screen.run()
    assert not screen.exception
    press(screen, "Write on")
    assert not screen.exception


def test_the_whole_text_is_what_was_before_and_the_words() -> None:
    words = (Word(2, "to", "to", 0.5), Word(3, "be", " be", 0.5))
    assert Written("or ", words, None, "length").text == "or to be"
