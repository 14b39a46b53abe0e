"""The compiled kernels: found, or compiled on first use, loaded, and made known to XLA."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp

from treadle.data.catalogue import cache_folder
from treadle.kernels.build import BuildError, compile_library, find_compiler, find_headers, library_name

FORWARD, BACKWARD = "treadle_recurrence_forward", "treadle_recurrence_backward"
LOOKUP, LOOKUP_GRADIENT = "treadle_lookup", "treadle_lookup_gradient"
INSTALLED = Path(__file__).parent
INSTRUCTION_SETS = {"avx512": "AVX-512", "avx2": "AVX2", "plain": "the processor's basic vectors"}


class Engine(NamedTuple):
    """Which implementation runs."""

    fused: bool
    sentence: str
    """For people: what runs, and where that is the slower one, why."""
    library: ctypes.CDLL | None = None


@cache
def load() -> Engine:
    """Load the kernels, compiling them first where that has not been done: half a minute, once.

    The environment variable TREADLE_KERNELS chooses otherwise: `scan` for plain JAX, or `avx512`, `avx2` or `plain`
    for the widest instruction set to use.
    """
    wanted = _wanted()
    if wanted == "scan":
        return Engine(False, "plain JAX scans, as TREADLE_KERNELS asks")
    if wanted not in INSTRUCTION_SETS:
        return Engine(
            False, f"plain JAX scans: TREADLE_KERNELS={wanted} is none of scan, {', '.join(INSTRUCTION_SETS)}"
        )
    try:
        library = ctypes.CDLL(str(_find()))
    except (BuildError, OSError) as error:
        return Engine(False, f"plain JAX scans, slower than the fused kernels: {error}")
    for target in (FORWARD, BACKWARD, LOOKUP, LOOKUP_GRADIENT):
        capsule = jax.ffi.pycapsule(getattr(library, target))  # type: ignore[no-untyped-call]
        jax.ffi.register_ffi_target(target, capsule, platform="cpu")
    return Engine(True, f"fused C++ kernels with {INSTRUCTION_SETS[_choose(library, wanted)]}", library)


def prepare(say: Callable[[str], None]) -> None:
    """Load the kernels, and say what a person would otherwise wonder about: a long wait, or a slow engine."""
    if _wanted() in INSTRUCTION_SETS and _compiled() is None and find_compiler() and find_headers():
        say("compiling the kernels that read sequences, for this machine: half a minute, once")
    engine = load()
    if not engine.fused:
        say(f"sequences are read by {engine.sentence}")


def choose(instruction_set: str) -> str:
    """Use the widest instruction set that this processor has, up to the one named; returns its name."""
    library = load().library
    if library is None:
        raise ValueError(f"no fused kernels to choose from: {load().sentence}")
    return _choose(library, instruction_set)


def serves(dtype: jnp.dtype) -> bool:
    """Whether the fused kernels are there for arrays of a type, on the device that JAX computes on."""
    return dtype == jnp.float32 and jax.default_backend() == "cpu" and load().fused


def _wanted() -> str:
    """What TREADLE_KERNELS asks for, whether there is such a thing or not."""
    return os.environ.get("TREADLE_KERNELS") or "avx512"


def _choose(library: ctypes.CDLL, instruction_set: str) -> str:
    choose = library.treadle_choose_engine
    choose.restype = ctypes.c_char_p
    return bytes(choose(instruction_set.encode())).decode()


def _find() -> Path:
    return _compiled() or compile_library(_cache())


def _compiled() -> Path | None:
    """The library, where an install or an earlier use has compiled it."""
    name = library_name()
    return next((library for folder in (INSTALLED, _cache()) if (library := folder / name).is_file()), None)


def _cache() -> Path:
    return cache_folder() / "kernels"
