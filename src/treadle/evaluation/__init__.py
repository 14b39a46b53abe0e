"""How good a network is, beside what a careful reader would have tried first."""

from __future__ import annotations

from treadle.evaluation.evaluate import evaluate
from treadle.evaluation.evaluation import Evaluation
from treadle.evaluation.lines import Lines, SequenceTerms, words_of
from treadle.evaluation.opponents import Opponent, fit_opponents, names_for
from treadle.evaluation.problem import Problem, Rows
from treadle.evaluation.sequences import SequenceOpponent, evaluate_sequences, fit_sequence_opponents
from treadle.evaluation.tally import (
    Judge,
    TagTally,
    Tally,
    WordBlock,
    WordTally,
    tally_of_tags,
    tally_of_words,
)
from treadle.evaluation.terms import primary_metric, primary_of_sequences

__all__ = [
    "Evaluation",
    "Judge",
    "Lines",
    "Opponent",
    "Problem",
    "Rows",
    "SequenceOpponent",
    "SequenceTerms",
    "TagTally",
    "Tally",
    "WordBlock",
    "WordTally",
    "evaluate",
    "evaluate_sequences",
    "fit_opponents",
    "fit_sequence_opponents",
    "names_for",
    "primary_metric",
    "primary_of_sequences",
    "tally_of_tags",
    "tally_of_words",
    "words_of",
]
