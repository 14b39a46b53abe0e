"""Networks that read film reviews: speed beside Keras on TensorFlow, and quality on the official test half.

python -m benchmarks.text

Every side runs in a process of its own, one at a time. The Keras side is given tokens, `treadle predict` a CSV file of
raw texts.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import Figure, publish, run_json
from treadle.bundle.predictor import Predictor
from treadle.preparation import Prepared, prepare
from treadle.recipe import read_recipe

SEEDS = (1, 2, 3, 4, 5)
CELLS = {"simple_rnn": "simple RNN", "lstm": "LSTM"}
EPOCHS = 3
MINUTES = 15
"""Most that the best network may take to train."""
CLASSIC = "imdb_simple_rnn"
LSTM = ("model.text={encoder: lstm, embedding_width: 128, units: 128}",)


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps({"epoch_s": epoch_seconds(sys.argv[1])}))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = [*quality(folder), *beside_keras(folder)]
    publish("Film reviews: IMDB, official halves", "python -m benchmarks.text", figures)


# --- quality


def quality(folder: Path) -> list[Figure]:
    """The classic network over seeds, and the best one against its opponents."""
    runs = [trained(CLASSIC, folder / f"{CLASSIC}-{seed}", f"training.seed={seed}") for seed in SEEDS]
    accuracies = [run["metrics"]["accuracy"] for run in runs]
    # An explosion shows as a loss far above that of guessing, log 2.
    most = max(run["largest_loss"] for run in runs)
    best = trained("imdb", folder / "imdb")
    accuracy, minutes = best["metrics"]["accuracy"], best["seconds"]["train"] / 60
    opponents = {name: f"{found['accuracy']:.4f}" for name, found in best["opponents"].items()}
    return [
        Figure(
            f"`{CLASSIC}`: test accuracy over {len(SEEDS)} seeds, least, median and most",
            f"{min(accuracies):.4f}, {statistics.median(accuracies):.4f}, {max(accuracies):.4f}",
            "at least 0.85",
            min(accuracies) >= 0.85,
        ),
        Figure(f"`{CLASSIC}`: largest loss of an epoch in all seeds", f"{most:.3f}", "never above log 2", most < 0.694),
        Figure("`imdb`: test accuracy", f"{accuracy:.4f}", "at least 0.905", accuracy >= 0.905),
        Figure("`imdb`: minutes of training", f"{minutes:.1f}", f"at most {MINUTES}", minutes <= MINUTES),
        *(Figure(f"`imdb`: accuracy of {name.replace('_', ' ')}", value) for name, value in opponents.items()),
        Figure("`imdb`: verdict", best["verdict"]),
    ]


def trained(recipe: str, folder: Path, *settings: str) -> dict[str, Any]:
    """What `treadle train --json` says, and the largest training or validation loss of an epoch."""
    command = [sys.executable, "-m", "treadle", "train", recipe, "--out", str(folder), "--json"]
    if recipe == CLASSIC:
        command += ["--set", "evaluation.opponents=[majority]"]
    for setting in settings:
        command += ["--set", setting]
    summary: Any = run_json(command)
    print(recipe, settings, summary["metrics"], summary["seconds"], summary["losses"], file=sys.stderr, flush=True)
    return {**summary, "largest_loss": max(loss for losses in summary["losses"].values() for loss in losses)}


# --- speed


def beside_keras(folder: Path) -> list[Figure]:
    """Epochs and predictions of the classic network and of its LSTM sister."""
    reviews = classic(())
    test = reviews.features.transform({"text": reviews.test_table.columns["text"]})
    train = reviews.train.inputs
    np.savez(
        folder / "tokens.npz",
        train=train["tokens"],
        train_lengths=train["lengths"],
        labels=reviews.train.targets,
        test=test["tokens"],
        test_lengths=test["lengths"],
    )
    figures = []
    for cell, name in CELLS.items():
        keras: Any = run_json([sys.executable, "-m", "benchmarks.keras_text", cell, str(folder)], last_line)
        ours: Any = run_json([sys.executable, "-m", "benchmarks.text", cell], last_line)
        ratio = keras["epoch_s"] / ours["epoch_s"]
        figures += [
            Figure(f"{name}: Keras, an epoch of {len(reviews.train):,} reviews", f"{keras['epoch_s']:.1f} s"),
            Figure(f"{name}: Treadle, the same epoch", f"{ours['epoch_s']:.1f} s"),
            Figure(f"{name}: an epoch is faster by", f"{ratio:.1f} times", "5 times", ratio >= 5),
        ]
        if cell == "simple_rnn":
            figures += predictions(folder, keras["predict_s"], reviews)
    return figures


def classic(settings: tuple[str, ...]) -> Prepared:
    """The classic network's rows: 20,000 reviews to train on, their last 500 words."""
    return prepare(read_recipe(CLASSIC, settings), None, "fail")


def last_line(text: str) -> object:
    """The JSON in the last line of what a peer printed."""
    return json.loads(text.strip().splitlines()[-1])


def epoch_seconds(cell: str) -> float:
    """Seconds of one epoch through the code that `treadle train` runs, without compilation."""
    from treadle.run import build_network, build_task
    from treadle.training import Examples, Progress, train

    settings = LSTM if cell == "lstm" else ()
    reviews = classic((*settings, f"training={{optimizer: adam, batch_size: 32, epochs: {EPOCHS}, patience: null}}"))
    some = {name: array[:256] for name, array in reviews.validation.inputs.items()}
    times: list[tuple[float, float]] = []

    def note(progress: Progress) -> None:
        times.append((progress.share * EPOCHS, time.perf_counter()))

    task = build_task(reviews)
    train(
        task,
        build_network(reviews, task),
        Examples(reviews.train.inputs, reviews.train.targets),
        Examples(some, reviews.validation.targets[:256]),
        reviews.recipe.training,
        report=note,
    )
    # The first stretch ends soon after the compilation.
    (begun, started), (ended, stopped) = times[0], times[-1]
    return (stopped - started) / (ended - begun)


def predictions(folder: Path, keras: float, reviews: Prepared) -> list[Figure]:
    """The test half as a CSV file through `treadle predict`, and one review in process."""
    source, table = folder / "reviews.csv", reviews.test_table
    write_csv(source, table.columns["text"].tolist())
    bundle = folder / f"{CLASSIC}-{SEEDS[0]}" / f"{CLASSIC}.treadle"
    started = time.perf_counter()
    run_json(
        [sys.executable, "-m", "treadle", "predict", str(bundle), str(source), "--out", str(folder / "answers.csv")],
        lambda _: None,
    )
    whole = time.perf_counter() - started
    figures = [
        Figure(f"simple RNN: Keras, predict {len(table):,} reviews given as tokens", f"{keras:.1f} s"),
        Figure(f"simple RNN: `treadle predict` of {len(table):,} reviews, process start to exit", f"{whole:.1f} s"),
        Figure("simple RNN: predict is faster by", f"{keras / whole:.1f} times", "10 times", keras / whole >= 10),
    ]
    for name, path in ((CLASSIC, bundle), ("imdb", folder / "imdb" / "imdb.treadle")):
        median = one_review(path, table.columns["text"].tolist())
        figures.append(
            Figure(f"`{name}`: one review of 230 words in process, median", f"{median:.2f} ms", "3 ms", median <= 3)
        )
    return figures


def write_csv(path: Path, texts: list[str]) -> None:
    """A file with the column `text`."""
    lines = ['"' + text.replace('"', '""') + '"' for text in texts]
    path.write_text("text\n" + "\n".join(lines) + "\n", encoding="utf-8")


def one_review(bundle: Path, texts: list[str]) -> float:
    """Milliseconds from a text to its answer."""
    predictor = Predictor.load(bundle)
    text = next(text for text in texts if len(text.split()) == 230)
    times = []
    for _ in range(500):
        started = time.perf_counter()
        predictor.predict({"text": text})
        times.append(time.perf_counter() - started)
    return statistics.median(times[50:]) * 1e3


if __name__ == "__main__":
    main()
