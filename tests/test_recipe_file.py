"""Recipes in files and built in, settings over them, and the schema by which editors know their keys."""

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
from treadle.recipe import Recipe, parse_recipe
from treadle.recipe_file import built_in_recipes, read_recipe, recipe_schema, schema_file

ROOT = Path(__file__).parents[1]
BUILT_IN = ROOT / "src" / "treadle" / "recipes"


def recipe(**sections: Any) -> dict[str, Any]:
    return {"name": "shop", "data": {"source": "shop.csv", "target": "bought"}, **sections}


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
    tokens = ["fill_blank", "hamlet", "pos_tags", "tinyshakespeare"]
    assert built_in_recipes() == sorted(tables + texts + tokens)


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
