"""The linear-chain conditional random field: the tags of a sentence, chosen together."""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from treadle.nn.linear import full
from treadle.nn.tokens import within

Emissions = Float[Array, "rows time tags"]
"""The score of every tag at every token, from the network below."""
Scores = Float[Array, "rows tags"]

SPREAD = 60.0
"""Between the transitions, up to which sums of exponentials may be taken as one product: the largest term is above
exp(-60) then, beside which what float32 cannot hold (below exp(-87)) is nothing. With 50 tags it takes a tenth of the
time that a sum for every pair takes."""


class Crf(eqx.Module):
    """Scores for neighbouring tags, beside those of every token's own.

    A sentence's tags y score first[y_1] + sum_t emission[t, y_t] + sum_t transitions[y_t, y_(t+1)] + last[y_n], and are
    as likely as the exponential of that, divided by the sum over all sequences of tags. Nothing learnt, they are as
    likely as by a softmax at every token.

    Source: Lafferty et al. 2001, Conditional Random Fields, section 3; Lample et al. 2016, Neural Architectures for
    Named Entity Recognition, section 2.2.
    """

    transitions: Float[Array, "tags tags"]
    """Of the tag of a column after that of a row."""
    first: Float[Array, " tags"]
    """Of a sentence's first tag."""
    last: Float[Array, " tags"]
    """Of its last one."""

    def __init__(self, tags: int) -> None:
        self.transitions = full((tags, tags), 0.0)
        self.first = full((tags,), 0.0)
        self.last = full((tags,), 0.0)

    def negative_log_likelihood(
        self, emissions: Emissions, targets: Int[Array, "rows time"], lengths: Int[Array, " rows"]
    ) -> Float[Array, " rows"]:
        """Of the tags `targets` given the emissions, in nats; 0 for a row of length 0.

        What stands past a row's length, in emissions and in targets, plays no part.
        """
        present = within(emissions.shape[1], lengths)
        # What is not there may not even be a number, of which no product is zero.
        emissions = jnp.where(present[:, :, None], emissions, 0.0)
        chosen = jax.nn.one_hot(jnp.where(present, targets, -1), emissions.shape[2], dtype=emissions.dtype)
        normaliser = jnp.where(lengths > 0, self._log_normaliser(emissions, present), 0.0)
        return normaliser - self._score(emissions, chosen, lengths)

    def _score(
        self, emissions: Emissions, chosen: Float[Array, "rows time tags"], lengths: Int[Array, " rows"]
    ) -> Float[Array, " rows"]:
        """Of the chosen tags, one-hot and zeros in padding."""
        pairs = jnp.matmul(chosen[:, :-1], self.transitions, precision="highest") * chosen[:, 1:]
        ends = chosen[jnp.arange(len(lengths)), lengths - 1]
        inner = jnp.sum(chosen * emissions, axis=(1, 2)) + jnp.sum(pairs, axis=(1, 2))
        return inner + jnp.sum(chosen[:, 0] * self.first + ends * self.last, axis=1)

    def _log_normaliser(self, emissions: Emissions, present: Bool[Array, "rows time"]) -> Float[Array, " rows"]:
        """Logarithm of the sum over all sequences of tags, by the forward recursion."""
        largest = jax.lax.stop_gradient(jnp.max(self.transitions))
        spread = largest - jnp.min(self.transitions)
        factors = jnp.exp(self.transitions - largest)

        def by_product(scores: Scores) -> Scores:
            height = jax.lax.stop_gradient(jnp.max(scores, axis=1, keepdims=True))
            reached = jnp.matmul(jnp.exp(scores - height), factors, precision="highest")
            return jnp.log(reached) + height + largest

        # Kept for the gradient, the sums' terms would cost time even where none is taken.
        @jax.checkpoint
        def by_sums(scores: Scores) -> Scores:
            return jax.nn.logsumexp(scores[:, :, None] + self.transitions, axis=1)

        def recursion(move: Callable[[Scores], Scores]) -> Float[Array, " rows"]:
            def step(scores: Scores, at: tuple[Scores, Bool[Array, " rows"]]) -> tuple[Scores, None]:
                emission, there = at
                return jnp.where(there[:, None], move(scores) + emission, scores), None

            begin = self.first + emissions[:, 0]
            scores, _ = jax.lax.scan(step, begin, (emissions[:, 1:].swapaxes(0, 1), present[:, 1:].T))
            return jax.nn.logsumexp(scores + self.last, axis=1)

        found: Array = jax.lax.cond(spread < SPREAD, lambda: recursion(by_product), lambda: recursion(by_sums))
        return found
