"""What is read of a line and what is due where, for the tasks that answer at their tokens."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.data.tokens import cut_at_blanks
from treadle.features.sequences import NOT_DUE, Sequences, as_typed, padded, whole
from treadle.features.text import LONGEST, Text
from treadle.features.vocabulary import UNKNOWN
from treadle.text_recipe import TextRecipe

LINES = ("a b c d", "a b c", "a b", "a")  # of which a is 2, b is 3, c is 4, d is 5
BEGIN, END = 6, 7
WORDS = Sequences("next_word")
RUNNING = Sequences("next_word", running=True)
GAPS = Sequences("fill_blank")
TAGS = Sequences("tagging")


def column(*texts: str) -> dict[str, np.ndarray]:
    cells = np.empty(len(texts), object)
    cells[:] = texts
    return {"line": cells}


def fitted(*lines: str, **options: Any) -> Text:
    return Text.fit(("line",), column(*(lines or LINES)), TextRecipe.model_validate(options))


def pairs(sequences: Sequences, text: Text, *lines: str) -> list[tuple[list[int], list[int]]]:
    return [(line.reads.tolist(), line.due.tolist()) for line in sequences.lines(text, column(*lines))]


def asked(sequences: Sequences, text: Text, line: str) -> tuple[list[int], int]:
    """The tokens of a prompt, and the place at which the answer is due."""
    inputs = sequences.prompts(text, column(line))
    assert inputs["tokens"].shape == (1, inputs["lengths"][0])
    return inputs["tokens"][0].tolist(), int(inputs["places"][0])


# --- lines


def test_marks_stand_around_a_line_and_the_last_one_is_foretold() -> None:
    text = fitted()
    assert (WORDS.begin(text), WORDS.end(text), WORDS.outputs(text)) == (BEGIN, END, 8)
    assert pairs(WORDS, text, "b a", "d", "x c") == [
        ([BEGIN, 3, 2], [3, 2, END]),
        ([BEGIN, 5], [5, END]),
        ([BEGIN, UNKNOWN, 4], [UNKNOWN, 4, END]),
    ]


def test_without_marks_a_line_foretells_its_words_but_the_first() -> None:
    assert pairs(WORDS, fitted(marks=False), "b a d", "d", "x c") == [([3, 2], [2, 5]), ([UNKNOWN], [4])]


def test_running_text_is_one_line_with_a_mark_between_lines() -> None:
    [(reads, due)] = pairs(RUNNING, fitted(), "b a", "d", "x")
    assert [*reads, due[-1]] == [3, 2, END, 5, END, UNKNOWN, END]
    assert due == [*reads[1:], END]
    assert not RUNNING.marked(fitted())


def test_of_running_text_long_lines_are_read_whole_and_empty_ones_are_a_mark() -> None:
    text = fitted(drop=["punctuation"])
    [(reads, due)] = pairs(RUNNING, text, "a " * 300, "!!", "b")
    assert [*reads, due[-1]] == [*[2] * 300, END, END, 3, END]


def test_every_word_is_a_gap() -> None:
    assert pairs(GAPS, fitted(), "b a x", "d") == [
        ([BEGIN, 3, 2, UNKNOWN, END], [NOT_DUE, 3, 2, UNKNOWN, NOT_DUE]),
        ([BEGIN, 5, END], [NOT_DUE, 5, NOT_DUE]),
    ]


def test_of_tags_nothing_is_due_among_words() -> None:
    text = fitted(tokens="spaced")
    assert pairs(TAGS, text, "b x a") == [([3, UNKNOWN, 2], [NOT_DUE] * 3)]
    assert TAGS.outputs(text) == text.vocabulary.size == 6


@pytest.mark.parametrize(
    ("keep", "next_word", "fill_blank"),
    [
        ("first", ([BEGIN, 2, 3], [2, 3, 4]), ([BEGIN, 2, 3, 4], [NOT_DUE, 2, 3, NOT_DUE])),
        ("last", ([3, 4, 5], [4, 5, END]), ([3, 4, 5, END], [NOT_DUE, 4, 5, NOT_DUE])),
    ],
)
def test_a_line_that_was_cut_has_no_mark_where_it_goes_on(keep: str, next_word: Any, fill_blank: Any) -> None:
    text = fitted(length=3, keep=keep)
    assert pairs(WORDS, text, "a b c d") == [next_word]
    assert pairs(GAPS, text, "a b c d") == [fill_blank]
    assert pairs(WORDS, text, "a b c") == [([BEGIN, 2, 3, 4], [2, 3, 4, END])]
    unmarked = fitted(length=3, keep=keep, marks=False)
    kept = [2, 3, 4] if keep == "first" else [3, 4, 5]
    assert pairs(WORDS, unmarked, "a b c d") == [(kept[:-1], kept[1:])]


SOME = st.lists(st.lists(st.sampled_from("abcdxyz."), min_size=1, max_size=6), min_size=1, max_size=5)


@given(rows=SOME)
def test_what_is_due_is_every_word_once(rows: list[list[str]]) -> None:
    text = fitted()
    numbers = [[2 + "abcd".index(word) if word in "abcd" else UNKNOWN for word in row] for row in rows]
    lines = [" ".join(row) for row in rows]
    assert [due for _, due in pairs(WORDS, text, *lines)] == [[*row, END] for row in numbers]
    assert [due[1:-1] for _, due in pairs(GAPS, text, *lines)] == numbers
    unmarked = fitted(marks=False)
    assert [due for _, due in pairs(WORDS, unmarked, *lines)] == [row[1:] for row in numbers if len(row) > 1]
    [running] = pairs(RUNNING, text, *lines)
    assert [running[0][0], *running[1]] == [token for row in numbers for token in (*row, END)]
    for reads, due in [*pairs(WORDS, text, *lines), *pairs(WORDS, unmarked, *lines), running]:
        assert due[:-1] == reads[1:]


@given(rows=st.lists(st.lists(st.integers(1, 9), max_size=5), max_size=5))
def test_rows_are_padded_at_the_end(rows: list[list[int]]) -> None:
    inputs = padded(rows)
    assert inputs["tokens"].dtype == inputs["lengths"].dtype == np.int32
    assert inputs["lengths"].tolist() == list(map(len, rows))
    assert inputs["tokens"].shape == (len(rows), max([1, *map(len, rows)]))
    for row, tokens in zip(rows, inputs["tokens"].tolist(), strict=True):
        assert tokens == row + [0] * (len(tokens) - len(row))


# --- prompts


@pytest.mark.parametrize(
    ("line", "tokens"),
    [("a b", [BEGIN, 2, 3]), ("", [BEGIN]), ("x y", [BEGIN, UNKNOWN, UNKNOWN]), ("A  B ", [BEGIN, 2, 3])],
)
def test_a_prompt_asks_at_its_end(line: str, tokens: list[int]) -> None:
    assert asked(WORDS, fitted(), line) == (tokens, len(tokens) - 1)


def test_of_a_long_prompt_the_end_is_read_whichever_end_is_learnt_from() -> None:
    for keep in ("first", "last"):
        text = fitted(length=3, keep=keep)
        assert asked(WORDS, text, "a b c d") == ([3, 4, 5], 2)
        assert asked(WORDS, text, "b c d") == ([BEGIN, 3, 4, 5], 3)
    huge = "a " * 10**5 + "c d"
    assert asked(WORDS, fitted(), huge)[0] == [2] * 254 + [4, 5]


def test_prompts_that_nothing_is_read_of() -> None:
    assert asked(WORDS, fitted(marks=False), "") == ([UNKNOWN], 0)
    assert asked(RUNNING, fitted(), "") == ([END], 0)
    assert asked(WORDS, fitted(drop=["punctuation"]), "...") == ([BEGIN], 0)
    assert asked(RUNNING, fitted(), "a b") == ([2, 3], 1)


def test_of_characters_a_blank_at_the_end_is_read() -> None:
    text = fitted("ab ba", tokens="characters")
    a, b, blank = text.numbers("ab a")[0], text.numbers("ab a")[1], text.numbers("ab a")[2]
    assert asked(WORDS, text, " ab ")[0][1:] == [a, b, blank]
    assert asked(WORDS, text, " ab")[0][1:] == [a, b]
    assert as_typed(text, " a ") == [blank, a, blank]
    assert as_typed(text, "  ") == [blank, blank]
    assert as_typed(fitted(), " a ") == whole(fitted(), " a ") == [2]


def test_prompts_are_padded_together() -> None:
    inputs = WORDS.prompts(fitted(), column("a b", "", "c"))
    assert inputs["tokens"].tolist() == [[BEGIN, 2, 3], [BEGIN, 0, 0], [BEGIN, 4, 0]]
    assert (inputs["lengths"].tolist(), inputs["places"].tolist()) == ([3, 1, 2], [2, 0, 1])
    none = WORDS.prompts(fitted(), column())
    assert (none["tokens"].shape, none["places"].shape) == ((0, 1), (0,))


# --- gaps


@pytest.mark.parametrize(
    ("line", "tokens", "place"),
    [
        ("a ___ b", [BEGIN, 2, UNKNOWN, 3, END], 2),
        ("a __ b", [BEGIN, 2, UNKNOWN, 3, END], 2),
        ("___ a b", [BEGIN, UNKNOWN, 2, 3, END], 1),
        ("a b ___", [BEGIN, 2, 3, UNKNOWN, END], 3),
        ("________", [BEGIN, UNKNOWN, END], 1),
        ("a (___), b", [BEGIN, 2, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, 3, END], 3),
        ("a___.", [BEGIN, 2, UNKNOWN, UNKNOWN, END], 2),
        ("x ___ y", [BEGIN, UNKNOWN, UNKNOWN, UNKNOWN, END], 2),
    ],
)
def test_a_gap_is_asked_at_where_it_stands(line: str, tokens: list[int], place: int) -> None:
    assert GAPS.fault(line) is None
    assert asked(GAPS, fitted(), line) == (tokens, place)


def test_a_gap_is_asked_as_it_was_learnt() -> None:
    """The gap of a prompt stands where the word stood in training, among the same tokens."""
    text = fitted()
    [line] = GAPS.lines(text, column("a b c d"))
    for gap in range(4):
        words = ["a", "b", "c", "d"]
        words[gap] = "___"
        tokens, place = asked(GAPS, text, " ".join(words))
        assert line.due[place] == 2 + gap
        assert [*tokens[:place], line.due[place], *tokens[place + 1 :]] == line.reads.tolist()


def test_around_a_gap_the_nearest_words_are_read() -> None:
    text = fitted(length=2)
    assert asked(GAPS, text, "a b c ___ d c b") == ([3, 4, UNKNOWN, 5, 4], 2)
    assert asked(GAPS, text, "a ___ b") == ([BEGIN, 2, UNKNOWN, 3, END], 2)


def test_texts_without_one_gap_are_refused() -> None:
    assert GAPS.fault("a b") == GAPS.fault("a _ b") == "names no gap: write ___ where the word is missing"
    assert GAPS.fault("a __ b ___") == "has 2 gaps: ask for one word at a time"
    assert WORDS.fault("a b") is TAGS.fault("a __ b ___") is None


@given(before=st.lists(st.sampled_from("abcdx."), max_size=4), after=st.lists(st.sampled_from("abcdx."), max_size=4))
def test_any_gap(before: list[str], after: list[str]) -> None:
    text = fitted()
    tokens, place = asked(GAPS, text, f"{' '.join(before)}___{' '.join(after)}")
    assert place == len(before) + 1
    assert tokens[:place] == [BEGIN, *whole(text, " ".join(before))]
    assert tokens[place:] == [UNKNOWN, *whole(text, " ".join(after)), END]


# --- tokens between blanks


def test_a_token_that_cannot_be_seen_is_one_all_the_same() -> None:
    text = fitted("a \u200b b", "\ufeff a", tokens="spaced")
    assert text.vocabulary.tokens == ("[PAD]", "[UNK]", "a", "b")
    assert text.numbers("a \u200b\u200e b \ufeff") == [2, UNKNOWN, 3, UNKNOWN]
    assert text.read("a \u200b b") == ["a", "[UNK]", "b"]
    assert whole(text, "\u200b a") == [UNKNOWN, 2]
    assert text.numbers("a\u200b b") == [2, 3]
    assert fitted("a \u200b", tokens="spaced", hashing=True).numbers("\u200b a")[0] == UNKNOWN


def test_a_token_spelt_like_padding_is_unknown() -> None:
    text = fitted("[PAD] a [UNK] [PAD]", tokens="spaced", lowercase=False)
    assert text.vocabulary.tokens == ("[PAD]", "[UNK]", "a")
    assert text.numbers("[PAD] a [UNK]") == [UNKNOWN, 2, UNKNOWN]
    assert Text.restore(text.state(), text.vocabulary.document()) == text


@pytest.mark.parametrize("keep", ["first", "last"])
def test_tokens_are_counted_however_long_they_are(keep: str) -> None:
    text = fitted("a b c", tokens="spaced", length=2, keep=keep)
    address = "x" * 10**6
    assert text.numbers(f"a {address} {address} b") == ([2, UNKNOWN] if keep == "first" else [UNKNOWN, 3])
    assert text.numbers(f"  {address} a \u00a0 ") == [UNKNOWN, 2]
    known = fitted("y" * (LONGEST + 5), tokens="spaced", keep=keep)
    assert known.numbers("y" * (LONGEST + 5)) == [2]


SIGNS = st.text(st.sampled_from("aB\u200b\ufeff\u00a0 \n\u3000\ufe0f.’[]"), max_size=20)


@settings(max_examples=200)
@given(line=SIGNS | st.text(max_size=30), length=st.integers(1, 5), keep=st.sampled_from(["first", "last"]))
def test_there_are_as_many_numbers_as_tokens_between_blanks(line: str, length: int, keep: str) -> None:
    text = fitted("a b", tokens="spaced", length=length, keep=keep, affixes=1)
    expected = cut_at_blanks(line)[slice(None, length) if keep == "first" else slice(-length, None)]
    inputs = TAGS.prompts(text, column(line))
    assert inputs["lengths"].tolist() == [max(1, len(expected))]
    assert inputs["affixes"].shape == (1, max(1, len(expected)), 3)
    # What is done to a token does not hang on its neighbours.
    assert text.numbers(line) == ([text.numbers(token)[0] for token in expected] or [UNKNOWN])
    assert len(whole(text, line)) == len(cut_at_blanks(line))


def test_what_is_read_how_is_kept() -> None:
    for sequences in (WORDS, RUNNING, GAPS, TAGS):
        assert Sequences.restore(json.loads(json.dumps(sequences.state()))) == sequences
