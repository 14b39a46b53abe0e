"""The arithmetic floor of `benchmarks.recurrent`: the products of a step alone, in NumPy's OpenBLAS. Prints JSON.

python -m benchmarks.products_recurrent GATES REPETITIONS

One thread computes them, and the time is divided by the cores: no library shares products as small as these between
cores so well.
"""

from __future__ import annotations

import json
import os
import sys

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np

from benchmarks.workload_recurrent import BATCH, LENGTH, WIDTH, median_step


def main() -> None:
    sums = int(sys.argv[1]) * WIDTH
    random = np.random.default_rng(0)

    def normal(*shape: int) -> np.ndarray:
        return random.normal(0, 0.1, shape).astype(np.float32)

    weight, steps, d_steps = normal(WIDTH, sums), normal(LENGTH, BATCH, WIDTH), normal(LENGTH, BATCH, sums)
    rows, d_rows = steps.reshape(-1, WIDTH), d_steps.reshape(-1, sums)

    def products() -> None:
        rows @ weight  # inputs
        for step in steps:
            step @ weight  # hidden states
        for d_step in d_steps:
            d_step @ weight.T  # gradients of hidden states
        d_rows @ weight.T  # gradients of inputs
        for _ in ("input", "recurrent"):
            rows.T @ d_rows  # gradients of the weights

    print(json.dumps({"seconds": median_step(products, 1, int(sys.argv[2])) / (os.cpu_count() or 1)}))


if __name__ == "__main__":
    main()
