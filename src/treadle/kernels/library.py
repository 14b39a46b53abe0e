"""The compiled kernels as XLA calls them: found, or compiled on first use, loaded, and made known to XLA."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp

from treadle.native import engine
from treadle.native.build import NO_HEADERS, BuildError, compile_library, find_compiler, find_headers

FORWARD, BACKWARD = "treadle_recurrence_forward", "treadle_recurrence_backward"
LOOKUP, LOOKUP_GRADIENT = "treadle_lookup", "treadle_lookup_gradient"


class Libraries(NamedTuple):
    """What the kernels are called through."""

    engine: ctypes.CDLL
    handlers: ctypes.CDLL


class Engine(NamedTuple):
    """Which implementation runs."""

    fused: bool
    sentence: str
    """For people: what runs, and where that is the slower one, why."""
    libraries: Libraries | None = None


@cache
def load() -> Engine:
    """Load the kernels, compiling them first where that has not been done: half a minute, once.

    The environment variable TREADLE_KERNELS chooses otherwise: `scan` for plain JAX, or `avx512`, `avx2` or `plain`
    for the widest instruction set to use.
    """
    wanted = engine.wanted()
    if wanted == "scan":
        return Engine(False, "plain JAX scans, as TREADLE_KERNELS asks")
    if wanted not in engine.INSTRUCTION_SETS:
        return Engine(False, f"plain JAX scans: {engine.load().sentence}")
    try:
        # The engine alone would not help.
        if engine.find("handlers") is None and find_headers() is None:
            raise BuildError(NO_HEADERS)
        found = engine.load(compiling=True)
        if found.library is None:
            raise BuildError(found.sentence)
        path = engine.find("handlers") or compile_library("handlers", engine.compiled())
        libraries = Libraries(found.library, ctypes.CDLL(str(path)))
    except (BuildError, OSError) as error:
        return Engine(False, f"plain JAX scans, slower than the fused kernels: {error}")
    _connect(libraries)
    for target in (FORWARD, BACKWARD, LOOKUP, LOOKUP_GRADIENT):
        capsule = jax.ffi.pycapsule(getattr(libraries.handlers, target))  # type: ignore[no-untyped-call]
        jax.ffi.register_ffi_target(target, capsule, platform="cpu")
    return Engine(True, f"fused C++ kernels with {found.sentence}", libraries)


def prepare(say: Callable[[str], None]) -> None:
    """Load the kernels, and say what a person would otherwise wonder about: a long wait, or a slow engine."""
    if engine.wanted() in engine.INSTRUCTION_SETS and find_compiler() and find_headers():
        missing = [part for part in ("engine", "handlers") if engine.find(part) is None]
        if missing:
            say("compiling the kernels that read sequences, for this machine: half a minute, once")
    loaded = load()
    if not loaded.fused:
        say(f"sequences are read by {loaded.sentence}")


def choose(instruction_set: str) -> str:
    """Use the widest instruction set that this processor has, up to the one named; returns its name."""
    loaded = load()
    if loaded.libraries is None:
        raise ValueError(f"no fused kernels to choose from: {loaded.sentence}")
    chosen = engine.choose(loaded.libraries.engine, instruction_set)
    _connect(loaded.libraries)
    return chosen


def serves(dtype: jnp.dtype) -> bool:
    """Whether the fused kernels are there for arrays of a type, on the device that JAX computes on."""
    return dtype == jnp.float32 and jax.default_backend() == "cpu" and load().fused


def _connect(libraries: Libraries) -> None:
    """Have XLA's calls answered by the kernels of the chosen instruction set."""
    libraries.handlers.treadle_use_engine(ctypes.c_void_p(libraries.engine.treadle_engine()))
