"""A first recipe from a look at the data, with every setting explained."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from treadle.data.catalogue import Dataset, datasets
from treadle.data.cells import missing_cells
from treadle.data.contract import Contract
from treadle.data.infer import doubt_about, infer_task, is_constant, learn, learn_field, positive_class
from treadle.data.sources import read_chunks, read_table
from treadle.data.table import Table
from treadle.data.texts import TEXT, holds_tags, is_free_text
from treadle.errors import DataError, RecipeError
from treadle.recipe import MISSING, SEQUENCE_TASKS, DataRecipe, Format, Kind, Recipe, Task, parse_recipe

_WIDTH = 110


def draft_recipe(source: str, target: str | None, name: str, query: str | None = None, encoding: str = "utf-8") -> str:
    """A commented recipe (YAML) that learns to predict `target`, written from the first rows of `source`.

    Columns that look like identifiers are dropped with the reason; keys that nothing would use are commented out. A
    target with a tag for every token of the text asks for tagging; a text alone, without a target, for its next words.

    Raises:
        DataError: as `read_chunks` and `learn`; or the target is the only column.
        RecipeError: a name that no recipe can have; or no target, where a text does not stand alone.
    """
    known = datasets().get(source)
    plain: Format = "lines" if target is None else "table"
    # Some data sets have a file for every class.
    table = read_table(source) if known else next(read_chunks(source, query=query, encoding=encoding, plain=plain))
    data = DataRecipe(source=source, query=query, target=target, encoding=encoding)
    task = _task_of(table, data)
    reasons, kinds = _look(table, data, known) if task not in SEQUENCE_TASKS else _look_at_text(table, data, task)
    data = data.model_copy(update={"drop": tuple(reasons), "kinds": kinds})
    contract, notices = learn(table, data, task)
    chosen: dict[str, Any] = {
        "source": source,
        "query": query,
        "test": known.test if known else None,
        "validation": known.validation if known else None,
        "target": target,
        "encoding": encoding,
        "drop": list(reasons),
        "kinds": dict(kinds),
    }
    if contract.has_target and contract.target.kind == "category":
        codes = contract.check(table, with_target=True).columns[contract.target.name]
        positive = positive_class(contract.target, data, codes)
        chosen["positive"] = None if positive is None else contract.target.values[positive]
    document = {"name": name, "task": task, "data": {key: value for key, value in chosen.items() if value is not None}}
    if task == "tagging":
        document["features"] = {"text": {"tokens": "spaced"}}
    elif task == "next_word":
        # Where no word is unknown in training, nothing is learnt of unknown ones.
        document["features"] = {"text": {"min_count": 2}}
    parse_recipe(document, where="the drafted recipe")
    lines = [*_heading(table, contract, notices, name), *_section(Recipe, document, (), reasons)]
    return "\n".join(lines) + "\n"


def _look(table: Table, data: DataRecipe, known: Dataset | None) -> tuple[dict[str, str], dict[str, Kind]]:
    """Why each column that should be dropped should be, and the kinds that must be said."""
    missing = missing_cells(MISSING)
    reasons: dict[str, str] = {}
    kinds: dict[str, Kind] = {}
    for name, cells in table.columns.items():
        if name == data.target:
            continue
        if known and name in known.texts:
            kinds[name] = "text"
            continue
        try:
            field = learn_field(name, cells, missing)
        except ValueError as error:
            if is_free_text(cells, missing):
                kinds[name] = "text"
            else:
                reasons[name] = str(error).partition(":")[0]
            continue
        if field is None or is_constant(field):
            reasons[name] = f"{name} has one value or none in all rows"
            continue
        doubt = doubt_about(field, table, missing)
        if doubt and doubt.sure:
            reasons[name] = f"{name} {doubt.reason}"
        elif known and name in known.drop:
            reasons[name] = f"{name} is no feature of this data set"
    return reasons, kinds


def _task_of(table: Table, data: DataRecipe) -> Task:
    names = list(table.columns)
    if data.target is None and len(names) == 1:
        return "next_word"
    if data.target is None:
        listed = ", ".join(map(repr, names))
        raise RecipeError(f"{table.source}: --target is missing: the column to predict, one of {listed}")
    if names == [data.target]:
        raise DataError(
            f"{table.source}: the target {data.target!r} is the only column; leave --target out to foretell the words"
            " of a text (task: next_word)"
        )
    return "tagging" if holds_tags(table, data.target) else infer_task(table, data)


def _look_at_text(table: Table, data: DataRecipe, task: Task) -> tuple[dict[str, str], dict[str, Kind]]:
    """The same for tasks that answer at the tokens of one text."""
    text = TEXT if TEXT in table.columns else next(iter(table.columns))
    others = [name for name in table.columns if name not in (text, data.target)]
    return {name: f"{name} is not read by {task}" for name in others}, {text: "text"}


def _heading(table: Table, contract: Contract, notices: list[str], name: str) -> Iterator[str]:
    yield f"# Train it with: treadle train {name}.yaml"
    yield "# Every key but name and data may be left out: it is shown with its default. A key behind a # would not be"
    yield "# used as the others stand."
    yield "#"
    yield f"# Seen in the first {len(table):,} rows:"
    yield from (f"#   {line}" for line in contract.describe().splitlines())
    yield from (f"# {notice}" for notice in notices)


def _section(
    section: type[BaseModel], document: dict[str, Any], path: tuple[str, ...], reasons: dict[str, str]
) -> Iterator[str]:
    """The lines of a section of the recipe: each key with its comment and its value."""
    indent = "  " * len(path)
    chosen = document
    for key in path:
        chosen = chosen.get(key, {})
    for key, info in section.model_fields.items():
        if not path:
            yield ""
        yield from (f"{indent}# {line}" for line in _comment(info, len(indent)))
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            inner = list(_section(info.annotation, document, (*path, key), reasons))
            used = any(not line.lstrip().startswith("#") for line in inner)
            yield f"{indent}{'' if used else '# '}{key}:"
            yield from inner
            continue
        if (*path, key) == ("data", "drop"):
            yield from (f"{indent}# - {reason}" for reason in reasons.values())
        value = chosen[key] if key in chosen else _default(info)
        used = key in chosen or _is_used(document, (*path, key), value)
        yield f"{indent}{'' if used else '# '}{key}: {_yaml(value)}"


def _comment(info: FieldInfo, indent: int) -> list[str]:
    choices = _choices(info.annotation)
    text = " ".join((info.description or "").split())
    return textwrap.wrap(f"{text} One of: {', '.join(choices)}.".strip() if choices else text, _WIDTH - indent)


def _choices(annotation: Any) -> list[str]:
    """The words that a setting may be, when it may be nothing else (but null)."""
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    if get_origin(annotation) is not Literal:
        return _choices(kinds[0]) if get_origin(annotation) is UnionType and len(kinds) == 1 else []
    return [str(kind) for kind in kinds]


def _default(info: FieldInfo) -> Any:
    value = info.get_default(call_default_factory=True)
    return list(value) if isinstance(value, tuple) else value


def _is_used(document: dict[str, Any], path: tuple[str, ...], value: Any) -> bool:
    """Whether the recipe would take this key; it refuses one that nothing would use."""
    try:
        parse_recipe(_with(document, path, value))
    except RecipeError:
        return False
    return True


def _with(document: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    key, *rest = path
    return {**document, key: _with(document.get(key, {}), tuple(rest), value) if rest else value}


def _yaml(value: Any) -> str:
    return yaml.safe_dump([value], default_flow_style=True, width=10_000, allow_unicode=True).strip()[1:-1]
