"""The part of a recipe that speaks of networks which answer at every token: language models, taggers, gap fillers."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from treadle.section import Positive, Section, unused

Rate = Annotated[float, Field(ge=0.0, lt=1.0)]


class SequenceRecipe(Section):
    """The network of the tasks that answer at every token: next_word, tagging, fill_blank."""

    cell: Literal["simple_rnn", "lstm", "peephole_lstm", "coupled_lstm", "gru"] = "lstm"
    """What reads the tokens one after the other."""
    activation: Literal["tanh", "relu"] = "tanh"
    """Simple RNN: what bends its state."""
    embedding_width: Positive = 100
    """Width of a token's vector."""
    vectors: str | None = None
    """A file of word vectors (GloVe or word2vec text format, also .gz and .xz) from which embeddings start."""
    affix_width: Positive = 64
    """Width of the vector of a word's affixes and shape (features.text.affixes)."""
    units: Positive | Annotated[tuple[Positive, ...], Field(min_length=1)] = 128
    """Width of a layer's state, or of every layer's, as a list from the lowest to the highest."""
    layers: Positive = 1
    """Recurrent layers, one upon the other."""
    bidirectional: bool = True
    """Read from both ends (tagging)."""
    learn_initial: bool = False
    """Learn the state before the first token, instead of zeros."""
    tied: bool = False
    """Words are answered with the vectors by which they are read (Press and Wolf 2017): fewer weights, and what is
    learnt of a word as it is read helps to foretell it (next_word, fill_blank)."""
    crf: bool = False
    """Choose the tags of a sentence together, with a learnt weight for every pair of neighbours (Lafferty et al. 2001)
    (tagging)."""
    embedding_dropout: Rate = 0.0
    """Share of the values of tokens' vectors that every training step leaves out."""
    dropout: Rate = 0.0
    """Share of the values between layers and after the last one that every training step leaves out."""
    recurrent_dropout: Rate = 0.0
    """Share of the recurrent state that every training step leaves out, the same at every token (Gal and Ghahramani
    2016)."""
    weight_dropout: Rate = 0.0
    """Share of the recurrent weights that every training step leaves out (Merity et al. 2018)."""
    token_dropout: Rate = 0.0
    """Share of the tokens whose vector every training step leaves out."""
    unknown_noise: Annotated[float, Field(ge=0.0)] = 0.0
    """Every training step takes a token seen n times for unknown with chance a / (a + n), where a is this number, so
    that rare ones teach what unknown ones are like (Dyer et al. 2015, section 2.3, where a is 1 / n's share)."""

    @property
    def widths(self) -> tuple[int, ...]:
        """Width of every layer's state."""
        return self.units if isinstance(self.units, tuple) else (self.units,) * self.layers

    @model_validator(mode="after")
    def _no_unused_options(self) -> Self:
        unused(self, ("activation",), used=self.cell == "simple_rnn", needs="model.sequence.cell: simple_rnn")
        one = not isinstance(self.units, tuple)
        unused(self, ("layers",), used=one, needs="one number in model.sequence.units")
        return self
