"""The predictor: raw rows in, answers out, through the bundle's own contract, features and network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from treadle.bundle.answers import Answers, RowAnswers, TaggingAnswers, WordAnswers
from treadle.bundle.bundle import Bundle
from treadle.bundle.cores import MOST_NETWORKS, available_cores, side_by_side
from treadle.bundle.faulty import describe_faults
from treadle.bundle.sequences import SequenceSession
from treadle.bundle.session import network_errors, open_session
from treadle.data.contract import Checked, Contract, Fault
from treadle.data.sources import from_frame, from_rows
from treadle.data.table import Table
from treadle.errors import BundleError, ContractError
from treadle.features.vocabulary import UNKNOWN
from treadle.recipe import Task
from treadle.text_recipe import TextRecipe

OnBadRow = Literal["fail", "skip", "report"]
"""A row that breaks the contract: stop with an error, leave it out, or keep it with an empty answer and the reason."""

BLOCK = 4096
"""Rows given to the network at a time, so that what its layers hold stays in the processor's cache."""

TOKENS = 2**15
"""The same for texts: rows times tokens of the longest of them."""

UNREAD = "the text holds nothing that training saw: the answer does not rest on it"
"""What is said of a row of unknown words."""

KEPT_WORDS = 8
"""Log-probabilities of words by which a network is known again."""

_KEPT = 200


@dataclass(frozen=True)
class Predictions:
    """Answers in the order of the rows."""

    columns: dict[str, NDArray[Any]]
    """label, probability and probabilities, or value; see `Answers.answer`. Rows with a fault are empty: None, NaN."""
    numbers: NDArray[np.int64]
    """Number of each row in its source, shape (rows,)."""
    faults: tuple[Fault, ...] = ()
    notices: tuple[str, ...] = ()
    unread: tuple[int, ...] = ()
    """Numbers of the rows whose texts hold nothing that training saw; `notices` says so too."""

    def __len__(self) -> int:
        return len(self.numbers)

    def records(self) -> list[dict[str, Any]]:
        """One dictionary a row, of JSON values; an empty answer is None."""
        lists = {name: _without_nan(column) for name, column in self.columns.items()}
        return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


@dataclass(frozen=True)
class Readied:
    """Rows on their way to the network."""

    table: Table
    checked: Checked
    inputs: dict[str, NDArray[Any]]
    """What the network takes, for the rows without a fault."""
    vocabulary: int = 0
    """Numbers of known tokens, padding and unknown among them; those above are marks."""

    @cached_property
    def unread(self) -> NDArray[np.int64]:
        """Numbers of the rows whose texts hold no token that the network knows."""
        if "tokens" not in self.inputs or "affixes" in self.inputs:
            return np.empty(0, np.int64)
        tokens = self.inputs["tokens"]
        return self.table.numbers[self.checked.good][((tokens <= UNKNOWN) | (tokens >= self.vocabulary)).all(axis=1)]


class Predictor:
    """Answers rows with a bundle. It may be called from several threads at once.

    Args:
        bundle: what to predict with.

    Raises:
        BundleError: its network cannot be opened, or it does not fit the contract.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._session = open_session(bundle)
        self.sequences = (
            None if bundle.features.sequence is None else SequenceSession(self._session, bundle.name, bundle.weights)
        )
        """Of a task that answers at the tokens of a text."""

    @classmethod
    def load(cls, path: str | Path) -> Predictor:
        """The predictor of the bundle at `path`.

        Raises:
            BundleError: see `Bundle.load`.
        """
        return cls(Bundle.load(path))

    @property
    def name(self) -> str:
        """Name of the bundle."""
        return self.bundle.name

    @property
    def task(self) -> Task:
        """What it was trained for."""
        return self.bundle.task

    @property
    def contract(self) -> Contract:
        """What rows must look like."""
        return self.bundle.contract

    @property
    def answers(self) -> Answers:
        """How raw outputs become answers."""
        return self.bundle.answers

    @property
    def row_answers(self) -> RowAnswers:
        """How raw outputs become the one answer of a row.

        Raises:
            ContractError: the bundle answers at the tokens of a text.
        """
        if isinstance(self.answers, TaggingAnswers | WordAnswers):
            raise ContractError(
                f"bundle {self.name!r} is for {self.task}: this is for bundles of classification and regression"
            )
        return self.answers

    def predict(self, rows: object, on_bad_row: OnBadRow = "fail") -> Predictions:
        """Answers for a row (a dictionary), rows (a list of them), a frame, or a `Table`.

        Raises:
            ContractError: a column is missing, or a row breaks the contract and `on_bad_row` is `fail`.
        """
        if isinstance(rows, Table):
            table = rows
        elif isinstance(rows, Mapping) and not _holds_columns(rows):
            table = from_rows([dict(rows)])
        elif isinstance(rows, list):
            table = from_rows(rows, names=None if rows else [field.name for field in self.contract.features])
        else:
            table = from_frame(rows)
        return self.predict_table(table, on_bad_row)

    def predict_table(self, table: Table, on_bad_row: OnBadRow = "fail") -> Predictions:
        """Answers for the rows of `table`.

        Args:
            table: raw cells, as any reader gives them.
            on_bad_row: what becomes of a row that breaks the contract.

        Raises:
            ContractError: a column is missing, or a row breaks the contract and `on_bad_row` is `fail`.
        """
        readied = self.ready(table, on_bad_row)
        return self.answer(readied, self.run(readied.inputs, _all_cores()), on_bad_row)

    def ready(self, table: Table, on_bad_row: OnBadRow = "fail") -> Readied:
        """The first third of `predict_table`: rows to the network's inputs.

        Raises:
            ContractError: see `predict_table`.
        """
        checked = self.check(table)
        columns = checked.columns
        if checked.faults:
            if on_bad_row == "fail":
                raise ContractError(describe_faults(checked.faults, table.source))
            columns = {name: column[checked.good] for name, column in columns.items()}
        return Readied(table, checked, self.bundle.features.transform(columns), self.bundle.features.vocabulary)

    def check(self, table: Table) -> Checked:
        """The rows as the contract reads them, with the faults of texts that the task cannot answer.

        Raises:
            ContractError: a column is missing.
        """
        checked, sequence, text = self.contract.check(table), self.bundle.features.sequence, self.bundle.features.text
        if sequence is None or text is None:
            return checked
        field = self.contract.features[0]
        faults, good = list(checked.faults), checked.good.copy()
        for place in np.flatnonzero(checked.good):
            line = checked.columns[field.name][place]
            reason = sequence.fault(line)
            if reason is not None:
                good[place] = False
                faults.append(Fault(int(table.numbers[place]), field.name, line[:_KEPT], reason))
        longer = table.numbers[sequence.longer(text, checked.columns[field.name])].tolist()
        notices = (*checked.notices, *_notice_of_longer(longer, text.recipe))
        faults.sort(key=lambda fault: fault.row)
        return replace(checked, good=good, faults=tuple(faults), notices=notices)

    def answer(self, readied: Readied, outputs: NDArray[np.float32], on_bad_row: OnBadRow = "fail") -> Predictions:
        """The last third of `predict_table`: the network's raw outputs to answers.

        Raises:
            ContractError: see `predict_table`.
        """
        numbers, faults, good = readied.table.numbers, readied.checked.faults, readied.checked.good
        if not np.isfinite(outputs).all():
            sound = np.asarray(np.isfinite(outputs).all(axis=tuple(range(1, outputs.ndim))))
            faults += tuple(Fault(int(row), "", "", _NOT_FINITE) for row in numbers[good][~sound])
            if on_bad_row == "fail":
                raise ContractError(describe_faults(faults, readied.table.source))
            outputs, good = outputs[sound], _narrow(good, sound)
        answers = self._answers(readied, outputs, good[readied.checked.good])
        if faults and on_bad_row == "skip":
            numbers = numbers[good]
        elif faults:
            answers = {name: _scatter(column, good) for name, column in answers.items()}
        unread: tuple[int, ...] = tuple(readied.unread.tolist())
        notices = (*readied.checked.notices, *_notice_of(unread))
        return Predictions(answers, numbers, faults, notices, unread)

    def _answers(
        self, readied: Readied, outputs: NDArray[np.float32], kept: NDArray[np.bool_]
    ) -> dict[str, NDArray[Any]]:
        """Answers to raw outputs, those of the readied rows that are `kept`."""
        if isinstance(self.answers, TaggingAnswers):
            return self.answers.answer(outputs, readied.inputs["lengths"][kept])
        if isinstance(self.answers, WordAnswers):
            return self.answers.answer(outputs, self.words)
        return self.row_answers.answer(outputs)

    def kept(self, readied: Readied, outputs: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """What of the raw outputs is enough to know them by, for each row: all of them, or of words the largest."""
        if isinstance(self.answers, WordAnswers):
            return list(np.sort(outputs, axis=1)[:, : -KEPT_WORDS - 1 : -1])
        if isinstance(self.answers, TaggingAnswers):
            lengths = readied.inputs["lengths"].tolist()
            return [row[:length].ravel() for row, length in zip(outputs, lengths, strict=True)]
        return list(outputs)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The token of every number of the vocabulary; none where there is no vocabulary."""
        text = self.bundle.features.text
        return () if text is None else text.vocabulary.tokens or ()

    def outputs(self, columns: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        """The network's raw outputs, shape (rows, outputs), for columns as `Contract.check` gives them."""
        return self.run(self.bundle.features.transform(columns), _all_cores())

    def run(self, inputs: dict[str, NDArray[Any]], threads: int = 1) -> NDArray[np.float32]:
        """The network's raw outputs, shape (rows, outputs), for inputs as `Features.transform` gives them.

        Of a task with an answer for every token they are of shape (rows, tokens of the longest, outputs).

        Most of the time is spent outside Python, so that other threads can go on. Where each row is a text, blocks of
        them are answered by so many threads; callers that have several calls underway need no more than one.
        """
        rows = len(next(iter(inputs.values())))
        if self.sequences is not None:
            return self.sequences.run(inputs, self.answers.outputs)
        if rows == 0:
            return np.empty((0, self.answers.outputs), np.float32)
        if "tokens" in inputs and rows > 1:
            return self._run_by_length(inputs, threads)
        if rows <= BLOCK:
            return self.run_block(inputs)
        blocks = [slice(start, start + BLOCK) for start in range(0, rows, BLOCK)]
        return np.concatenate([self.run_block({name: array[b] for name, array in inputs.items()}) for b in blocks])

    def _run_by_length(self, inputs: dict[str, NDArray[Any]], threads: int) -> NDArray[np.float32]:
        """Rows of about one length at a time, so that hardly a padded step is computed."""
        lengths = inputs["lengths"]
        order = np.argsort(lengths, kind="stable")
        outputs = np.empty((len(order), self.answers.outputs), np.float32)

        def answer(rows: NDArray[np.int64]) -> None:
            block = {name: array[rows] for name, array in inputs.items()}
            block["tokens"] = np.ascontiguousarray(block["tokens"][:, : lengths[rows[-1]]])
            outputs[rows] = self.run_block(block)

        blocks = []
        end = len(order)
        while end > 0:
            start = max(0, end - max(1, TOKENS // int(lengths[order[end - 1]])))
            blocks.append(order[start:end])
            end = start
        side_by_side(answer, blocks, threads)
        return outputs

    def run_block(self, inputs: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Raw outputs as `run` gives them, of all rows at once."""
        if self.sequences is not None:
            return self.sequences.block(inputs)
        try:
            outputs: NDArray[np.float32] = self._session.run(("outputs",), inputs)[0]
        except network_errors() as error:
            raise BundleError(f"bundle {self.name!r}: its network cannot be run: {error}") from None
        return outputs


def load(path: str | Path) -> Predictor:
    """The predictor of the bundle at `path`.

    Raises:
        BundleError: see `Bundle.load`.
    """
    return Predictor.load(path)


_NOT_FINITE = "the network gives no finite answer; its numbers are too far from those it was trained on"


def _all_cores() -> int:
    return min(available_cores(), MOST_NETWORKS)


def _holds_columns(rows: Mapping[object, object]) -> bool:
    """Whether a dictionary is a frame (column -> cells) and not one row (column -> cell)."""
    return any(isinstance(cells, list | tuple | np.ndarray) for cells in rows.values())


def _notice_of(unread: tuple[int, ...]) -> tuple[str, ...]:
    if not unread:
        return ()
    texts = "the text of 1 row holds" if len(unread) == 1 else f"the texts of {len(unread):,} rows hold"
    first = f"{'' if len(unread) == 1 else 'such as '}row {unread[0]}"
    return (f"{texts} nothing that training saw, {first}: the answer does not rest on it",)


def _notice_of_longer(rows: list[int], recipe: TextRecipe) -> tuple[str, ...]:
    if not rows:
        return ()
    texts = f"the text of row {rows[0]} has" if len(rows) == 1 else f"{len(rows):,} texts, such as row {rows[0]}, have"
    return (f"{texts} more than {recipe.length:,} tokens: only the {recipe.keep} {recipe.length:,} are answered",)


def _narrow(good: NDArray[np.bool_], sound: NDArray[np.bool_]) -> NDArray[np.bool_]:
    narrowed = good.copy()
    narrowed[good] = sound
    return narrowed


def _scatter(answers: NDArray[Any], good: NDArray[np.bool_]) -> NDArray[Any]:
    """`answers` in the places of the good rows; None or NaN in the others."""
    empty = None if answers.dtype == object else np.nan
    column = np.full((len(good), *answers.shape[1:]), empty, answers.dtype)
    column[good] = answers
    return column


def _without_nan(column: NDArray[Any]) -> list[Any]:
    """The cells as Python values, an empty answer as None."""
    cells: list[Any] = column.tolist()
    if column.dtype != object:
        empty = np.isnan(column if column.ndim == 1 else column[:, 0])
        for row in np.flatnonzero(empty):
            cells[row] = None
    return cells
