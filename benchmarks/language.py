"""Speed of language models, beside the notebook way in Keras on TensorFlow.

python -m benchmarks.language

Every side runs in a process of its own, one at a time, on the same lines of Hamlet with the same layers: embedding 100,
LSTM 150, dropout 0.2, LSTM 100, softmax; Treadle drops out after the last LSTM too. The Keras side trains on every
prefix as an example of its own, 32 in a step; Treadle passes once over a line, which is the same loss summed over the
same prefixes, with 32 or 64 whole lines in a step: fewer and larger steps an epoch.
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
from benchmarks.text import last_line
from treadle.recipe_file import read_recipe
from treadle.sequence_work import SequenceWork

EPOCHS = 6
BATCHES = (32, 64)
"""Lines of a step; the first is what the recipe takes."""
WRITTEN = 1000
PROMPT = "To be or not to"

NOTEBOOK = (
    "data.split={validation: 0.002, test: 0.002}",
    "features.text={drop: [punctuation], marks: false}",
    "model.sequence={embedding_width: 100, units: [150, 100], dropout: 0.2}",
)
"""The network of the courses, on nearly all lines."""


def main() -> None:
    if sys.argv[1:2] == ["epoch"]:
        print(json.dumps({"epoch_s": epoch_seconds(int(sys.argv[2]))}))
        return
    if sys.argv[1:2] == ["write"]:
        print(json.dumps(writing(Path(sys.argv[2]))))
        return
    with tempfile.TemporaryDirectory() as name:
        figures = beside_keras(Path(name))
    publish("Language models: Hamlet, beside Keras on TensorFlow", "python -m benchmarks.language", figures)


def notebook(batch: int) -> SequenceWork:
    """The lines of Hamlet and the network of the courses."""
    training = (
        f"training={{optimizer: adam, learning_rate: 0.001, batch_size: {batch}, epochs: {EPOCHS}, patience: null}}"
    )
    return SequenceWork.prepare(read_recipe("hamlet", (*NOTEBOOK, training)), None, "fail")


def beside_keras(folder: Path) -> list[Figure]:
    """Epochs, and words written one by one."""
    work = notebook(BATCHES[0])
    lines = [np.append(line.reads, line.due[-1]) for line in work.lines_of(work.train_columns)]
    np.savez(
        folder / "lines.npz", words=np.concatenate(lines), lengths=[len(line) for line in lines], size=work.outputs
    )
    keras: Any = run_json([sys.executable, "-m", "benchmarks.keras_hamlet", str(folder)], last_line)
    words = sum(len(line) - 1 for line in lines)
    figures = [
        Figure(
            f"Keras, an epoch of {keras['prefixes']:,} prefixes of {len(lines):,} lines, batch 32",
            f"{keras['epoch_s']:.1f} s",
        )
    ]
    assert words == keras["prefixes"]
    for batch in BATCHES:
        ours: Any = run_json([sys.executable, "-m", "benchmarks.language", "epoch", str(batch)], last_line)
        ratio = keras["epoch_s"] / ours["epoch_s"]
        what = f"{batch} lines a step"
        figures += [
            Figure(f"Treadle, an epoch of the same prefixes, {what}", f"{ours['epoch_s']:.2f} s"),
            Figure(f"an epoch is faster by, {what}", f"{ratio:.1f} times", "12 times", ratio >= 12),
        ]
    settings = (*NOTEBOOK, "training.epochs=1", "evaluation.opponents=[unigram]")
    command = [sys.executable, "-m", "treadle", "train", "hamlet", "--out", str(folder / "run")]
    run_json([*command, *(word for setting in settings for word in ("--set", setting))], lambda _: None)
    path = folder / "run" / "hamlet.treadle"
    ours = run_json([sys.executable, "-m", "benchmarks.language", "write", str(path)], last_line)
    ratio = ours["words_per_s"] * keras["word_s"]
    return [
        *figures,
        Figure("Keras, words written by a loop of `model.predict`", f"{1 / keras['word_s']:.1f} words/s"),
        Figure("Treadle, words written by the same network", f"{ours['words_per_s']:,.0f} words/s"),
        Figure("writing is faster by", f"{ratio:.0f} times", "100 times", ratio >= 100),
        Figure("first word after a prompt, median", f"{ours['first_ms']:.2f} ms", "5 ms", ours["first_ms"] <= 5),
    ]


def epoch_seconds(batch: int) -> float:
    """Seconds of one epoch through the code that `treadle train` runs, without compilation."""
    from treadle.training import Progress, train

    work, times = notebook(batch), []

    def note(progress: Progress) -> None:
        times.append((progress.share * EPOCHS, time.perf_counter()))

    train(
        work.objective(),
        work.network(),
        work.examples_of(work.train_columns, learnt=True),
        work.examples_of(work.validation_columns, learnt=False),
        work.recipe.training,
        report=note,
    )
    # The first stretch ends soon after the compilation.
    (begun, started), (ended, stopped) = times[0], times[-1]
    return (stopped - started) / (ended - begun)


def writing(bundle: Path) -> dict[str, float]:
    """Words a second, always the likeliest word, and milliseconds from a prompt to the first word."""
    from treadle.bundle.generation import generate, open_language
    from treadle.bundle.predictor import Predictor
    from treadle.bundle.sampling import Sampling

    model = open_language(Predictor.load(bundle))
    greedy = Sampling(temperature=0, length=WRITTEN)
    rates, firsts = [], []
    for _ in range(5):
        started = time.perf_counter()
        written = sum(1 for _ in generate(model, PROMPT, greedy))
        rates.append(written / (time.perf_counter() - started))
    for _ in range(100):
        started = time.perf_counter()
        next(iter(generate(model, PROMPT, greedy)))
        firsts.append(time.perf_counter() - started)
    return {"words_per_s": statistics.median(rates), "first_ms": statistics.median(firsts) * 1e3}


if __name__ == "__main__":
    main()
