"""The notebook way, as a peer: the IMDB networks of the course in Keras on TensorFlow. Prints JSON.

python -m benchmarks.keras_text CELL FOLDER

Embedding 10,000 x 128, a cell of 128, sigmoid, Adam, batch 32, every review padded in front to 500 words. FOLDER holds
tokens.npz: `train` and `test` tokens padded at the end, with `train_lengths`, `test_lengths` and `labels`. Timed: one
epoch over the training reviews, after a few steps that build the program, and `predict` over the test reviews, the
median of three, with the quicker of two batch sizes. The trained model is left in FOLDER as classic.keras.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from numpy.typing import NDArray

LENGTH, WORDS, WIDTH = 500, 10_002, 128
PREDICTED = (32, 256)
"""Batch sizes: Keras's default, and a larger one."""


def main() -> None:
    cell, folder = sys.argv[1], Path(sys.argv[2])
    kept = np.load(folder / "tokens.npz")
    train, labels = padded(kept["train"], kept["train_lengths"]), kept["labels"].astype("float32")
    recurrent = keras.layers.LSTM(WIDTH) if cell == "lstm" else keras.layers.SimpleRNN(WIDTH, activation="relu")
    layers = [keras.layers.Embedding(WORDS, WIDTH), recurrent, keras.layers.Dense(1, activation="sigmoid")]
    model = keras.Sequential([keras.Input((LENGTH,), dtype="int32"), *layers])
    model.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy", metrics=["accuracy"])
    model.fit(train[:96], labels[:96], batch_size=32, verbose=0)
    started = time.perf_counter()
    model.fit(train, labels, batch_size=32, verbose=0)
    epoch = time.perf_counter() - started
    # Padding is the Keras side's to do, as the features are Treadle's.
    seconds = {}
    for batch in PREDICTED:
        model.predict(train[:batch], batch_size=batch, verbose=0)
        times = []
        for _ in range(3):
            started = time.perf_counter()
            model.predict(padded(kept["test"], kept["test_lengths"]), batch_size=batch, verbose=0)
            times.append(time.perf_counter() - started)
        seconds[batch] = statistics.median(times)
    model.save(folder / "classic.keras")
    batch = min(seconds, key=lambda batch: seconds[batch])
    print(json.dumps({"epoch_s": epoch, "predict_s": seconds[batch], "batch": batch}))


def padded(tokens: NDArray[np.int32], lengths: NDArray[np.int32]) -> NDArray[np.int32]:
    """Reviews of 500 words, zeros in front, as `pad_sequences` makes them."""
    reviews = [row[:length] for row, length in zip(tokens, lengths, strict=True)]
    return np.asarray(keras.utils.pad_sequences(reviews, LENGTH), dtype=np.int32)


if __name__ == "__main__":
    main()
