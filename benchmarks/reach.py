"""How far back a simple RNN and an LSTM look in film reviews: the page that docs/inspect.md shows.

python -m benchmarks.reach inspect.html
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from treadle.data.sources import read_table
from treadle.data.table import Table
from treadle.inspection.inspection import inspect
from treadle.inspection.report_html import render_inspection
from treadle.run import fit

REVIEWS = 16_000
TEXT = "The film starts slowly, but the acting is superb and the ending is wonderful. Not a single boring minute."
WORDS = ("superb", "boring", "wonderfull")


def main() -> None:
    reviews = read_table("imdb_reviews")
    drawn = reviews.take(np.sort(np.random.default_rng(0).permutation(len(reviews))[:REVIEWS]))
    with tempfile.TemporaryDirectory() as folder:
        simple, lstm = (
            fit(recipe(encoder), data={name: drawn.columns[name].tolist() for name in ("text", "label")}, out=folder)
            for encoder in ("simple_rnn", "lstm")
        )
        table = Table(drawn.columns, drawn.numbers, "imdb_reviews")
        found = inspect(lstm.predictor, table, beside=[simple.predictor], texts=[TEXT], words=WORDS)
    Path(sys.argv[1]).write_text(render_inspection(found), encoding="utf-8")


def recipe(encoder: str) -> dict[str, object]:
    """Both networks alike but for the cell; at most four passes over the reviews."""
    return {
        "name": f"reviews_{encoder}",
        "data": {"target": "label", "positive": 1, "kinds": {"text": "text"}},
        "features": {"text": {"vocabulary": 10_000, "length": 200, "keep": "last", "drop": ["html"]}},
        "model": {"hidden": [], "text": {"encoder": encoder, "embedding_width": 64, "units": 64}},
        "training": {"learning_rate": 0.001, "batch_size": 32, "epochs": 4, "clip_norm": 1.0},
        "evaluation": {"opponents": [], "resamples": 100},
    }


if __name__ == "__main__":
    main()
