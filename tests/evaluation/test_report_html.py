"""The HTML report: self-contained, harmless, readable by a screen reader, and the same every time."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from treadle.evaluation import plots
from treadle.evaluation.evaluation import Confusion
from treadle.evaluation.report import Report
from treadle.evaluation.report_html import render_report
from treadle.evaluation.terms import figure

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    """Checks that elements nest, and collects them with their text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(params=["two_classes", "three_classes", "regression"])
def report(request: pytest.FixtureRequest) -> Report:
    made: Report = request.getfixturevalue(request.param).report()
    return made


def test_it_nests_and_says_what_matters(report: Report) -> None:
    page = Page(render_report(report))
    text = " ".join(page.text.split())
    assert report.evaluation.verdict is not None
    verdict = report.evaluation.verdict.partition(": ")[2] or report.evaluation.verdict
    assert verdict[1:] in text
    assert report.bundle in text
    assert "column 'shop' is always the same: dropped" in text
    for command, _ in report.commands:
        assert command in text


def test_it_loads_and_runs_nothing(report: Report) -> None:
    html = render_report(report)
    page = Page(html)
    assert not {"script", "link", "iframe", "img", "object", "embed", "base"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("href", "src"):
            assert (attributes.get(name) or "#").startswith("#")
    assert not re.findall(r"url\((?!#)", html)
    assert set(re.findall(r"https?://[^\"'<> ]+", html)) <= {"http://www.w3.org/2000/svg"}


def test_pictures_have_names_and_take_the_colours_of_the_page(report: Report) -> None:
    html = render_report(report)
    page = Page(html)
    pictures = page.all("svg")
    assert len(pictures) >= 3
    assert all(picture["role"] == "img" and picture["aria-label"] for picture in pictures)
    assert len(page.all("figure")) == len(page.all("figcaption")) + 1
    identities = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(identities) == len(set(identities))
    assert not re.findall(r"#0[1-8]0[1-8]0[1-8]", html)
    drawn = {colour.lower() for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL) for colour in colours(svg)}
    assert not drawn
    assert "prefers-color-scheme: dark" in html


def colours(svg: str) -> list[str]:
    """Colours that would stay as they are on a dark page."""
    return re.findall(r"(?:fill|stroke): ?(#[0-9a-fA-F]{6})", svg)


def test_the_same_report_gives_the_same_bytes(report: Report) -> None:
    assert render_report(report) == render_report(report)


OF_TOKENS = ["next_word", "fill_blank", "tagging", "spans"]


@pytest.fixture(params=OF_TOKENS)
def report_of_tokens(request: pytest.FixtureRequest) -> Report:
    made: Report = request.getfixturevalue(request.param)
    return made


def test_words_and_tags_are_reported_as_such(report_of_tokens: Report) -> None:
    evaluation = report_of_tokens.evaluation
    html = render_report(report_of_tokens)
    text = " ".join(Page(html).text.split())
    rows = "sentences" if evaluation.task == "tagging" else "lines"
    assert f"On {evaluation.tokens:,} words of {evaluation.rows} {rows}" in text
    assert f"The vocabulary has {evaluation.vocabulary} words" in text
    assert f"{100 * (evaluation.unknown_share or 0):.1f} % of the words counted are not in it" in text
    for figures in (evaluation.metrics, *evaluation.opponents.values()):
        for metric, value in figures.items():
            assert figure(metric, value) in text
    for note in evaluation.opponent_notes.values():
        assert note in text
    assert "Learning curve" in text
    for word in ("class", "classes", "positive", "threshold"):
        assert not re.search(rf"\b{word}\b", text, re.IGNORECASE)
    assert ("What it answers" in text) is (evaluation.task == "tagging")


def test_seventeen_tags_have_a_table_of_shares_and_their_commonest_mistakes(tagging: Report) -> None:
    html = render_report(tagging)
    confusion = tagging.evaluation.confusion
    assert confusion is not None
    assert len(confusion.labels) == 17
    text = Page(html).text
    for mistake in confusion.mistakes(12):
        assert f"{mistake.truth}{mistake.answer}{mistake.times:,} of {mistake.of:,}" in text
    table = html[html.index('<table class="confusion compact">') :]
    assert table[: table.index("</table>")].count("<td") == 17 * 17


def test_text_of_the_user_is_harmless(two_classes: Any) -> None:
    evil = "<script>alert(1)</script>"
    evaluation = two_classes.evaluate()
    labels = (evil, '"><img src=x onerror=alert(1)>')
    evaluation = evaluation.model_copy(
        update={
            "target": evil,
            "labels": labels,
            "positive": labels[1],
            "verdict": f"worth it: {evil}",
            "outcome": "worth_it",
            "confusion": Confusion(labels=labels, counts=((1, 2), (3, 4))),
            "opponent_notes": dict.fromkeys(evaluation.opponents, evil),
        }
    )
    report = two_classes.report(
        name=evil, source=evil, bundle=evil, example=evil, notices=(evil,), evaluation=evaluation
    )
    html = render_report(report)
    page = Page(html)
    assert not page.all("script")
    assert not page.all("img")
    assert page.text.count(evil) >= 8


def test_control_characters_are_shown_as_such(two_classes: Any) -> None:
    html = render_report(two_classes.report(source="a\x00b\u202ec"))
    assert "a\ufffdb\ufffdc" in html


def test_many_classes_are_told_by_their_commonest_mistakes(three_classes: Any) -> None:
    labels = tuple(f"class {index}" for index in range(30))
    counts = [[0] * 30 for _ in labels]
    counts[3][7] = 9
    counts[3][3] = 1
    confusion = Confusion(labels=labels, counts=tuple(map(tuple, counts)))
    evaluation = three_classes.evaluate().model_copy(update={"labels": labels, "confusion": confusion})
    page = Page(render_report(three_classes.report(evaluation=evaluation)))
    assert "class 3class 79 of 10" in page.text
    assert "class 29" not in page.text


def test_a_lower_error_lies_to_the_right(regression: Any) -> None:
    svg = plots.svg("differences", plots.forest(regression.evaluate().differences))
    shown = re.findall(r'<text[^>]*x="([\d.]+)"[^>]*>(−?[\d,.]+)</text>', svg)
    ticks = sorted((float(place), float(text.replace("−", "-").replace(",", ""))) for place, text in shown)
    values = [value for _, value in ticks]
    assert len(values) > 2
    assert values == sorted(values, reverse=True)
