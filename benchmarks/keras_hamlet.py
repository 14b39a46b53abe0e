"""The notebook way, as a peer: the next word of Hamlet in Keras on TensorFlow. Prints JSON.

python -m benchmarks.keras_hamlet FOLDER

Embedding 100, LSTM 150, dropout 0.2, LSTM 100, softmax over the words, Adam, batch 32; every prefix of a line is an
example of its own, padded in front to the longest, and what follows it a one-hot row. FOLDER holds lines.npz with
`words` (all lines one after the other, from 1), `lengths` and `size` of the softmax. Timed: an epoch, after a few steps
that build the program; and words written one at a time by `model.predict`, the likeliest each.
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

EPOCHS = 2
WRITTEN = 50


def main() -> None:
    kept = np.load(Path(sys.argv[1]) / "lines.npz")
    size = int(kept["size"])
    lines = np.split(kept["words"], np.cumsum(kept["lengths"])[:-1])
    prefixes = [line[: end + 1].tolist() for line in lines for end in range(1, len(line))]
    longest = max(map(len, prefixes))
    padded = np.array(keras.utils.pad_sequences(prefixes, maxlen=longest, padding="pre"))
    reads, due = padded[:, :-1], keras.utils.to_categorical(padded[:, -1], num_classes=size)
    layers = [
        keras.layers.Embedding(size, 100),
        keras.layers.LSTM(150, return_sequences=True),
        keras.layers.Dropout(0.2),
        keras.layers.LSTM(100),
        keras.layers.Dense(size, activation="softmax"),
    ]
    model = keras.Sequential([keras.Input((longest - 1,), dtype="int32"), *layers])
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    model.fit(reads[:96], due[:96], verbose=0)
    epochs = []
    for _ in range(EPOCHS):
        started = time.perf_counter()
        model.fit(reads, due, verbose=0)
        epochs.append(time.perf_counter() - started)
    print(
        json.dumps(
            {
                "epoch_s": min(epochs),
                "prefixes": len(prefixes),
                "longest": longest,
                "parameters": model.count_params(),
                "word_s": word_seconds(model, longest - 1),
            }
        )
    )


def word_seconds(model: keras.Model, longest: int) -> float:
    """Seconds for a word, as the course's function writes on: pad, predict, take the likeliest."""
    words, times = [1, 2], []
    for _ in range(WRITTEN):
        started = time.perf_counter()
        padded = keras.utils.pad_sequences([words[-longest:]], maxlen=longest, padding="pre")
        words.append(int(np.argmax(model.predict(padded, verbose=0), axis=1)[0]))
        times.append(time.perf_counter() - started)
    return statistics.median(times[5:])


if __name__ == "__main__":
    main()
