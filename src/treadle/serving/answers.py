"""Predictions as they are sent back: JSON, CSV, or a page with a table."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import numpy as np

from treadle.bundle.answers import ClassificationAnswers
from treadle.bundle.faulty import count_faulty, describe_fault
from treadle.bundle.forms import Columns, CsvForm
from treadle.bundle.predictor import UNREAD, OnBadRow, Predictions, Predictor
from treadle.data.cells import canonical_text
from treadle.data.contract import Fault
from treadle.data.table import Table
from treadle.serving.pages import page
from treadle.serving.refusals import RequestError

FAULTS_LISTED = 1000
_SHOWN_CHARACTERS = 200


def refuse_faults(predictions: Predictions) -> None:
    """Refuse the request if one of its rows broke the contract.

    Raises:
        RequestError: 422 with the first `FAULTS_LISTED` faults as details.
    """
    if predictions.faults:
        first = describe_fault(_shortened(predictions.faults[0]))
        message = (
            f"{count_faulty(predictions.faults)}, the first: {first}. With ?on_bad_row=skip such rows are left out, "
            "with ?on_bad_row=report they come back empty"
        )
        raise RequestError(422, "bad_rows", message, _listed(predictions.faults))


def answered_only(predictions: Predictions) -> Predictions:
    """The predictions without the rows that broke the contract; the faults stay listed."""
    if not predictions.faults:
        return predictions
    good = ~np.isin(predictions.numbers, [fault.row for fault in predictions.faults])
    columns = {name: column[good] for name, column in predictions.columns.items()}
    return replace(predictions, columns=columns, numbers=predictions.numbers[good])


@dataclass(frozen=True)
class Writer:
    """Writes one model's predictions. The labels' texts are made once.

    Args:
        predictor: whose predictions are written.
    """

    predictor: Predictor
    labels: tuple[str, ...]
    """The classes that probabilities are named by; none where they stand in the order of tags or words."""

    @classmethod
    def of(cls, predictor: Predictor) -> Writer:
        """The writer for `predictor`."""
        answers = predictor.answers
        labels = answers.labels if isinstance(answers, ClassificationAnswers) else ()
        return cls(predictor, tuple(map(canonical_text, labels)))

    def to_json(self, predictions: Predictions) -> bytes:
        """`{"model", "predictions": [{"row", ...}], "faults": [...]}`, and `notices` where texts are read."""
        rows: list[dict[str, Any]] = []
        for number, record in zip(predictions.numbers.tolist(), predictions.records(), strict=True):
            if self.labels and record["probabilities"] is not None:
                record["probabilities"] = dict(zip(self.labels, record["probabilities"], strict=True))
            rows.append({"row": number, **record})
        document = {"model": self.predictor.name, "predictions": rows, "faults": _listed(predictions.faults)}
        if self.predictor.bundle.features.text is not None:
            document["notices"] = [{"row": row, "reason": UNREAD} for row in predictions.unread[:FAULTS_LISTED]]
        return json.dumps(document, allow_nan=False).encode()

    def to_csv(self, table: Table, predictions: Predictions, on_bad_row: OnBadRow) -> str:
        """The rows with their answers, as `treadle predict` writes them.

        Raises:
            DataError: the rows have a column named as an answer.
        """
        form = self._form(table, on_bad_row)
        return form.head() + form.body(table, predictions)

    def to_html(self, table: Table, predictions: Predictions, on_bad_row: OnBadRow) -> str:
        """The same as a page."""
        form = self._form(table, on_bad_row)
        names = (*form.columns.passed, *form.columns.answered)
        head = "".join(f"<th>{escape(name)}</th>" for name in names)
        rows = zip(*form.texts(table, predictions), strict=True)
        body = "\n".join(
            "<tr>" + "".join(f"<td dir='auto'>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
        )
        title = f"Predictions of {self.predictor.name}"
        notes = [count_faulty(predictions.faults)] if predictions.faults else []
        notes += [f"Row {row}: {UNREAD}" for row in predictions.unread[:FAULTS_LISTED]]
        note = "".join(f"<p>{each}.</p>" for each in notes)
        return page(title, f"{note}<table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>")

    def _form(self, table: Table, on_bad_row: OnBadRow) -> CsvForm:
        return CsvForm(Columns.of(self.predictor.answers, list(table.columns), on_bad_row == "report"))


def _listed(faults: tuple[Fault, ...]) -> list[dict[str, Any]]:
    short = map(_shortened, faults[:FAULTS_LISTED])
    return [{"row": each.row, "column": each.column, "value": each.value, "reason": each.reason} for each in short]


def _shortened(fault: Fault) -> Fault:
    if len(fault.value) <= _SHOWN_CHARACTERS:
        return fault
    return Fault(fault.row, fault.column, fault.value[:_SHOWN_CHARACTERS] + "...", fault.reason)
