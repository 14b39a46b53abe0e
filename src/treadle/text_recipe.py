"""The parts of a recipe that speak of text: how it becomes tokens, and what reads them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from treadle.section import Positive, Section, unused

RECURRENT = ("simple_rnn", "lstm", "peephole_lstm", "coupled_lstm", "gru")
"""Encoders that read a text word by word."""
CONVOLUTIONS = ("convolution", "one_hot_convolution")
"""Encoders that read neighbouring tokens together."""


class TextRecipe(Section):
    """How texts become tokens (columns of data.kinds: text)."""

    tokens: Literal["words", "byte_pairs", "characters", "spaced"] = "words"
    """What a text is cut into: words, pieces of words that are frequent (Sennrich et al. 2016), characters, or what
    stands between blanks."""
    vocabulary: Positive = 20_000
    """Most tokens that are told apart: the most frequent of the training texts. The others are one, unknown."""
    hashing: bool = False
    """Tell words apart by a hash of `vocabulary` values, so that none is unknown and none need be learnt."""
    min_count: Positive = 1
    """Tokens seen less often in the training texts are unknown."""
    lowercase: bool = True
    """Read capitals as small letters."""
    drop: tuple[Literal["html", "punctuation", "stop_words", "scheme", "www"], ...] = ()
    """What is left out: html (tags, and entities become characters), punctuation, stop_words (frequent English words,
    never a negation), scheme (the https:// before an address), www (the www. before its host)."""
    length: Positive = 256
    """Most tokens that are read of a text."""
    keep: Literal["first", "last"] = "first"
    """Which end of a longer text is read."""
    marks: bool = True
    """Let a line begin with a mark and end with one, which is foretold as a word is (next_word)."""
    affixes: Annotated[int, Field(ge=0, le=6)] = 0
    """Longest run of a word's first and of its last letters to have a vector of its own, as has its shape (capitals,
    digits, signs); 0 reads whole words only (tagging)."""
    affix_buckets: Positive = 2**14
    """Vectors shared by all such runs and shapes, by a hash."""

    @model_validator(mode="after")
    def _no_unused_options(self) -> Self:
        unused(self, ("hashing",), used=self.tokens in ("words", "spaced"), needs="features.text.tokens: words")
        unused(self, ("affix_buckets",), used=self.affixes > 0, needs="features.text.affixes above 0")
        unused(self, ("min_count",), used=not self.hashing, needs="features.text.hashing: false")
        if "stop_words" in self.drop and self.tokens not in ("words", "spaced"):
            raise ValueError("drop: stop_words would not be used: it needs features.text.tokens: words")
        return self


class EncoderRecipe(Section):
    """The part of the network that reads a text."""

    encoder: Literal[
        "bag", "convolution", "one_hot_convolution", "simple_rnn", "lstm", "peephole_lstm", "coupled_lstm", "gru"
    ] = "bag"
    """What reads the tokens: a bag of their vectors, a convolution over neighbours' vectors or over the neighbours
    themselves (Johnson and Zhang 2015), or a recurrent network."""
    embedding_width: Positive = 64
    """Width of a token's vector."""
    vectors: str | None = None
    """A file of word vectors (GloVe or word2vec text format, also .gz and .xz) from which embeddings start."""
    ngrams: Annotated[int, Field(ge=1, le=5)] = 1
    """Bag: runs of up to so many tokens have vectors of their own."""
    buckets: Positive = 2**18
    """Bag: vectors shared by all runs of two and more tokens, by a hash of the run."""
    units: Positive = 128
    """Width of what a convolution or a recurrent network says at every token."""
    widths: Annotated[tuple[Positive, ...], Field(min_length=1)] = (3, 4, 5)
    """Convolutions: neighbouring tokens that are read together, one filter bank for each width."""
    activation: Literal["tanh", "relu"] = "tanh"
    """Simple RNN: what bends its state."""
    layers: Positive = 1
    """Recurrent layers, one upon the other."""
    bidirectional: bool = False
    """Recurrent: read from both ends."""
    learn_initial: bool = False
    """Recurrent: learn the state before the first token, instead of zeros."""
    pooling: Literal["last", "mean", "max", "attention"] | None = None
    """How many tokens become one vector. Default: mean for a bag, max for a convolution, last for recurrent ones."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Share of the values of embeddings (but of a one-hot convolution), between layers and after pooling that every
    training step leaves out."""
    recurrent_dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Share of the recurrent state that every training step leaves out, the same at every token."""
    token_dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Share of the tokens that every training step leaves out."""

    @property
    def pools(self) -> Literal["last", "mean", "max", "attention"]:
        """The pooling, decided."""
        if self.encoder in RECURRENT:
            return self.pooling or "last"
        return self.pooling or ("mean" if self.encoder == "bag" else "max")

    @model_validator(mode="after")
    def _no_unused_options(self) -> Self:
        def only(keys: tuple[str, ...], *encoders: str) -> None:
            unused(self, keys, used=self.encoder in encoders, needs=f"model.text.encoder: {' or '.join(encoders)}")

        only(("ngrams",), "bag")
        unused(self, ("buckets",), used=self.ngrams > 1, needs="model.text.ngrams above 1")
        only(("widths",), *CONVOLUTIONS)
        only(("units",), *CONVOLUTIONS, *RECURRENT)
        only(("embedding_width", "vectors"), "bag", "convolution", *RECURRENT)
        only(("activation",), "simple_rnn")
        only(("layers", "bidirectional", "learn_initial", "recurrent_dropout"), *RECURRENT)
        if self.pooling == "last" and self.encoder not in RECURRENT:
            raise ValueError(f"pooling: last does not fit encoder: {self.encoder}, which keeps no memory of the text")
        return self
