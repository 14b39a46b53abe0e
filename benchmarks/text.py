"""Speed of networks that read film reviews, beside Keras on TensorFlow.

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
from treadle.recipe_file import read_recipe

CELLS = {"simple_rnn": "simple RNN", "lstm": "LSTM"}
EPOCHS = 3
CLASSIC = "imdb_simple_rnn"
NETWORKS = {
    "simple_rnn": "model.text={encoder: simple_rnn, activation: relu, embedding_width: 128, units: 128}",
    "lstm": "model.text={encoder: lstm, embedding_width: 128, units: 128}",
}
"""Those of the courses, which the Keras side trains too."""


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps({"epoch_s": epoch_seconds(sys.argv[1])}))
        return
    with tempfile.TemporaryDirectory() as name:
        figures = beside_keras(Path(name))
    publish("Film reviews: IMDB, beside Keras on TensorFlow", "python -m benchmarks.text", figures)


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
    from treadle.row_work import build_network, build_task
    from treadle.training import Examples, Progress, train

    training = f"training={{optimizer: adam, learning_rate: 0.001, batch_size: 32, epochs: {EPOCHS}, patience: null}}"
    reviews = classic((NETWORKS[cell], training))
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
    bundle = quickly_trained(CLASSIC, folder)
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
    for name, path in ((CLASSIC, bundle), ("imdb", quickly_trained("imdb", folder))):
        median = one_review(path, table.columns["text"].tolist())
        figures.append(
            Figure(f"`{name}`: one review of 230 words in process, median", f"{median:.2f} ms", "3 ms", median <= 3)
        )
    return figures


def quickly_trained(recipe: str, folder: Path) -> Path:
    """A bundle of one epoch: how long an answer takes does not depend on the weights."""
    settings = ("training.epochs=1", "evaluation.opponents=[majority]")
    command = [sys.executable, "-m", "treadle", "train", recipe, "--out", str(folder / recipe)]
    run_json([*command, *(word for setting in settings for word in ("--set", setting))], lambda _: None)
    return folder / recipe / f"{recipe}.treadle"


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
