"""Texts as tokens: what is cut where, which numbers come out, and that nothing depends on the company."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from treadle.data.contract import Contract, Field
from treadle.errors import BundleError
from treadle.features import Features, vocabulary
from treadle.features.cleaning import make_clean
from treadle.features.cutting import make_cut
from treadle.features.stop_words import STOP_WORDS
from treadle.features.text import CHARACTERS, Text
from treadle.features.vocabulary import PADDING, UNKNOWN, Hashed, restore_vocabulary
from treadle.recipe import FeaturesRecipe
from treadle.text_recipe import TextRecipe

REVIEWS = (
    "The food is good, the food is not good!",
    "I didn't like it... at ALL.<br /><br />Fish &amp; chips &lt;3",
    "Très bon café — ‘naïve’ crème brûlée, 5 €",
    "الطعام ليس جيدا؟ النادل لطيف.",
    "खाना अच्छा है। हिन्दी में",
    "你好吗？ great 😀😀 café",
    "[UNK] [PAD] snake_case a@b.c 3.5/10",
)


def column(*texts: str) -> dict[str, np.ndarray]:
    cells = np.empty(len(texts), object)
    cells[:] = texts
    return {"text": cells}


def fitted(*texts: str, **settings: object) -> Text:
    return Text.fit(("text",), column(*texts), TextRecipe.model_validate(settings))


def words(text: str, **settings: object) -> list[str]:
    recipe = TextRecipe.model_validate(settings)
    return make_cut(recipe)(make_clean(recipe)(text))


# --- cleaning and cutting


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The food is not good!", ["the", "food", "is", "not", "good", "!"]),
        ("I didn’t, 'quoted' rock'n'roll'", ["i", "didn't", ",", "'", "quoted", "'", "rock'n'roll", "'"]),
        ("well-known 3.5/10 a_b", ["well", "-", "known", "3", ".", "5", "/", "10", "a", "_", "b"]),
        ("café naïve", ["café", "naïve"]),
        ("हिन्दी में।", ["हिन्दी", "में", "।"]),
        ("ليس جيدا؟", ["ليس", "جيدا", "؟"]),
        ("你好 ok", ["你", "好", "ok"]),
        ("great😀😀!", ["great", "😀", "😀", "!"]),
        ("a\u200bb \u200fc \ufeffd", ["ab", "c", "d"]),
        ("a\x00b\x1b[c\x85d", ["a", "b", "[", "c", "d"]),
        (" \n\t ", []),
        ("", []),
    ],
)
def test_words_of_every_script(text: str, tokens: list[str]) -> None:
    assert words(text) == tokens


def test_what_the_recipe_leaves_out() -> None:
    text = "<b>Fish</b> &amp; chips<br />at &#163;5 &notanentity; 1<2 & 3>2"
    whole = ["fish", "&", "chips", "at", "£", "5", "&", "notanentity", ";", "1", "<", "2", "&", "3", ">", "2"]
    assert words(text, drop=["html"]) == whole
    assert words(text, drop=["html", "punctuation"]) == [word for word in whole if word.isalnum()]
    assert words(
        "HTTPS://Shop.example/A?b=1&copy=2", drop=["scheme", "html"], tokens="characters", lowercase=False
    ) == (list("Shop.example/A?b=1&copy=2"))
    assert words("See https://a.b", drop=["scheme"]) == words("See https://a.b")


@pytest.mark.parametrize(
    ("address", "drop", "left"),
    [
        ("https://www.a.test/www.b", ["www"], "https://a.test/www.b"),
        (" HTTP://WWW.a.test", ["scheme", "www"], "a.test"),
        ("www.a.test", ["www"], "a.test"),
        ("wwwa.test/?u=https://www.b.test", ["scheme", "www"], "wwwa.test/?u=https://www.b.test"),
        ("https://www.", ["scheme", "www"], ""),
    ],
)
def test_what_stands_before_a_host_is_left_out(address: str, drop: list[str], left: str) -> None:
    assert "".join(words(address, drop=drop, tokens="characters")) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a<!-- b > c -->d<!---->e<!-->f", "a d e f"),
        ("a<script src='x'>if (b < c) {}</script>d<STYLE>p > q {}</Style >e", "a d e"),
        ("a<script>b</scripts><b>c</b></script>d", "a d"),
        ("a <scripts>b</scripts> <styled>c", "a b c"),
        ("a<!-- b", "a"),
        ("a<style>b</script>", "a"),
    ],
)
def test_comments_scripts_and_styles_are_left_out_with_tags(text: str, left: str) -> None:
    assert words(text, drop=["html"]) == left.split()


@pytest.mark.parametrize(
    "piece",
    ["<", "<!--", "<!-", "<a", "<a ", "<script>", "<script", "<style ", "</script ", "<script></script", "<a\n"],
)
def test_a_long_text_of_open_tags_takes_no_time(piece: str) -> None:
    # Where a start is looked for again from every other, this takes hours.
    clean = make_clean(TextRecipe(drop=("html",)))
    assert "<script>" not in clean(piece * 10**6)


def test_stop_words_keep_what_turns_the_meaning() -> None:
    assert words("The food is not good", drop=["stop_words"]) == ["food", "not", "good"]
    assert words("THE food", drop=["stop_words"], lowercase=False) == ["food"]
    negations = {
        "no",
        "not",
        "nor",
        "never",
        "none",
        "nothing",
        "without",
        "isn't",
        "don't",
        "won't",
        "can't",
        "cannot",
    }
    assert not STOP_WORDS & (negations | {"but", "very", "too", "only", "few", "against"})


def test_capitals_are_kept_if_asked() -> None:
    assert words("The END", lowercase=False) == ["The", "END"]


# --- numbers


def test_the_most_frequent_tokens_of_the_training_texts_have_numbers() -> None:
    text = fitted("b a a c", "a b c c c", vocabulary=2)
    assert text.vocabulary.tokens == ("[PAD]", "[UNK]", "c", "a")
    assert text.numbers("a d c b") == [3, UNKNOWN, 2, UNKNOWN]
    assert fitted("b a a c", "a b c c c", min_count=3).vocabulary.tokens == ("[PAD]", "[UNK]", "c", "a")


def test_ties_are_settled_by_the_letters() -> None:
    assert fitted("d c b a").vocabulary.tokens == fitted("a b c d").vocabulary.tokens


def test_a_vocabulary_of_one() -> None:
    text = fitted("good", "good", "good")
    assert text.vocabulary.size == 3
    assert text.transform(column("good good", "bad"))["tokens"].tolist() == [[2, 2], [UNKNOWN, PADDING]]


@pytest.mark.parametrize("text", ["", "   ", "\u200b"])
def test_a_text_of_nothing_is_one_unknown_token(text: str) -> None:
    inputs = fitted("good").transform(column(text))
    assert inputs["tokens"].tolist() == [[UNKNOWN]]
    assert inputs["lengths"].tolist() == [1]
    assert fitted("good").read(text) == ["[UNK]"]


def test_rows_are_padded_to_the_longest_of_the_batch() -> None:
    inputs = fitted("a b c").transform(column("a", "a b c", "c b"))
    assert inputs["tokens"].tolist() == [[2, 0, 0], [2, 3, 4], [4, 3, 0]]
    assert inputs["lengths"].tolist() == [1, 3, 2]
    assert inputs["tokens"].dtype == inputs["lengths"].dtype == np.int32
    none = fitted("a b c").transform(column())
    assert none["tokens"].shape[0] == none["lengths"].shape[0] == 0


def test_long_texts_are_cut_at_the_end_or_at_the_start() -> None:
    assert fitted("a b c d", length=2).read("a b c d") == ["a", "b"]
    assert fitted("a b c d", length=2, keep="last").read("a b c d") == ["c", "d"]
    # What is left out does not count.
    assert fitted("a b c d", length=2, drop=["stop_words"]).read("the x of the y of z") == ["x", "y"]


def test_a_huge_text_costs_no_more_than_a_long_one() -> None:
    text = fitted("good bad", length=10, keep="last")
    huge = "<" * 5_000_000 + "a " * 2_000_000 + "bad"
    assert text.read(huge)[-1] == "bad"
    assert text.numbers(huge) == text.numbers(huge[-10 * CHARACTERS :])


def test_blanks_before_and_behind_a_text_are_not_looked_at() -> None:
    blanks = " \n" * 10 * CHARACTERS
    for keep in ("first", "last"):
        assert fitted("good film", length=2, keep=keep).read(f"{blanks}good film{blanks}") == ["good", "film"]


def test_texts_of_several_columns_are_read_one_after_the_other() -> None:
    columns = {"title": column("good")["text"], "body": column("not bad")["text"]}
    text = Text.fit(("title", "body"), columns, TextRecipe())
    assert [text.vocabulary.tokens[number] for number in text.transform(columns)["tokens"][0]] == ["good", "not", "bad"]


def test_texts_of_several_columns_are_cleaned_each_by_itself() -> None:
    columns = {"from": column(" https://www.a.test", "")["text"], "to": column("HTTP://www.b.test ", "www.c")["text"]}
    text = Text.fit(("from", "to"), columns, TextRecipe(tokens="characters", drop=("scheme", "www")))
    tokens = text.vocabulary.tokens
    assert tokens is not None
    assert not {"h", "w"} & set(tokens)
    inputs = text.transform(columns)
    for row, (whole, left) in enumerate(zip(text.cuts(columns), ("a.test\nb.test", "c"), strict=True)):
        read = inputs["tokens"][row, : inputs["lengths"][row]].tolist()
        assert "".join(whole) == "".join(tokens[number] for number in read) == left
        texts = [columns[name][row] for name in text.columns]
        assert (text.numbers(*texts), "".join(text.read(*texts))) == (read, left)


def test_a_half_of_a_surrogate_pair_is_read_all_the_same() -> None:
    for settings_ in ({}, {"hashing": True}, {"tokens": "byte_pairs"}, {"tokens": "characters"}):
        assert len(fitted("good bad", **settings_).numbers("bad \ud83d x")) >= 3


# --- hashing, byte pairs, characters


def test_a_hash_is_the_same_in_every_process() -> None:
    code = """
from treadle.features.vocabulary import Hashed
print(Hashed(1000).numbers(["the", "food", "is", "not", "good", "naïve"]))
"""
    told = {
        subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, env=os.environ | {"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert told == {f"{Hashed(1000).numbers(['the', 'food', 'is', 'not', 'good', 'naïve'])}\n".encode()}


def test_a_hash_knows_every_word_and_stores_nothing() -> None:
    text = fitted("good", hashing=True, vocabulary=50)
    assert text.vocabulary.size == 52
    assert text.vocabulary.document() is None
    assert text.vocabulary.tokens is None
    numbers = text.numbers(" ".join(f"w{index}" for index in range(200)))
    assert set(numbers) <= set(range(2, 52))
    assert len(set(numbers)) > 40
    assert text.read("good bad") == ["good", "bad"]


def test_byte_pairs_fall_into_known_pieces() -> None:
    text = fitted(*["lower lowest newer newest wider"] * 5, tokens="byte_pairs", vocabulary=30)
    known, *pieces = text.read("newest slower")
    assert (known, "".join(pieces)) == ("▁newest", "▁slower")
    assert len(pieces) > 1
    assert UNKNOWN not in text.numbers("slower")
    assert UNKNOWN in text.numbers("z")


def test_byte_pairs_are_learnt_alike_every_time() -> None:
    documents = {fitted(*REVIEWS * 3, tokens="byte_pairs", vocabulary=120).vocabulary.document() for _ in range(5)}
    assert len(documents) == 1


def test_byte_pairs_are_cut_to_the_length() -> None:
    whole = fitted(*REVIEWS, tokens="byte_pairs", vocabulary=80).numbers(REVIEWS[0])
    assert fitted(*REVIEWS, tokens="byte_pairs", vocabulary=80, length=5).numbers(REVIEWS[0]) == whole[:5]
    assert fitted(*REVIEWS, tokens="byte_pairs", vocabulary=80, length=5, keep="last").numbers(REVIEWS[0]) == whole[-5:]


def test_characters() -> None:
    text = fitted("abc", tokens="characters")
    assert text.read("cab d") == ["c", "a", "b", " ", "d"]
    assert text.numbers("cad") == [4, 2, UNKNOWN]


@pytest.mark.parametrize("settings_", [{"hashing": True}, {"tokens": "byte_pairs"}])
def test_what_is_remembered_of_texts_stays_bounded(
    settings_: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary, "_REMEMBERED", 50)
    text = fitted(*REVIEWS, **settings_)
    known = text.vocabulary._numbers if isinstance(text.vocabulary, Hashed) else text.vocabulary._pieces
    sent = [f"{'x' * length}{number}" for length in (1, 20, 1000) for number in range(200)]
    first = [text.numbers(word) for word in sent]
    assert [text.numbers(word) for word in sent] == first
    assert 0 < len(known) <= 50
    assert max(map(len, known)) < 1000


# --- what is stored


@pytest.mark.parametrize("tokens", ["words", "byte_pairs", "characters"])
def test_other_programs_read_the_same_numbers_from_tokenizer_json(tokens: str) -> None:
    text = fitted(*REVIEWS, tokens=tokens, length=10_000, drop=["html"])
    document = text.vocabulary.document()
    assert document is not None
    other = Tokenizer.from_str(document)
    clean = make_clean(text.recipe)
    for review in (*REVIEWS, "unseen Wörter 👍🏽 and\tblanks"):
        assert other.encode(clean(review), add_special_tokens=False).ids == text.numbers(review)


@pytest.mark.parametrize(
    "settings_", [{}, {"hashing": True, "vocabulary": 9}, {"tokens": "byte_pairs", "vocabulary": 60}, {"length": 3}]
)
def test_restored_features_give_the_same_numbers(settings_: dict[str, object]) -> None:
    contract = Contract(
        fields=(
            Field(name="age", kind="number"),
            Field(name="text", kind="text"),
            Field(name="liked", kind="category", role="target", categories=("no", "yes")),
        )
    )
    columns = column(*REVIEWS) | {"age": np.arange(float(len(REVIEWS)))}
    recipe = FeaturesRecipe.model_validate({"text": settings_})
    features = Features.fit(contract, columns, recipe)
    document, arrays = features.state()
    again = Features.restore(json.loads(json.dumps(document)), arrays, features.tokenizer)
    for name, array in features.transform(columns).items():
        np.testing.assert_array_equal(again.transform(columns)[name], array)
    assert again.vocabulary == features.vocabulary > 2


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (None, "tokenizer.json is missing"),
        ("{", "tokenizer.json cannot be read: JSONDecodeError"),
        ("[]", "tokenizer.json cannot be read: TypeError"),
        ('{"model": {"vocab": {"[PAD]": 0, "[UNK]": 1, "a": 5}}}', "no vocabulary of Treadle"),
        ('{"model": {"vocab": {"a": 0, "b": 1}}}', "no vocabulary of Treadle"),
        ('{"model": {"vocab": {"a": "b", "c": 1}}}', "tokenizer.json cannot be read: TypeError"),
    ],
)
def test_a_broken_tokenizer_is_refused(document: str | None, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        restore_vocabulary(document, TextRecipe())


def test_broken_byte_pairs_are_refused() -> None:
    with pytest.raises(BundleError, match=r"tokenizer.json cannot be read"):
        restore_vocabulary('{"model": {"vocab": {"[PAD]": 0, "[UNK]": 1}}}', TextRecipe(tokens="byte_pairs"))


@settings(max_examples=60)
@given(
    texts=st.lists(st.text(max_size=40), min_size=1, max_size=6), drop=st.sampled_from([(), ("html", "punctuation")])
)
def test_any_text_is_read_alike_alone_and_among_others(texts: list[str], drop: tuple[str, ...]) -> None:
    text = fitted(*REVIEWS, drop=drop, length=7)
    together = text.transform(column(*texts))
    for row, alone in enumerate(texts):
        length = together["lengths"][row]
        assert together["tokens"][row, :length].tolist() == text.numbers(alone)
        assert not together["tokens"][row, length:].any()
        assert len(text.read(alone)) == length
