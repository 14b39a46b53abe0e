"""Recipes as they come: a file, or one of those built in, with settings of the command line over it."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from treadle.errors import RecipeError, did_you_mean
from treadle.recipe import Recipe, parse_recipe, unused_keys


def recipe_schema() -> dict[str, Any]:
    """The JSON Schema of a recipe, from which editors complete and explain its keys."""
    return Recipe.model_json_schema()


def schema_file() -> Path:
    """The schema as a file, which comes with Treadle; `treadle schema` prints what stands in it."""
    return Path(str(resources.files("treadle") / "recipes" / "recipe.schema.json"))


def built_in_recipes() -> list[str]:
    """Names of the recipes that come with Treadle."""
    folder = resources.files("treadle") / "recipes"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def read_recipe(name: str, settings: tuple[str, ...] = ()) -> Recipe:
    """The recipe in the file `name`, or the built-in one of that name, with `a.b=value` settings applied.

    Raises:
        RecipeError: no such recipe, not YAML, or not a recipe.
    """
    document = _read_document(name)
    for setting in settings:
        _apply(document, setting)
    if settings:
        _leave_out_idle_defaults(document, {setting.partition("=")[0] for setting in settings})
    return parse_recipe(document, where=name)


def _read_document(name: str) -> dict[str, Any]:
    if Path(name).suffix in _SUFFIXES:
        content = _read_file(Path(name))
    elif name in built_in_recipes():
        content = (resources.files("treadle") / "recipes" / f"{name}.yaml").read_bytes()
    elif Path(name).is_file():
        advice = f"or write one from a table: treadle init {name} --target COLUMN"
        raise RecipeError(f"{name}: the name of a recipe ends in {', '.join(_SUFFIXES)}; rename it, {advice}")
    else:
        raise RecipeError(
            f"no recipe {name!r}: neither built in nor a .yaml file{did_you_mean(name, built_in_recipes())}"
        )
    try:
        document = yaml.load(content.decode("utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    except UnicodeDecodeError as error:
        raise RecipeError(f"{name}: byte {error.start} is not UTF-8; save the recipe as UTF-8 text") from None
    except yaml.YAMLError as error:
        raise RecipeError(f"{name}: {_explain(error)}") from None
    if not isinstance(document, dict):
        raise RecipeError(f"{name}: a recipe is a mapping with the keys 'name' and 'data'")
    return document


_SUFFIXES = (".yaml", ".yml", ".json")


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        names = [each.name for each in path.parent.glob("*") if each.suffix in _SUFFIXES]
        raise RecipeError(f"{path}: no such file{did_you_mean(path.name, names)}") from None
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read: {error.strerror or error}") from None


class _Loader(yaml.SafeLoader):
    """YAML that refuses a key that stands twice: the first one would silently not count."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key, _ in node.value:
            if keys.count(key.value) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands twice", key.start_mark
                )
        return super().construct_mapping(node, deep)


def _explain(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: not YAML: {error.problem}"
    return f"not YAML: {error}"


def _apply(document: dict[str, Any], setting: str) -> None:
    path, equals, value = setting.partition("=")
    *sections, key = path.split(".")
    if not equals or not key or not all(sections):
        raise RecipeError(f"--set {setting}: write it as key.key=value")
    place = document
    for depth, section in enumerate(sections, start=1):
        # An empty section is null in YAML.
        if place.get(section) is None:
            place[section] = {}
        place = place[section]
        if not isinstance(place, dict):
            raise RecipeError(f"--set {setting}: {'.'.join(sections[:depth])!r} is a value, not a section")
    try:
        place[key] = yaml.load(value, _Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise RecipeError(f"--set {setting}: {_explain(error)}") from None


def _leave_out_idle_defaults(document: dict[str, Any], asked: set[str]) -> None:
    """Leave out keys that `asked` settings made idle and that only say the default, as `treadle init` writes them."""
    found = True
    while found:  # a section names what it does not use one after the other
        found = False
        for *sections, key in unused_keys(document):
            place, section = document, Recipe
            for name in sections:
                place, section = place[name], section.model_fields[name].annotation  # type: ignore[assignment]
            default = section.model_fields[key].default
            plain = list(default) if isinstance(default, tuple) else default
            if ".".join([*sections, key]) not in asked and place[key] == plain:
                del place[key]
                found = True
