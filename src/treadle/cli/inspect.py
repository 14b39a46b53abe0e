"""`treadle inspect`: what a network looks at, how far back, and which words moved its answers."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from treadle.bundle.atomic import replacing
from treadle.bundle.predictor import Predictor
from treadle.cli.console import print_json, say
from treadle.cli.use import BundlePath, Encoding, JsonFlag, Query
from treadle.errors import DataError, TreadleError

SHOWN_COLUMNS = 3


def inspect(
    bundle: BundlePath,
    data: Annotated[
        str | None,
        typer.Argument(
            help="Rows to look at (default: those that the bundle keeps).", metavar="[DATA]", show_default=False
        ),
    ] = None,
    beside: Annotated[
        list[Path] | None, typer.Option(help="Another bundle, to compare how far back both look (repeatable).")
    ] = None,
    text: Annotated[list[str] | None, typer.Option(help="A text to explain (repeatable).")] = None,
    word: Annotated[list[str] | None, typer.Option(help="A word whose neighbours to show (repeatable).")] = None,
    out: Annotated[Path | None, typer.Option(help="The HTML report (default: inspect.html beside the bundle).")] = None,
    query: Query = None,
    encoding: Encoding = "utf-8",
    json_: JsonFlag = False,
) -> None:
    """Show why a network answers as it does: its words, its reach, its gates, its columns."""
    from treadle.data.sources import read_table
    from treadle.inspection.inspection import inspect as look

    if json_ and out is not None:
        raise TreadleError("--json prints to stdout: --out would not be used; leave one of them out")
    if data is None and (query is not None or encoding != "utf-8"):
        raise TreadleError("--query and --encoding would not be used: they need DATA")
    predictor = Predictor.load(bundle)
    others = [Predictor.load(path) for path in beside or ()]
    table = None if data is None else read_table(data, query=query, encoding=encoding)
    found = look(predictor, table, beside=others, texts=text or (), words=word or ())
    for notice in found.notices:
        say(notice)
    if json_:
        print_json(dataclasses.asdict(found))
        return
    from treadle.inspection.report_html import render_inspection

    page = out if out is not None else bundle.with_name("inspect.html")
    try:
        with replacing(page) as file:
            file.write(render_inspection(found).encode("utf-8"))
    except OSError as error:
        raise DataError(f"{page}: cannot be written: {error.strerror or error}") from None
    for reach in found.reaches:
        words = f"within {reach.half_life:.1f} {reach.unit} of the {reach.counted_from}"
        left_out = f"; left out: {reach.left_out}" if reach.left_out else ""
        say(f"{reach.name} ({reach.encoder}): half of the gradient lies {words}{left_out}")
    if found.importance is not None:
        say(f"its answers hang most on {', '.join(list(found.importance.columns)[:SHOWN_COLUMNS])}")
    say(f"wrote {page}")
