"""Speed of prediction: one row in process, a cold start, and a file of five million rows.

python -m benchmarks.prediction BUNDLE      (default: a churn bundle trained for the purpose)
"""

from __future__ import annotations

import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure, publish
from treadle.bundle.predictor import Predictor
from treadle.data.catalogue import find

ROWS = 5_000_000
ROW = {
    "CreditScore": 600, "Geography": "France", "Gender": "Male", "Age": 40, "Tenure": 3, "Balance": 60000,
    "NumOfProducts": 2, "HasCrCard": 1, "IsActiveMember": 1, "EstimatedSalary": 50000,
}  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(sys.argv[1]) if len(sys.argv) > 1 else train(Path(folder))
        figures = [one_row(bundle), cold_start(bundle, Path(folder)), *long_file(bundle, Path(folder))]
    publish("Prediction with the `churn` bundle", "python -m benchmarks.prediction", figures)


def train(folder: Path) -> Path:
    """A churn bundle. Trained in another process: the most memory of a child counts what its parent had at the fork."""
    command = [sys.executable, "-m", "treadle", "train", "churn", "--out", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "churn.treadle"


def one_row(bundle: Path) -> Figure:
    """Median time of one row through contract, features and network."""
    predictor = Predictor.load(bundle)
    times = []
    for _ in range(5000):
        start = time.perf_counter()
        predictor.predict(ROW)
        times.append(time.perf_counter() - start)
    median = statistics.median(times[500:]) * 1e6
    return Figure("one row in process, median", f"{median:.0f} µs", "at most 200 µs", median <= 200)


def cold_start(bundle: Path, folder: Path) -> Figure:
    """`treadle predict` of one row in a new process."""
    source = folder / "row.jsonl"
    source.write_text(json.dumps(ROW) + "\n")
    times = []
    for _ in range(7):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "treadle", "predict", str(bundle), str(source)], check=True, capture_output=True
        )
        times.append(time.perf_counter() - start)
    median = statistics.median(times)
    return Figure("`treadle predict` of one row, cold, median of 7", f"{median:.2f} s", "under 1 s", median < 1)


def long_file(bundle: Path, folder: Path) -> list[Figure]:
    """Rows a second over five million rows of CSV, and the most memory that takes beside a tenth of them."""
    short, long = folder / "short.csv", folder / "long.csv"
    _repeat(short, ROWS // 10)
    _repeat(long, ROWS)
    _, less = _predict(bundle, short, folder)
    seconds, most = _predict(bundle, long, folder)
    rate = ROWS / seconds
    return [
        Figure(f"`treadle predict` of {ROWS:,} rows of CSV", f"{rate:,.0f} rows/s", "150,000 rows/s", rate >= 150_000),
        Figure(
            f"most memory: {ROWS // 10:,} rows, then {ROWS:,} rows",
            f"{less:.0f} MiB, {most:.0f} MiB",
            "flat",
            most < less * 1.15,
        ),
    ]


def _repeat(path: Path, rows: int) -> None:
    with find("bank_churn")[0].open(newline="") as source:
        lines = list(csv.reader(source))
    body = "".join(",".join(line) + "\n" for line in lines[1:])
    with path.open("w") as target:
        target.write(",".join(lines[0]) + "\n")
        for _ in range(rows // (len(lines) - 1)):
            target.write(body)


def _predict(bundle: Path, source: Path, folder: Path) -> tuple[float, float]:
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "treadle", "predict", str(bundle), str(source), "--out", str(folder / "answers.csv")],
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"treadle predict ended with {status}")
    return time.perf_counter() - start, usage.ru_maxrss / (1024 if sys.platform == "linux" else 1 << 20)


if __name__ == "__main__":
    main()
