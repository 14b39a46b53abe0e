"""`treadle predict`, `evaluate` and `verify`: what a bundle answers, how well, and whether it is whole."""

from __future__ import annotations

import dataclasses
import gc
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from treadle.bundle.forms import FormName
from treadle.bundle.predictor import OnBadRow, Predictor, describe_fault
from treadle.cli.console import print_json, results, say
from treadle.errors import BundleError, TreadleError

BundlePath = Annotated[Path, typer.Argument(help="A bundle, NAME.treadle.", metavar="BUNDLE")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document to stdout.")]
Query = Annotated[str | None, typer.Option(help="The SELECT to run on a database address.")]
Encoding = Annotated[str, typer.Option(help="Encoding of text files.")]


def evaluate(
    bundle: BundlePath,
    data: Annotated[str, typer.Argument(help="Rows with their true answers.", metavar="DATA")],
    query: Query = None,
    encoding: Encoding = "utf-8",
    on_bad_row: Annotated[
        OnBadRow, typer.Option(help="A row that breaks the contract: stop or leave it out.")
    ] = "fail",
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


def predict(
    bundle: BundlePath,
    data: Annotated[
        str,
        typer.Argument(help="A file, glob, data set or database address; - is CSV on stdin.", metavar="INPUT"),
    ],
    out: Annotated[str, typer.Option(help="A .csv or .jsonl file (also .gz); - writes to stdout.")] = "-",
    form: Annotated[FormName | None, typer.Option("--format", help="How to write, where --out does not say.")] = None,
    query: Query = None,
    encoding: Encoding = "utf-8",
    on_bad_row: Annotated[
        OnBadRow,
        typer.Option(help="A row that breaks the contract: stop, leave it out, or say what is wrong with it."),
    ] = "fail",
    raw: Annotated[
        bool, typer.Option("--raw", help="Leave texts that a spreadsheet would run as formulas as they are.")
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document with all answers to stdout.")] = False,
) -> None:
    """Answer the rows of a file of any size, a database query or stdin."""
    from treadle.bundle.stream import CHUNK_ROWS, predict_file
    from treadle.data.sources import read_chunks, read_table

    if json_ and (out != "-" or form or raw):
        raise TreadleError("--json prints to stdout: --out, --format and --raw would not be used; leave them or it out")
    predictor = Predictor.load(bundle)
    if json_:
        found = predictor.predict_table(read_table(data, query=query, encoding=encoding), on_bad_row)
        faults = [dataclasses.asdict(fault) for fault in found.faults]
        print_json({"bundle": predictor.name, "rows": found.records(), "faults": faults, "notices": found.notices})
        return
    chunks = read_chunks(data, query=query, encoding=encoding, chunk_rows=CHUNK_ROWS)
    # Cells and lines hold no reference cycles; looking for some would cost a tenth of the time.
    gc.disable()
    try:
        summary = predict_file(predictor, chunks, out, on_bad_row, form=form, safe=not raw)
    finally:
        gc.enable()
    for notice in summary.notices:
        say(notice)
    if summary.unanswered:
        say(f"{summary.unanswered:,} of {summary.rows:,} rows could not be answered")
        for fault in summary.faults:
            say(f"  {describe_fault(fault)}")
    if out != "-":
        say(f"wrote {summary.answered:,} answers to {out}")


def verify(bundle: BundlePath, json_: JsonFlag = False) -> None:
    """Check that a bundle is whole and still gives the answers it gave when it was made."""
    from treadle.bundle.verify import verify as check

    verification = check(bundle)
    if json_:
        print_json(verification.model_dump(mode="json"))
    else:
        for each in verification.checks:
            mark = Text("pass", "green") if each.passed else Text("FAIL", "bold red")
            results.print(Text.assemble(mark, f"  {each.name}: {each.detail}"), soft_wrap=True)
    if not verification.passed:
        raise typer.Exit(BundleError.exit_code)
