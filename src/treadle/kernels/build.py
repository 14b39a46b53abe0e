"""Compiles the fused kernels. Only the standard library: an installer runs this file alone."""

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

SOURCES = Path(__file__).parent / "cpp"
FLAGS = ("-std=c++17", "-O3", "-fPIC", "-fvisibility=hidden")
INSTRUCTION_SETS = {
    "plain": (),
    "avx2": ("-mavx2", "-mfma"),
    "avx512": ("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx2", "-mfma"),
}


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


def library_name() -> str:
    """The file name of the library: it changes with the sources, the flags, jaxlib and the processor's family."""
    digest = hashlib.sha256()
    for source in sorted(SOURCES.iterdir()):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    (jaxlib, *_) = importlib.metadata.distributions(name="jaxlib", path=_packages())
    told = (FLAGS, INSTRUCTION_SETS, jaxlib.version, sys.platform, platform.machine())
    digest.update(repr(told).encode())
    return f"fused-{digest.hexdigest()[:16]}.so"


def compile_library(folder: Path) -> Path:
    """Compile the kernels into a folder; another process may do the same at the same time. Returns the library.

    Raises:
        BuildError: no compiler, no headers, a folder that cannot be written, or a compiler that fails.
    """
    compiler, headers = find_compiler(), find_headers()
    if compiler is None:
        raise BuildError("no C++ compiler was found (install g++ or clang++, or name one in CXX)")
    if headers is None:
        raise BuildError("no XLA headers were found (install jaxlib 0.4.35 or later)")
    target = folder / library_name()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix="building-") as scratch:
            library = Path(scratch) / target.name
            _compile(compiler, headers, Path(scratch), library)
            library.replace(target)
    except OSError as error:
        raise BuildError(f"the compiled kernels cannot be kept in {folder}: {error.strerror}") from error
    return target


def _packages() -> list[str]:
    """Where packages are looked for: as Python does, and in the interpreter's own, which an isolated build hides."""
    return [*sys.path, sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]


def _compile(compiler: str, headers: Path, folder: Path, library: Path) -> None:
    x86 = platform.machine().lower() in {"x86_64", "amd64"}
    chosen = {name: flags for name, flags in INSTRUCTION_SETS.items() if x86 or name == "plain"}
    commands = {
        folder / f"{name}.o": [*flags, f"-DTREADLE_ISA={name}", str(SOURCES / "engine.cpp")]
        for name, flags in chosen.items()
    }
    commands[folder / "ffi.o"] = ["-isystem", str(headers), str(SOURCES / "ffi.cpp")]
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
