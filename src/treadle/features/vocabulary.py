"""Tokens to numbers: learnt from the training texts, by a hash, or as byte pairs.

A vocabulary is written as a tokenizer.json of the library `tokenizers`, so that other programs read the same numbers
from cleaned texts; a hash needs no file.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, repeat
from typing import Any, Protocol
from zlib import crc32

from treadle.errors import BundleError
from treadle.features.cutting import pattern_of
from treadle.text_recipe import TextRecipe

PADDING, UNKNOWN = 0, 1
PADDING_TOKEN, UNKNOWN_TOKEN = "[PAD]", "[UNK]"
FIRST = 2
"""The first number of a known token."""
WIDTH = 4
"""Bytes of a number: an int32."""

_MARK: dict[str, Any] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": False}
"""Puts a sign before every word, so that its first piece is told from the others. A sign after it would do as well, but
the library numbers such pieces in an order that differs from run to run."""
_REMEMBERED, _LONGEST = 2**16, 32
"""Words whose numbers are kept at hand, and their most characters: whoever sends texts chooses the words, and must not
choose how much memory they take."""


def pack(*numbers: int) -> bytes:
    """Numbers as the bytes of int32."""
    return array("i", numbers).tobytes()


def unpack(packed: bytes) -> list[int]:
    """The numbers that were packed."""
    return array("i", packed).tolist()


PACKED_UNKNOWN = pack(UNKNOWN)


class Vocabulary(Protocol):
    """Numbers for tokens."""

    @property
    def size(self) -> int:
        """Numbers there are, padding and unknown among them: the rows of an embedding."""
        ...

    @property
    def tokens(self) -> tuple[str, ...] | None:
        """The token of every number; None where a hash leaves no way back."""
        ...

    def numbers(self, cut: list[str]) -> list[int]:
        """The numbers of a text's tokens."""
        ...

    def packed(self, cut: list[str]) -> bytes:
        """The same as the bytes of int32, which take less time to find and to put together."""
        ...

    def document(self) -> str | None:
        """The content of tokenizer.json; None where there is nothing to store."""
        ...


@dataclass(frozen=True)
class Learnt:
    """The most frequent tokens of the training texts, by frequency, then by letters."""

    tokens: tuple[str, ...]
    pattern: str
    """What a token is, as a regular expression."""

    @classmethod
    def learn(cls, cuts: Iterable[list[str]], recipe: TextRecipe) -> Learnt:
        """From the tokens of the training texts."""
        counts = Counter(chain.from_iterable(cuts))
        # What cleaning left nothing of is unknown; so is a word that is spelt like padding.
        for token in ("", PADDING_TOKEN, UNKNOWN_TOKEN):
            counts.pop(token, None)
        frequent = [token for token, count in counts.items() if count >= recipe.min_count]
        frequent.sort(key=lambda token: (-counts[token], token))
        return cls((PADDING_TOKEN, UNKNOWN_TOKEN, *frequent[: recipe.vocabulary]), pattern_of(recipe))

    @property
    def size(self) -> int:
        return len(self.tokens)

    @cached_property
    def _known(self) -> dict[str, bytes]:
        return {token: pack(number) for number, token in enumerate(self.tokens[FIRST:], FIRST)}

    def numbers(self, cut: list[str]) -> list[int]:
        return unpack(self.packed(cut))

    def packed(self, cut: list[str]) -> bytes:
        return b"".join(map(self._known.get, cut, repeat(PACKED_UNKNOWN)))

    def document(self) -> str:
        model = {
            "type": "WordLevel",
            "vocab": {token: number for number, token in enumerate(self.tokens)},
            "unk_token": UNKNOWN_TOKEN,
        }
        return _to_json(self.pattern, model)


def remember(known: dict[str, bytes], word: str, found: bytes) -> None:
    """Keep what was found out of a word among what is known of others, within bounds."""
    if len(word) > _LONGEST:
        return
    if len(known) >= _REMEMBERED:
        known.clear()
    known[word] = found


class _Hashed(dict[str, bytes]):
    """Numbers by hash, remembered: most words of a text are frequent ones."""

    def __init__(self, values: int) -> None:
        super().__init__()
        self._values = values

    def __missing__(self, token: str) -> bytes:
        if not token:
            return PACKED_UNKNOWN
        # Python's own hash differs from process to process.
        number = pack(FIRST + crc32(token.encode("utf-8")) % self._values)
        remember(self, token, number)
        return number


@dataclass(frozen=True)
class Hashed:
    """A number for every word there may be, of a fixed count: different words may share one."""

    values: int

    @property
    def size(self) -> int:
        return FIRST + self.values

    @property
    def tokens(self) -> None:
        return None

    @cached_property
    def _numbers(self) -> _Hashed:
        return _Hashed(self.values)

    def numbers(self, cut: list[str]) -> list[int]:
        return unpack(self.packed(cut))

    def packed(self, cut: list[str]) -> bytes:
        return b"".join(map(self._numbers.__getitem__, cut))

    def document(self) -> None:
        return None


class _Pieces(dict[str, bytes]):
    """The pieces of every word, remembered."""

    def __init__(self, document: str) -> None:
        from tokenizers import Tokenizer

        super().__init__()
        self._tokenizer = Tokenizer.from_str(document)

    def __missing__(self, word: str) -> bytes:
        pieces = pack(*self._tokenizer.encode(word, add_special_tokens=False).ids)
        remember(self, word, pieces)
        return pieces


@dataclass(frozen=True)
class BytePairs:
    """Frequent pieces of words; a word not seen falls into known pieces, at worst into letters.

    Source: Sennrich et al. 2016, Neural Machine Translation of Rare Words with Subword Units, section 3.2.
    """

    written: str = field(repr=False)

    @classmethod
    def learn(cls, cuts: Iterable[list[str]], recipe: TextRecipe) -> BytePairs:
        """From the words of the training texts."""
        from tokenizers import Tokenizer, models, pre_tokenizers, trainers

        tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN_TOKEN))
        marked = pre_tokenizers.Metaspace(_MARK["replacement"], _MARK["prepend_scheme"], split=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), marked])
        trainer = trainers.BpeTrainer(
            vocab_size=FIRST + recipe.vocabulary,
            min_frequency=recipe.min_count,
            special_tokens=[PADDING_TOKEN, UNKNOWN_TOKEN],
            show_progress=False,
        )
        tokenizer.train_from_iterator(map(" ".join, cuts), trainer)
        return cls(_to_json(pattern_of(recipe), json.loads(tokenizer.to_str())["model"], _MARK))

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        vocabulary: dict[str, int] = json.loads(self.written)["model"]["vocab"]
        return tuple(sorted(vocabulary, key=vocabulary.__getitem__))

    @property
    def size(self) -> int:
        return len(self.tokens)

    @cached_property
    def _pieces(self) -> _Pieces:
        return _Pieces(self.written)

    def numbers(self, cut: list[str]) -> list[int]:
        return unpack(self.packed(cut))

    def packed(self, cut: list[str]) -> bytes:
        return b"".join(map(self._pieces.__getitem__, cut))

    def document(self) -> str:
        return self.written


def learn_vocabulary(cuts: Iterable[list[str]], recipe: TextRecipe) -> Vocabulary:
    """The vocabulary of a recipe, from the tokens of the training texts."""
    if recipe.hashing:
        return Hashed(recipe.vocabulary)
    return (BytePairs if recipe.tokens == "byte_pairs" else Learnt).learn(cuts, recipe)


def restore_vocabulary(document: str | None, recipe: TextRecipe) -> Vocabulary:
    """The vocabulary that `document` was written of.

    Raises:
        BundleError: it is missing, or no vocabulary of this recipe.
    """
    if recipe.hashing:
        return Hashed(recipe.vocabulary)
    if document is None:
        raise BundleError("tokenizer.json is missing; train the bundle again")
    try:
        numbers: dict[str, int] = json.loads(document)["model"]["vocab"]
        tokens = tuple(sorted(numbers, key=numbers.__getitem__))
        whole = [numbers[token] for token in tokens] == list(range(len(tokens)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"tokenizer.json cannot be read: {type(error).__name__}: {error}") from None
    if tokens[:FIRST] != (PADDING_TOKEN, UNKNOWN_TOKEN) or not whole:
        raise BundleError("tokenizer.json is no vocabulary of Treadle: its numbers are not those of [PAD], [UNK], ...")
    return _open_byte_pairs(document) if recipe.tokens == "byte_pairs" else Learnt(tokens, pattern_of(recipe))


def _open_byte_pairs(document: str) -> BytePairs:
    vocabulary = BytePairs(document)
    try:
        vocabulary.numbers(["a"])
    except Exception as error:  # noqa: BLE001 - the library has no narrower class
        raise BundleError(f"tokenizer.json cannot be read: {error}") from None
    return vocabulary


def _to_json(pattern: str, model: dict[str, Any], *more: dict[str, Any]) -> str:
    cut = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Removed", "invert": True}
    document: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [cut, *more]},
        "post_processor": None,
        "decoder": None,
        "model": model,
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"
