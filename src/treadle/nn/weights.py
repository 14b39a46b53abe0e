"""A network's weights: taken apart for the optimiser, named for the file."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree
from numpy.typing import NDArray

from treadle.errors import BundleError

N = TypeVar("N")

JOINED_AT_ONCE = 2**15
"""Weights up to which the parts of a gradient are joined by one operation.

It is the quickest while XLA runs it in one thread. Cut up for several, it asks for every number anew which part that is
of: 60 ms for a million weights where writing part after part takes 0.2 ms.
"""

EVEN = 960
"""A longer vector is filled up to a multiple of this, so that its share of it is the same for every thread.

XLA computes on vectors of the processor only then. Most numbers of threads divide it.
"""


class Untrained(eqx.Module):
    """A part of a network whose arrays no optimiser and no weight decay may touch."""


class Weights(NamedTuple):
    """Everything about a network that training changes.

    One long vector, because an optimiser then runs a handful of operations per step whatever the number of layers:
    with a small network that is most of a step's time, and of the time to compile it.
    """

    trained: Float[Array, " weights"]
    """What the optimiser updates; zeros may stand behind the last weight, and stay."""
    untrained: PyTree[Array]
    """The arrays of `Untrained` parts, of which training moves the running statistics."""


def take_apart(network: PyTree[Array]) -> Weights:
    """The weights of a network; `assemble` is the inverse."""
    trained = jax.tree.leaves(eqx.filter(network, _trained_leaves(network)))
    # Joined on the host: JAX would first compile a program for these very shapes.
    parts = [np.asarray(leaf).ravel() for leaf in trained]
    filling = np.zeros(_filling(sum(part.size for part in parts)), parts[0].dtype)
    return Weights(jnp.asarray(np.concatenate([*parts, filling])), untrained_arrays(network))


def untrained_arrays(network: PyTree[Array]) -> PyTree[Array]:
    """The arrays of the `Untrained` parts of a network."""
    return eqx.filter(eqx.filter(network, _trained_leaves(network), inverse=True), eqx.is_array)


def assemble(network: N) -> Callable[[Weights], N]:
    """The function that puts weights back into a network of this structure, within a compiled program too."""
    trained, rest = eqx.partition(network, _trained_leaves(network))
    leaves, structure = jax.tree.flatten(trained)
    shapes = [leaf.shape for leaf in leaves]
    cuts = tuple(np.cumsum([leaf.size for leaf in leaves]).tolist())
    static = eqx.filter(rest, eqx.is_array, inverse=True)

    def put_together(weights: Weights) -> N:
        # One split, not a slice for each: its gradient is one joining of the parts. NumPy splits without compiling.
        split = np.split if isinstance(weights.trained, np.ndarray) else _split
        *parts, _ = split(weights.trained, cuts)
        shaped = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
        network: N = eqx.combine(jax.tree.unflatten(structure, shaped), weights.untrained, static)
        return network

    return put_together


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def _split(vector: Float[Array, " weights"], cuts: tuple[int, ...]) -> list[Float[Array, " part"]]:
    return jnp.split(vector, cuts)


def _split_forward(vector: Float[Array, " weights"], cuts: tuple[int, ...]) -> tuple[list[Float[Array, " part"]], None]:
    return _split(vector, cuts), None


def _join(cuts: tuple[int, ...], _: None, parts: list[Float[Array, " part"]]) -> tuple[Float[Array, " weights"]]:
    weights = sum(part.size for part in parts)
    if weights <= JOINED_AT_ONCE:
        return (jnp.concatenate(parts),)
    vector = jnp.zeros(weights, parts[0].dtype)
    for start, part in zip((0, *cuts), parts, strict=True):
        vector = jax.lax.dynamic_update_slice(vector, part, (start,))
    return (vector,)


_split.defvjp(_split_forward, _join)


def decayed(network: PyTree[Array]) -> NDArray[np.float32]:
    """1 where weight decay applies in the vector of `take_apart`, else 0, of the same shape.

    It applies to what multiplies inputs (fields called `weight`). Biases and scales set an origin and a unit, and
    drawing them to zero draws the function elsewhere, not to something simpler (Goodfellow et al. 2016, section 7.1).
    """
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(network, _trained_leaves(network)))
    marks = [np.full(leaf.size, _name(path).endswith("weight"), np.float32) for path, leaf in leaves]
    return np.concatenate([*marks, np.zeros(_filling(sum(mark.size for mark in marks)), np.float32)])


def to_arrays(network: PyTree[Array]) -> dict[str, NDArray[Any]]:
    """Every array of the network by a readable name, such as `blocks.0.linear.weight`."""
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(network, eqx.is_array))
    return {_name(path): np.asarray(leaf) for path, leaf in leaves}


def from_arrays(network: N, arrays: dict[str, NDArray[Any]]) -> N:
    """A network of the structure of `network` with the arrays that `to_arrays` gave.

    Raises:
        BundleError: an array is missing, is not of this network, or has another shape or type.
    """
    expected = to_arrays(network)
    if strange := sorted(expected.keys() ^ arrays.keys()):
        raise BundleError(f"the weights are not of this network: {', '.join(strange[:5])} stands on one side only")
    for name, array in expected.items():
        found = arrays[name]
        if found.shape != array.shape or found.dtype != array.dtype:
            raise BundleError(
                f"the weights are not of this network: {name} is {found.dtype} of shape {found.shape}, "
                f"not {array.dtype} of shape {array.shape}"
            )
    filled = jax.tree_util.tree_map_with_path(
        lambda path, _: jnp.asarray(arrays[_name(path)]), eqx.filter(network, eqx.is_array)
    )
    restored: N = eqx.combine(filled, eqx.filter(network, eqx.is_array, inverse=True))
    return restored


def _filling(weights: int) -> int:
    """How many zeros stand behind so many weights."""
    return 0 if weights <= JOINED_AT_ONCE else -weights % EVEN


def _trained_leaves(network: PyTree[Array]) -> PyTree[bool]:
    return jax.tree.map(
        lambda leaf: not isinstance(leaf, Untrained) and eqx.is_inexact_array(leaf),
        network,
        is_leaf=lambda leaf: isinstance(leaf, Untrained),
    )


def _name(path: tuple[Any, ...]) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")
