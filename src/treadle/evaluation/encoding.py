"""The network's inputs as one matrix, for opponents that reckon with distances and sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from treadle.evaluation.metrics import Floats

Matrix = Any
"""float64 array of shape (rows, columns), or a SciPy sparse one where categories are one-hot."""


@dataclass(frozen=True)
class Encoding:
    """Numbers with zero mean and unit variance (0/1 columns as they are), codes one-hot."""

    mean: Floats
    scale: Floats
    code_sizes: tuple[int, ...]

    @classmethod
    def fit(cls, inputs: dict[str, NDArray[Any]], code_sizes: tuple[int, ...]) -> Encoding:
        """The encoding of these training rows' `numbers` and `codes`."""
        numbers = _numbers(inputs)
        scale = numbers.std(axis=0)
        # An indicator tells most as it is, and a column that does not vary has no scale.
        plain = np.all((numbers == 0) | (numbers == 1), axis=0) | (scale == 0)
        return cls(np.where(plain, 0.0, numbers.mean(axis=0)), np.where(plain, 1.0, scale), code_sizes)

    def transform(self, inputs: dict[str, NDArray[Any]]) -> Matrix:
        """The matrix of these rows."""
        numbers = (_numbers(inputs) - self.mean) / self.scale
        if "codes" not in inputs:
            return numbers
        from scipy import sparse

        codes = inputs["codes"]
        first = np.concatenate([[0], np.cumsum(self.code_sizes)])
        ends = np.arange(len(codes) + 1) * codes.shape[1]
        one_hot = sparse.csr_array(
            (np.ones(codes.size), (codes + first[:-1]).ravel(), ends), shape=(len(codes), int(first[-1]))
        )
        return sparse.hstack([sparse.csr_array(numbers), one_hot], format="csr")


def _numbers(inputs: dict[str, NDArray[Any]]) -> Floats:
    if "numbers" in inputs:
        return inputs["numbers"].astype(np.float64)
    return np.empty((len(inputs["codes"]), 0))
