"""Quality of the networks that read film reviews, on IMDB's official test half.

python -m benchmarks.text_quality
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, publish, run_json

SEEDS = (1, 2, 3, 4, 5)
CLASSIC = "imdb_simple_rnn"
GUESSING = 0.6931
"""The loss of answering 1/2 to everything: an explosion shows as one far above."""
MINUTES = 15
"""Most that the best network may take to train."""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        figures = [*classic(Path(folder)), *best(Path(folder))]
    publish("Film reviews: IMDB's official test half", "python -m benchmarks.text_quality", figures)


def classic(folder: Path) -> list[Figure]:
    """The network of the courses, over seeds."""
    runs = [trained(CLASSIC, folder, f"training.seed={seed}", "evaluation.opponents=[majority]") for seed in SEEDS]
    accuracies = [run["metrics"]["accuracy"] for run in runs]
    most = max(loss for run in runs for losses in run["losses"].values() for loss in losses)
    return [
        Figure(
            f"`{CLASSIC}`: accuracy over {len(SEEDS)} seeds, least, median and most",
            f"{min(accuracies):.4f}, {statistics.median(accuracies):.4f}, {max(accuracies):.4f}",
            "at least 0.85",
            min(accuracies) >= 0.85,
        ),
        Figure(
            f"`{CLASSIC}`: largest training or validation loss of an epoch in all seeds",
            f"{most:.3f}",
            "no explosion: below guessing, 0.693",
            most < GUESSING,
        ),
    ]


def best(folder: Path) -> list[Figure]:
    """The best network, beside its opponents."""
    run = trained("imdb", folder)
    accuracy, minutes = run["metrics"]["accuracy"], run["seconds"]["train"] / 60
    opponents = [
        Figure(f"`imdb`: accuracy of {name.replace('_', ' ')}", f"{found['accuracy']:.4f}")
        for name, found in run["opponents"].items()
    ]
    return [
        Figure("`imdb`: accuracy", f"{accuracy:.4f}", "at least 0.905", accuracy >= 0.905),
        *opponents,
        Figure("`imdb`: minutes of training", f"{minutes:.1f}", f"at most {MINUTES}", minutes <= MINUTES),
        Figure("`imdb`: verdict", run["verdict"]),
    ]


def trained(recipe: str, folder: Path, *settings: str) -> dict[str, Any]:
    """What `treadle train --json` says."""
    command = [sys.executable, "-m", "treadle", "train", recipe, "--out", str(folder), "--json"]
    for setting in settings:
        command += ["--set", setting]
    summary: Any = run_json(command)
    told = ("metrics", "opponents", "losses", "seconds", "verdict")
    print(recipe, settings, {key: summary[key] for key in told}, file=sys.stderr, flush=True)
    return dict(summary)


if __name__ == "__main__":
    main()
