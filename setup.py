"""What an install adds to pyproject.toml: the kernels of recurrences, compiled into the package where that can be done.

It never fails for them: where no compiler is found or it fails, a line says so, and what trains compiles them at first
use or does without. The handlers, by which training calls them, need jaxlib, which an isolated build does not see.
"""

import importlib.util
from pathlib import Path
from types import ModuleType

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

NATIVE = Path("src", "treadle", "native")


def load_build() -> ModuleType:
    """The package's own module that compiles, without the package, whose dependencies an isolated build lacks."""
    spec = importlib.util.spec_from_file_location("build_native", NATIVE / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build = load_build()
COMPILED = build.find_compiler() is not None


class BuildWithKernels(build_py):
    """Copies the package, and compiles the kernels into the copy."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:  # the source tree stays as it is; the first use compiles into the cache
            return
        folder = Path(self.build_lib, *NATIVE.parts[1:])
        for old in (*folder.glob("engine-*.so"), *folder.glob("handlers-*.so")):
            old.unlink()
        try:
            build.compile_library("engine", folder)
            if build.find_headers() is not None:
                build.compile_library("handlers", folder)
        except build.BuildError as error:
            self.warn(f"kernels of recurrences not all compiled, the first use will: {error}")


class Wheel(bdist_wheel):
    """A wheel that names its platform where it holds compiled kernels."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.root_is_pure = not COMPILED


setup(cmdclass={"build_py": BuildWithKernels, "bdist_wheel": Wheel})
