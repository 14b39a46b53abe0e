"""Bundles that read texts, with known weights instead of trained ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from treadle.bundle.answers import ClassificationAnswers, RegressionAnswers
from treadle.bundle.bundle import Bundle
from treadle.bundle.graph import Graph
from treadle.bundle.predictor import Predictor
from treadle.data.infer import learn
from treadle.data.table import Table
from treadle.features import Features
from treadle.nn import TableNetwork, build_table_network, to_arrays
from treadle.recipe import parse_recipe, resolve
from treadle.tasks.classification import Classification
from treadle.tasks.regression import Regression

WORDS = ("good", "bad", "dull", "fine", "film", "plot", "the", "was", "and", "not")

Change = Callable[[TableNetwork], TableNetwork]


def films(rows: int = 24) -> Table:
    """Texts of 2 to 9 words, with a number and a category beside them."""
    draw = np.random.default_rng(0)
    columns = {
        "text": [" ".join(draw.choice(WORDS, draw.integers(2, 10))) for _ in range(rows)],
        "stars": draw.integers(1, 6, rows).tolist(),
        "kind": draw.choice(["short", "long"], rows).tolist(),
        "liked": [("no", "yes", "well")[row % 3] for row in range(rows)],
        "score": draw.normal(5, 2, rows).round(2).tolist(),
    }
    return Table.of({name: np.array(cells, dtype=object) for name, cells in columns.items()}, "films")


def make(
    encoder: dict[str, Any] | None = None,
    *,
    text: dict[str, Any] | None = None,
    model: dict[str, Any] | None = None,
    classes: int = 2,
    beside: bool = False,
    change: Change = lambda network: network,
    seed: int = 0,
) -> Predictor:
    """A bundle whose network has random weights, far enough from zero that every part of it counts.

    Args:
        encoder: the recipe's section model.text.
        text: the recipe's section features.text.
        model: other keys of the recipe's section model.
        classes: of the target; 1 for a value.
        beside: whether a number and a category stand beside the text.
        change: of the network's weights.
        seed: of the weights.
    """
    table = films()
    if classes == 2:
        labels = np.where(table.columns["liked"] == "well", "yes", table.columns["liked"])
        table = Table({**table.columns, "liked": labels}, table.numbers, table.source)
    others = ("score" if classes > 1 else "liked",) + (() if beside else ("stars", "kind"))
    recipe = parse_recipe(
        {
            "name": "films",
            "task": "classification" if classes > 1 else "regression",
            "data": {
                "source": "films",
                "target": "liked" if classes > 1 else "score",
                "drop": list(others),
                "kinds": {"text": "text", "kind": "category", "stars": "number"} if beside else {"text": "text"},
            },
            "features": {"text": {"length": 40, **(text or {})}},
            "model": {"hidden": [], **(model or {}), "text": _with_width(encoder or {})},
        }
    )
    contract, _ = learn(table, recipe.data, recipe.task or "classification")
    columns = contract.check(table).columns
    features = Features.fit(contract, columns, recipe.features)
    task = Classification(classes) if classes > 1 else Regression()
    network = build_table_network(
        recipe.model,
        number_columns=len(features.number_names),
        cardinalities=features.cardinalities,
        outputs=task.outputs,
        train_numbers=features.transform(columns).get("numbers"),
        rng=np.random.default_rng(seed),
        vocabulary=features.vocabulary,
    )
    draw = np.random.default_rng(seed + 1)

    def stir(leaf: Any) -> Any:
        if leaf.dtype != np.float32 or not np.isfinite(leaf).all():
            return leaf
        return leaf + jnp.asarray(draw.uniform(-0.7, 0.7, leaf.shape).astype(np.float32))

    network = change(jax.tree.map(stir, network))
    graph = Graph("films")
    task.write(network, graph)
    yes = contract.target.values.index("yes") if classes > 1 else 0
    return Predictor(
        Bundle(
            name="films",
            task="classification" if classes > 1 else "regression",
            recipe=resolve(recipe),
            contract=contract,
            features=features,
            answers=ClassificationAnswers(labels=contract.target.values, positive=yes if classes == 2 else None)
            if classes > 1
            else RegressionAnswers(mean=5.0, scale=2.0),
            weights=to_arrays(network),
            onnx=graph.to_bytes(),
        )
    )


def _with_width(encoder: dict[str, Any]) -> dict[str, Any]:
    return encoder if encoder.get("encoder") == "one_hot_convolution" else {"embedding_width": 3, **encoder}


@pytest.fixture(scope="session")
def make_bundle() -> Callable[..., Predictor]:
    return make


@pytest.fixture(scope="session")
def film_table() -> Table:
    return films()
