"""How figures are written, and who is called what."""

from __future__ import annotations

import pytest

from treadle.evaluation.terms import (
    change,
    figure,
    opponent_in_sentence,
    opponent_over_column,
    primary_of_sequences,
    signal_metrics,
    span,
    trivial_opponent,
)


@pytest.mark.parametrize(
    ("value", "written"),
    [(123.44, "123.4"), (4818.2, "4,818"), (12.345, "12.35"), (1.0, "1.000"), (25_000.6, "25,001")],
)
def test_perplexity_has_four_significant_digits(value: float, written: str) -> None:
    assert figure("perplexity", value) == written


def test_what_stands_beside_perplexity_has_its_digits() -> None:
    assert span("perplexity", (117.451, 132.6), 123.4) == "117.5 to 132.6"
    assert change("perplexity", -1.618, 123.4) == "-1.6"
    assert change("perplexity", 0.004, 123.4) == "0.004"


@pytest.mark.parametrize(
    ("task", "spans", "primary", "trivial"),
    [
        ("next_word", False, "perplexity", "unigram"),
        ("fill_blank", False, "perplexity", "unigram"),
        ("tagging", False, "accuracy", "majority"),
        ("tagging", True, "f1", "majority"),
    ],
)
def test_what_verdicts_on_sequences_are_about(task: str, spans: bool, primary: str, trivial: str) -> None:
    assert primary_of_sequences(task, spans=spans) == primary
    assert trivial_opponent(primary) == trivial
    assert primary in signal_metrics(primary)


def test_the_commonest_answer_is_a_class_or_a_tag() -> None:
    assert opponent_in_sentence("majority", "classification") == "the majority class"
    assert opponent_in_sentence("majority", "tagging") == "the commonest tag"
    assert opponent_over_column("majority", "tagging") == "commonest tag"
    assert opponent_over_column("kneser_ney", "next_word") == "Kneser-Ney trigram"
