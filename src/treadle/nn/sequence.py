"""Networks that answer at every token of a text: language models, taggers, and what names a missing word."""

from __future__ import annotations

from typing import Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray
from numpy.typing import NDArray

from treadle.nn.affixes import AffixEmbedding
from treadle.nn.crf import Crf
from treadle.nn.dropout import Dropout, keep_mask
from treadle.nn.linear import Linear
from treadle.nn.network import Inputs
from treadle.nn.recurrent_layers import LayerState, RecurrentNetwork, Steps, Words
from treadle.nn.tokens import TokenEmbedding, within
from treadle.nn.weights import Untrained
from treadle.recipe import Task
from treadle.sequence_recipe import SequenceRecipe

Scores = Float[Array, "rows time outputs"]
Emissions = tuple[Scores, Crf]
"""Scores of tags, and the field that chooses among whole sentences of them."""


class Carried(Untrained):
    """The state in which the last batch of a running text ended."""

    states: tuple[LayerState, ...]


class SequenceNetwork(eqx.Module):
    """Tokens to vectors, vectors to states, states to scores at every token; what follows a row's end changes nothing.

    With `backward`, the scores at a token come from the state of all before it and that of all after it, and nothing
    of the token itself: every word of a line is a gap of its own, in one pass.
    """

    embedding: TokenEmbedding
    affixes: AffixEmbedding | None
    recurrent: RecurrentNetwork
    backward: RecurrentNetwork | None
    projection: Linear | None
    """To the width of the embedding, where words are answered with its vectors."""
    output: Linear | None
    bias: Float[Array, " outputs"] | None
    """Of an output whose weights are the embedding's."""
    crf: Crf | None
    carried: Carried | None
    token_dropout: Dropout
    embedding_dropout: Dropout
    dropout: Dropout

    def __call__(self, inputs: Inputs) -> Scores | Emissions:
        """Scores at every token, shape (rows, time, outputs); what a padded step has means nothing."""
        hidden, _ = self._read(inputs, None, None)
        return self._answer(hidden)

    def learn(
        self, inputs: Inputs, present: Float[Array, " rows"], key: PRNGKeyArray
    ) -> tuple[Scores | Emissions, Self]:
        """Scores for a training batch, and this network with the state in which a running text was left."""
        del present
        initial = None
        if self.carried is not None:
            starts = inputs["starts"][:, None] > 0
            begun = self.recurrent.begin(len(starts))
            initial = jax.tree.map(lambda *states: jnp.where(starts, *states), begun, self.carried.states)
        key, after = jax.random.split(key)
        hidden, states = self._read(inputs, initial, key)
        moved = self
        if self.carried is not None:
            ended = Carried(jax.lax.stop_gradient(states))
            moved = eqx.tree_at(lambda network: network.carried, self, ended)
        return self._answer(self.dropout(hidden, after)), moved

    def _read(
        self, inputs: Inputs, initial: tuple[LayerState, ...] | None, key: PRNGKeyArray | None
    ) -> tuple[Float[Array, "rows time width"], tuple[LayerState, ...]]:
        lengths = inputs["lengths"]
        keys = (None,) * 4 if key is None else jax.random.split(key, 4)
        x = self._embed(inputs, keys[0], keys[1])
        ahead = self._recur(self.recurrent, x, lengths, initial, keys[2])
        outputs, states = ahead
        if self.backward is not None:
            behind, _ = self._recur(self.backward, x, lengths, None, keys[3])
            nothing = jnp.zeros_like(outputs[:1])
            before = jnp.concatenate([nothing, outputs[:-1]])
            after = jnp.concatenate([behind[1:], jnp.zeros_like(behind[:1])])
            outputs = jnp.concatenate([before, after], axis=-1)
        return outputs.swapaxes(0, 1), states

    def _recur(
        self,
        network: RecurrentNetwork,
        x: Steps | Words,
        lengths: Int[Array, " rows"],
        initial: tuple[LayerState, ...] | None,
        key: PRNGKeyArray | None,
    ) -> tuple[Steps, tuple[LayerState, ...]]:
        unrolled = network(x, lengths, initial) if key is None else network.learn(x, lengths, key, initial)
        return unrolled.outputs, unrolled.states

    def _embed(self, inputs: Inputs, whole: PRNGKeyArray | None, values: PRNGKeyArray | None) -> Steps | Words:
        tokens = inputs["tokens"]
        tokens = jnp.where(within(tokens.shape[1], inputs["lengths"]), tokens, -1)
        if whole is not None and self.token_dropout.rate:
            tokens = jnp.where(keep_mask(whole, tokens.shape, 1.0 - self.token_dropout.rate), tokens, -1)
        if self.affixes is None and (values is None or self.embedding_dropout.rate == 0.0):
            return Words(self.embedding.weight, tokens.T)
        x = self.embedding(tokens.T)
        if self.affixes is not None:
            x = jnp.concatenate([x, self.affixes(inputs["affixes"].swapaxes(0, 1))], axis=-1)
        return x if values is None else self.embedding_dropout(x, values)

    def _answer(self, hidden: Float[Array, "rows time width"]) -> Scores | Emissions:
        rows, time, width = hidden.shape
        # As one matrix: XLA's products with two axes of rows are slower.
        x = hidden.reshape(rows * time, width)
        if self.projection is not None:
            x = self.projection(x)
        if self.output is not None:
            flat = self.output(x)
        else:
            assert self.bias is not None
            flat = x @ self.embedding.weight.T + self.bias
        scores = flat.reshape(rows, time, flat.shape[1])
        return scores if self.crf is None else (scores, self.crf)

    def settled(self) -> Self:
        """This network as it is kept: without the state of the text it was trained on."""
        settled: Self = eqx.tree_at(lambda network: network.carried, self, None, is_leaf=lambda leaf: leaf is None)
        return settled


def build_sequence_network(
    task: Task,
    recipe: SequenceRecipe,
    *,
    numbers: int,
    outputs: int,
    rng: np.random.Generator,
    affixes: tuple[int, int] | None = None,
    shares: NDArray[np.float64] | None = None,
    vectors: NDArray[np.float32] | None = None,
    streams: int = 0,
) -> SequenceNetwork:
    """An untrained network as the recipe says.

    Args:
        task: next_word, tagging or fill_blank.
        recipe: the recipe's section `model.sequence`.
        numbers: that tokens can be: rows of the embedding.
        outputs: scores at every token.
        rng: what the first weights are drawn from.
        affixes: buckets and width of the vectors of a token's affixes; None reads none.
        shares: of every output among what training foretells, shape (outputs,), at which the answers begin.
        vectors: where embeddings begin, shape (numbers or fewer, embedding_width), NaN for tokens without one.
        streams: rows of a batch of running text; 0 where no state is carried on.
    """
    embedding = TokenEmbedding(numbers, recipe.embedding_width, rng, vectors)
    affix_embedding = None if affixes is None else AffixEmbedding(*affixes, rng)
    width = recipe.embedding_width + (0 if affixes is None else affixes[1])

    def recurrent(*, bidirectional: bool = False, reverse: bool = False) -> RecurrentNetwork:
        return RecurrentNetwork(
            f"simple_{recipe.activation}" if recipe.cell == "simple_rnn" else recipe.cell,
            width,
            recipe.widths,
            rng,
            bidirectional=bidirectional,
            reverse=reverse,
            dropout=recipe.dropout,
            recurrent_dropout=recipe.recurrent_dropout,
            weight_dropout=recipe.weight_dropout,
            learn_initial=recipe.learn_initial,
        )

    forward = recurrent(bidirectional=task == "tagging" and recipe.bidirectional)
    backward = recurrent(reverse=True) if task == "fill_blank" else None
    hidden = forward.width + (backward.width if backward else 0)
    projection = output = None
    bias = np.zeros(outputs, np.float32)
    if shares is not None:
        # Begun at what is frequent, the weights need not learn it first.
        bias = np.log(np.maximum(shares, SMALLEST_SHARE)).astype(np.float32)
    if recipe.tied:
        projection = Linear(hidden, recipe.embedding_width, rng) if hidden != recipe.embedding_width else None
    else:
        output = eqx.tree_at(lambda linear: linear.bias, Linear(hidden, outputs, rng), jnp.asarray(bias))
    return SequenceNetwork(
        embedding=embedding,
        affixes=affix_embedding,
        recurrent=forward,
        backward=backward,
        projection=projection,
        output=output,
        bias=jnp.asarray(bias) if recipe.tied else None,
        crf=Crf(outputs) if recipe.crf else None,
        carried=Carried(forward.begin(streams)) if streams else None,
        token_dropout=Dropout(recipe.token_dropout),
        embedding_dropout=Dropout(recipe.embedding_dropout),
        dropout=Dropout(recipe.dropout),
    )


SMALLEST_SHARE = 1e-6
"""Of an output that training never foretells, such as the mark before a line."""
