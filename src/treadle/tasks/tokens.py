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
        chosen = jnp.take_along_axis(outputs, jnp.maximum(targets, 0)[:, :, None], axis=2)[:, :, 0]
        losses = jax.nn.logsumexp(outputs, axis=2) - chosen
        return jnp.sum(jnp.where(targets >= 0, losses, 0.0), axis=1)

    def answer_losses(self, outputs: Scores, targets: Due) -> Float[Array, " rows"]:
        """The same."""
        return self.training_losses(outputs, targets)

    def answers(self, targets: Due) -> Float[Array, " rows"]:
        """How many answers are due in every row."""
        return jnp.sum((targets >= 0).astype(jnp.float32), axis=1)


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
