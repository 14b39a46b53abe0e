"""The compiled engine: found, or compiled, and loaded."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

from treadle.data.catalogue import cache_folder
from treadle.native.build import BuildError, Part, compile_library, library_name

INSTALLED = Path(__file__).parent
INSTRUCTION_SETS = {"avx512": "AVX-512", "avx2": "AVX2", "plain": "the processor's basic vectors"}


class Engine(NamedTuple):
    """What there is of compiled kernels."""

    library: ctypes.CDLL | None
    sentence: str
    """For people: the vectors that it computes with, or why it is not there."""


def load(*, compiling: bool = False) -> Engine:
    """The engine, for the instruction set that `wanted` names, or the widest below it that the processor has.

    Args:
        compiling: compile it where that has not been done: half a minute, once.
    """
    name = wanted()
    if name == "scan":
        return Engine(None, "switched off by TREADLE_KERNELS")
    if name not in INSTRUCTION_SETS:
        return Engine(None, f"TREADLE_KERNELS={name} is none of scan, {', '.join(INSTRUCTION_SETS)}")
    try:
        path = find("engine") or (compile_library("engine", compiled()) if compiling else None)
        if path is None:
            return Engine(None, "not compiled yet")
        library = _open(path)
    except (BuildError, OSError) as error:
        return Engine(None, str(error))
    return Engine(library, INSTRUCTION_SETS[choose(library, name)])


def choose(library: ctypes.CDLL, instruction_set: str) -> str:
    """Use the widest instruction set that this processor has, up to the one named; returns its name."""
    return bytes(library.treadle_choose_engine(instruction_set.encode())).decode()


def wanted() -> str:
    """What TREADLE_KERNELS asks for, whether there is such a thing or not; by default the widest instruction set."""
    return os.environ.get("TREADLE_KERNELS") or "avx512"


def find(part: Part) -> Path | None:
    """A library, where an install or an earlier use has compiled it.

    Raises:
        BuildError: see `library_name`.
    """
    name = library_name(part)
    return next((library for folder in (INSTALLED, compiled()) if (library := folder / name).is_file()), None)


def compiled() -> Path:
    """Where what an install has not compiled is compiled to."""
    return cache_folder() / "kernels"


@cache
def _open(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    library.treadle_choose_engine.restype = ctypes.c_char_p
    library.treadle_engine.restype = ctypes.c_void_p
    return library
