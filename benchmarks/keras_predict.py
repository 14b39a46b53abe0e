"""The notebook way of answering a file of film reviews: the network that `benchmarks.keras_text` trained.

python -m benchmarks.keras_predict FOLDER BATCH

FOLDER holds reviews.csv with the column `text`, classic.keras, and words.json, the number of every word; keras.csv is
written there. The whole process is what is timed, from its start to its exit.
"""

from __future__ import annotations

import csv
import json
import os
import re
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

LENGTH, UNKNOWN = 500, 1


def main() -> None:
    folder, batch = Path(sys.argv[1]), int(sys.argv[2])
    numbers = json.loads((folder / "words.json").read_text())
    with (folder / "reviews.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    find = re.compile(r"[\w']+").findall
    reviews = [
        [numbers.get(word, UNKNOWN) for word in find(text.replace("<br />", " ").lower())[-LENGTH:]] for text in texts
    ]
    model = keras.models.load_model(folder / "classic.keras")
    answers = model.predict(keras.utils.pad_sequences(reviews, LENGTH), batch_size=batch, verbose=0)
    with (folder / "keras.csv").open("w", encoding="utf-8") as file:
        file.write("probability\n")
        file.writelines(f"{answer:.6f}\n" for answer in answers[:, 0])


if __name__ == "__main__":
    main()
