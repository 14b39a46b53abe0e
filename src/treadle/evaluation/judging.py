"""From checked texts to the lines that are judged, and from a saved bundle to its judge: what is judged is served."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from treadle.bundle.answers import TaggingAnswers
from treadle.bundle.faulty import describe_faults
from treadle.bundle.predictor import OnBadRow, Predictor
from treadle.data.contract import Contract
from treadle.data.table import Table
from treadle.data.tokens import cut_at_blanks
from treadle.errors import ContractError, DataError
from treadle.evaluation.evaluation import Evaluation
from treadle.evaluation.lines import Lines, SequenceTerms, unseen, words_of
from treadle.evaluation.sequences import SequenceOpponent, evaluate_sequences
from treadle.evaluation.tally import Judge, Tally, WordBlock, tally_of_tags, tally_of_words
from treadle.features import Features
from treadle.features.sequences import NOT_DUE, Line
from treadle.recipe import EvaluationRecipe

Columns = Mapping[str, NDArray[Any]]


def lines_to_judge(features: Features, contract: Contract, columns: Columns) -> Lines:
    """What is read of checked rows and what is due there."""
    text, sequence = features.text, features.sequence
    assert text is not None
    assert sequence is not None
    raw = columns[text.columns[0]]
    if sequence.task == "tagging":
        return _tagged(features, contract, columns)
    lines = sequence.lines(text, dict(columns))
    if sequence.running:
        [line] = lines
        # A row of the running text is what foretells one line, its end included.
        ends = np.flatnonzero(line.due == sequence.end(text)) + 1
        reads, due = (np.split(part, ends)[: len(ends)] for part in line)
        # The first is no row where nothing of it is read.
        return Lines(tuple(reads), tuple(due), np.asarray(raw[len(raw) - len(ends) :], dtype=object))
    if sequence.task == "fill_blank":
        return Lines(tuple(line.reads for line in lines), tuple(line.due[1:-1] for line in lines), raw)
    if not sequence.marked(text):
        # A line of one word foretells nothing.
        lengths = np.array([len(row) for row in sequence.read(text, dict(columns))])
        raw = raw[lengths > 1]
    return Lines(tuple(line.reads for line in lines), tuple(line.due for line in lines), raw)


def _tagged(features: Features, contract: Contract, columns: Columns) -> Lines:
    text = features.text
    assert text is not None
    codes = {tag: code for code, tag in enumerate(contract.target.categories)}
    most, last = text.recipe.length, text.recipe.keep == "last"
    kept = slice(-most, None) if last else slice(None, most)
    words = [cut_at_blanks(line)[kept] for line in columns[text.columns[0]].tolist()]
    tags = [cut_at_blanks(cell)[kept] for cell in columns[contract.target.name].tolist()]
    texts = np.array([" ".join(row) for row in words], dtype=object)
    inputs = text.transform({text.columns[0]: texts})
    reads = [row[:length] for row, length in zip(inputs["tokens"], inputs["lengths"].tolist(), strict=True)]
    due = [np.array([codes.get(tag, NOT_DUE) for tag in row], np.int32) for row in tags]
    return Lines(tuple(reads), tuple(due), texts)


def terms_of(features: Features, contract: Contract, train: Lines | None = None) -> SequenceTerms:
    """What the numbers of lines mean; `train` are the lines that training saw."""
    text, sequence = features.text, features.sequence
    assert text is not None
    assert sequence is not None
    tagging = sequence.task == "tagging"
    return SequenceTerms(
        size=text.vocabulary.size,
        min_count=text.recipe.min_count,
        running=sequence.running,
        labels=contract.target.categories if tagging else (),
        seen=words_of(train) if tagging and train is not None else frozenset(),
    )


def judge_of(predictor: Predictor, terms: SequenceTerms) -> Judge:
    """The judge of a bundle's network, through its own predictor."""
    sequence, session, answers = predictor.bundle.features.sequence, predictor.sequences, predictor.answers
    assert sequence is not None
    assert session is not None

    def words(lines: Lines) -> Tally:
        return tally_of_words(_blocks(predictor, lines, terms), len(lines), terms)

    def tags(lines: Lines) -> Tally:
        text = predictor.bundle.features.text
        assert isinstance(answers, TaggingAnswers)
        assert text is not None
        inputs = text.transform({text.columns[0]: lines.texts})
        chosen = answers.choose(session.run(inputs, answers.outputs), inputs["lengths"])
        return tally_of_tags(
            chosen[chosen >= 0], lines.due, lines.row, unseen(lines, terms.seen), terms.labels, rows=len(lines)
        )

    return tags if sequence.task == "tagging" else words


def _blocks(predictor: Predictor, lines: Lines, terms: SequenceTerms) -> Iterator[WordBlock]:
    sequence, session = predictor.bundle.features.sequence, predictor.sequences
    assert sequence is not None
    assert session is not None
    if terms.running:
        whole, row, start = Line(lines.read, lines.due), lines.row, 0
        for said in session.read_on(whole, terms.outputs):
            yield WordBlock(said.outputs, said.due, row[start : start + len(said.due)])
            start += len(said.due)
        return
    pairs = zip(lines.inputs, lines.targets, strict=True)
    if sequence.task == "fill_blank":
        asked = [Line(reads, np.pad(due, 1, constant_values=NOT_DUE)) for reads, due in pairs]
    else:
        asked = [Line(reads, due) for reads, due in pairs]
    for said in session.due(asked, terms.outputs):
        yield WordBlock(said.outputs, said.due, said.rows)


def evaluate_lines(
    predictor: Predictor,
    table: Table,
    opponents: Mapping[str, SequenceOpponent] | None = None,
    terms: SequenceTerms | None = None,
    *,
    seed: int = 0,
    on_bad_row: OnBadRow = "fail",
) -> Evaluation:
    """Figures of a predictor that answers at the tokens of texts it was not trained on.

    Args:
        predictor: of the saved bundle.
        table: raw rows, with tags where tags are learnt.
        opponents: to be judged on the same rows; none judges the predictor alone.
        terms: what the numbers of lines mean, where the words that training saw are known.
        seed: of the resamples.
        on_bad_row: `fail` stops at rows that break the contract; otherwise they are left out and counted.

    Raises:
        ContractError: a column is missing, or rows break the contract and `on_bad_row` is `fail`.
        DataError: no row is left to judge.
    """
    bundle = predictor.bundle
    checked = predictor.contract.check(table, with_target=True)
    if checked.faults and on_bad_row == "fail":
        raise ContractError(describe_faults(checked.faults, table.source))
    if not checked.good.any():
        raise DataError(f"{table.source}: no row to judge: none of its {len(table)} rows keeps the contract")
    columns = {name: cells[checked.good] for name, cells in checked.columns.items()}
    terms = terms or terms_of(bundle.features, bundle.contract)
    return evaluate_sequences(
        judge_of(predictor, terms),
        opponents or {},
        lines_to_judge(bundle.features, bundle.contract, columns),
        task=predictor.task,
        target=bundle.contract.target_name,
        recipe=EvaluationRecipe.model_validate(bundle.recipe.get("evaluation", {})),
        seed=seed,
        words=terms,
        skipped=int((~checked.good).sum()),
    )
