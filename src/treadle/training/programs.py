"""Compiled programs, kept in memory: folds, candidates and refits of the same shapes compile once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import jax
from jax.stages import Compiled
from jaxtyping import PyTree

MOST = 64
"""Programs kept; the oldest makes way."""

_kept: dict[Hashable, Compiled] = {}


def compile_once(meaning: Hashable, function: Callable[..., Any], *arguments: PyTree[Any]) -> Compiled:
    """`function` compiled for arguments of these shapes.

    Args:
        meaning: equal for functions that compute the same, if they are given arguments of the same shapes. It holds
            all that the function takes from elsewhere.
        function: of arrays to arrays.
        arguments: of which only structure, shapes and types are used.
    """
    key = (meaning, outline(arguments))
    if key not in _kept:
        if len(_kept) >= MOST:
            _kept.pop(next(iter(_kept)), None)
        _kept[key] = jax.jit(function).lower(*arguments).compile()
    return _kept[key]


def outline(tree: PyTree[Any]) -> Hashable:
    """All about a tree of arrays but the numbers in it."""
    leaves, structure = jax.tree.flatten(tree)
    return structure, tuple((leaf.shape, leaf.dtype) if hasattr(leaf, "shape") else leaf for leaf in leaves)
