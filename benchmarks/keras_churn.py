"""The notebook way, as a peer: the churn network of the course in Keras on TensorFlow. Prints JSON.

Drop the identifiers, encode Gender, one-hot Geography, standardise: 12 features. Dense 64-32-1, Adam 0.01, batch 32, at
most 100 epochs, early stopping with patience 10 that restores the best weights.
"""

from __future__ import annotations

import json
import os
import time

start = time.perf_counter()
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import itertools  # noqa: E402

import keras  # noqa: E402
import polars as pl  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402
from sklearn.model_selection import train_test_split  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

from treadle.data.catalogue import find  # noqa: E402


def main() -> None:
    imported = time.perf_counter()
    frame = pl.read_csv(find("bank_churn")).drop("RowNumber", "CustomerId", "Surname")
    frame = frame.with_columns((pl.col("Gender") == "Male").cast(pl.Int8)).to_dummies("Geography")
    target = frame["Exited"].to_numpy()
    x, x_test, y, y_test = train_test_split(frame.drop("Exited").to_numpy(), target, test_size=0.2, random_state=42)
    scaler = StandardScaler().fit(x)
    x, x_test = scaler.transform(x).astype("float32"), scaler.transform(x_test).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((x.shape[1],)),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    ends: list[float] = []
    stamp = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.perf_counter()))
    stop = keras.callbacks.EarlyStopping(patience=10, restore_best_weights=True)
    fitting = time.perf_counter()
    model.fit(x, y, validation_data=(x_test, y_test), epochs=100, batch_size=32, callbacks=[stamp, stop], verbose=0)
    fitted = time.perf_counter()
    epochs = sorted(later - earlier for earlier, later in itertools.pairwise(ends))
    print(
        json.dumps(
            {
                "import_s": imported - start,
                "fit_s": fitted - fitting,
                "epochs": len(ends),
                "epoch_s": epochs[len(epochs) // 2],
                "steps": -(-len(x) // 32),
                "roc_auc_on_its_validation_set": roc_auc_score(y_test, model.predict(x_test, verbose=0)[:, 0]),
            }
        )
    )


if __name__ == "__main__":
    main()
