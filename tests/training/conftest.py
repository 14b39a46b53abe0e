"""Small data and networks for the tests of this folder."""

from types import SimpleNamespace

import numpy as np
import pytest

from treadle.nn import TableNetwork, build_table_network
from treadle.recipe import ModelRecipe
from treadle.training import Examples


def examples(rows: int = 200, seed: int = 0) -> Examples:
    """Two classes that no linear model parts: whether two of three numbers have the same sign."""
    numbers = np.random.default_rng(seed).normal(size=(rows, 3)).astype(np.float32)
    return Examples({"numbers": numbers}, (numbers[:, 0] * numbers[:, 1] > 0).astype(np.int64))


def network(seed: int = 0, **settings: object) -> TableNetwork:
    """A small network of three numbers and one output."""
    return build_table_network(
        ModelRecipe.model_validate({"hidden": (16, 8), **settings}),
        number_columns=3,
        cardinalities=(),
        outputs=1,
        train_numbers=examples().inputs["numbers"],
        rng=np.random.default_rng(seed),
    )


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    return SimpleNamespace(examples=examples, network=network)
