"""`treadle init`, `treadle datasets` and `treadle schema`: from a look at the data to a recipe."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.padding import Padding
from rich.text import Text

from treadle.cli.console import print_json, results, say
from treadle.data import catalogue
from treadle.errors import DataError, RecipeError
from treadle.recipe_file import recipe_schema, schema_file

datasets = typer.Typer(help="The catalogue of named data sets.", no_args_is_help=True)


@datasets.command(name="list")
def list_datasets(json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the data sets a recipe can name, and which of them are on this machine."""
    entries = catalogue.datasets().values()
    if json_:
        print_json(
            [
                {
                    "name": entry.name,
                    "description": entry.description,
                    "rows": entry.rows,
                    "licence": entry.licence,
                    "sha256": {file.name: file.sha256 for file in entry.files},
                    "paths": list(map(str, here(entry.name))),
                }
                for entry in entries
            ]
        )
        return
    for entry in entries:
        found = here(entry.name)
        way = entry.advice or f"treadle datasets fetch {entry.name}"
        place = f"at {', '.join(map(str, found))}" if found else f"not here yet: {way}"
        results.print(Text.assemble((entry.name, "bold"), f"  {entry.rows:,} rows, {place}"), soft_wrap=True)
        results.print(Padding(Text(f"{entry.description}\nlicence: {entry.licence}", "dim"), (0, 0, 1, 2)))


def here(name: str) -> list[Path]:
    """Where the files of a sound copy of a data set lie on this machine; empty where there is none."""
    try:
        return catalogue.find(name)
    except DataError:
        return []


@datasets.command()
def fetch(names: Annotated[list[str], typer.Argument(help="Names from `treadle datasets list`.")]) -> None:
    """Download data sets into the cache and check their sha256."""
    for name in names:
        for path in catalogue.fetch(name):
            say(f"{name}: {path}")


def init(
    source: Annotated[str, typer.Argument(help="A file, glob, catalogue name or database address.", metavar="DATA")],
    target: Annotated[
        str | None,
        typer.Option(help="The column to predict; of a text alone, without it, its next words.", show_default=False),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The recipe to write (default: NAME.yaml).")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the recipe (default: from the file).")] = None,
    query: Annotated[str | None, typer.Option(help="The SELECT to run on a database address.")] = None,
    encoding: Annotated[str, typer.Option(help="Encoding of text files.")] = "utf-8",
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing recipe.")] = False,
) -> None:
    """Write a commented recipe from a look at the data."""
    from treadle.data.draft import draft_recipe

    name = name or re.sub(r"[^A-Za-z0-9_-]+", "_", Path(source).name.partition(".")[0]).strip("_") or "recipe"
    path = out or Path(f"{name}.yaml")
    if path.exists() and not force:
        raise RecipeError(f"{path} exists already; give --out another name, or --force to overwrite it")
    text = draft_recipe(source, target, name, query=query, encoding=encoding)
    # The first line tells editors with a YAML language server where to find the keys and what they mean.
    text = f"# yaml-language-server: $schema={schema_file().as_uri()}\n{text}"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RecipeError(f"{path}: cannot be written: {error.strerror or error}") from None
    say(f"wrote {path}; read it, then: treadle train {shlex.quote(str(path))}")


def schema() -> None:
    """Print the JSON Schema of a recipe, for editors that complete keys."""
    sys.stdout.write(json.dumps(recipe_schema(), indent=2) + "\n")
