"""A file of rows: upload it, and after a click read the answers, see which rows have none and why, and download all."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import streamlit as st

from treadle.bundle.forms import Columns, CsvForm
from treadle.bundle.predictor import Predictor
from treadle.bundle.stream import CHUNK_ROWS, Summary, predict_stream
from treadle.data.contract import Contract, Field
from treadle.data.delimited import read_delimited
from treadle.data.table import Table
from treadle.errors import DataError, TreadleError
from treadle.studio import figures
from treadle.studio.figures import Cell
from treadle.studio.launch import UPLOAD_MEGABYTES
from treadle.studio.text import number, plain, plain_lines

ENCODINGS = ("utf-8", "cp1252", "utf-16")
SHOWN_ROWS = 1000
SHOWN_NAMES = 40
LONGEST_CELL = 60
LONGEST_SHOWN = 300
"""Characters of a cell in the table; the download has all of it."""


@dataclass(frozen=True)
class Answered:
    """A file's answers, kept so that other interactions on the page do not ask for them again."""

    asked: tuple[str, str]
    """Identity of the upload, and the encoding it was read in."""
    content: bytes
    """The CSV to download: the rows with their answers, and what is wrong with those that have none."""
    first: Table
    """The first rows of it."""
    summary: Summary


def show(predictor: Predictor, key: str) -> None:
    """Draw the upload; answer its rows when the button is clicked, and not before."""
    st.markdown(_needed(predictor.contract))
    left, right = st.columns([4, 1], vertical_alignment="top")
    with left:
        upload = st.file_uploader(
            "A CSV or TSV file whose first line names the columns",
            type=["csv", "tsv", "txt"],
            key=f"{key}/file",
            max_upload_size=UPLOAD_MEGABYTES,
        )
    with right:
        encoding: str = st.selectbox("Encoding", ENCODINGS, key=f"{key}/encoding")
        st.download_button(
            "Example file",
            example(predictor.contract),
            file_name=f"{predictor.name}_example.csv",
            mime="text/csv",
            icon=":material/draft:",
            on_click="ignore",
            key=f"{key}/example",
            width="stretch",
        )
    if upload is None:
        return
    kept, asked = f"{key}/answers", (upload.file_id, encoding)
    if st.button("Predict all rows", type="primary", icon=":material/play_arrow:", key=f"{key}/all"):
        st.session_state.pop(kept, None)
        try:
            with st.spinner("Answering"):
                st.session_state[kept] = answer_file(predictor, upload.getvalue(), upload.name, asked)
        except TreadleError as error:
            st.error(plain_lines(error), icon=":material/error:")
    answered = st.session_state.get(kept)
    if answered is not None and answered.asked == asked:
        _show_answered(predictor, answered, key)


def answer_file(predictor: Predictor, content: bytes, name: str, asked: tuple[str, str]) -> Answered:
    """The answers to an uploaded file; rows that break the contract stay in it, with the reason.

    Raises:
        DataError: the file is empty or no table, or a column of the contract is missing.
    """
    chunks = read_delimited(io.BytesIO(content), name, encoding=asked[1], chunk_rows=CHUNK_ROWS)
    first = next(chunks, None)
    if first is None:
        raise DataError(f"{name}: column names but no rows")
    columns = Columns.of(predictor.answers, list(first.columns), reports=True)
    written = io.BytesIO()
    summary = predict_stream(predictor, chain([first], chunks), CsvForm(columns), written.write, "report")
    return Answered(asked, written.getvalue(), _first_rows(written), summary)


def _first_rows(written: io.BytesIO) -> Table:
    """The table shown is read back from the file offered, so that both say the same."""
    written.seek(0)
    rows: Iterator[Table] = read_delimited(written, "answers", delimiter=",", chunk_rows=SHOWN_ROWS)
    return next(rows)


def _show_answered(predictor: Predictor, answered: Answered, key: str) -> None:
    summary = answered.summary
    said = f"{number(summary.answered)} of {number(summary.rows)} rows answered"
    if summary.unanswered:
        st.warning(f"{said}; {number(summary.unanswered)} could not be read.", icon=":material/rule:")
        _show_faults(summary)
        if summary.unanswered > len({fault.row for fault in summary.faults}):
            st.caption("These are the first ones; the download names all of them in its last column.")
    else:
        st.success(f"{said}.", icon=":material/check_circle:")
    for notice in summary.notices:
        st.caption(plain(notice))
    st.dataframe(
        _cells(answered.first), hide_index=True, width="stretch", height=min(38 + 35 * len(answered.first), 420)
    )
    if summary.rows > len(answered.first):
        st.caption(f"The first {number(len(answered.first))} rows; the download has all.")
    st.download_button(
        "Download the answers",
        answered.content,
        file_name=f"{predictor.name}_answers.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=f"{key}/download",
    )


def _cells(table: Table) -> dict[str, list[Any]]:
    """What is shown: the row's number, the answer, then the cells it was given for."""
    names = list(table.columns)
    answers = next((names.index(name) for name in ("label", "value", "tags", "word") if name in names), 0)
    ordered = names[answers:] + names[:answers]
    return {"row": table.numbers.tolist(), **{name: _begun(table.columns[name].tolist()) for name in ordered}}


def _begun(cells: list[str]) -> list[str]:
    return [cell if len(cell) <= LONGEST_SHOWN else f"{cell[:LONGEST_SHOWN]}..." for cell in cells]


def _show_faults(summary: Summary) -> None:
    rows = [
        [Cell(str(fault.row)), Cell(fault.column), Cell(_short(fault.value)), Cell(fault.reason)]
        for fault in summary.faults
    ]
    figures.show(["Row", "Column", "Value", "What is wrong"], rows, texts=4)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}..."


def _needed(contract: Contract) -> str:
    names = [plain(field.name) for field in contract.features]
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return f"Every row of a file at once. It needs the columns {', '.join(names[:SHOWN_NAMES])}{more}; others are kept."


def _typical(field: Field) -> object:
    if field.kind == "text":
        return field.example
    return "" if field.typical is None else field.show(field.typical)


def example(contract: Contract) -> str:
    """A file of one typical row."""
    row = {field.name: _typical(field) for field in contract.features}
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([row.keys(), row.values()])
    return text.getvalue()
