"""Quality of the built-in recipes for tables on their test rows, over seeds of split and training.

python -m benchmarks.quality
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, publish
from treadle.recipe_file import read_recipe
from treadle.run import fit

SEEDS = (1, 2, 3, 4, 5)


def main() -> None:
    publish(
        "Quality on test rows (grouped splits)",
        "python -m benchmarks.quality",
        [*churn(), *housing(), *phishing(), *salary()],
    )


def summaries(recipe: str, seeds: tuple[int, ...]) -> list[dict[str, Any]]:
    """The summary of a run for every seed, which sets both the split and the training."""
    runs = []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            settings = (f"data.split.seed={seed}", f"training.seed={seed}")
            runs.append(fit(read_recipe(recipe, settings), out=Path(folder)).summary())
        print(recipe, seed, runs[-1]["metrics"], runs[-1]["opponents"].get("gradient_boosting"), runs[-1]["verdict"])
    return runs


def spread(values: list[float], digits: int) -> str:
    """Mean and standard deviation."""
    return f"{statistics.mean(values):.{digits}f} ± {statistics.stdev(values):.{digits}f}"


def churn() -> list[Figure]:
    runs = summaries("churn", SEEDS)
    ours = [run["metrics"]["roc_auc"] for run in runs]
    trees = [run["opponents"]["gradient_boosting"]["roc_auc"] for run in runs]
    behind = [run["differences"]["gradient_boosting"] for run in runs]
    within = sum(entry["high"] >= 0 for entry in behind)
    return [
        Figure("churn: ROC AUC, 5 seeds", spread(ours, 4), "at least 0.860", statistics.mean(ours) >= 0.860),
        Figure("churn: gradient boosting's ROC AUC, same rows", spread(trees, 4)),
        Figure(
            "churn: seeds in which the network is not below gradient boosting's interval",
            f"{within} of {len(SEEDS)}",
            "all",
            within == len(SEEDS),
        ),
    ]


def housing() -> list[Figure]:
    runs = summaries("housing", SEEDS[:3])
    ours = [run["metrics"]["rmse"] / 1e5 for run in runs]
    trees = [run["opponents"]["gradient_boosting"]["rmse"] / 1e5 for run in runs]
    return [
        Figure("housing: RMSE / 100,000, 3 seeds", spread(ours, 4), "at most 0.46", statistics.mean(ours) <= 0.46),
        Figure("housing: gradient boosting's RMSE / 100,000, same rows", spread(trees, 4)),
    ]


def phishing() -> list[Figure]:
    runs = summaries("phishing", SEEDS)
    ours = [run["metrics"]["f1"] for run in runs]
    trees = [run["opponents"]["gradient_boosting"]["f1"] for run in runs]
    reached = statistics.mean(ours) >= statistics.mean(trees)
    return [
        Figure("phishing: F1 of phishing, 5 seeds", spread(ours, 4), "at least gradient boosting's", reached),
        Figure("phishing: gradient boosting's F1 of phishing, same rows", spread(trees, 4)),
    ]


def salary() -> list[Figure]:
    runs = summaries("salary", SEEDS[:3])
    silent = sum("no signal" in run["verdict"] for run in runs)
    return [
        Figure("salary: seeds in which the verdict says that there is no signal", f"{silent} of 3", "all", silent == 3),
        Figure("salary: MAE", spread([run["metrics"]["mae"] for run in runs], 0)),
        Figure("salary: the median's MAE", spread([run["opponents"]["median"]["mae"] for run in runs], 0)),
    ]


if __name__ == "__main__":
    main()
