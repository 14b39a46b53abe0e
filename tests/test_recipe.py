import contextlib
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from treadle.errors import RecipeError
from treadle.recipe import Recipe, built_in_recipes, parse_recipe, read_recipe, recipe_schema, resolve, schema_file

ROOT = Path(__file__).parents[1]
BUILT_IN = ROOT / "src" / "treadle" / "recipes"


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
    parse_recipe(recipe(**sections))


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


# --- files and built-in recipes


@pytest.mark.parametrize("name", built_in_recipes())
def test_built_in_recipes_are_read(name: str):
    assert read_recipe(name).name == name


@pytest.mark.parametrize("name", built_in_recipes())
def test_built_in_recipes_explain_every_key(name: str):
    lines = (BUILT_IN / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# "), "a recipe begins with the question it answers"
    keys = [line for line in lines if re.match(r" *\w+:", line)]
    assert [line for line in keys if not re.search(r" # \S", line)] == []
    # Each key on a line of its own, so that none is explained by another's comment.
    assert not [line for line in keys if "{" in line]


def test_the_built_in_recipes_have_their_names():
    tables = ["churn", "housing", "phishing", "phishing_small", "salary"]
    texts = ["imdb", "imdb_simple_rnn", "phishing_urls", "sentence_polarity"]
    assert built_in_recipes() == sorted(tables + texts)


def test_recipes_in_the_documentation_are_read():
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))]
    blocks = [block for text in texts for block in re.findall(r"```yaml\n(name: .*?)```", text, re.DOTALL)]
    assert blocks
    for block in blocks:
        parse_recipe(yaml.safe_load(block))


def test_an_unknown_recipe_is_refused_with_a_suggestion():
    with pytest.raises(
        RecipeError, match=r"^no recipe 'chrun': neither built in nor a .yaml file; did you mean 'churn'\?$"
    ):
        read_recipe("chrun")


def written(folder: Path, text: str | bytes) -> str:
    path = folder / "shop.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def refusal(path: str, *settings: str) -> str:
    with pytest.raises(RecipeError) as caught:
        read_recipe(path, settings)
    return str(caught.value)


def test_a_file_that_is_missing_names_a_near_one(tmp_path: Path):
    written(tmp_path, "name: shop")
    assert refusal(str(tmp_path / "shp.yaml")) == f"{tmp_path}/shp.yaml: no such file; did you mean 'shop.yaml'?"
    assert refusal(str(tmp_path / "none" / "x.yaml")) == f"{tmp_path}/none/x.yaml: no such file"


def test_a_folder_and_a_table_are_no_recipe(tmp_path: Path):
    (tmp_path / "folder.yaml").mkdir()
    assert refusal(str(tmp_path / "folder.yaml")).endswith("folder.yaml: cannot be read: Is a directory")
    table = tmp_path / "shop.csv"
    table.write_text("a,b\n1,2\n")
    assert refusal(str(table)) == (
        f"{table}: the name of a recipe ends in .yaml, .yml, .json; rename it, or write one from a table: "
        f"treadle init {table} --target COLUMN"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: shop\n\tdata: 1", "line 2, column 1: not YAML: found character '\\t' that cannot start any token"),
        ("name: [shop", "line 1, column 12: not YAML: expected ',' or ']', but got '<stream end>'"),
        ("name: a: b", "line 1, column 8: not YAML: mapping values are not allowed here"),
        ("- name\n- data", "a recipe is a mapping with the keys 'name' and 'data'"),
        ("", "a recipe is a mapping with the keys 'name' and 'data'"),
        (b"name: caf\xe9", "byte 9 is not UTF-8; save the recipe as UTF-8 text"),
        (
            "name: !!python/object:os.system {}",
            "line 1, column 7: not YAML: could not determine a constructor for the tag",
        ),
        ("name: a\nmodel:\n  hidden: [8]\n  hidden: [4]", "line 3, column 3: not YAML: the key 'hidden' stands twice"),
        ("name: \x00", "not YAML: unacceptable character #x0000"),
    ],
)
def test_a_file_that_is_no_yaml_is_refused_with_the_place(tmp_path: Path, text: str | bytes, message: str):
    path = written(tmp_path, text)
    assert refusal(path).startswith(f"{path}: {message}")


def test_a_section_whose_keys_are_all_commented_out_has_its_defaults(tmp_path: Path):
    path = written(tmp_path, "name: shop\ndata: {source: s, target: t}\nmodel:\n  # hidden: [8]\n")
    assert read_recipe(path).model == parse_recipe(recipe()).model
    assert read_recipe(path, ("model.hidden=[8]",)).model.hidden == (8,)


def test_json_is_read_too(tmp_path: Path):
    path = tmp_path / "shop.json"
    path.write_text(json.dumps(recipe(model={"hidden": [8]})))
    assert read_recipe(str(path)).model.hidden == (8,)


# --- settings


@pytest.mark.parametrize(
    ("setting", "place", "value"),
    [
        ("name=other", ("name",), "other"),
        ("model.hidden=[128, 64]", ("model", "hidden"), (128, 64)),
        ("model.hidden=[]", ("model", "hidden"), ()),
        ("training.learning_rate=1e-3", ("training", "learning_rate"), 0.001),
        ("training.patience=null", ("training", "patience"), None),
        ("data.split.seed=3", ("data", "split", "seed"), 3),
        ("data.split.stratify=false", ("data", "split", "stratify"), False),
        ("data.positive=yes, please", ("data", "positive"), "yes, please"),
        ("data.query=SELECT a FROM b WHERE a = 1", ("data", "query"), "SELECT a FROM b WHERE a = 1"),
        ("evaluation.threshold=0.3", ("evaluation", "threshold"), 0.3),
        ("evaluation.threshold=f1", ("evaluation", "threshold"), "f1"),
        ("training.class_weights={0: 1, 1: 5}", ("training", "class_weights"), {"0": 1.0, "1": 5.0}),
        ("features={scaling: quantile}", ("features", "scaling"), "quantile"),
    ],
)
def test_a_setting_overrides_a_key(tmp_path: Path, setting: str, place: tuple[str, ...], value: object):
    path = written(tmp_path, yaml.safe_dump(recipe()))
    found: Any = read_recipe(path, (setting,))
    for key in place:
        found = getattr(found, key)
    assert found == value


def test_the_last_setting_wins():
    assert read_recipe("churn", ("training.epochs=5", "training.epochs=7")).training.epochs == 7


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("model.hidden", "--set model.hidden: write it as key.key=value"),
        ("=5", "--set =5: write it as key.key=value"),
        ("model..hidden=5", "--set model..hidden=5: write it as key.key=value"),
        ("model.=5", "--set model.=5: write it as key.key=value"),
        ("model.hidden.first=5", "--set model.hidden.first=5: 'model.hidden' is a value, not a section"),
        ("name.first=5", "--set name.first=5: 'name' is a value, not a section"),
        ("model.hidden=[8", "--set model.hidden=[8: line 1, column 3: not YAML: expected ',' or ']'"),
        ("model.hiden=[8]", "churn: unknown key 'model.hiden'; did you mean 'hidden'?"),
        ("modle.hidden=[8]", "churn: unknown key 'modle'; did you mean 'model'?"),
        ("training.epochs=", "churn: training.epochs: should be a whole number, not null"),
        ("training.epochs=ten", 'churn: training.epochs: should be a whole number, not "ten"'),
        ("training.momentum=0.5", "churn: training.momentum would not be used: it needs training.optimizer: sgd"),
    ],
)
def test_a_setting_that_does_not_fit_is_refused(setting: str, message: str):
    assert refusal("churn", setting).startswith(message)


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


@given(st.text(max_size=30), st.text(max_size=30))
def test_whatever_is_set_is_parsed_or_refused(key: str, value: str):
    with contextlib.suppress(RecipeError):
        assert isinstance(read_recipe("churn", (f"{key}={value}",)), Recipe)


# --- keys that a setting makes idle


def test_a_setting_makes_defaults_of_the_file_give_way(tmp_path: Path):
    path = tmp_path / "r.yaml"
    path.write_text(
        "name: r\ndata: {source: a.csv, target: y, kinds: {x: text}}\n"
        "features: {text: {hashing: false}}\nmodel: {text: {ngrams: 1, widths: [3, 4, 5]}}\n"
    )
    recipe = read_recipe(str(path), ("model.text.encoder=gru", "features.text.tokens=characters"))
    assert recipe.model.text.encoder == "gru"
    path.write_text("name: r\ndata: {source: a.csv, target: y, kinds: {x: text}}\nmodel: {text: {ngrams: 2}}\n")
    with pytest.raises(RecipeError, match="ngrams would not be used"):
        read_recipe(str(path), ("model.text.encoder=gru",))
    with pytest.raises(RecipeError, match="units would not be used"):
        read_recipe(str(path), ("model.text.units=128",))


# --- the schema


def test_the_published_schema_is_the_current_one():
    assert json.loads(schema_file().read_text(encoding="utf-8")) == recipe_schema(), (
        "write it anew: treadle schema > src/treadle/recipes/recipe.schema.json"
    )


def test_the_schema_is_installed_with_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["treadle"]
    package = ROOT / "src" / "treadle"
    assert schema_file() in [path for pattern in patterns for path in package.glob(pattern)]


def test_the_schema_explains_every_key():
    schema = recipe_schema()
    sections = {"Recipe": schema, **schema["$defs"]}
    # A key that holds a section is explained by the section.
    assert [
        f"{section}.{key}"
        for section, described in sections.items()
        for key, property_ in described["properties"].items()
        if not property_.get("description") and "$ref" not in property_
    ] == []
    assert [section for section, described in sections.items() if not described.get("description")] == []
    assert all(described["additionalProperties"] is False for described in sections.values())
