"""The part of a network that reads a text: tokens to vectors, vectors to states, states to one vector."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray
from numpy.typing import NDArray

from treadle.bundle.graph import Graph
from treadle.nn.convolution import Convolution
from treadle.nn.dropout import Dropout
from treadle.nn.pooling import Pooling, make_pooling
from treadle.nn.tokens import Runs, TokenEmbedding, within, write_within
from treadle.text_recipe import EncoderRecipe

Tokens = Int[Array, "rows time"]
Lengths = Int[Array, " rows"]


class TextEncoder(eqx.Module):
    """A vector for every text; what stands behind a text's length changes nothing."""

    embedding: TokenEmbedding
    runs: Runs | None
    convolution: Convolution | None
    pooling: Pooling
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
        self.embedding = TokenEmbedding(rows, recipe.embedding_width, rng, vectors)
        self.convolution = None
        width = recipe.embedding_width
        if recipe.encoder == "convolution":
            self.convolution = Convolution(recipe.widths, width, recipe.units, rng)
            width = len(recipe.widths) * recipe.units
        self.pooling = make_pooling(recipe.pools, width, rng)
        self.token_dropout = Dropout(recipe.token_dropout)
        self.dropout = Dropout(recipe.dropout)
        self.width = width

    def __call__(self, tokens: Tokens, lengths: Lengths) -> Float[Array, "rows width"]:
        """The vector of every text; `tokens` are padded at the end, `lengths` are at least 1."""
        return self._read(tokens, lengths, None)

    def learn(self, tokens: Tokens, lengths: Lengths, key: PRNGKeyArray) -> Float[Array, "rows width"]:
        """The vectors for a training batch; `key` decides what drops out."""
        return self._read(tokens, lengths, key)

    def _read(self, tokens: Tokens, lengths: Lengths, key: PRNGKeyArray | None) -> Float[Array, "rows width"]:
        keys = (None, None, None) if key is None else tuple(jax.random.split(key, 3))
        present = within(tokens.shape[1], lengths)
        if self.runs is not None:
            tokens, present = self.runs(tokens, lengths)
        x = self.embedding(tokens)
        whole, values, pooled = keys
        if whole is not None:
            kept = self.token_dropout(jnp.ones(tokens.shape), whole)
            x = self.dropout(x * kept[:, :, None] if self.token_dropout.rate else x, values)
        if self.convolution is not None:
            x = self.convolution(jnp.where(present[:, :, None], x, 0.0))
        vector = self.pooling(x, present)
        return vector if pooled is None else self.dropout(vector, pooled)

    def write(self, graph: Graph, tokens: str, lengths: str, name: str) -> str:
        """Add this encoder, applied to the values `tokens` and `lengths`, to `graph`."""
        if self.runs is not None:
            tokens, present = self.runs.write(graph, tokens, lengths, f"{name}.runs")
        else:
            present = write_within(graph, tokens, lengths)
        x = self.embedding.write(graph, tokens, f"{name}.embedding")
        if self.convolution is not None:
            there = graph.add("Cast", [present], {"to": 1})
            there = graph.add("Unsqueeze", [there, graph.constant(np.array([2]), f"{name}.beside")])
            x = self.convolution.write(graph, graph.add("Mul", [x, there]), f"{name}.convolution")
        return self.pooling.write(graph, x, present, f"{name}.pooling")
