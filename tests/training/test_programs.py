"""Programs compile once for trainings that differ in numbers only."""

from __future__ import annotations

import numpy as np
import pytest

from treadle.nn import build_table_network, to_arrays
from treadle.recipe import ModelRecipe, TrainingRecipe
from treadle.tasks import Classification
from treadle.training import Examples, programs, train


def trained(*, rows: int = 24, task: Classification | None = None, model: dict | None = None, **training) -> dict:
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(rows, 3)).astype(np.float32)
    examples = Examples({"numbers": numbers}, (numbers[:, 0] > 0).astype(np.int32))
    network = build_table_network(
        ModelRecipe(**(model or {"hidden": (4,), "dropout": 0.1})),
        number_columns=3,
        cardinalities=(),
        outputs=1,
        train_numbers=numbers,
        rng=np.random.default_rng(1),
    )
    recipe = TrainingRecipe(**{"epochs": 3, "batch_size": 8, **training})
    return to_arrays(train(task or Classification(2), network, examples, examples, recipe).network)


@pytest.fixture
def kept(monkeypatch) -> dict:
    programs_kept: dict = {}
    monkeypatch.setattr(programs, "_kept", programs_kept)
    return programs_kept


def same(one: dict, other: dict) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_another_seed_takes_the_same_program_to_other_weights(kept):
    first = trained(seed=1)
    other = trained(seed=2)
    again = trained(seed=1)
    assert len(kept) == 1
    assert same(first, again)
    assert not same(first, other)


def test_whatever_changes_the_computation_makes_another_program(kept):
    trained()
    variants = (
        {"learning_rate": 0.1},
        {"rows": 32},
        {"task": Classification(2, (1.5, 0.5))},
        {"model": {"hidden": (4,), "dropout": 0.2}},
    )
    for count, variant in enumerate(variants, start=2):
        trained(**variant)
        assert len(kept) == count


def test_a_kept_program_gives_what_a_new_one_gives(kept):
    first = trained(seed=3)
    trained(seed=4)
    kept.clear()
    assert same(trained(seed=3), first)


def test_the_oldest_program_makes_way(kept, monkeypatch):
    monkeypatch.setattr(programs, "MOST", 1)
    trained()
    trained(rows=16)
    assert len(kept) == 1
    trained(rows=16)
    assert len(kept) == 1
