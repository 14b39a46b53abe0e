import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.errors import RecipeError
from treadle.recipe import Recipe, parse_recipe, resolve
from treadle.recipe_file import built_in_recipes, read_recipe


def recipe(**sections: Any) -> dict[str, Any]:
    return {"name": "shop", "data": {"source": "shop.csv", "target": "bought"}, **sections}


def fault(document: object) -> str:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(document, where="shop.yaml")
    return str(caught.value)


def test_everything_but_name_and_data_has_a_default():
    parsed = parse_recipe(recipe())
    assert parsed.model.hidden == (64, 32)
    assert parsed.training.patience == 10
    assert fault({}) == "shop.yaml: the key 'name' is missing\nshop.yaml: the key 'data' is missing"
    assert fault(recipe(data={})) == "shop.yaml: the key 'data.source' is missing"
    assert fault(recipe(data={"source": "s"})) == "shop.yaml: data.target is missing: the column to predict"


@pytest.mark.parametrize("document", [None, [], "churn", 5])
def test_a_recipe_is_a_mapping(document: object):
    assert fault(document) == "shop.yaml: a recipe is a mapping with the keys 'name' and 'data'"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (recipe(modle={}), "unknown key 'modle'; did you mean 'model'?"),
        (recipe(model={"hiden": [8]}), "unknown key 'model.hiden'; did you mean 'hidden'?"),
        (
            recipe(data={"source": "s", "target": "t", "split": {"seeed": 1}}),
            "unknown key 'data.split.seeed'; did you mean 'seed'?",
        ),
        (recipe(training={"lr": 0.1}), "unknown key 'training.lr'; known: averaging, batch_size, class_weights"),
        (recipe(features={"scale": "none"}), "unknown key 'features.scale'; did you mean 'scaling'?"),
        (recipe(evaluation={"treshold": 0.5}), "unknown key 'evaluation.treshold'; did you mean 'threshold'?"),
        ({**recipe(), 5: 1}, "unknown key '5'; known: data, evaluation"),
    ],
)
def test_an_unknown_key_is_refused_with_its_path_and_a_suggestion(document: dict[Any, Any], message: str):
    assert fault(document).startswith(f"shop.yaml: {message}")


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"features": {"neighbours": 3}}, "features.neighbours would not be used: it needs features.imputation: knn"),
        (
            {"model": {"number_width": 4}},
            "model.number_width would not be used: it needs model.numbers: piecewise or periodic",
        ),
        (
            {"model": {"numbers": "periodic", "pieces": 4}},
            "model.pieces would not be used: it needs model.numbers: piecewise",
        ),
        (
            {"model": {"numbers": "piecewise", "frequencies": 4}},
            "model.frequencies would not be used: it needs model.numbers: periodic",
        ),
        (
            {"model": {"frequency_scale": 0.5}},
            "model.frequency_scale would not be used: it needs model.numbers: periodic",
        ),
        (
            {"model": {"category_width": 4}},
            "model.category_width would not be used: it needs features.categories: embedding",
        ),
        *(
            (
                {"model": {"hidden": [], **option}},
                f"{place} would not be used: it needs at least one layer in model.hidden",
            )
            for option, place in [
                ({"activation": "gelu"}, "model.activation"),
                ({"dropout": 0.1}, "model.dropout"),
                ({"normalization": "layer"}, "model.normalization"),
                ({"residual": True}, "model.residual"),
                ({"members": 4}, "model.members"),
            ]
        ),
        (
            {"training": {"optimizer": "adam", "weight_decay": 0.1}},
            "training.weight_decay would not be used: it needs training.optimizer: adamw",
        ),
        ({"training": {"momentum": 0.5}}, "training.momentum would not be used: it needs training.optimizer: sgd"),
        *(
            ({"task": "regression", **option}, f"{place} would not be used: it needs task: classification")
            for option, place in [
                ({"training": {"class_weights": "balanced"}}, "training.class_weights"),
                ({"evaluation": {"threshold": 0.5}}, "evaluation.threshold"),
                ({"data": {"source": "s", "target": "t", "positive": 1}}, "data.positive"),
                ({"data": {"source": "s", "target": "t", "split": {"stratify": True}}}, "data.split.stratify"),
            ]
        ),
        (
            {"task": "regression", "training": {"loss": "cross_entropy"}},
            "training.loss: cross_entropy does not fit task: regression, which takes mse, mae or huber",
        ),
        (
            {"task": "classification", "training": {"loss": "mae"}},
            "training.loss: mae does not fit task: classification, which takes cross_entropy",
        ),
    ],
)
def test_an_option_that_nothing_would_use_is_refused(sections: dict[str, Any], message: str):
    assert fault(recipe(**sections)) == f"shop.yaml: {message}"


def test_all_unused_options_of_a_section_are_named():
    assert fault(recipe(model={"frequencies": 8, "frequency_scale": 1.0})).splitlines() == [
        "shop.yaml: model.frequencies would not be used: it needs model.numbers: periodic",
        "shop.yaml: model.frequency_scale would not be used: it needs model.numbers: periodic",
    ]


@pytest.mark.parametrize(
    "sections",
    [
        {"features": {"imputation": "knn", "neighbours": 3}},
        {"features": {"categories": "embedding"}, "model": {"category_width": 4}},
        {"model": {"numbers": "piecewise", "number_width": 4, "pieces": 4}},
        {"model": {"numbers": "periodic", "number_width": 4, "frequencies": 4, "frequency_scale": 0.5}},
        {"training": {"optimizer": "sgd", "momentum": 0.5}},
        {"task": "regression", "training": {"loss": "huber"}},
        {"task": "classification", "training": {"loss": "cross_entropy", "class_weights": "balanced"}},
    ],
)
def test_the_same_options_are_taken_where_they_are_used(sections: dict[str, Any]):
    resolved = resolve(parse_recipe(recipe(**sections)))
    for section, options in sections.items():
        chosen = (
            resolved[section] if not isinstance(options, dict) else {key: resolved[section][key] for key in options}
        )
        assert chosen == options


@pytest.mark.parametrize("split", [{"sequential": True}, {"seed": 3}, {"stratify": False}, {"validation": 0.1}])
def test_nothing_parts_what_comes_in_three_sets(split: dict[str, Any]):
    data = {"source": "s", "target": "t", "validation": "v", "test": "u", "split": split}
    assert fault(recipe(data=data)) == (
        f"shop.yaml: data.split.{next(iter(split))} would not be used: it needs no data.validation"
    )


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"model": {"dropout": 1.5}}, "model.dropout: should be below 1, not 1.5"),
        ({"model": {"hidden": [64, 0]}}, "model.hidden: should be above 0, not 0"),
        ({"model": {"hidden": "64"}}, 'model.hidden: should be a list, not "64"'),
        ({"model": {"residual": "maybe"}}, 'model.residual: should be true or false, not "maybe"'),
        (
            {"model": {"activation": "rleu"}},
            "model.activation: should be 'relu', 'gelu', 'silu', 'tanh' or 'selu', not \"rleu\"",
        ),
        ({"model": 5}, "model: should be a section with keys of its own, not 5"),
        ({"training": {"epochs": 1.5}}, "training.epochs: should be a whole number, not 1.5"),
        ({"training": {"seed": -1}}, "training.seed: should be at least 0, not -1"),
        ({"training": {"learning_rate": float("nan")}}, "training.learning_rate: should be a finite number, not NaN"),
        (
            {"training": {"class_weights": "even"}},
            "training.class_weights: should be 'balanced' or a mapping, not \"even\"",
        ),
        ({"training": {"class_weights": {0: 1, 1: "x"}}}, 'training.class_weights.1: should be a number, not "x"'),
        ({"evaluation": {"threshold": 2.0}}, "evaluation.threshold: should be below 1 or 'f1' or 'accuracy', not 2.0"),
        (
            {"evaluation": {"threshold": "f2"}},
            "evaluation.threshold: should be a number or 'f1' or 'accuracy', not \"f2\"",
        ),
        ({"evaluation": {"resamples": 5}}, "evaluation.resamples: should be at least 100, not 5"),
        (
            {"name": "a shop"},
            "name: should be letters, digits, '_', '-' and '.', a letter or digit first, not \"a shop\"",
        ),
        (
            {"data": {"source": "s", "target": True}},
            "data.target: should be text (in quotes), not true",
        ),
        (
            {"data": {"source": "s", "target": "t", "positive": ["yes"]}},
            'data.positive: should be text (in quotes) or a whole number or a number or true or false, not ["yes"]',
        ),
        (
            {"data": {"source": "s", "target": "t", "kinds": {"age": "numeric"}}},
            "data.kinds.age: should be 'number', 'category', 'boolean', 'date', 'text' or 'tags', not \"numeric\"",
        ),
        (
            {"data": {"source": "s", "target": "t", "split": {"validation": 0.5, "test": 0.5}}},
            "data.split: validation + test must leave at least 5 % of the rows for training",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_refused_in_one_line(sections: dict[str, Any], message: str):
    assert fault(recipe(**sections)) == f"shop.yaml: {message}"


def test_every_fault_is_named_at_once():
    faults = fault(recipe(modle={}, model={"dropout": 2, "hidden": [-1]}, training={"epochs": "many"}))
    assert faults.splitlines() == [
        "shop.yaml: unknown key 'modle'; did you mean 'model'?",
        "shop.yaml: model.hidden: should be above 0, not -1",
        "shop.yaml: model.dropout: should be below 1, not 2",
        'shop.yaml: training.epochs: should be a whole number, not "many"',
    ]


def test_a_long_value_is_cut():
    assert fault(recipe(training={"class_weights": "x" * 500})).endswith("x...")


def test_classes_may_be_numbers_and_booleans():
    for weights in ({0: 1, 1: 4}, {"0": 1.0, "1": 4.0}):
        assert parse_recipe(recipe(training={"class_weights": weights})).training.class_weights == {"0": 1.0, "1": 4.0}
    weights = parse_recipe(recipe(training={"class_weights": {False: 1, True: 4}})).training.class_weights
    assert weights == {"false": 1.0, "true": 4.0}


def test_a_recipe_survives_being_written_and_read():
    parsed = parse_recipe(recipe(training={"class_weights": {0: 1, 1: 4}}, model={"hidden": [8, 8]}))
    assert parse_recipe(json.loads(parsed.model_dump_json(exclude_unset=True))) == parsed


@pytest.mark.parametrize("name", built_in_recipes())
def test_a_resolved_recipe_has_every_default_that_counts(name: str):
    recipe = read_recipe(name)
    document = resolve(recipe)
    again = parse_recipe(document)
    assert again == recipe
    assert resolve(again) == document
    assert document["training"]["optimizer"] == recipe.training.optimizer
    assert "momentum" not in document["training"]
    assert "frequencies" not in document["model"]


KEYS = st.sampled_from(["name", "data", "model", "training", "hidden", "seed", "split", "drop", "x", "", 5])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_whatever_stands_in_a_recipe_is_parsed_or_refused(document: object):
    with contextlib.suppress(RecipeError):
        assert isinstance(parse_recipe(document), Recipe)
