"""One of several at every token: the next word, the missing word, a tag."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from treadle.nn.sequence import Emissions, Scores

Due = Int[Array, "rows time"]
"""What is due at every token; below 0 where nothing is, as in padding."""


@dataclass(frozen=True)
class TokenClassification:
    """Cross-entropy of what is due at every token, each token by itself."""

    outputs: int

    def training_losses(self, outputs: Scores, targets: Due) -> Float[Array, " rows"]:
        """Sum over the tokens of every row, in nats."""
        losses = cross_entropy(outputs, jnp.maximum(targets, 0))
        return jnp.sum(jnp.where(targets >= 0, losses, 0.0), axis=1)

    def answer_losses(self, outputs: Scores, targets: Due) -> Float[Array, " rows"]:
        """The same."""
        return self.training_losses(outputs, targets)

    def answers(self, targets: Due) -> Float[Array, " rows"]:
        """How many answers are due in every row."""
        return jnp.sum((targets >= 0).astype(jnp.float32), axis=1)


@jax.custom_vjp
def cross_entropy(scores: Float[Array, "*shape outputs"], due: Int[Array, "*shape"]) -> Float[Array, "*shape"]:
    """-ln of the share that the softmax of `scores` gives to what is due.

    Its own gradient is one pass over the scores, where JAX's would scatter what is due into an array of their size.
    """
    return _with_total(scores, due)[0]


def _with_total(
    scores: Float[Array, "*shape outputs"], due: Int[Array, "*shape"]
) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
    total = jax.nn.logsumexp(scores, axis=-1)
    return total - jnp.take_along_axis(scores, due[..., None], axis=-1)[..., 0], total


def _forward(
    scores: Float[Array, "*shape outputs"], due: Int[Array, "*shape"]
) -> tuple[Float[Array, "*shape"], tuple[Array, Array, Array]]:
    loss, total = _with_total(scores, due)
    return loss, (scores, total, due)


def _backward(kept: tuple[Array, Array, Array], d_loss: Float[Array, "*shape"]) -> tuple[Array, None]:
    scores, total, due = kept
    hit = jax.lax.broadcasted_iota(due.dtype, scores.shape, scores.ndim - 1) == due[..., None]
    return (jnp.exp(scores - total[..., None]) - hit) * d_loss[..., None], None


cross_entropy.defvjp(_forward, _backward)


@dataclass(frozen=True)
class FieldClassification:
    """Negative log-likelihood of a sentence's tags together, by a linear-chain conditional random field."""

    outputs: int

    def training_losses(self, outputs: Emissions, targets: Due) -> Float[Array, " rows"]:
        """Of every row's tags, in nats."""
        scores, field = outputs
        lengths = jnp.sum((targets >= 0).astype(jnp.int32), axis=1)
        return field.negative_log_likelihood(scores, jnp.maximum(targets, 0), lengths)

    def answer_losses(self, outputs: Emissions, targets: Due) -> Float[Array, " rows"]:
        """The same."""
        return self.training_losses(outputs, targets)

    def answers(self, targets: Due) -> Float[Array, " rows"]:
        """How many answers are due in every row."""
        return jnp.sum((targets >= 0).astype(jnp.float32), axis=1)
