"""What `jax.shard_map` needs to know of arrays: along which axes of the mesh they vary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

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

    return jax.tree.map(vary, arrays)


def shape(dimensions: Sequence[int], like: Array) -> jax.ShapeDtypeStruct:
    """A float32 result of a foreign function, varying as one of its arguments does."""
    # Only within shard_map: JAX before 0.6 does not know the word.
    told = {"vma": axes} if (axes := _axes(like)) else {}
    return jax.ShapeDtypeStruct(tuple(dimensions), jnp.float32, **told)


def _axes(array: Array) -> frozenset[str]:
    axes: frozenset[str] = getattr(jax.typeof(array), "vma", frozenset())
    return axes
