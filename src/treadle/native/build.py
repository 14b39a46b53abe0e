"""Compiles the recurrences: an engine that needs nothing, and handlers for XLA, which need jaxlib's headers.

Only the standard library: an installer runs this file alone.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

Part = Literal["engine", "handlers"]

SOURCES = Path(__file__).parent / "cpp"
FLAGS = ("-std=c++17", "-O3", "-fPIC", "-fvisibility=hidden")
INSTRUCTION_SETS = {
    "plain": (),
    "avx2": ("-mavx2", "-mfma"),
    "avx512": ("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx2", "-mfma"),
}

NO_HEADERS = "no XLA headers were found (install jaxlib 0.4.35 or later)"


class BuildError(Exception):
    """The kernels cannot be compiled here; the message says why and what would help."""


def find_headers() -> Path | None:
    """XLA's headers, which jaxlib brings along."""
    for place in _packages():
        headers = Path(place) / "jaxlib" / "include"
        if (headers / "xla" / "ffi" / "api" / "ffi.h").is_file():
            return headers
    return None


def find_compiler() -> str | None:
    """GCC or Clang: what CXX names, or the first of c++, g++ and clang++."""
    if os.name == "nt":
        return None  # the kernels are written with GCC's and Clang's vector extensions
    names = [own] if (own := os.environ.get("CXX")) else ["c++", "g++", "clang++"]
    return next((found for name in names if (found := shutil.which(name))), None)


def library_name(part: Part) -> str:
    """The file name of a library: it changes with the sources, the flags and the processor's family, and with jaxlib.

    Raises:
        BuildError: the handlers are asked for, and there is no jaxlib.
    """
    digest = hashlib.sha256()
    for source in sorted(SOURCES.iterdir()):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    told: tuple[object, ...] = (FLAGS, INSTRUCTION_SETS, sys.platform, platform.machine())
    if part == "handlers":
        jaxlib = next(iter(importlib.metadata.distributions(name="jaxlib", path=_packages())), None)
        if jaxlib is None:
            raise BuildError("jaxlib is not installed")
        told = (*told, jaxlib.version)
    digest.update(repr(told).encode())
    return f"{part}-{digest.hexdigest()[:16]}.so"


def compile_library(part: Part, folder: Path) -> Path:
    """Compile a library into a folder; another process may do the same at the same time. Returns the library.

    Raises:
        BuildError: no compiler, no headers for the handlers, a folder that cannot be written, or a compiler that fails.
    """
    compiler, headers = find_compiler(), find_headers()
    if compiler is None:
        raise BuildError("no C++ compiler was found (install g++ or clang++, or name one in CXX)")
    if part == "handlers" and headers is None:
        raise BuildError(NO_HEADERS)
    target = folder / library_name(part)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix="building-") as scratch:
            library = Path(scratch) / target.name
            objects = _handlers(headers) if headers and part == "handlers" else _engine()
            _compile(compiler, objects, Path(scratch), library)
            library.replace(target)
    except OSError as error:
        raise BuildError(f"the compiled kernels cannot be kept in {folder}: {error.strerror}") from error
    return target


def _packages() -> list[str]:
    """Where packages are looked for: as Python does, and in the interpreter's own, which an isolated build hides."""
    return [*sys.path, sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]


def _engine() -> dict[str, list[str]]:
    """What the compiler is told for each object of the engine: the kernels once for every instruction set."""
    x86 = platform.machine().lower() in {"x86_64", "amd64"}
    chosen = {name: flags for name, flags in INSTRUCTION_SETS.items() if x86 or name == "plain"}
    kernels = {name: [*flags, f"-DTREADLE_ISA={name}", str(SOURCES / "engine.cpp")] for name, flags in chosen.items()}
    return kernels | {"interface": [str(SOURCES / "interface.cpp")]}


def _handlers(headers: Path) -> dict[str, list[str]]:
    return {"handlers": ["-isystem", str(headers), str(SOURCES / "handlers.cpp")]}


def _compile(compiler: str, objects: dict[str, list[str]], folder: Path, library: Path) -> None:
    commands = {folder / f"{name}.o": options for name, options in objects.items()}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda item: _run([compiler, *FLAGS, "-c", *item[1], "-o", str(item[0])]), commands.items()))
    _run([compiler, "-shared", *map(str, commands), "-o", str(library), "-lpthread"])


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    except OSError as error:
        raise BuildError(f"{command[0]} could not be started: {error.strerror}") from error
    if done.returncode:
        told = [line for line in done.stderr.splitlines() if "error" in line.lower()] or done.stderr.splitlines()
        raise BuildError(f"{command[0]} failed: {told[0] if told else f'exit code {done.returncode}'}")
