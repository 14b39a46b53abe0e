"""`treadle predict`, `evaluate` and `verify`: what a bundle answers, how well, and whether it is whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treadle.bundle.predictor import OnBadRow, Predictor
from treadle.cli.console import print_json, results, say

BundlePath = Annotated[Path, typer.Argument(help="A bundle, NAME.treadle.", metavar="BUNDLE")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document to stdout.")]
Encoding = Annotated[str, typer.Option(help="Encoding of text files.")]


def evaluate(
    bundle: BundlePath,
    data: Annotated[str, typer.Argument(help="Rows with their true answers.", metavar="DATA")],
    query: Annotated[str | None, typer.Option(help="The SELECT to run on a database address.")] = None,
    encoding: Encoding = "utf-8",
    on_bad_row: Annotated[OnBadRow, typer.Option(help="A row that breaks the contract: stop, or leave it out.")] = "fail",
    json_: JsonFlag = False,
) -> None:
    """Judge a bundle on labelled rows it has not seen."""
    from treadle.data.sources import read_table
    from treadle.evaluation.evaluate import evaluate as judge
    from treadle.evaluation.report_text import print_evaluation

    predictor = Predictor.load(bundle)
    found = judge(predictor, read_table(data, query=query, encoding=encoding), on_bad_row=on_bad_row)
    if json_:
        print_json(found.model_dump(mode="json"))
    else:
        print_evaluation(found, results)
