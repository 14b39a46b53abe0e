"""`treadle predict`, `evaluate` and `verify`: what a bundle answers, how well, and whether it is whole."""

from __future__ import annotations

import dataclasses
import gc
from pathlib import Path
from typing import Annotated, NamedTuple, get_args

import typer
from rich.text import Text

from treadle.bundle.faulty import describe_fault
from treadle.bundle.forms import FormName
from treadle.bundle.predictor import OnBadRow, Predictor
from treadle.cli.console import print_json, results, say
from treadle.data.table import Table
from treadle.data.texts import TEXT
from treadle.errors import BundleError, TreadleError
from treadle.recipe import Format

BundlePath = Annotated[Path, typer.Argument(help="A bundle, NAME.treadle.", metavar="BUNDLE")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document to stdout.")]
Query = Annotated[str | None, typer.Option(help="The SELECT to run on a database address.")]
Encoding = Annotated[str, typer.Option(help="Encoding of text files.")]
ReadAs = Annotated[
    Format | None,
    typer.Option(
        "--read-as",
        help="What a text file holds whose name does not say (default: what the training data held; a .txt holds lines "
        "where tokens are answered, else a table).",
        show_default=False,
    ),
]


def evaluate(
    bundle: BundlePath,
    data: Annotated[
        str, typer.Argument(help="Rows with their true answers, or texts whose own words they are.", metavar="DATA")
    ],
    query: Query = None,
    encoding: Encoding = "utf-8",
    read_as: ReadAs = None,
    on_bad_row: Annotated[
        OnBadRow, typer.Option(help="A row that breaks the contract: stop or leave it out.")
    ] = "fail",
    json_: JsonFlag = False,
) -> None:
    """Judge a bundle on labelled rows or texts it has not seen."""
    from treadle.data.sources import read_table
    from treadle.evaluation.evaluate import evaluate as judge
    from treadle.evaluation.report_text import print_evaluation

    predictor = Predictor.load(bundle)
    form, plain = _forms_of(predictor, data, read_as)
    table = _named(read_table(data, query=query, encoding=encoding, format=form, plain=plain), predictor)
    found = judge(predictor, table, on_bad_row=on_bad_row)
    if predictor.sequences is not None:
        for notice in predictor.contract.check(table, with_target=True).notices:
            say(notice)
    if json_:
        print_json(found.model_dump(mode="json"))
    else:
        print_evaluation(found, results)


def predict(
    bundle: BundlePath,
    data: Annotated[
        str | None,
        typer.Argument(
            help="A file, glob, data set or database address; - is stdin: CSV, or lines where tokens are answered.",
            metavar="INPUT",
            show_default=False,
        ),
    ] = None,
    prompt: Annotated[
        list[str] | None,
        typer.Option(
            help="A text to answer in place of INPUT, where the bundle reads nothing else (repeatable); a missing word "
            "is ___. For tags it may be prose: marks and contractions are parted from words, but for what the "
            "vocabulary knows as it is."
        ),
    ] = None,
    out: Annotated[str, typer.Option(help="A .csv or .jsonl file (also .gz); - writes to stdout.")] = "-",
    form: Annotated[FormName | None, typer.Option("--format", help="How to write, where --out does not say.")] = None,
    query: Query = None,
    encoding: Encoding = "utf-8",
    read_as: ReadAs = None,
    on_bad_row: Annotated[
        OnBadRow,
        typer.Option(help="A row that breaks the contract: stop, leave it out, or say what is wrong with it."),
    ] = "fail",
    raw: Annotated[
        bool, typer.Option("--raw", help="Leave texts that a spreadsheet would run as formulas as they are.")
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document with all answers to stdout.")] = False,
) -> None:
    """Answer the rows of a file of any size, a database query or stdin, or a prompt."""
    from treadle.bundle.stream import CHUNK_ROWS, predict_file
    from treadle.data.sources import read_chunks, read_table

    if json_ and (out != "-" or form or raw):
        raise TreadleError("--json prints to stdout: --out, --format and --raw would not be used; leave them or it out")
    if prompt:
        if data is not None or out != "-" or form or raw or query is not None or encoding != "utf-8" or read_as:
            raise TreadleError("--prompt is asked alone: only --on-bad-row and --json are used beside it")
        _answer_prompts(Predictor.load(bundle), prompt, on_bad_row, json_=json_)
        return
    if data is None:
        raise TreadleError("there is nothing to answer: give INPUT, or --prompt TEXT")
    predictor = Predictor.load(bundle)
    held, plain = _forms_of(predictor, data, read_as)
    if json_:
        table = _named(read_table(data, query=query, encoding=encoding, format=held, plain=plain), predictor)
        found = predictor.predict_table(table, on_bad_row)
        faults = [dataclasses.asdict(fault) for fault in found.faults]
        print_json({"bundle": predictor.name, "rows": found.records(), "faults": faults, "notices": found.notices})
        return
    read = read_chunks(data, query=query, encoding=encoding, chunk_rows=CHUNK_ROWS, format=held, plain=plain)
    chunks = (_named(chunk, predictor) for chunk in read)
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


def _answer_prompts(predictor: Predictor, prompts: list[str], on_bad_row: OnBadRow, *, json_: bool) -> None:
    from treadle.cli.prompts import ask, describe, print_answers

    asked = ask(predictor, prompts, on_bad_row)
    found = asked.predictions
    if json_:
        faults = [dataclasses.asdict(fault) for fault in found.faults]
        print_json({"bundle": predictor.name, "rows": asked.documents, "faults": faults, "notices": found.notices})
        return
    for notice in (*asked.notices, *(describe(fault, prompts) for fault in found.faults)):
        say(notice)
    print_answers(predictor, asked, results)


class _Forms(NamedTuple):
    """How a source is read."""

    said: Format | None
    plain: Format


def _forms_of(predictor: Predictor, source: str, read_as: Format | None) -> _Forms:
    """What a source holds: as it is said, else by its name, else as the training data were read."""
    from treadle.data.sources import says_its_format

    plain: Format = "table" if predictor.sequences is None else "lines"
    own = predictor.bundle.recipe.get("data", {}).get("format")
    taken = own if own in get_args(Format) and not says_its_format(source) else None
    return _Forms(read_as or taken, plain)


def _named(table: Table, predictor: Predictor) -> Table:
    """Lines of plain text, under the name that the bundle knows its one text by."""
    fields = predictor.contract.features
    if list(table.columns) != [TEXT] or [field.kind for field in fields] != ["text"]:
        return table
    return Table({fields[0].name: table.columns[TEXT]}, table.numbers, table.source)


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
