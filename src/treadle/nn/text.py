"""The part of a network that reads a text: tokens to vectors, vectors to states, states to one vector."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray
from numpy.typing import NDArray

from treadle.bundle.graph import Graph
from treadle.nn import recurrent_onnx
from treadle.nn.convolution import Convolution, OneHotConvolution
from treadle.nn.dropout import Dropout, keep_mask
from treadle.nn.pooling import Pooling, make_pooling
from treadle.nn.recurrent_layers import RecurrentNetwork, Steps, Words
from treadle.nn.tokens import Runs, TokenEmbedding, within, write_within
from treadle.text_recipe import RECURRENT, EncoderRecipe

Tokens = Int[Array, "rows time"]
Lengths = Int[Array, " rows"]
Vectors = Float[Array, "rows all width"]
Present = Bool[Array, "rows all"]

ONE_HOT_DEVIATION = 0.01
"""Of a one-hot convolution's first vectors (Johnson and Zhang 2015, section 3.2): the largest of many is kept."""


class TextEncoder(eqx.Module):
    """A vector for every text; what stands behind a text's length changes nothing."""

    embedding: TokenEmbedding
    runs: Runs | None
    convolution: Convolution | OneHotConvolution | None
    recurrent: RecurrentNetwork | None
    pooling: Pooling | None
    """None where the vector is the recurrent network's last state."""
    token_dropout: Dropout
    dropout: Dropout
    width: int = eqx.field(static=True)
    """Of the vector."""

    def __init__(
        self,
        recipe: EncoderRecipe,
        numbers: int,
        rng: np.random.Generator,
        vectors: NDArray[np.float32] | None = None,
    ) -> None:
        """
        Args:
            recipe: the recipe's section `model.text`.
            numbers: size of the vocabulary.
            rng: what the first weights are drawn from.
            vectors: where embeddings begin, shape (numbers, recipe.embedding_width), NaN for tokens without one.
        """
        self.runs = Runs(recipe.ngrams, numbers, recipe.buckets, rng) if recipe.ngrams > 1 else None
        rows = numbers + (recipe.buckets if self.runs else 0)
        self.convolution = self.recurrent = None
        self.width = recipe.embedding_width
        if recipe.encoder == "one_hot_convolution":
            self.convolution = OneHotConvolution(recipe.widths, recipe.units)
            self.embedding = TokenEmbedding(rows, self.convolution.inputs, rng, deviation=ONE_HOT_DEVIATION)
            self.width = len(recipe.widths) * recipe.units
        else:
            self.embedding = TokenEmbedding(rows, recipe.embedding_width, rng, vectors)
        if recipe.encoder == "convolution":
            self.convolution = Convolution(recipe.widths, recipe.embedding_width, recipe.units, rng)
            self.width = len(recipe.widths) * recipe.units
        elif recipe.encoder in RECURRENT:
            self.recurrent = RecurrentNetwork(
                f"simple_{recipe.activation}" if recipe.encoder == "simple_rnn" else recipe.encoder,
                recipe.embedding_width,
                recipe.units,
                rng,
                layers=recipe.layers,
                bidirectional=recipe.bidirectional,
                dropout=recipe.dropout,
                recurrent_dropout=recipe.recurrent_dropout,
                learn_initial=recipe.learn_initial,
            )
            self.width = self.recurrent.width
        self.pooling = make_pooling(recipe.pools, self.width, rng) if recipe.pools != "last" else None
        self.token_dropout = Dropout(recipe.token_dropout)
        self.dropout = Dropout(recipe.dropout)

    def __call__(self, tokens: Tokens, lengths: Lengths) -> Float[Array, "rows width"]:
        """The vector of every text; `tokens` are padded at the end, `lengths` are at least 1."""
        return self._read(tokens, lengths, None)

    def learn(self, tokens: Tokens, lengths: Lengths, key: PRNGKeyArray) -> Float[Array, "rows width"]:
        """The vectors for a training batch; `key` decides what drops out."""
        return self._read(tokens, lengths, key)

    def _read(self, tokens: Tokens, lengths: Lengths, key: PRNGKeyArray | None) -> Float[Array, "rows width"]:
        whole, values, between, pooled = (None,) * 4 if key is None else jax.random.split(key, 4)
        tokens, present = self._all(tokens, lengths)
        if whole is not None and self.token_dropout.rate:
            tokens = jnp.where(keep_mask(whole, tokens.shape, 1.0 - self.token_dropout.rate), tokens, -1)
        kept = 1.0 if key is None else 1.0 - self.token_dropout.rate
        if self.recurrent is not None and (key is None or self.dropout.rate == 0.0):
            # Nothing stands between the table and the first layer.
            vector = self._recur(Words(self.embedding.weight / kept, tokens.T), lengths, present, between)
        else:
            x = self._look_up(tokens) / kept
            if values is not None and not isinstance(self.convolution, OneHotConvolution):
                x = self.dropout(x, values)
            vector = self._combine(x, lengths, present, between)
        return vector if pooled is None else self.dropout(vector, pooled)

    def embed(self, tokens: Tokens, lengths: Lengths) -> tuple[Vectors, Present]:
        """The first half of a call: the vectors of all that is read of every text, and which of them are there.

        With `runs`, the vectors of single tokens stand first, then those of the runs of two that begin at each token,
        and so on, `all` = longest * time of them; else `all` is time. What is not there has a vector of zeros.
        """
        tokens, present = self._all(tokens, lengths)
        return self._look_up(tokens), present

    def combine(self, vectors: Vectors, lengths: Lengths, present: Present) -> Float[Array, "rows width"]:
        """The second half of a call: what `embed` gave, to one vector for every text."""
        return self._combine(vectors, lengths, present, None)

    def _all(self, tokens: Tokens, lengths: Lengths) -> tuple[Tokens, Present]:
        """The numbers that are looked up, -1 where there is none."""
        present = within(tokens.shape[1], lengths)
        if self.runs is not None:
            tokens, present = self.runs(tokens, lengths)
        return jnp.where(present, tokens, -1), present

    def _look_up(self, tokens: Tokens) -> Vectors:
        # Time comes first where steps are taken one after the other; here it only looks as if it did not.
        return self.embedding(tokens) if self.recurrent is None else self.embedding(tokens.T).swapaxes(0, 1)

    def _combine(
        self, x: Vectors, lengths: Lengths, present: Present, key: PRNGKeyArray | None
    ) -> Float[Array, "rows width"]:
        if self.recurrent is not None:
            return self._recur(x.swapaxes(0, 1), lengths, present, key)
        assert self.pooling is not None
        return self.pooling(x if self.convolution is None else self.convolution(x), present)

    def _recur(
        self, x: Steps | Words, lengths: Lengths, present: Present, key: PRNGKeyArray | None
    ) -> Float[Array, "rows width"]:
        assert self.recurrent is not None
        read = self.recurrent(x, lengths) if key is None else self.recurrent.learn(x, lengths, key)
        return read.last if self.pooling is None else self.pooling(read.outputs.swapaxes(0, 1), present)

    def write(self, graph: Graph, tokens: str, lengths: str, name: str) -> str:
        """Add this encoder, applied to the values `tokens` and `lengths`, to `graph`."""
        if self.recurrent is not None:
            return self._write_recurrent(graph, tokens, lengths, name)
        assert self.pooling is not None
        if self.runs is not None:
            tokens, present = self.runs.write(graph, tokens, lengths, f"{name}.runs")
        else:
            present = write_within(graph, tokens, lengths)
        if isinstance(self.convolution, OneHotConvolution):
            table = np.asarray(self.embedding.weight)
            states = self.convolution.write(graph, table, tokens, present, f"{name}.convolution")
            return self.pooling.write(graph, states, present, f"{name}.pooling")
        x = self.embedding.write(graph, tokens, f"{name}.embedding")
        if self.convolution is not None:
            there = graph.add("Cast", [present], {"to": 1})
            there = graph.add("Unsqueeze", [there, graph.constant(np.array([2]), f"{name}.beside")])
            x = self.convolution.write(graph, graph.add("Mul", [x, there]), f"{name}.convolution")
        return self.pooling.write(graph, x, present, f"{name}.pooling")

    def _write_recurrent(self, graph: Graph, tokens: str, lengths: str, name: str) -> str:
        assert self.recurrent is not None
        turned = graph.add("Transpose", [tokens], {"perm": [1, 0]})
        x = self.embedding.write(graph, turned, f"{name}.embedding")
        written = recurrent_onnx.write(self.recurrent, graph, x, lengths, f"{name}.recurrent")
        if self.pooling is None:
            return written.last
        states = graph.add("Transpose", [written.outputs], {"perm": [1, 0, 2]})
        # Past a text's length a recurrent network answers zeros.
        return self.pooling.write(graph, states, write_within(graph, tokens, lengths), f"{name}.pooling", clean=True)
