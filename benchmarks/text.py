"""Speed of networks that read film reviews, beside Keras on TensorFlow.

python -m benchmarks.text

Every side runs in a process of its own, one at a time. Both train the same networks, and answer the same reviews: given
as tokens, and from a CSV file of raw texts to one of answers.
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
from treadle.bundle.cores import available_cores
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
        if sys.argv[1] == "tokens":
            print(json.dumps({"predict_s": token_seconds(Path(sys.argv[2]), Path(sys.argv[3]))}))
        else:
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
    write_csv(folder / "reviews.csv", reviews.test_table.columns["text"].tolist())
    assert reviews.features.text is not None
    words = reviews.features.text.vocabulary.tokens or ()
    (folder / "words.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
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
        figures += predictions(folder, cell, keras, reviews)
    texts = reviews.test_table.columns["text"].tolist()
    for recipe in (CLASSIC, "imdb"):
        median = one_review(quickly_trained(recipe, folder), texts)
        figures.append(
            Figure(f"`{recipe}`: one review of 230 words in process, median", f"{median:.2f} ms", "3 ms", median <= 3)
        )
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


def predictions(folder: Path, cell: str, keras: dict[str, Any], reviews: Prepared) -> list[Figure]:
    """The test half through the network that Keras trained: given as tokens, and from file to file."""
    table, name = reviews.test_table, CELLS[cell]
    bundle = quickly_trained(CLASSIC, folder, NETWORKS[cell])
    tokens: Any = run_json([sys.executable, "-m", "benchmarks.text", "tokens", str(bundle), str(folder)], last_line)
    ours, theirs = tokens["predict_s"], keras["predict_s"]
    command = [sys.executable, "-m", "benchmarks.keras_predict", str(folder), str(keras["batch"])]
    peer = seconds_of(command)
    command = [sys.executable, "-m", "treadle", "predict", str(bundle), str(folder / "reviews.csv")]
    whole = seconds_of([*command, "--out", str(folder / "answers.csv")])
    many, ratio = f"{len(table):,} reviews", theirs / ours
    goal = ("10 times", ratio >= 10) if cell == "simple_rnn" else ()
    return [
        Figure(f"{name}: Keras, predict {many} given as tokens, batches of {keras['batch']}", f"{theirs:.2f} s"),
        Figure(f"{name}: Treadle, the same", f"{ours:.2f} s"),
        Figure(f"{name}: predict is faster by", f"{ratio:.1f} times", *goal),
        Figure(f"{name}: a Keras script answers a CSV file of {many}, process start to exit", f"{peer:.1f} s"),
        Figure(f"{name}: `treadle predict` of the same file", f"{whole:.1f} s, {peer / whole:.1f} times faster"),
    ]


def seconds_of(command: list[str]) -> float:
    """From a process's start to its exit; the quicker of two runs."""
    times = []
    for _ in range(2):
        started = time.perf_counter()
        run_json(command, lambda _: None)
        times.append(time.perf_counter() - started)
    return min(times)


def token_seconds(bundle: Path, folder: Path) -> float:
    """Seconds to answer the test half, given as tokens; the median of three."""
    kept = np.load(folder / "tokens.npz")
    inputs = {"tokens": kept["test"], "lengths": kept["test_lengths"]}
    predictor, cores = Predictor.load(bundle), available_cores()
    predictor.run({name: array[:64] for name, array in inputs.items()}, cores)
    times = []
    for _ in range(3):
        started = time.perf_counter()
        predictor.run(inputs, cores)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def quickly_trained(recipe: str, folder: Path, *more: str) -> Path:
    """A bundle of one epoch: how long an answer takes does not depend on the weights."""
    settings = ("training.epochs=1", "evaluation.opponents=[majority]", *more)
    out = folder / f"{recipe}-{len(list(folder.iterdir()))}"
    command = [sys.executable, "-m", "treadle", "train", recipe, "--out", str(out)]
    run_json([*command, *(word for setting in settings for word in ("--set", setting))], lambda _: None)
    return out / f"{recipe}.treadle"


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
