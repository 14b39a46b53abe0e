"""Dropout, with a random generator that costs less than the layers it serves."""

from __future__ import annotations

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray, UInt32


class Dropout(eqx.Module):
    """Zeros a share of the elements in training and scales the others up, so that the expected value stays.

    Source: Srivastava et al. 2014, Dropout.
    """

    rate: float = eqx.field(static=True)
    """Share of elements set to zero, in [0, 1)."""

    def __call__(self, x: Float[Array, "*shape"], key: PRNGKeyArray) -> Float[Array, "*shape"]:
        if self.rate == 0.0:
            return x
        return jnp.where(keep_mask(key, x.shape, 1.0 - self.rate), x / (1.0 - self.rate), 0.0)


def keep_mask(key: PRNGKeyArray, shape: tuple[int, ...], share: float) -> Bool[Array, "*shape"]:
    """True for about `share` of the elements."""
    kept: Bool[Array, "*shape"] = _bits(key, shape) < jnp.uint32(min(round(share * 2**32), 2**32 - 1))
    return kept


def chances(key: PRNGKeyArray, shares: Float[Array, "*shape"]) -> Bool[Array, "*shape"]:
    """True for every element with the chance that stands in its place."""
    # 24 bits are what a float32 holds exactly.
    hit: Bool[Array, "*shape"] = (_bits(key, shares.shape) >> 8).astype(jnp.float32) < shares * 2**24
    return hit


def _bits(key: PRNGKeyArray, shape: tuple[int, ...]) -> UInt32[Array, "*shape"]:
    """Random bits: the key seeds a generator whose next numbers the elements get.

    JAX's own generator is made for more than this and takes three times as long as the rest of a small network's
    step. This is SplitMix with 32 bits (Steele et al. 2014, Fast Splittable Pseudorandom Number Generators): a
    counter that grows by the golden ratio, mixed as in MurmurHash3.
    """
    seed = jax.random.key_data(key)[-1]
    counter = jax.lax.iota(jnp.uint32, math.prod(shape)).reshape(shape)
    bits = seed + counter * jnp.uint32(0x9E3779B9)
    bits = (bits ^ (bits >> 16)) * jnp.uint32(0x85EBCA6B)
    bits = (bits ^ (bits >> 13)) * jnp.uint32(0xC2B2AE35)
    mixed: UInt32[Array, "*shape"] = bits ^ (bits >> 16)
    return mixed
