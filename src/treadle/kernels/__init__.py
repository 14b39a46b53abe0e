"""Recurrences over time: one contract, a plain implementation in JAX and a fused one in C++."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from treadle.kernels import fused, library, scan
from treadle.kernels.contract import Cell, State, Weights
from treadle.kernels.embedding import lookup
from treadle.kernels.library import prepare
from treadle.kernels.sharding import vary_alike

__all__ = ["Cell", "State", "Weights", "engine", "lookup", "prepare", "unroll", "unroll_tokens"]


def unroll(
    cell: type[Cell],
    weights: Weights,
    xs: Float[Array, "time batch features"],
    lengths: Int[Array, " batch"],
    initial: State,
    *,
    mask: Float[Array, "batch units"] | None = None,
    reverse: bool = False,
) -> tuple[Float[Array, "time batch units"], State]:
    """A cell over the steps of every row, in one direction.

    It can be differentiated with respect to weights, inputs and initial state, compiled, mapped, and sharded over the
    batch (by `jax.shard_map`). What stands in `xs` past a row's length plays no part.

    Args:
        cell: the equation.
        weights: its arrays.
        xs: inputs, padded at the end.
        lengths: steps of each row; values outside 0 to time are brought to the nearer end.
        initial: the state before a row's first step, `cell.states` arrays.
        mask: multiplies the hidden state on its way into the recurrent product, the same at all steps; no gradient.
        reverse: take each row from its own last step to its first.

    Returns:
        The hidden state after every step, zero past a row's length, and the state after a row's last step (the first
        where `reverse`), which for a row of length 0 is the initial one.
    """
    lengths = jnp.clip(lengths, 0, len(xs)).astype(jnp.int32)
    mask = None if mask is None else jax.lax.stop_gradient(mask)
    run = fused.unroll if _is_fused(cell, xs) else scan.unroll
    return run(cell, reverse, *vary_alike((weights, xs, lengths, initial, mask)))


def unroll_tokens(
    cell: type[Cell],
    weights: Weights,
    table: Float[Array, "words features"],
    codes: Int[Array, "time batch"],
    lengths: Int[Array, " batch"],
    initial: State,
    *,
    mask: Float[Array, "batch units"] | None = None,
    reverse: bool = False,
) -> tuple[Float[Array, "time batch units"], State]:
    """`unroll` over `lookup(table, codes)`, with gradients for the table in place of the inputs.

    The fused kernels multiply every row of the table that the batch names by the input weights once, however often it
    is named, and likewise with gradients.
    """
    if not _is_fused(cell, table):
        return unroll(cell, weights, lookup(table, codes), lengths, initial, mask=mask, reverse=reverse)
    lengths = jnp.clip(lengths, 0, len(codes)).astype(jnp.int32)
    mask = None if mask is None else jax.lax.stop_gradient(mask)
    return fused.unroll(cell, reverse, *vary_alike((weights, table, lengths, initial, mask, codes.astype(jnp.int32))))


def _is_fused(cell: type[Cell], xs: Array) -> bool:
    return cell.kind in fused.KNOWN and library.serves(xs.dtype)


def engine() -> str:
    """A sentence about what runs recurrences here; compiles the fused kernels if that is still to be done."""
    return library.load().sentence
