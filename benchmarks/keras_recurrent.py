"""A peer of `benchmarks.recurrent`: the same network in Keras. Prints JSON.

python -m benchmarks.keras_recurrent tensorflow|jax CELL REPETITIONS

Of the ways to take a step (`fit` and `train_on_batch`, with and without XLA where there is a choice) the quickest
counts.
"""

from __future__ import annotations

import json
import os
import sys

os.environ["KERAS_BACKEND"] = sys.argv[1]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from benchmarks.workload_recurrent import BATCH, LENGTH, WIDTH, WORDS, median_step

STEPS = 8
"""Of a call of `fit`, so that beginning it counts for little."""


def main() -> None:
    cell, repetitions = sys.argv[2], int(sys.argv[3])
    random = np.random.default_rng(0)
    tokens = random.integers(1, WORDS, (STEPS * BATCH, LENGTH)).astype("int32")
    labels = random.integers(0, 2, STEPS * BATCH).astype("float32")
    seconds = {}
    for compiled in (True, False) if sys.argv[1] == "tensorflow" else (True,):
        model = network(cell)
        model.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy", jit_compile=compiled)

        def fit(model: keras.Model = model) -> None:
            model.fit(tokens, labels, batch_size=BATCH, shuffle=False, verbose=0)

        def step(model: keras.Model = model) -> None:
            model.train_on_batch(tokens[:BATCH], labels[:BATCH])

        xla = "with" if compiled else "without"
        seconds[f"fit, {xla} XLA"] = median_step(fit, STEPS, repetitions)
        seconds[f"train_on_batch, {xla} XLA"] = median_step(step, 1, repetitions)
    quickest = min(seconds, key=lambda way: seconds[way])
    print(json.dumps({"seconds": seconds[quickest], "way": quickest, "ways": seconds}))


def network(cell: str) -> keras.Model:
    """Embedding, a recurrent layer, its last state, and one answer."""
    recurrent = {
        "simple_relu": lambda: keras.layers.SimpleRNN(WIDTH, activation="relu"),
        "lstm": lambda: keras.layers.LSTM(WIDTH),
        "gru": lambda: keras.layers.GRU(WIDTH),
    }[cell]()
    layers = [keras.layers.Embedding(WORDS, WIDTH), recurrent, keras.layers.Dense(1, activation="sigmoid")]
    return keras.Sequential([keras.Input((LENGTH,), dtype="int32"), *layers])


if __name__ == "__main__":
    main()
