"""Taggers that look at no other word, as opponents of networks that do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from treadle.evaluation.lines import Lines, SequenceTerms, unseen
from treadle.evaluation.tally import Judge, Tally, tally_of_tags
from treadle.features.vocabulary import UNKNOWN

Tags = NDArray[np.int64]
"""The code of the tag that is answered for each number of a word, shape (outputs,)."""


def fit_tags(name: str, train: Lines, validation: Lines, terms: SequenceTerms) -> tuple[Judge, str]:
    """A tagger learnt from training rows, and a note on it."""
    counts = _counts(train, terms)
    if name == "majority":
        overall = counts.sum(axis=0)
        common = int(np.argmax(overall))
        share = 100 * overall[common] / max(overall.sum(), 1)
        note = f"answers {terms.labels[common]}, the tag of {share:.1f} % of the training words"
        return _judge(np.full(terms.outputs, common), terms), note
    tags, note = _most_frequent(counts, validation, terms)
    return _judge(tags, terms), note


def _counts(train: Lines, terms: SequenceTerms) -> NDArray[np.int64]:
    """How often each word has each tag, shape (outputs, labels)."""
    kinds = len(terms.labels)
    known = train.due >= 0
    pairs = train.read[known].astype(np.int64) * kinds + train.due[known]
    return np.bincount(pairs, minlength=terms.outputs * kinds).reshape(terms.outputs, kinds)


def _most_frequent(counts: NDArray[np.int64], validation: Lines, terms: SequenceTerms) -> tuple[Tags, str]:
    """Each word's most frequent tag, and for words that training did not see the commonest tag of all words, or of
    those that it saw once: whichever is right more often on the validation rows."""
    overall = counts.sum(axis=0)
    # Of tags that a word has equally often, the one that is commoner over all.
    tags: Tags = np.argmax(counts + overall / (overall.sum() + 1.0), axis=1)
    seen = counts.sum(axis=1)
    new = seen == 0
    new[UNKNOWN] = True
    # What is read as unknown was seen too seldom to be a word, which is just what a new word is like.
    rare = counts[seen == 1].sum(axis=0) + counts[UNKNOWN] * (seen[UNKNOWN] != 1)
    candidates = {"of all words": int(np.argmax(overall))}
    if rare.any():
        candidates["of rare words"] = int(np.argmax(rare))
    read, due = validation.read, validation.due
    of_new = due[new[read]]
    whose = max(candidates, key=lambda whose: np.count_nonzero(of_new == candidates[whose]))
    tags[new] = candidates[whose]
    label = terms.labels[candidates[whose]]
    return tags, f"each word's tag in training; {label}, the commonest {whose}, for words that it did not see"


def _judge(tags: Tags, terms: SequenceTerms) -> Judge:
    def judge(lines: Lines) -> Tally:
        hidden = unseen(lines, terms.seen)
        return tally_of_tags(tags[lines.read], lines.due, lines.row, hidden, terms.labels, rows=len(lines))

    return judge
