"""The screens as a person sees them, in a real browser."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from treadle.bundle.bundle import Bundle
from treadle.bundle.predictor import Predictor
from treadle.evaluation.evaluation import Evaluation
from treadle.evaluation.terms import figure
from treadle.studio.text import WORD_JOINER, percent

ANSWER = ".st-key-answer h2"
PHONE = {"width": 390, "height": 844}
Serve = Callable[..., tuple[subprocess.Popen[bytes], str]]
Visit = Callable[[str], AbstractContextManager[Page]]


@pytest.fixture(scope="module")
def sentences(verses_of: Callable[..., Bundle], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Untrained networks that tag words and name missing ones."""
    folder = tmp_path_factory.mktemp("sentences")
    paths = {task: folder / f"{task}.treadle" for task in ("tagging", "fill_blank")}
    for task, path in paths.items():
        verses_of(task).save(path)
    return paths


@pytest.fixture(scope="module")
def address(serve: Serve, paths: dict[str, Path], films: Path, sentences: dict[str, Path]) -> str:
    return serve(paths["bank"], paths["hostile"], films, *sentences.values())[1]


@pytest.fixture
def page(visit: Visit, address: str) -> Iterator[Page]:
    """The page of the first bundle."""
    with visit(address) as opened:
        opened.get_by_role("button", name="Predict", exact=True).wait_for()
        yield opened


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option, exact=True).click()


def predict(page: Page) -> None:
    page.get_by_role("button", name="Predict", exact=True).click()
    page.get_by_text("What moved the answer").wait_for()
    page.locator(ANSWER).first.wait_for()


def figures(page: Page) -> list[str]:
    return page.locator(ANSWER).all_inner_texts()


def asked_row(page: Page) -> dict[str, object]:
    page.get_by_text("This row as JSON").click()
    row: dict[str, object] = json.loads(page.get_by_test_id("stCode").inner_text())
    return row


def test_a_row_is_predicted_after_the_click_and_not_before(page: Page, paths: dict[str, Path]) -> None:
    page.get_by_role("spinbutton", name="Age").fill("77")
    page.get_by_role("spinbutton", name="Balance").fill("60000.5")
    choose(page, "Country", "Germany")
    choose(page, "Plan", "not known")
    page.get_by_text("Card", exact=True).click()
    expect(page.get_by_text("then press Predict")).to_be_visible()
    assert figures(page) == []
    predict(page)
    row = asked_row(page)
    assert (row["Age"], row["Balance"], row["Country"], row["Plan"]) == (77, 60000.5, "Germany", None)
    found = Predictor.load(paths["bank"]).predict(row).columns
    assert figures(page) == [f"Left = {found['label'][0]}", percent(found["probabilities"][0, 1])]
    expect(page.get_by_text("Probability that Left = 1")).to_be_visible()
    expect(page.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first).to_be_visible()


def test_what_training_never_saw_is_doubted(page: Page) -> None:
    page.get_by_role("spinbutton", name="Age").fill("130")
    page.get_by_role("combobox", name="Country").fill("Atlantis")
    page.get_by_role("combobox", name="Country").press("Enter")
    predict(page)
    expect(page.get_by_text("Age: 130 lies outside the 18 to 91 that training saw.")).to_be_visible()
    expect(page.get_by_text("Country: training saw no 'Atlantis'.")).to_be_visible()


def test_a_file_is_answered_and_its_broken_row_named(page: Page, paths: dict[str, Path]) -> None:
    head = ["Age", "Balance", "Country", "Plan", "Card", "Active", "Joined", "Note"]
    good = ["40", "50000", "Spain", "gold", "true", "yes", "2019-05-31", "=1+1"]
    broken = ["forty", *good[1:]]
    content = "\n".join(",".join(cells) for cells in (head, good, broken))
    page.get_by_role("tab", name="A CSV file").click()
    page.locator("input[type=file]").set_input_files(
        {"name": "rows.csv", "mimeType": "text/csv", "buffer": content.encode()}
    )
    page.get_by_role("button", name="Predict all rows").click()
    expect(page.get_by_text("1 of 2 rows answered; 1 could not be read.")).to_be_visible()
    expect(page.get_by_role("row", name="2 Age forty is no number")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the answers").click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    expected = Predictor.load(paths["bank"]).predict(dict(zip(head, good, strict=True))).columns
    assert rows[0]["label"] == str(expected["label"][0])
    assert float(rows[0]["probability_1"]) == pytest.approx(expected["probabilities"][0, 1], abs=1e-6)
    assert rows[0]["Note"] == "'=1+1"
    assert (rows[1]["label"], "forty" in rows[1]["fault"]) == ("", True)


def test_the_report_has_the_figures_of_the_bundle(page: Page, paths: dict[str, Path]) -> None:
    page.get_by_role("tab", name="Report").click()
    evaluation = Evaluation.model_validate(Bundle.load(paths["bank"]).evaluation)
    line = page.get_by_role("row", name="this network")
    for metric, value in evaluation.metrics.items():
        expect(line).to_contain_text(figure(metric, value))
    expect(page.get_by_role("heading", name="Are its probabilities right?")).to_be_visible()
    expect(page.get_by_text("No test row has a twin among the training rows.")).to_be_visible()


def test_names_and_categories_that_are_markup_stay_text(page: Page, hostile: dict[str, str]) -> None:
    choose(page, "Bundle", "hostile")
    expect(page.get_by_role("spinbutton", name="Age")).to_have_count(0)
    page.get_by_role("spinbutton").first.wait_for()
    labels = {label.replace(WORD_JOINER, "") for label in page.get_by_test_id("stWidgetLabel").all_inner_texts()}
    assert {hostile[name] for name in ("html", "bold", "image", "link", "formula")} <= labels
    predict(page)
    answered = figures(page)[0].replace(WORD_JOINER, "")
    assert answered in {f"{hostile['color']} = {hostile[name]}" for name in ("formula", "link")}
    page.get_by_role("tab", name="Report").click()
    expect(page.get_by_role("heading", name="Beside its opponents")).to_be_visible()
    main = page.get_by_test_id("stApp")
    for harm in ("img", "a[href^='javascript']", "a[href*='example.test']", ".katex", "strong em"):
        expect(main.locator(harm)).to_have_count(0)
    assert page.title() == "Treadle"


def test_a_text_is_answered_and_its_words_are_coloured(page: Page, films: Path) -> None:
    choose(page, "Bundle", "films")
    review = page.get_by_role("textbox", name="review")
    review.fill("the film was lovely <img src=x onerror=\"document.title='taken'\"> \U0001f600")
    assert figures(page) == []
    page.get_by_role("button", name="Predict", exact=True).click()
    page.get_by_text("The columns that moved the answer").wait_for()
    found = Predictor.load(films).predict(asked_row(page)).columns
    assert figures(page) == ["liked = yes", percent(found["probabilities"][0, 1])]
    page.get_by_text("raised or lowered the probability of yes").wait_for()
    lovely, onerror = (page.locator(f"span[title]:text-is('{word}')") for word in ("lovely", "onerror"))
    assert "rgb" in str(lovely.evaluate("each => getComputedStyle(each).backgroundColor"))
    assert (lovely.get_attribute("title") or "").startswith("+")
    assert (onerror.get_attribute("title") or "").endswith("not in the vocabulary")
    expect(page.get_by_test_id("stApp").locator("img")).to_have_count(0)
    assert page.title() == "Treadle"


def test_arabic_runs_from_the_right(page: Page) -> None:
    choose(page, "Bundle", "films")
    page.get_by_role("textbox", name="review").fill("فيلم lovely")
    page.get_by_role("button", name="Predict", exact=True).click()
    arabic, english = (page.locator(f"span[title]:text-is('{word}')") for word in ("فيلم", "lovely"))
    arabic.wait_for()
    first, second = arabic.bounding_box(), english.bounding_box()
    assert first
    assert second
    assert first["x"] > second["x"]
    area = page.get_by_role("textbox", name="review")
    assert area.evaluate("each => getComputedStyle(each).unicodeBidi") == "plaintext"


def test_no_text_and_unknown_words_are_told(page: Page) -> None:
    choose(page, "Bundle", "films")
    review = page.get_by_role("textbox", name="review")
    for text, told in (
        ("", "review is empty: there is nothing to read, and every training row had a text"),
        (" \n ", "review is empty: there is nothing to read, and every training row had a text"),
        ("NA", "review: 'NA' means 'no value' here"),
        ("zzz ?!", "The text holds nothing that training saw: the answer does not rest on it."),
    ):
        review.fill(text)
        page.get_by_role("button", name="Predict", exact=True).click()
        expect(page.get_by_text(told)).to_be_visible()


def test_a_file_of_texts_is_answered(page: Page) -> None:
    choose(page, "Bundle", "films")
    page.get_by_role("textbox", name="review").wait_for()
    page.get_by_role("tab", name="A CSV file").click()
    # What the other bundle showed may stand there for a moment longer.
    expect(page.locator("input[type=file]")).to_have_count(1)
    content = 'review,stars\n"lovely,\nfilm",3\n,4\nzzz,5\n'
    page.locator("input[type=file]").set_input_files(
        {"name": "rows.csv", "mimeType": "text/csv", "buffer": content.encode()}
    )
    page.get_by_role("button", name="Predict all rows").click()
    expect(page.get_by_text("2 of 3 rows answered; 1 could not be read.")).to_be_visible()
    expect(page.get_by_role("row", name="2 review is empty: there is nothing to read")).to_be_visible()
    expect(page.get_by_text("the text of 1 row holds nothing that training saw, row 3")).to_be_visible()


def test_a_sentence_is_tagged_as_a_person_types_it(page: Page, sentences: dict[str, Path]) -> None:
    choose(page, "Bundle", "tagging")
    page.get_by_role("textbox", name="line").fill("The king, <b>my lord</b>, is dead!")
    page.get_by_role("button", name="Predict", exact=True).click()
    answer = page.locator(".st-key-answer")
    [record] = Predictor.load(sentences["tagging"]).predict(asked_row(page)).records()
    marks = answer.locator("[title$='%']")
    expect(marks).to_have_text(record["tags"])
    assert "oklch" in str(marks.first.evaluate("each => getComputedStyle(each).backgroundColor"))
    expect(answer.locator("b")).to_have_count(0)
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_a_word_is_set_in_its_gap(page: Page, sentences: dict[str, Path]) -> None:
    choose(page, "Bundle", "fill_blank")
    page.get_by_role("textbox", name="line").fill("The ___ is dead.")
    page.get_by_role("button", name="Predict", exact=True).click()
    [record] = Predictor.load(sentences["fill_blank"]).predict({"line": "The ___ is dead."}).records()
    expect(page.get_by_text(f"The {record['word']} is dead.")).to_be_visible()
    expect(page.locator(".st-key-answer b")).to_have_text(record["word"])
    for word, share in zip(record["words"], record["probabilities"], strict=True):
        expect(page.get_by_role("row", name=f"{word} {percent(share)}")).to_be_visible()


def test_it_fits_a_phone(page: Page) -> None:
    page.set_viewport_size(PHONE)
    expect(page.get_by_role("spinbutton", name="Age")).to_be_visible()
    predict(page)
    for tab in ("One row", "A CSV file", "Inspect", "Report"):
        page.get_by_role("tab", name=tab).click()
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0
