"""The plain implementation of an unroll, in JAX: what the fused one must equal, and what runs where that cannot.

It computes every step of every row and discards those past a row's length. Its backward pass is written out, so that
the gradient of a weight is one product over all steps instead of a sum that grows step by step.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from treadle.kernels.contract import Cell, State, Weights

Kept = tuple[Any, ...]


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def unroll(
    cell: type[Cell],
    reverse: bool,
    weights: Weights,
    xs: Float[Array, "time batch features"],
    lengths: Int[Array, " batch"],
    initial: State,
    mask: Float[Array, "batch units"] | None,
) -> tuple[Float[Array, "time batch units"], State]:
    """As `treadle.kernels.unroll`, for floating-point numbers of any precision."""
    return _forward(cell, reverse, weights, xs, lengths, initial, mask)[0]


def _forward(
    cell: type[Cell],
    reverse: bool,
    weights: Weights,
    xs: Float[Array, "time batch features"],
    lengths: Int[Array, " batch"],
    initial: State,
    mask: Float[Array, "batch units"] | None,
) -> tuple[tuple[Float[Array, "time batch units"], State], Kept]:
    present = jnp.arange(len(xs))[:, None] < lengths
    # Whatever padding holds, NaN too, it must not reach the gradient of a weight.
    xs = jnp.where(present[..., None], xs, 0)
    inputs = xs @ weights.input + weights.bias

    def step(state: State, now: tuple[Array, Array]) -> tuple[State, tuple[Array, State, Array]]:
        inputs, present = now
        recurrent = _masked(state[0], mask) @ weights.recurrent
        moved = cell.step(state, inputs, recurrent, weights.vectors)
        after = _choose(present, moved, state)
        return after, (jnp.where(present[:, None], moved[0], 0), state, recurrent)

    final, (outputs, before, recurrent) = jax.lax.scan(step, initial, (inputs, present), reverse=reverse)
    return (outputs, final), (weights, xs, lengths, mask, present, inputs, before, recurrent)


def _backward(
    cell: type[Cell], reverse: bool, kept: Kept, gradients: tuple[Float[Array, "time batch units"], State]
) -> tuple[Any, ...]:
    weights, xs, lengths, mask, present, inputs, before, recurrent = kept
    d_outputs, d_final = gradients

    def step(carried: tuple[State, Array], now: tuple[Any, ...]) -> tuple[tuple[State, Array], tuple[Array, Array]]:
        d_state, d_vectors = carried
        inputs, recurrent, before, present, d_output = now
        _, pull_back = jax.vjp(cell.step, before, inputs, recurrent, weights.vectors)
        d_moved = (d_state[0] + d_output, *d_state[1:])
        here = tuple(jnp.where(present[:, None], part, 0) for part in d_moved)
        d_before, d_inputs, d_recurrent, more = pull_back(here)
        d_hidden = d_before[0] + _masked(d_recurrent @ weights.recurrent.T, mask)
        carried = (_choose(present, (d_hidden, *d_before[1:]), d_state), d_vectors + more)
        return carried, (d_inputs, d_recurrent)

    (d_initial, d_vectors), (d_inputs, d_recurrent) = jax.lax.scan(
        step,
        (d_final, jnp.zeros_like(weights.vectors)),
        (inputs, recurrent, before, present, d_outputs),
        reverse=not reverse,
    )
    d_weights = Weights(
        input=jnp.einsum("tbf,tbg->fg", xs, d_inputs),
        recurrent=jnp.einsum("tbu,tbg->ug", _masked(before[0], mask), d_recurrent),
        bias=jnp.sum(d_inputs, axis=(0, 1)),
        vectors=d_vectors,
    )
    return d_weights, d_inputs @ weights.input.T, no_gradient(lengths), d_initial, None


unroll.defvjp(_forward, _backward)


def no_gradient(integers: Int[Array, "*shape"]) -> np.ndarray[Any, Any]:
    """What JAX expects as the gradient of integers."""
    return np.zeros(integers.shape, jax.dtypes.float0)


def _masked(hidden: Float[Array, "*time batch units"], mask: Array | None) -> Float[Array, "*time batch units"]:
    return hidden if mask is None else hidden * mask


def _choose(present: Bool[Array, " batch"], moved: State, still: State) -> State:
    return tuple(jnp.where(present[:, None], new, old) for new, old in zip(moved, still, strict=True))
