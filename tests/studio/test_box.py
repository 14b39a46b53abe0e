"""The text box of the writing desk in a real browser: words as one types, and a text that nobody takes away."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import polars
import pytest
from playwright.sync_api import Locator, Page, expect

import treadle
from treadle.bundle.bundle import Bundle
from treadle.bundle.generation import Continuation, open_language, text_of
from treadle.bundle.predictor import Predictor
from treadle.bundle.sampling import Sampling
from treadle.studio.desk import look
from treadle.studio.text import percent

ROOT = Path(__file__).parents[2]
PHONE = {"width": 390, "height": 844}
WHO = ("the king", "my lord", "a ghost", "the queen", "good horatio", "the players")
DOES = ("is", "was", "sees", "loves", "speakes to", "is afraid of")
Serve = Callable[..., tuple[subprocess.Popen[bytes], str]]
Visit = Callable[[str], AbstractContextManager[Page]]


@pytest.fixture(scope="module")
def poems(verses_of: Callable[..., Bundle], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model of separate lines."""
    path = tmp_path_factory.mktemp("poems") / "poems.treadle"
    verses_of().save(path)
    return path


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained language model: of the first lines of Hamlet where they are at hand, else of lines made up."""
    folder = os.environ.get("TREADLE_DATA")
    book = Path(folder) / "hamlet" / "shakespeare-hamlet.txt" if folder else None
    if book is not None and book.exists():
        lines = [line.strip() for line in book.read_text(encoding="utf-8").splitlines() if line.strip()][:400]
    else:
        lines = [f"{who} {does} {whom}" for who in WHO for does in DOES for whom in WHO]
    recipe = {
        "name": "play",
        "task": "next_word",
        "data": {"kinds": {"line": "text"}},
        "features": {"text": {"drop": ["punctuation"], "min_count": 2}},
        "model": {"sequence": {"units": 16, "embedding_width": 16}},
        "training": {"epochs": 4, "batch_size": 16, "learning_rate": 0.02},
        "evaluation": {"opponents": ["unigram"], "resamples": 100},
    }
    return treadle.fit(recipe, polars.DataFrame({"line": lines}), out=tmp_path_factory.mktemp("play")).bundle


@pytest.fixture(scope="module")
def slow(verses_of: Callable[..., Bundle], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that takes seconds for a thousand words."""
    path = tmp_path_factory.mktemp("slow") / "slow.treadle"
    verses_of(model={"sequence": {"units": 1024, "embedding_width": 6, "layers": 2}}).save(path)
    return path


@pytest.fixture(scope="module")
def address(serve: Serve, poems: Path, play: Path, slow: Path) -> str:
    return serve(poems, play, slow)[1]


@pytest.fixture
def page(visit: Visit, address: str) -> Iterator[Page]:
    """The desk of the first bundle."""
    with visit(address) as opened:
        opened.get_by_role("textbox", name="Text").wait_for()
        yield opened


def offered(page: Page) -> list[str]:
    """The words under the text with their probabilities, as a screen reader says them."""
    words = page.get_by_role("group", name="Most likely").get_by_role("button")
    return [" ".join(each.split()) for each in words.all_inner_texts()]


def likely(bundle: Path, text: str) -> list[str]:
    """What is to be offered after `text`."""
    choices = look(open_language(Predictor.load(bundle)), text)
    return [f"{offer.shown} {percent(offer.share)}" for offer in choices.offers]


def focused(page: Page) -> str:
    """The element of the desk that has the focus."""
    name: str = page.evaluate("document.activeElement.shadowRoot?.activeElement?.tagName ?? ''")
    return name


def text_of_desk(page: Page) -> Locator:
    """The text area."""
    return page.get_by_role("textbox", name="Text")


def choose(page: Page, bundle: Path) -> None:
    """Choose a bundle on the left."""
    page.get_by_role("combobox", name="Bundle").click()
    page.get_by_role("option", name=bundle.stem, exact=True).click()
    await_offers(page, bundle, "")


def await_offers(page: Page, bundle: Path, text: str) -> None:
    """Wait until the words are those for `text`."""
    expected = likely(bundle, text)
    buttons = page.get_by_role("group", name="Most likely").get_by_role("button")
    expect(buttons).to_have_text([re.compile(re.escape(each).replace(r"\ ", r"\s*")) for each in expected])


def test_its_script_and_style_are_installed_with_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["treadle"]
    package = ROOT / "src" / "treadle"
    installed = {path.name for pattern in patterns for path in package.glob(pattern)}
    assert {"box.js", "box.css"} <= installed


def test_the_likeliest_words_change_with_every_letter(page: Page, poems: Path) -> None:
    area = text_of_desk(page)
    area.focus()
    seen, text = set(), ""
    for letter in "the qu is":
        page.keyboard.type(letter)
        text += letter
        await_offers(page, poems, text)
        expect(area).to_have_value(text)
        expect(area).to_be_focused()
        seen.add(tuple(offered(page)))
    assert len(seen) >= 5
    expect(page.get_by_role("status").last).to_have_text("1 of 3 words of the prompt are none that training saw.")


def test_fast_typing_and_a_caret_in_the_middle_are_left_alone(page: Page, poems: Path) -> None:
    area = text_of_desk(page)
    area.focus()
    page.keyboard.type("the king is my lord and the ghost sees the queen", delay=35)
    expect(area).to_have_value("the king is my lord and the ghost sees the queen")
    area.evaluate("each => each.setSelectionRange(4, 4)")
    for letter in "dead ":
        page.keyboard.type(letter, delay=150)
    text = "the dead king is my lord and the ghost sees the queen"
    expect(area).to_have_value(text)
    await_offers(page, poems, text)
    assert area.evaluate("each => each.selectionStart") == len("the dead ")


def test_a_word_is_put_behind_the_text_and_the_focus_stays(page: Page, poems: Path) -> None:
    area = text_of_desk(page)
    area.focus()
    text = "the king"
    page.keyboard.type(text)
    await_offers(page, poems, text)
    words = page.get_by_role("group", name="Most likely").get_by_role("button")
    for place in (0, 1):
        added = look(open_language(Predictor.load(poems)), text).offers[place].adds
        words.nth(place).click()
        text += added
        expect(area).to_have_value(text)
        expect(area).to_be_focused()
        await_offers(page, poems, text)
    page.keyboard.type(" th")
    text += " th"
    await_offers(page, poems, text)
    # By the keyboard alone: the focus stays on the button.
    page.keyboard.press("Tab")
    expect(words.first).to_be_focused()
    for _ in range(2):
        text += look(open_language(Predictor.load(poems)), text).offers[0].adds
        page.keyboard.press("Enter")
        expect(area).to_have_value(text)
        await_offers(page, poems, text)
        expect(words.first).to_be_focused()


def test_what_is_typed_after_a_click_on_clear_stays(page: Page, poems: Path) -> None:
    area = text_of_desk(page)
    area.fill("the king")
    await_offers(page, poems, "the king")
    # In one go, before the server can have answered; it is sent when the answer comes.
    page.evaluate(
        """() => {
            const all = [...document.querySelectorAll("*")].flatMap((each) => each.shadowRoot ?? []);
            const area = all.map((root) => root.querySelector("textarea")).find((each) => each);
            [...document.querySelectorAll("button")].find((each) => each.innerText === "Clear").click();
            area.value += " a ghost";
        }"""
    )
    expect(area).to_have_value(" a ghost")
    await_offers(page, poems, " a ghost")
    page.get_by_role("button", name="Clear").click()
    expect(area).to_have_value("")


def test_a_text_is_written_on(page: Page, poems: Path) -> None:
    area = text_of_desk(page)
    area.fill("the king")
    page.get_by_role("spinbutton", name="Seed").fill("5")
    page.get_by_role("spinbutton", name="Lines").fill("3")
    page.get_by_role("spinbutton", name="Lines").press("Enter")
    page.get_by_role("button", name="Write on").click()
    continuation = Continuation(open_language(Predictor.load(poems)))
    continuation.feed("the king")
    written = text_of(continuation.write(Sampling(length=40, lines=3, seed=5)))
    expect(area).to_have_value(f"the king{written}")
    await_offers(page, poems, f"the king{written}")
    expect(page.get_by_text("Seed 5 writes it again.")).to_be_visible()
    page.get_by_role("button", name="Take back").click()
    expect(area).to_have_value("the king")
    expect(page.get_by_text("Seed 5 writes it again.")).to_have_count(0)
    page.set_viewport_size(PHONE)
    expect(page.get_by_role("button", name="Write on")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_it_writes_hamlet(page: Page, play: Path) -> None:
    choose(page, play)
    area = text_of_desk(page)
    area.focus()
    page.keyboard.type("the")
    await_offers(page, play, "the")
    page.get_by_role("slider", name="Temperature").press("Home")
    expect(page.get_by_role("spinbutton", name="Seed")).to_be_disabled()
    page.get_by_role("spinbutton", name="Lines").fill("2")
    page.get_by_role("spinbutton", name="Lines").press("Enter")
    page.get_by_role("button", name="Write on").click()
    continuation = Continuation(open_language(Predictor.load(play)))
    continuation.feed("the")
    words = list(continuation.write(Sampling(length=40, lines=2, temperature=0)))
    expect(area).to_have_value(f"the{text_of(words)}")
    shown = page.locator("span[title$='%']")
    expect(shown).to_have_text([word.word for word in words if word.word != "\n"])
    # A person goes on where the network ended; what it wrote is the person's text by now.
    area.focus()
    page.keyboard.press("Control+End")
    page.keyboard.type("a")
    await_offers(page, play, f"the{text_of(words)}a")
    expect(shown).to_have_count(0)
    expect(area).to_be_focused()


def test_writing_is_stopped_and_what_was_begun_stays(page: Page, slow: Path) -> None:
    choose(page, slow)
    area = text_of_desk(page)
    area.fill("the king")
    page.get_by_role("spinbutton", name="Words").fill("1000")
    page.get_by_role("spinbutton", name="Lines").fill("900")
    page.get_by_role("spinbutton", name="Seed").fill("1")
    page.get_by_role("spinbutton", name="Seed").press("Enter")
    page.get_by_role("button", name="Write on").click()
    page.get_by_role("button", name="Stop").click()
    continuation = Continuation(open_language(Predictor.load(slow)))
    continuation.feed("the king")
    written = text_of(continuation.write(Sampling(length=1000, lines=900, seed=1)))
    expect(area).to_be_visible()
    text = area.input_value()
    assert f"the king{written}".startswith(text)
    assert len("the king") < len(text) < len(f"the king{written}")
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
