"""Prose into the tokens of a treebank."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.data.tokens import NO_BREAK, cut_at_blanks
from treadle.features.prose import separate
from treadle.features.text import Text
from treadle.text_recipe import TextRecipe

KNOWN = "I went home . , ( ) do n't does ca he 's it U.S. etc. ... Mr. \u2019s"


def text(words: str = KNOWN, **options: object) -> Text:
    columns = {"text": np.array([words], dtype=object)}
    return Text.fit(("text",), columns, TextRecipe.model_validate({"tokens": "spaced", **options}))


@pytest.mark.parametrize(
    ("prose", "tokens"),
    [
        ("I went home.", "I went home ."),
        ("I  went\thome .", "I went home ."),
        ("(I went home).", "( I went home ) ."),
        ("Mr. Smith, of the U.S.", "Mr. Smith , of the U.S."),
        ("the u.s., home etc.", "the u.s. , home etc."),
        ("\u201cWell,\u201d he went?!", "\u201c Well , \u201d he went ? !"),
        ("home...", "home ..."),
        ("home .....", "home ... . ."),
        ("He doesn't, I don't, can't", "He does n't , I do n't , ca n't"),
        ("it's he's dog's", "it 's he 's dog's"),
        ("it\u2019s", "it \u2019s"),
        ("O'Brien 'tis dogs'", "O'Brien ' tis dogs '"),
        ("well-known 3.14 1,234 a/b x@y.z", "well-known 3.14 1,234 a/b x@y.z"),
        ("$5 50%", "$ 5 50 %"),
        ("-- \U0001f600", "- - \U0001f600"),
        ("\u6211\u5bb6\u3002", "\u6211\u5bb6 \u3002"),
        ("10\u00a0000.", "10\u00a0000 ."),
        ("", ""),
        (" \n", ""),
    ],
)
def test_marks_and_contractions_stand_apart_but_for_what_is_known(prose: str, tokens: str) -> None:
    assert separate(text(), prose) == tokens.split(" " if tokens else None)


def test_capitals_count_where_the_vocabulary_has_them() -> None:
    assert separate(text(lowercase=False), "ETC. etc.") == ["ETC", ".", "etc."]


def test_a_hash_knows_no_word() -> None:
    assert separate(text(hashing=True, vocabulary=50), "etc., doesn't") == ["etc", ".", ",", "doesn't"]


@given(st.text(st.sampled_from("aI.,'\u2019-(\u00a0 \nn t\u6211\x00\U0001f600")))
def test_nothing_is_lost_and_nothing_is_cut_twice(prose: str) -> None:
    found = separate(text(), prose)
    assert "".join(found).replace(NO_BREAK, "") == "".join(prose.split())
    assert cut_at_blanks(" ".join(found)) == found


def test_long_runs_of_marks_are_parted_without_looking_each_rest_up(monkeypatch: pytest.MonkeyPatch):
    known = text("stop !")
    looked_up: list[str] = []
    numbers = Text.numbers
    monkeypatch.setattr(Text, "numbers", lambda self, *texts: looked_up.extend(texts) or numbers(self, *texts))
    assert separate(known, "stop" + "!" * 5000) == ["stop", *"!" * 5000]
    assert max(map(len, looked_up)) <= 64
