"""What the serving install weighs, and what `import treadle` costs.

python -m benchmarks.footprint
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure, publish

ROOT = Path(__file__).parent.parent
LOADED = "import sys, treadle; sys.exit(any(name in sys.modules for name in ('jax', 'sklearn', 'polars', 'pandas')))"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        weight = install(Path(folder))
        python = Path(folder) / "venv" / "bin" / "python"
        seconds = import_seconds(python)
        bare = subprocess.run([python, "-c", LOADED], check=False).returncode == 0
    publish(
        "The serving install (`pip install .`, no extra)",
        "python -m benchmarks.footprint",
        [
            Figure("on disk, all packages, pip not counted", f"{weight:.0f} MB", "at most 270 MB", weight <= 270),
            Figure(
                "`import treadle`, median of 9 over a bare interpreter",
                f"{seconds:.3f} s",
                "under 0.3 s",
                seconds < 0.3,
            ),
            Figure("`import treadle` loads JAX, scikit-learn or Polars", "no" if bare else "yes", "no", bare),
        ],
    )


def install(folder: Path) -> float:
    """Megabytes of a fresh virtual environment with the base install, byte code included."""
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    constraints = ROOT / "constraints.txt"
    packages = next((venv / "lib").glob("python*/site-packages"))
    before = _megabytes(packages)
    subprocess.run([venv / "bin" / "pip", "install", "--quiet", "--constraint", constraints, ROOT], check=True)
    return _megabytes(packages) - before


def import_seconds(python: Path) -> float:
    """Seconds of `import treadle` over an interpreter that imports nothing."""

    def median(code: str) -> float:
        times = []
        for _ in range(9):
            start = time.perf_counter()
            subprocess.run([python, "-c", code], check=True)
            times.append(time.perf_counter() - start)
        return statistics.median(times)

    return median("import treadle") - median("pass")


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) / 1e6


if __name__ == "__main__":
    main()
