"""Affixes: what is told apart and what is not, and that they line up with the tokens of any text."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.features import vocabulary
from treadle.features.affixes import NO_WORD, Affixes, shape
from treadle.features.text import Text
from treadle.text_recipe import TextRecipe

BUCKETS = 2**30
"""So many that no two of a test share one."""


def column(*texts: str) -> dict[str, np.ndarray]:
    cells = np.empty(len(texts), object)
    cells[:] = texts
    return {"text": cells}


def fitted(*texts: str, **settings: object) -> Text:
    recipe = TextRecipe.model_validate({"tokens": "spaced", "affixes": 2, **settings})
    return Text.fit(("text",), column(*texts), recipe)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("The", "Xxx"),
        ("Treadle", "Xxxxx"),
        ("U.S.", "X.X."),
        ("1987", "dddd"),
        ("1,234,567", "d,ddd,ddd"),
        ("20001231", "dddd"),
        ("McDonald's", "XxXxxxx'x"),
        ("-LRB-", "-XXX-"),
        ("----------", "----"),
        ("你好", "oo"),
        ("Ünïcode", "Xxxxx"),
        ("\U0001f600", "\U0001f600"),
    ],
)
def test_the_shape_of_a_word(word: str, expected: str) -> None:
    assert shape(word) == expected


def test_which_words_share_which_slots() -> None:
    running, rung, king, ran = Affixes(3, BUCKETS).numbers(["running", "RUNG", "king", "ran"])
    assert (running == rung).tolist() == [True, True, True, True, True, False, False]
    assert (running == king).tolist() == [False, False, False, True, True, True, True]
    assert (running == ran).tolist() == [True, False, False, False, False, False, False]


def test_a_beginning_is_no_ending_nor_another_length_nor_a_whole_word() -> None:
    numbers = Affixes(4, BUCKETS).numbers(["aa", "aaa", "aaaaa", "11", "1 1", "< 1"])
    assert (numbers < BUCKETS).all()
    for row in numbers:
        assert len(set(row.tolist())) == 9
    pair, three, five = numbers[:3]
    assert (pair == three).tolist() == [True, False, False, False, True, False, False, False, False]
    assert (three == five).tolist() == [True, True, False, False, True, True, False, False, False]


def test_capitals_and_digits_are_only_in_the_shape() -> None:
    written, small = Affixes(2, BUCKETS).numbers(["Éa", "éa"])
    assert (written == small).tolist() == [True] * 4 + [False]


def test_numbers_are_the_crc_of_the_parts() -> None:
    affixes = Affixes(2, 1000)
    parts = ["<1 o", "<2 of ", ">1 f", ">2 of ", "= Xx"]
    assert affixes.parts("Of") == parts
    assert affixes.slots == 5
    found = affixes.numbers(["Of"])
    assert found.dtype == np.int32
    assert found.tolist() == [[crc32(part.encode()) % 1000 for part in parts]]
    assert affixes.numbers([]).shape == (0, 5)


def test_a_hash_is_the_same_in_every_process() -> None:
    code = """
from treadle.features.affixes import Affixes
print(Affixes(3, 1000).numbers(["The", "naïve", "café", "U.S.", "1987"]).tolist())
"""
    told = {
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, env=os.environ | {"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    here = Affixes(3, 1000).numbers(["The", "naïve", "café", "U.S.", "1987"]).tolist()
    assert told == {f"{here}\n".encode()}


def test_what_is_remembered_of_words_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "_REMEMBERED", 50)
    affixes = Affixes(3, 1000)
    sent = [f"{'x' * length}{number}" for length in (1, 20, 1000) for number in range(200)]
    first = affixes.numbers(sent)
    np.testing.assert_array_equal(affixes.numbers(sent), first)
    assert 0 < len(affixes._remembered) <= 50
    assert max(map(len, affixes._remembered)) < 1000


# --- beside the tokens of texts


def test_affixes_stand_beside_tokens() -> None:
    text = fitted("the Cat sat", "THE dog")
    inputs = text.transform(column("THE cat", "Dog", ""))
    assert inputs["tokens"].shape == (3, 2)
    assert inputs["affixes"].shape == (3, 2, 5)
    assert inputs["affixes"].dtype == np.int32
    the, cat, dog = text.affixes.numbers(["THE", "cat", "Dog"]).tolist()
    none = [NO_WORD] * 5
    assert inputs["affixes"].tolist() == [[the, cat], [dog, none], [none, none]]
    # The numbers of tokens do not tell capitals from small letters.
    assert inputs["tokens"][0, 0] == text.transform(column("the"))["tokens"][0, 0]
    assert text.written("THE cat") == ["THE", "cat"]
    assert "affixes" not in fitted("a b", affixes=0).transform(column("a"))
    assert fitted("a b").transform(column())["affixes"].shape == (0, 1, 5)


@pytest.mark.parametrize(("keep", "kept"), [("first", ["A", "b"]), ("last", ["C", "d"])])
def test_affixes_are_of_the_end_that_is_read(keep: str, kept: list[str]) -> None:
    text = fitted("A b C d", length=2, keep=keep)
    assert text.written("A b C d") == kept
    np.testing.assert_array_equal(text.transform(column("A b C d"))["affixes"][0], text.affixes.numbers(kept))


def test_restored_features_give_the_same_affixes() -> None:
    text = fitted("A b C d", affixes=3, affix_buckets=99)
    again = Text.restore(json.loads(json.dumps(text.state())), text.vocabulary.document())
    assert again.recipe == text.recipe
    for name, array in text.transform(column("Ab cd e")).items():
        np.testing.assert_array_equal(again.transform(column("Ab cd e"))[name], array)


def test_small_letters_are_cut_as_capitals_are() -> None:
    for number in range(sys.maxunicode + 1):
        letter = chr(number)
        assert len(letter.split()) == len(letter.lower().split())


@settings(max_examples=150, deadline=None)
@given(
    texts=st.lists(
        st.text(max_size=30) | st.text(st.sampled_from("İΣſK a\u200b\u00a0\x85\u2028b"), max_size=12), max_size=4
    ),
    lowercase=st.booleans(),
    keep=st.sampled_from(["first", "last"]),
    drop=st.sampled_from([(), ("html", "stop_words")]),
)
def test_affixes_line_up_with_the_tokens_of_any_text(
    texts: list[str], lowercase: bool, keep: str, drop: tuple[str, ...]
) -> None:
    text = fitted("Some words", lowercase=lowercase, keep=keep, drop=drop, length=4)
    inputs = text.transform(column(*texts))
    assert inputs["affixes"].shape == (*inputs["tokens"].shape, 5)
    for row, each in enumerate(texts):
        cut, written = text.cut(each), text.written(each)
        assert [word.lower() for word in written] == [word.lower() for word in cut]
        assert lowercase or written == cut
        assert inputs["lengths"][row] == max(len(written), 1)
        np.testing.assert_array_equal(inputs["affixes"][row, : len(written)], text.affixes.numbers(written))
        assert (inputs["affixes"][row, len(written) :] == NO_WORD).all()
