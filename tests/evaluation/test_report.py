"""The sentences that both reports share."""

from __future__ import annotations

from treadle.data.split import Leakage
from treadle.evaluation.report import leakage_sentences, printable


def leakage(**changes: object) -> Leakage:
    facts: dict[str, object] = {
        "rows": 11_055,
        "distinct_rows": 5_785,
        "contradictory_rows": 357,
        "contradictory_distinct_rows": 64,
        "ceiling": 0.98968,
        "test_rows_seen": 0,
        "share": 0.0,
        "group": "distinct",
    }
    return Leakage(**(facts | changes))  # type: ignore[arg-type]


def test_leakage_of_a_clean_split_of_a_table_that_repeats() -> None:
    assert leakage_sentences(leakage()) == [
        "no test row has a twin among the training rows",
        "only 5,785 of all 11,055 rows are distinct",
        "357 rows contradict another with the same features: no model can be right about more than 98.97 %",
    ]


def test_leakage_of_a_split_row_by_row() -> None:
    found = leakage_sentences(leakage(test_rows_seen=1_415, share=0.64, group=None))
    assert found[0] == "1,415 test rows (64.0 %) have a twin among the training rows"


def test_rows_left_out_for_official_test_rows() -> None:
    for group, twins in (("distinct", "a twin"), ("distinct, title", "a twin or the same title"), ("a", "the same a")):
        found = leakage_sentences(leakage(left_out=3, group=group))
        assert found[1] == f"3 rows were left out of training: they have {twins} among the test rows"


def test_nothing_to_say_of_rows_that_all_differ() -> None:
    found = leakage(distinct_rows=11_055, contradictory_rows=0, contradictory_distinct_rows=0, ceiling=1.0)
    assert leakage_sentences(found) == ["no test row has a twin among the training rows"]


def test_characters_that_cannot_be_seen_are_replaced() -> None:
    assert printable("Zürich 東京\x1b[2J\u202e\n") == "Zürich 東京\ufffd[2J\ufffd\ufffd"
