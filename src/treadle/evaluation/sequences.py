"""Judge a network that answers at every token, beside its opponents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from treadle.errors import DataError
from treadle.evaluation import bootstrap
from treadle.evaluation.comparison import NETWORK, Scores, compare
from treadle.evaluation.evaluation import Confusion, Evaluation, rounded
from treadle.evaluation.lines import Lines, SequenceTerms
from treadle.evaluation.spans import mark_spans
from treadle.evaluation.tag_opponents import fit_tags
from treadle.evaluation.tally import Judge, TagTally
from treadle.evaluation.terms import primary_of_sequences
from treadle.evaluation.word_opponents import fit_words
from treadle.features.vocabulary import FIRST, UNKNOWN
from treadle.recipe import EvaluationRecipe, Task


@dataclass(frozen=True)
class SequenceOpponent:
    """A fitted opponent."""

    name: str
    judge: Judge
    note: str
    """What it is, and what was chosen for it on the validation rows."""


def fit_sequence_opponents(
    names: list[str], train: Lines, validation: Lines, task: Task, terms: SequenceTerms
) -> dict[str, SequenceOpponent]:
    """The named opponents, fitted.

    Args:
        names: those that `names_for` allows.
        train: the rows to learn from.
        validation: the rows to choose on what training leaves open.
        task: next_word, fill_blank or tagging.
        terms: what the numbers of the rows mean.
    """
    fitted = {}
    for name in names:
        if task == "tagging":
            judge, note = fit_tags(name, train, validation, terms)
        else:
            judge, note = fit_words(name, train, validation, task, terms)
        fitted[name] = SequenceOpponent(name, judge, note)
    return fitted


def evaluate_sequences(
    judge: Judge,
    opponents: Mapping[str, SequenceOpponent],
    lines: Lines,
    *,
    task: Task,
    target: str,
    recipe: EvaluationRecipe,
    seed: int,
    words: SequenceTerms,
    skipped: int = 0,
) -> Evaluation:
    """Figures of a network on rows it was not trained on, with intervals, and beside opponents a verdict.

    A bootstrap resample draws rows: the words of a line hang together.

    Args:
        judge: of the network, through the saved bundle's own predictor.
        opponents: of `fit_sequence_opponents`, to be judged on the same rows; none judges the network alone.
        lines: the rows.
        task: next_word, fill_blank or tagging.
        target: the column of the tags, or that of the text whose own words are answered.
        recipe: how many resamples, and which share of them an interval holds.
        seed: of the resamples.
        words: what the numbers of the rows mean.
        skipped: rows that were left out since they break the contract.

    Raises:
        DataError: no word is left to judge.
    """
    counted = lines.due if task == "tagging" else lines.due[lines.due != words.end]
    if not len(counted):
        raise DataError(
            f"no word to judge in {len(lines):,} rows: a longer text, or a larger data.split.test, has some"
        )
    tallies = {NETWORK: judge(lines)} | {name: opponent.judge(lines) for name, opponent in opponents.items()}
    groups = bootstrap.distinct_rows({target: lines.texts})
    scores = Scores.of({name: tally.metrics for name, tally in tallies.items()}, groups, recipe, seed)
    primary = primary_of_sequences(task, spans=mark_spans(words.labels))
    if not scores.define(primary):
        # No span is due or answered.
        primary = "accuracy"
    read = lines.read if task == "tagging" else counted
    network = tallies[NETWORK]
    return Evaluation(
        task=task,
        target=target,
        rows=len(lines),
        distinct_rows=int(groups.max()) + 1,
        skipped=skipped,
        tokens=len(counted),
        vocabulary=words.size - FIRST,
        min_count=words.min_count,
        unknown_share=rounded(float(np.mean(read == UNKNOWN))),
        labels=words.labels,
        primary=primary,
        opponent_notes={name: opponent.note for name, opponent in opponents.items()},
        confusion=_confusion(network, words.labels) if isinstance(network, TagTally) else None,
        **scores.fields(),
        **compare(scores, primary, task),
    )


def _confusion(tally: TagTally, labels: tuple[str, ...]) -> Confusion:
    return Confusion(labels=labels, counts=tuple(tuple(row) for row in tally.counts.tolist()))
