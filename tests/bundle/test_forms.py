"""Rows with their answers as CSV and JSON Lines: every cell kept, quoted where it must be, and no formula."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.bundle.answers import ClassificationAnswers, RegressionAnswers, TaggingAnswers, WordAnswers
from treadle.bundle.bundle import Bundle
from treadle.bundle.forms import Columns, CsvForm, JsonLinesForm, form_of
from treadle.bundle.predictor import Predictions, Predictor
from treadle.data.contract import Fault
from treadle.data.sources import from_frame, from_rows
from treadle.data.table import Table
from treadle.errors import DataError

TWO = ClassificationAnswers(labels=("no", "yes"), positive=1, threshold=0.5)
VALUES = RegressionAnswers(mean=0.0, scale=1.0)
TAGS = TaggingAnswers(labels=("NOUN", "-LRB-"))
WORDS = WordAnswers(task="next_word", outputs=8, most=2)


def objects(cells: list[Any]) -> np.ndarray:
    column = np.empty(len(cells), object)
    column[:] = cells
    return column


def answered(table: Table, probability: list[float], faults: tuple[Fault, ...] = ()) -> Predictions:
    positive = np.array(probability)
    return Predictions(TWO.answer(np.stack([1 - positive, positive], axis=1)), table.numbers, faults)


def csv_of(
    table: Table, predictions: Predictions, answers: Any = TWO, *, reports: bool = False, safe: bool = True
) -> str:
    form = CsvForm(Columns.of(answers, list(table.columns), reports), safe)
    return form.head() + form.body(table, predictions)


def test_a_row_keeps_its_cells_and_gets_its_answer() -> None:
    table = Table.of({"b": objects(["1", "x"]), "a": objects(["", "2.50"])})
    assert csv_of(table, answered(table, [0.25, 0.75])) == (
        "b,a,label,probability,probability_no,probability_yes\n"
        "1,,no,0.750000,0.750000,0.250000\n"
        "x,2.50,yes,0.750000,0.250000,0.750000\n"
    )


def test_small_probabilities_keep_their_digits() -> None:
    table = Table.of({"a": objects(list("123456"))})
    lines = csv_of(table, answered(table, [1e-9, 0.0, 1.0, 0.0009994, 0.9999996, 0.001])).splitlines()
    assert [line.split(",")[-1] for line in lines[1:]] == [
        "1e-09",
        "0",
        "1.000000",
        "0.0009994",
        "1.000000",
        "0.001000",
    ]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
@settings(max_examples=100, deadline=None)
def test_written_probabilities_are_right_to_six_places(probabilities: list[float]) -> None:
    table = Table.of({"a": objects(["x"] * len(probabilities))})
    for line, probability in zip(
        csv_of(table, answered(table, probabilities)).splitlines()[1:], probabilities, strict=True
    ):
        assert float(line.split(",")[-1]) == pytest.approx(probability, abs=5.1e-7, rel=1e-3)


def test_values_keep_nine_digits() -> None:
    table = Table.of({"a": objects(["x", "y", "z"])})
    predictions = Predictions({"value": np.array([123456.789012, -0.5, np.nan])}, table.numbers)
    assert csv_of(table, predictions, VALUES) == "a,value\nx,123456.789\ny,-0.5\nz,\n"


CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ['"', ",", "a,b", "\n", "\r\n", '"x"', "=1+1", "-", "-5", "-5x", "+1e3", "@a", "\t", "", " ", "1,5", "=", "0\n1"]
)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8))
@settings(max_examples=300, deadline=None)
def test_any_text_comes_back_as_it_was(rows: list[tuple[str, str]]) -> None:
    table = Table.of({"a": objects([a for a, _ in rows]), "b": objects([b for _, b in rows])})
    text = csv_of(table, answered(table, [0.5] * len(rows)), safe=False)
    read = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert [tuple(row[:2]) for row in read[1:]] == rows
    safe = list(csv.reader(io.StringIO(csv_of(table, answered(table, [0.5] * len(rows))), newline=""), strict=True))
    for row, cells in zip(safe[1:], rows, strict=True):
        for written, cell in zip(row, cells, strict=False):
            assert written in (cell, f"'{cell}")
            assert not _runs(written)


def _runs(cell: str) -> bool:
    """Whether a spreadsheet would take the cell for a formula."""
    if len(cell) < 2 or cell[0] not in "=+-@\t\r\n":
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False


def test_formulas_are_disarmed_and_numbers_are_not() -> None:
    table = Table.of(
        {
            "=cmd()": objects(["=HYPERLINK(1)", "a", "-2"]),
            "n": objects(["-1.5", "+3", "-1e-7"]),
            "t": objects(["-", "@me", "\tx"]),
        }
    )
    text = csv_of(table, answered(table, [0.5] * 3))
    assert text.splitlines()[0].startswith("'=cmd(),n,t,")
    assert [line.split(",")[:3] for line in text.splitlines()[1:]] == [
        ["'=HYPERLINK(1)", "-1.5", "-"],
        ["a", "+3", "'@me"],
        ["-2", "-1e-7", "'\tx"],
    ]
    assert "'" not in csv_of(table, answered(table, [0.5] * 3), safe=False)


def test_a_label_is_disarmed_too() -> None:
    answers = ClassificationAnswers(labels=("=1+1", "b"))
    table = Table.of({"a": objects(["1"])})
    predictions = Predictions(answers.answer(np.array([[0.9, 0.1]])), table.numbers)
    assert csv_of(table, predictions, answers).splitlines()[1] == "1,'=1+1,0.900000,0.900000,0.100000"


def test_labels_are_written_as_their_values() -> None:
    table = Table.of({"a": objects(["1", "2"])})
    for labels, written in (((False, True), ["false", "true"]), ((0, 1), ["0", "1"]), ((0.5, 2.0), ["0.5", "2.0"])):
        answers = ClassificationAnswers(labels=labels)
        predictions = Predictions(answers.answer(np.eye(2)), table.numbers)
        lines = csv_of(table, predictions, answers).splitlines()
        assert lines[0] == f"a,label,probability,probability_{written[0]},probability_{written[1]}"
        assert [line.split(",")[1] for line in lines[1:]] == written


def test_cells_of_any_source_are_written() -> None:
    frame = pl.DataFrame(
        {
            "i": [1, None],
            "f": [0.1, None],
            "s": ["x", None],
            "b": [True, None],
            "d": ["2024-05-31", None],
        }
    ).with_columns(pl.col("d").str.to_date())
    table = from_frame(frame)
    lines = csv_of(table, answered(table, [0.5, 0.5])).splitlines()[1:]
    assert lines[0].startswith("1")
    assert ",0.1,x,true,2024-05-31" in lines[0]
    assert lines[1].startswith(",,,,,yes")
    rows = json_of(table, answered(table, [0.5, 0.5]))
    assert rows[1]["i"] is None
    assert rows[1]["f"] is None
    assert rows[1]["s"] is None
    assert rows[0]["f"] == 0.1
    assert rows[0]["b"] is True
    assert rows[0]["d"].startswith("2024-05-31")


def json_of(
    table: Table, predictions: Predictions, answers: Any = TWO, *, reports: bool = False
) -> list[dict[str, Any]]:
    form = JsonLinesForm(Columns.of(answers, list(table.columns), reports))
    assert form.head() == ""
    return [json.loads(line) for line in form.body(table, predictions).splitlines()]


def test_json_lines_keep_cells_as_they_were() -> None:
    rows = [{"a": 1, "b": "ä", "c": None, "d": [1, {"x": 2}], "e": 1.5}, {"a": float("nan"), "b": "\n", "e": True}]
    table = from_rows(rows)
    (first, second) = json_of(table, answered(table, [0.25, 1.0]))
    answer = {"label": "no", "probability": 0.75, "probability_no": 0.75, "probability_yes": 0.25}
    assert first == {**rows[0], **answer}
    assert second["a"] is None
    assert second["e"] is True


def test_faults_are_reported_beside_the_rows() -> None:
    table = Table.of({"a": objects(["1", "x", "3"])})
    faults = (Fault(2, "a", "x", "is no number"), Fault(2, "", "", "and more"))
    predictions = answered(table, [0.5, np.nan, 0.5], faults)
    predictions.columns["label"][1] = None
    lines = csv_of(table, predictions, reports=True).splitlines()
    assert lines[0].endswith(",probability_yes,fault")
    assert lines[1].endswith(",0.500000,")
    assert lines[2] == "x,,,,,\"row 2, column 'a': 'x' is no number; row 2: and more\""
    records = json_of(table, predictions, reports=True)
    assert [record["fault"] is None for record in records] == [True, False, True]
    assert records[1]["label"] is records[1]["probability_yes"] is None


def tagged(table: Table) -> Predictions:
    shares = np.array([[[0.75, 0.25], [0.0001, 0.9999], [0.5, 0.5]], [[0.125, 0.875]] * 3, [[0.5, 0.5]] * 3])
    columns = TAGS.answer(np.log(shares).astype(np.float32), np.array([2, 1, 0]))
    return Predictions(columns, table.numbers)


def test_a_sentence_is_written_with_its_tags() -> None:
    table = Table.of({"text": objects(["dogs (", "(", "?"])})
    text = csv_of(table, tagged(table), TAGS)
    assert text == (
        "text,tags,probabilities\n"
        "dogs (,NOUN -LRB-,0.750000 0.999900\n"
        # A spreadsheet would run it.
        "(,'-LRB-,0.875000\n"
        "?,,\n"
    )
    first, second, third = json_of(table, tagged(table), TAGS)
    assert list(first) == ["text", "tags", "probabilities"]
    assert first["tags"] == ["NOUN", "-LRB-"]
    assert first["probabilities"] == pytest.approx([0.75, 0.9999])
    assert (second["tags"], third["tags"], third["probabilities"]) == (["-LRB-"], [], [])


def test_words_are_written_the_likeliest_first() -> None:
    shares = np.array(
        [[0.25, 0.2, 0.00001, 0.3, 0.05, 0.15, 0.02, 0.02999], [0.1, 0.1, 0.4, 0.1, 0.05, 0.1, 0.1, 0.05]]
    )
    vocabulary = ("[PAD]", "[UNK]", "a", "ice cream", "=1+1", "c")
    table = Table.of({"text": objects(["x", "y"]), "word": objects(["1", "2"])})
    predictions = Predictions(WORDS.answer(np.log(shares).astype(np.float32), vocabulary), table.numbers)
    assert csv_of(table, predictions, WORDS).splitlines() == [
        "text,word,predicted_word,predicted_probability,predicted_words,predicted_probabilities",
        "x,1,ice cream,0.300000,ice\u00a0cream c,0.300000 0.150000",
        "y,2,a,0.400000,a ice\u00a0cream,0.400000 0.100000",
    ]
    first, _ = json_of(table, predictions, WORDS)
    assert first["predicted_words"] == ["ice cream", "c"]
    assert first["predicted_probabilities"] == pytest.approx([0.3, 0.15])
    assert (first["predicted_word"], first["predicted_probability"]) == ("ice cream", pytest.approx(0.3))


@pytest.mark.parametrize("task", ["tags", "words"])
def test_a_row_without_tags_or_words_is_empty(task: str) -> None:
    table = Table.of({"text": objects(["dogs (", "?"])})
    columns = {
        "tags": {"tags": objects([["NOUN"], None]), "probabilities": objects([[0.5], None])},
        "words": {
            "word": objects(["a", None]),
            "probability": np.array([0.5, np.nan]),
            "words": objects([["a"], None]),
            "probabilities": objects([[0.5], None]),
        },
    }[task]
    answers = TAGS if task == "tags" else WORDS
    predictions = Predictions(columns, table.numbers, (Fault(2, "text", "?", "names no gap"),))
    *_, last = csv_of(table, predictions, answers, reports=True).splitlines()
    assert last == "?" + "," * len(columns) + ",\"row 2, column 'text': '?' names no gap\""
    record = json_of(table, predictions, answers, reports=True)[1]
    assert [record[name] for name in columns] == [None] * len(columns)


def test_skipped_rows_are_not_written(bundle: Bundle, make_customers: Callable[..., Table]) -> None:
    table = make_customers(5)
    table.columns["age"][1] = "?"
    predictor = Predictor(bundle)
    text = csv_of(table, predictor.predict_table(table, "skip"), bundle.answers)
    assert [line.split(",")[0] for line in text.splitlines()[1:]] == [table.columns["age"][i] for i in (0, 2, 3, 4)]


def test_names_of_the_input_are_not_taken() -> None:
    assert Columns.of(TWO, ["a", "label"], False).answered == (
        "predicted_label",
        "predicted_probability",
        "predicted_probability_no",
        "predicted_probability_yes",
    )
    assert Columns.of(VALUES, ["value"], True).answered == ("predicted_value", "predicted_fault")
    assert Columns.of(TAGS, ["tags"], True).answered == ("predicted_tags", "predicted_probabilities", "predicted_fault")
    with pytest.raises(DataError, match="already has a column 'predicted_value'"):
        Columns.of(VALUES, ["value", "predicted_value"], False)


def test_a_column_that_comes_late_is_no_csv() -> None:
    form = form_of("csv", Columns.of(TWO, ["a", "b"], False))
    table = from_rows([{"a": 1}])
    assert form.body(table, answered(table, [0.5])).startswith("1,,")
    late = from_rows([{"a": 1, "c": 2}], source="x.jsonl")
    with pytest.raises(DataError, match=r"x\.jsonl: column 'c' first appears in or after row 1.*\.jsonl"):
        form.body(late, answered(late, [0.5]))
    assert isinstance(form_of("jsonl", Columns.of(TWO, ["a"], False)), JsonLinesForm)


def test_no_rows_are_no_lines() -> None:
    table = Table.of({"a": objects([])})
    predictions = Predictions(TWO.answer(np.empty((0, 2), np.float32)), table.numbers)
    assert csv_of(table, predictions) == "a,label,probability,probability_no,probability_yes\n"
    assert json_of(table, predictions) == []
