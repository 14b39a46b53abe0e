"""Quality of the built-in recipes that answer at every token, on test rows they never saw.

python -m benchmarks.language_quality
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, publish, run_json

SEEDS = (0, 1, 2)
MINUTES = {"hamlet": 10, "tinyshakespeare": 10, "pos_tags": 8}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = [*hamlet(folder), *tinyshakespeare(folder), *pos_tags(folder), *fill_blank(folder)]
    publish("Next words, tags and missing words", "python -m benchmarks.language_quality", figures)


def hamlet(folder: Path) -> list[Figure]:
    """The play by line, over seeds of the weights."""
    runs = [trained("hamlet", folder, f"training.seed={seed}") for seed in SEEDS]
    perplexities = [run["metrics"]["perplexity"] for run in runs]
    accuracies = [run["metrics"]["accuracy"] for run in runs]
    rival = runs[0]["opponents"]["kneser_ney"]
    return [
        Figure(
            f"`hamlet`: perplexity over {len(SEEDS)} seeds, least, median and most",
            _three(perplexities, 1),
            f"below the Kneser-Ney trigram, {rival['perplexity']:.1f}",
            max(perplexities) < rival["perplexity"],
        ),
        Figure(
            "`hamlet`: top-1 accuracy over the seeds, least, median and most",
            _three(accuracies, 4),
            "at least 0.09",
            min(accuracies) >= 0.09,
        ),
        Figure("`hamlet`: top-1 accuracy of the Kneser-Ney trigram", f"{rival['accuracy']:.4f}"),
        _minutes("hamlet", max(run["seconds"]["train"] for run in runs)),
    ]


def tinyshakespeare(folder: Path) -> list[Figure]:
    """The last tenth of the text."""
    run = trained("tinyshakespeare", folder)
    perplexity, rival = run["metrics"]["perplexity"], run["opponents"]["kneser_ney"]["perplexity"]
    return [
        Figure(
            "`tinyshakespeare`: perplexity, words and punctuation",
            f"{perplexity:.1f}",
            f"15 % below the Kneser-Ney trigram, {rival:.1f}",
            perplexity <= 0.85 * rival,
        ),
        _minutes("tinyshakespeare", run["seconds"]["train"]),
    ]


def pos_tags(folder: Path) -> list[Figure]:
    """The official test sentences of the treebank."""
    run = trained("pos_tags", folder)
    accuracy, unseen = run["metrics"]["accuracy"], run["metrics"]["accuracy_unseen"]
    rival = run["opponents"]["most_frequent_tag"]["accuracy"]
    return [
        Figure("`pos_tags`: accuracy", f"{accuracy:.4f}", "at least 0.93", accuracy >= 0.93),
        Figure("`pos_tags`: accuracy of words not seen in training", f"{unseen:.4f}", "at least 0.75", unseen >= 0.75),
        Figure("`pos_tags`: accuracy of each word's most frequent tag", f"{rival:.4f}"),
        _minutes("pos_tags", run["seconds"]["train"]),
    ]


def fill_blank(folder: Path) -> list[Figure]:
    """Sentences of Tatoeba."""
    run = trained("fill_blank", folder)
    found, rival = run["metrics"], run["opponents"]["kneser_ney"]
    return [
        Figure("`fill_blank`: perplexity", f"{found['perplexity']:.1f}"),
        Figure("`fill_blank`: perplexity of Kneser-Ney trigrams from both sides", f"{rival['perplexity']:.1f}"),
        Figure("`fill_blank`: top-1 and top-5 accuracy", f"{found['accuracy']:.3f}, {found['top5_accuracy']:.3f}"),
        Figure(
            "`fill_blank`: the same of Kneser-Ney trigrams", f"{rival['accuracy']:.3f}, {rival['top5_accuracy']:.3f}"
        ),
        Figure("`fill_blank`: training", f"{run['seconds']['train'] / 60:.1f} min"),
    ]


def _three(values: list[float], places: int) -> str:
    return ", ".join(f"{value:.{places}f}" for value in (min(values), statistics.median(values), max(values)))


def _minutes(recipe: str, seconds: float) -> Figure:
    most = MINUTES[recipe]
    return Figure(f"`{recipe}`: training", f"{seconds / 60:.1f} min", f"at most {most} min", seconds <= 60 * most)


def trained(recipe: str, folder: Path, *settings: str) -> Any:
    """What `treadle train RECIPE --json` says."""
    command = [sys.executable, "-m", "treadle", "train", recipe, "--out", str(folder / recipe), "--json"]
    return run_json([*command, *(word for setting in settings for word in ("--set", setting))])


if __name__ == "__main__":
    main()
