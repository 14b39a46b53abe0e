"""Nothing before a click; then the predictor's own answer, what to doubt in it, and what moved it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from treadle.bundle.bundle import Bundle
from treadle.bundle.predictor import Predictor
from treadle.errors import ContractError
from treadle.features.prose import separate
from treadle.studio.prediction import answer, moved_sentence
from treadle.studio.sentence import filled, ranked, tagged
from treadle.studio.text import number, percent

Open = Callable[..., AppTest]
ROW: dict[str, object] = {
    "Age": 40,
    "Balance": None,
    "Country": "Spain",
    "Plan": "gold",
    "Card": True,
    "Active": None,
    "Joined": "2019-05-31",
}


def answer_of(screen: AppTest) -> list[str]:
    """The figures under the controls; the first heading of the page is the bundle's name."""
    return [header.value.replace("\\", "") for header in screen.header[1:]]


@pytest.fixture
def bank(paths: dict[str, Path]) -> Predictor:
    return Predictor.load(paths["bank"])


def test_nothing_is_predicted_before_the_click(open_screen: Open) -> None:
    screen = open_screen("bank")
    assert answer_of(screen) == []
    assert any("press Predict" in caption.value for caption in screen.caption)
    screen.selectbox[0].set_value("Spain").run()
    assert answer_of(screen) == []


def test_the_click_shows_the_predictors_answer(open_screen: Open, bank: Predictor) -> None:
    screen = open_screen("bank")
    screen.button[0].click().run()
    row = json.loads(screen.code[0].value)
    found = bank.predict(row).columns
    assert answer_of(screen) == [f"Left = {found['label'][0]}", percent(found["probabilities"][0, 1])]
    assert any(caption.value == r"Probability that Left \= 1" for caption in screen.caption)
    assert any(r"From 40\.0 \% on the answer is 1" in caption.value for caption in screen.caption)


def test_the_answer_stays_while_another_part_of_the_page_is_used(open_screen: Open) -> None:
    screen = open_screen("bank")
    screen.button[0].click().run()
    shown = answer_of(screen)
    next(widget for widget in screen.selectbox if widget.label == "Encoding").set_value("cp1252").run()
    assert answer_of(screen) == shown


def test_several_classes_are_ranked(open_screen: Open, paths: dict[str, Path]) -> None:
    screen = open_screen("tiers")
    screen.button[0].click().run()
    found = Predictor.load(paths["tiers"]).predict(json.loads(screen.code[0].value)).columns
    bars = screen.get("progress")
    assert len(bars) == 3
    assert bars[0].proto.text.startswith(str(found["label"][0]))
    assert percent(found["probability"][0]) in bars[0].proto.text.replace("\\", "")


def test_a_value_stands_in_the_targets_units(open_screen: Open, paths: dict[str, Path]) -> None:
    screen = open_screen("spending")
    screen.button[0].click().run()
    found = Predictor.load(paths["spending"]).predict(json.loads(screen.code[0].value)).columns["value"][0]
    assert answer_of(screen) == [number(found)]
    assert any(caption.value == "Spent" for caption in screen.caption)
    assert any("off on average" in caption.value for caption in screen.caption)


def test_an_unseen_category_and_a_far_number_are_doubted(bank: Predictor) -> None:
    given = answer(bank, ROW | {"Age": 130, "Country": "Atlantis"})
    assert given.doubts == (
        "Age: 130 lies outside the 18 to 91 that training saw.",
        "Country: training saw no 'Atlantis'. It is answered as any unseen category would be.",
    )
    assert answer(bank, ROW).doubts == ()


def test_a_cell_that_must_not_be_missing_is_named(bank: Predictor) -> None:
    with pytest.raises(ContractError, match=r"^Country is missing, and no training row lacked it$"):
        answer(bank, ROW | {"Country": None})


def test_what_moved_the_answer_adds_up(bank: Predictor) -> None:
    given = answer(bank, ROW)
    share = float(given.columns["probabilities"][1])
    assert given.moved is not None
    assert given.moved.value == pytest.approx(share, abs=1e-6)
    assert given.moved.baseline + sum(given.moved.columns.values()) == pytest.approx(share, abs=1e-6)
    sentence = moved_sentence("Left", ROW, given.moved, shares=True)
    assert sentence.startswith(f"A typical row gets {percent(given.moved.baseline)} for Left = 1, this one")
    assert "raised it most" in sentence or "lowered it most" in sentence


def test_what_is_typical_moves_nothing(bank: Predictor) -> None:
    fields = bank.contract.features
    typical = {f.name: f.show(f.typical) if f.kind in ("date", "boolean") else f.typical for f in fields}
    given = answer(bank, typical)
    assert given.moved is not None
    assert {name for name, push in given.moved.columns.items() if push} == set()
    assert moved_sentence("Left", typical, given.moved, shares=True).endswith("No column moved it.")


def shown(screen: AppTest, mark: str) -> list[str]:
    """HTML with `mark` in it."""
    return [each.value for each in screen.get("html") if mark in each.value]


def test_the_tags_of_a_sentence_stand_under_its_words(
    open_screen: Open, verses_of: Callable[..., Bundle], tmp_path: Path
) -> None:
    path = tmp_path / "tags.treadle"
    verses_of("tagging").save(path)
    screen = open_screen(path)
    assert [tab.label for tab in screen.tabs] == ["One sentence", "A CSV file", "Report"]
    # Punctuation is typed as in prose, capitals too; the vocabulary knows `dead.` whole and no `here!`.
    screen.text_area[0].set_value("The <b>ghost</b> is dead. (Here!)")
    screen.button[0].click().run()
    assert not screen.exception
    predictor = Predictor.load(path)
    assert predictor.bundle.features.text is not None
    tokens = separate(predictor.bundle.features.text, "The <b>ghost</b> is dead. (Here!)")
    assert {"dead.", "(", "Here", "!", ")"} <= set(tokens)
    [record] = predictor.predict({"line": " ".join(tokens)}).records()
    labels = predictor.answers.labels
    assert shown(screen, "display:flex") == [tagged(tokens, record["tags"], record["probabilities"], labels)]
    assert json.loads(screen.code[0].value) == {"line": " ".join(tokens)}


def test_a_sentence_too_long_to_be_tagged_whole_is_doubted(
    open_screen: Open, verses_of: Callable[..., Bundle], tmp_path: Path
) -> None:
    path = tmp_path / "tags.treadle"
    verses_of("tagging", features={"text": {"tokens": "spaced", "length": 3}}).save(path)
    screen = open_screen(path)
    screen.text_area[0].set_value("the king is my lord")
    screen.button[0].click().run()
    assert not screen.exception
    [html] = shown(screen, "display:flex")
    assert html.count("title=") == 3
    assert ">my<" not in html
    assert "more than 3 tokens" in screen.warning[0].value.replace("\\", "")


def test_a_text_with_no_sentence_in_it_is_refused(
    open_screen: Open, verses_of: Callable[..., Bundle], tmp_path: Path
) -> None:
    path = tmp_path / "tags.treadle"
    verses_of("tagging").save(path)
    screen = open_screen(path)
    screen.button[0].click().run()
    assert not screen.exception
    assert "line is empty" in screen.error[0].value


def test_a_missing_word_is_said(open_screen: Open, verses_of: Callable[..., Bundle], tmp_path: Path) -> None:
    path = tmp_path / "gaps.treadle"
    verses_of("fill_blank").save(path)
    screen = open_screen(path)
    assert "Missing word of texts like those of the column **line**" in [caption.value for caption in screen.caption]
    screen.text_area[0].set_value("the king")
    screen.button[0].click().run()
    assert "names no gap: write ___ where the word is missing" in screen.error[0].value.replace("\\", "")
    screen.text_area[0].set_value("The ___ is <dead>")
    screen.button[0].click().run()
    [record] = Predictor.load(path).predict({"line": "The ___ is <dead>"}).records()
    assert shown(screen, "The ") == [filled("The ___ is <dead>", record["word"])]
    assert shown(screen, '<table style="border-collapse:collapse;width:100%;max-width') == [
        ranked(record["words"], record["probabilities"])
    ]
