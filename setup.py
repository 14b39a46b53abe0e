"""What an install adds to pyproject.toml: the fused kernels, compiled into the package where that can be done.

It never fails for them: where no compiler or no jaxlib is found, or the compiler fails, a line says so, and what trains
compiles them at first use or does without.
"""

import importlib.util
from pathlib import Path
from types import ModuleType

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

KERNELS = Path("src", "treadle", "kernels")


def load_build() -> ModuleType:
    """The package's own module that compiles, without the package, whose dependencies an isolated build lacks."""
    spec = importlib.util.spec_from_file_location("build_kernels", KERNELS / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build = load_build()
COMPILED = build.find_compiler() is not None and build.find_headers() is not None


class BuildWithKernels(build_py):
    """Copies the package, and compiles the kernels into the copy."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:  # the source tree stays as it is; the first use compiles into the cache
            return
        folder = Path(self.build_lib, *KERNELS.parts[1:])
        for old in folder.glob("fused-*.so"):
            old.unlink()
        try:
            build.compile_library(folder)
        except build.BuildError as error:
            self.warn(f"fused kernels skipped, to be compiled at first use: {error}")


class Wheel(bdist_wheel):
    """A wheel that names its platform where it holds compiled kernels."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.root_is_pure = not COMPILED


setup(cmdclass={"build_py": BuildWithKernels, "bdist_wheel": Wheel})
