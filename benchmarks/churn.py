"""Speed of training: the churn network of the course, and the whole `churn` recipe, beside Keras on TensorFlow.

python -m benchmarks.churn
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, publish

PEER = Path(__file__).parent / "keras_churn.py"
# The same network, rows, batch size and optimiser as the peer; no early stopping, so that many epochs are timed.
NETWORK = (
    "model={hidden: [64, 32]}",
    "training={optimizer: adam, learning_rate: 0.01, batch_size: 32, epochs: 100, patience: null}",
    "data.split={validation: 0.2, test: 0.001}",
)


def main() -> None:
    peers = [json.loads(_run([sys.executable, "-m", "benchmarks.keras_churn"])) for _ in range(3)]
    # Early stopping ends each of its fits elsewhere.
    peer = sorted(peers, key=lambda each: float(each["fit_s"]))[1]
    ours = epoch_seconds()
    whole = [whole_run() for _ in range(3)]
    best = sorted(whole)[1]
    ratio = peer["epoch_s"] / ours
    publish(
        "Training a table: churn, 64-32-1, batch 32, Adam, beside Keras on TensorFlow",
        "python -m benchmarks.churn",
        [
            Figure("Keras: median epoch", f"{peer['epoch_s'] * 1e3:.1f} ms"),
            Figure("Treadle: median epoch, validation included", f"{ours * 1e3:.2f} ms"),
            Figure("an epoch is faster by", f"{ratio:.1f} times", "15 times", ratio >= 15),
            Figure("Keras: one fit without imports, median of 3", f"{peer['fit_s']:.1f} s, {peer['epochs']} epochs"),
            Figure("Keras: imports", f"{peer['import_s']:.1f} s"),
            Figure(
                "`treadle train churn`, process start to exit (median of 3)",
                f"{best:.1f} s",
                "less than one Keras fit",
                best < peer["fit_s"],
            ),
        ],
    )


def epoch_seconds() -> float:
    """Seconds of one epoch (200 steps and the validation loss), the median over the run after compilation."""
    from treadle.recipe_file import read_recipe
    from treadle.run import fit

    times: list[tuple[int, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        fit(
            read_recipe("churn", NETWORK),
            out=Path(folder),
            progress=lambda progress: times.append((progress.epoch, time.perf_counter())),
        )
    # Several epochs may run as one compiled stretch, reported together.
    stretches = [(later[0] - first[0], later[1] - first[1]) for first, later in itertools.pairwise(times)]
    total = sum(epochs for epochs, _ in stretches[1:])
    return sum(seconds for _, seconds in stretches[1:]) / total


def whole_run() -> float:
    """Seconds of `treadle train churn --json`: import, read, train, fit the opponents, judge, write the bundle."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        document: dict[str, Any] = json.loads(
            _run([sys.executable, "-m", "treadle", "train", "churn", "--out", folder, "--json"])
        )
        seconds = time.perf_counter() - start
    print("seconds by part:", document["seconds"], file=sys.stderr)
    return seconds


def _run(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, env=dict(os.environ)).stdout


if __name__ == "__main__":
    main()
