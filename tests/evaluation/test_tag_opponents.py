"""What taggers that look at no other word answer."""

from __future__ import annotations

import numpy as np
import pytest

from treadle.evaluation.lines import Lines, SequenceTerms, words_of
from treadle.evaluation.tag_opponents import fit_tags
from treadle.evaluation.tally import TagTally

LABELS = ("DET", "NOUN", "VERB")
NUMBERS = {"the": 2, "run": 3, "dog": 4, "cat": 5, "sees": 6}


def lines_of(*sentences: str) -> Lines:
    """Sentences as `word/TAG`; a tag that is none of LABELS is one that training did not see."""
    pairs = [[pair.split("/") for pair in sentence.split()] for sentence in sentences]
    codes = {label: code for code, label in enumerate(LABELS)}
    return Lines(
        tuple(np.array([NUMBERS.get(word, 1) for word, _ in each], np.int32) for each in pairs),
        tuple(np.array([codes.get(tag, -1) for _, tag in each], np.int32) for each in pairs),
        np.array([" ".join(word for word, _ in each) for each in pairs], object),
    )


TRAIN = lines_of("the/DET run/NOUN", "the/DET dog/NOUN run/VERB the/DET run/VERB", "the/DET cat/NOUN", "the/DET the/X")
TERMS = SequenceTerms(size=7, labels=LABELS, seen=words_of(TRAIN))


def answers(name: str, train: Lines, validation: Lines, test: Lines) -> tuple[TagTally, str]:
    judge, note = fit_tags(name, train, validation, TERMS)
    tally = judge(test)
    assert isinstance(tally, TagTally)
    return tally, note


def test_the_commonest_tag() -> None:
    tally, note = answers("majority", TRAIN, TRAIN, lines_of("the/DET cat/NOUN", "the/DET the/DET"))
    assert tally.right.tolist() == [1, 2]
    assert note == "answers DET, the tag of 50.0 % of the training words"


def test_each_word_has_its_most_frequent_tag() -> None:
    test = lines_of("the/DET run/VERB dog/NOUN cat/NOUN", "run/NOUN")
    assert answers("most_frequent_tag", TRAIN, TRAIN, test)[0].right.tolist() == [4, 0]


@pytest.mark.parametrize(
    ("validation", "said"),
    [("bird/NOUN", "NOUN, the commonest of rare words,"), ("a/DET", "DET, the commonest of all words")],
)
def test_what_it_says_of_a_new_word_is_chosen_on_the_validation_rows(validation: str, said: str) -> None:
    tally, note = answers("most_frequent_tag", TRAIN, lines_of(validation), lines_of(validation, "sees/VERB"))
    assert tally.right.tolist() == [1, 0]
    assert tally.unseen.tolist() == [1, 1]
    assert said in note


def test_words_read_as_unknown_in_training_are_like_new_ones() -> None:
    train = lines_of("the/DET yelp/VERB", "the/DET bark/VERB", "the/DET dog/NOUN")
    tally, _ = answers("most_frequent_tag", train, lines_of("hiss/VERB"), lines_of("growl/VERB bark/VERB"))
    assert tally.right.tolist() == [2]


def test_of_tags_equally_frequent_the_commoner_one_is_answered() -> None:
    train = lines_of("run/NOUN run/VERB", "sees/VERB dog/NOUN cat/VERB")
    assert answers("most_frequent_tag", train, train, lines_of("run/VERB run/NOUN"))[0].right.tolist() == [1]


def test_spans_are_counted_where_tags_mark_them() -> None:
    terms = SequenceTerms(size=7, labels=("B-X", "I-X", "O"), seen=words_of(TRAIN))
    judge, _ = fit_tags("most_frequent_tag", TRAIN, TRAIN, terms)
    tally = judge(TRAIN)
    assert isinstance(tally, TagTally)
    assert tally.spans is not None
