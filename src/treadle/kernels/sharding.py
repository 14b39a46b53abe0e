"""What `jax.shard_map` needs to know of arrays: along which axes of the mesh they vary."""

from __future__ import annotations

from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array

T = TypeVar("T")


def vary_alike(arrays: T) -> T:
    """The arrays, all varying along every axis of the mesh that one of them varies along.

    The gradient of an array that does not vary, such as a weight, is then summed over the devices.
    """
    together = frozenset[str]().union(*(_axes(array) for array in jax.tree.leaves(arrays)))

    def vary(array: Array) -> Array:
        missing = together - _axes(array)
        return jax.lax.pcast(array, tuple(sorted(missing)), to="varying") if missing else array

    varying: T = jax.tree.map(vary, arrays)
    return varying


def shape(dimensions: tuple[int, ...], like: Array) -> jax.ShapeDtypeStruct:
    """A float32 result of a foreign function, varying as one of its arguments does."""
    if not _axes(like):
        return jax.ShapeDtypeStruct(dimensions, jnp.float32)  # type: ignore[no-untyped-call]
    made: jax.ShapeDtypeStruct = jax.eval_shape(lambda array: jnp.broadcast_to(jnp.sum(array), dimensions), like)
    return made


def _axes(array: Array) -> frozenset[str]:
    kind = jax.typeof(array)
    # JAX before 0.10 called it vma, and before 0.6 had no word for it.
    told: Any = getattr(kind, "manual_axis_type", None) or getattr(kind, "vma", frozenset())
    axes: frozenset[str] = getattr(told, "varying", told)
    return axes
