"""A file of rows: answers equal the predictor's, broken rows are named, and no cell of the download is a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from treadle.bundle.predictor import Predictor
from treadle.errors import ContractError, DataError
from treadle.studio.table_tab import answer_file, example

Open = Callable[..., AppTest]
ASKED = ("upload", "utf-8")
HEAD = "Age,Balance,Country,Plan,Card,Active,Joined,Note\n"
GOOD = "40,50000,Spain,gold,true,yes,2019-05-31,=1+1\n"
BROKEN = "forty,50000,Spain,gold,true,yes,2019-05-31,x\n"
FILE = (HEAD + GOOD + BROKEN + GOOD).encode()


@pytest.fixture
def bank(paths: dict[str, Path]) -> Predictor:
    return Predictor.load(paths["bank"])


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_answers_are_the_predictors(bank: Predictor) -> None:
    answered = answer_file(bank, FILE, "rows.csv", ASKED)
    rows = rows_of(answered.content)
    row = dict(zip(HEAD.strip().split(","), GOOD.strip().split(","), strict=True))
    expected = bank.predict(row).columns["probabilities"][0, 1]
    assert [each["label"] for each in rows] == [rows[0]["label"], "", rows[0]["label"]]
    assert float(rows[0]["probability_1"]) == pytest.approx(expected, abs=1e-6)
    assert rows[0]["Note"] == "'=1+1"
    assert "Age" in rows[1]["fault"]
    assert (answered.summary.rows, answered.summary.answered) == (3, 2)
    assert list(answered.first.columns)[:2] == ["Age", "Balance"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (HEAD.encode(), "column names but no rows"),
        (b"Age,Age\n1,2\n", "are all named 'Age'"),
        (FILE.replace(b"Country", b"Countri"), "no column 'Country'; did you mean 'Countri'"),
        ("Age\nM\xfcnchen\n".encode("cp1252"), "not utf-8"),
        (b'Age\n"open', "a quote is left open"),
        (b"PK\x03\x04 a workbook", "not a table of text"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_words(bank: Predictor, content: bytes, message: str) -> None:
    with pytest.raises((DataError, ContractError), match=message):
        answer_file(bank, content, "rows.csv", ASKED)


def upload(screen: AppTest, content: bytes) -> AppTest:
    screen.file_uploader[0].set_value(("rows.csv", content, "text/csv"))
    return screen.run()


def press(screen: AppTest) -> AppTest:
    next(button for button in screen.button if button.label == "Predict all rows").click()
    return screen.run()


def test_the_tab_answers_after_a_click_and_names_the_broken_row(open_screen: Open) -> None:
    screen = upload(open_screen("bank"), FILE)
    assert not screen.dataframe
    press(screen)
    assert not screen.exception
    assert any("2 of 3 rows answered; 1 could not be read" in warning.value for warning in screen.warning)
    page = "".join(html.proto.body for html in screen.html)
    assert "forty" in page
    assert "is no number" in page
    shown = screen.dataframe[0].value
    assert shown["row"].tolist() == [1, 2, 3]
    assert shown.columns[1] == "label"


def test_another_upload_takes_the_old_answers_away(open_screen: Open) -> None:
    screen = press(upload(open_screen("bank"), FILE))
    assert screen.dataframe
    upload(screen, (HEAD + GOOD).encode())
    assert not screen.dataframe
    press(screen)
    assert any("1 of 1 rows answered" in success.value for success in screen.success)


def test_an_error_is_a_message_and_the_answers_before_it_are_gone(open_screen: Open) -> None:
    screen = press(upload(open_screen("bank"), FILE))
    press(upload(screen, b"Age\n1\n"))
    assert not screen.exception
    assert "no columns" in screen.error[0].value or "no column" in screen.error[0].value
    assert not screen.dataframe


def test_the_example_file_is_answered(bank: Predictor) -> None:
    answered = answer_file(bank, example(bank.contract).encode(), "example.csv", ASKED)
    assert answered.summary.answered == 1


def test_regression_answers_with_values(open_screen: Open) -> None:
    screen = press(upload(open_screen("spending"), FILE))
    assert screen.dataframe[0].value.columns[1] == "value"
