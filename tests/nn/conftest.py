"""Networks and batches for the tests of this folder."""

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from treadle.nn import TableNetwork, build_table_network
from treadle.recipe import ModelRecipe


def inputs(rows: int = 40, numbers: int = 3, cardinalities: tuple[int, ...] = (), seed: int = 0) -> dict[str, Any]:
    """Random inputs of a batch."""
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {}
    if numbers:
        columns["numbers"] = rng.normal(size=(rows, numbers)).astype(np.float32)
    if cardinalities:
        columns["codes"] = rng.integers(0, cardinalities, (rows, len(cardinalities))).astype(np.int32)
    return columns


def network(
    model: ModelRecipe, batch: dict[str, Any], cardinalities: tuple[int, ...] = (), outputs: int = 1, seed: int = 0
) -> TableNetwork:
    """A network none of whose weights stands at a value, such as 0 or 1, that would hide a mistake."""
    built = build_table_network(
        model,
        number_columns=batch["numbers"].shape[1] if "numbers" in batch else 0,
        cardinalities=cardinalities,
        outputs=outputs,
        train_numbers=batch.get("numbers"),
        rng=np.random.default_rng(seed),
    )
    rng = np.random.default_rng(seed + 1)

    def stir(leaf: Any) -> Any:
        noise = (rng.uniform(0.02, 0.1, leaf.shape) * rng.choice([-1, 1], leaf.shape)).astype(np.float32)
        return jnp.asarray(np.where(np.isfinite(leaf), np.asarray(leaf) + noise, np.asarray(leaf)))

    return jax.tree.map(stir, built)


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    return SimpleNamespace(inputs=inputs, network=network)
