"""The fused implementation of an unroll: C++ behind XLA's foreign function interface, for float32 on a CPU.

Only steps within a row's length are computed. The products of inputs and weights, the gates, and the gradients of the
weights are all in the kernel; `cpp/` holds it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import CustomVJPPrimal, SymbolicZero
from jaxtyping import Array, Float, Int

from treadle.kernels.contract import Cell, State, Weights
from treadle.kernels.library import BACKWARD, FORWARD
from treadle.kernels.scan import no_gradient
from treadle.kernels.sharding import shape
from treadle.native.reader import CELLS

WIDEST = 16
"""Numbers in the widest vector; what the kernel keeps is padded to whole ones."""


class _Known:
    """What the C++ of a cell needs: its number there, and what it keeps for the backward pass, per unit."""

    def __init__(self, kind: str, slots: int) -> None:
        self.number, self.slots, self.memory = CELLS[kind].number, slots, CELLS[kind].states == 2


KNOWN = {
    kind: _Known(kind, slots)
    for kind, slots in {
        "simple_tanh": 0,
        "simple_relu": 0,
        "lstm": 4,
        "peephole_lstm": 4,
        "coupled_lstm": 3,
        "gru": 4,
    }.items()
}
Kept = tuple[Any, ...]


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def unroll(
    cell: type[Cell],
    reverse: bool,
    weights: Weights,
    xs: Float[Array, "time batch features"] | Float[Array, "words features"],
    lengths: Int[Array, " batch"],
    initial: State,
    mask: Float[Array, "batch units"] | None,
    codes: Int[Array, "time batch"] | None = None,
) -> tuple[Float[Array, "time batch units"], State]:
    """As `treadle.kernels.unroll`, for float32 and the cells in `KNOWN`; with `codes`, as `unroll_tokens`.

    `xs` is then the table. A word that stands in many places meets the weights once.
    """
    outputs, final, *_ = _call_forward(cell, reverse, weights, xs, lengths, initial, mask, codes, keep=False)
    return outputs, final


def _forward(cell: type[Cell], reverse: bool, *arguments: Any) -> tuple[tuple[Array, State], Kept]:
    weights, xs, lengths, initial, mask, codes = jax.tree.map(
        lambda leaf: leaf.value, arguments, is_leaf=lambda leaf: isinstance(leaf, CustomVJPPrimal)
    )
    outputs, final, gates, cells = _call_forward(cell, reverse, weights, xs, lengths, initial, mask, codes, keep=True)
    # What nobody asks the gradient of, such as inputs that come from no weights, is not differentiated.
    d_xs_wanted = jnp.zeros((0,)) if arguments[1].perturbed else None
    return (outputs, final), (weights, xs, lengths, initial, mask, codes, outputs, gates, cells, d_xs_wanted)


def _backward(cell: type[Cell], reverse: bool, kept: Kept, gradients: tuple[Any, Any]) -> tuple[Any, ...]:
    weights, xs, lengths, initial, mask, codes, outputs, gates, cells, d_xs_wanted = kept
    d_outputs, d_final = gradients
    # Where only the final state is used, no zeros need be made for the outputs of all steps.
    d_outputs = _array(None) if isinstance(d_outputs, SymbolicZero) else d_outputs
    hidden, memory = _two(initial)
    results = (_array(None) if d_xs_wanted is None else xs, *weights, hidden, memory)
    d_xs, d_input, d_recurrent, d_bias, d_vectors, d_hidden, d_memory = jax.ffi.ffi_call(
        BACKWARD, [shape(result.shape, xs) for result in results], vmap_method="sequential"
    )(
        *(xs, _codes(codes), lengths, *weights, hidden, memory, _array(mask)),
        *(outputs, gates, cells, d_outputs, *_two(tuple(_dense(part) for part in d_final))),
        cell=np.int64(KNOWN[cell.kind].number),
        reverse=reverse,
    )
    d_initial = (d_hidden, d_memory)[: len(initial)]
    d_weights = Weights(d_input, d_recurrent, d_bias, d_vectors)
    d_codes = None if codes is None else no_gradient(codes)
    return d_weights, None if d_xs_wanted is None else d_xs, no_gradient(lengths), d_initial, None, d_codes


unroll.defvjp(_forward, _backward, symbolic_zeros=True)


def _call_forward(
    cell: type[Cell],
    reverse: bool,
    weights: Weights,
    xs: Array,
    lengths: Int[Array, " batch"],
    initial: State,
    mask: Float[Array, "batch units"] | None,
    codes: Int[Array, "time batch"] | None,
    *,
    keep: bool,
) -> tuple[Array, State, Array, Array]:
    """Outputs, final state, and the gates and memories that the backward pass needs, empty unless `keep`."""
    known = KNOWN[cell.kind]
    hidden, memory = _two(initial)
    time, batch = xs.shape[:2] if codes is None else codes.shape
    units = hidden.shape[1]
    padded = -(-units // WIDEST) * WIDEST
    outputs, hidden, memory, gates, cells = jax.ffi.ffi_call(
        FORWARD,
        [
            shape((time, batch, units), xs),
            shape(hidden.shape, xs),
            shape(memory.shape, xs),
            shape((time, batch, known.slots * padded) if keep and known.slots else (0,), xs),
            shape((time, batch, padded) if keep and known.memory else (0,), xs),
        ],
        vmap_method="sequential",
    )(
        *(xs, _codes(codes), lengths, *weights, hidden, memory, _array(mask)),
        cell=np.int64(known.number),
        reverse=reverse,
    )
    return outputs, (hidden, memory)[: len(initial)], gates, cells


def _two(state: State) -> tuple[Array, Array]:
    """The hidden state and the memory, empty for cells without."""
    return state[0], state[1] if len(state) > 1 else _array(None)


def _dense(gradient: Any) -> Array:
    return jnp.zeros(gradient.shape, gradient.dtype) if isinstance(gradient, SymbolicZero) else gradient


def _array(mask: Array | None) -> Array:
    return jnp.zeros((0,), jnp.float32) if mask is None else mask


def _codes(codes: Array | None) -> Array:
    return jnp.zeros((0,), jnp.int32) if codes is None else codes
