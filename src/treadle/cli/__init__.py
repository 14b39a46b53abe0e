"""The commands a person types. Progress and words go to stderr; `--json` prints one document to stdout, no more."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

from treadle.cli import data, doctor, generate, inspect, serve, train, use
from treadle.cli.console import complain
from treadle.errors import TreadleError

app = typer.Typer(
    name="treadle",
    help="Tables and sequences into tested, served neural networks, on the CPU you have.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command()(train.demo)
app.command()(data.init)
app.command()(train.train)
app.command()(use.evaluate)
app.command()(use.predict)
app.command()(generate.generate)
app.command()(use.verify)
app.command()(inspect.inspect)
app.command()(serve.serve)
app.command(name="app")(serve.studio)
app.add_typer(data.datasets, name="datasets")
app.command()(data.schema)
app.command()(doctor.doctor)


@app.callback(invoke_without_command=True)
def _version(
    version: bool = typer.Option(False, "--version", help="Print the version and end.", is_eager=True),
) -> None:
    if version:
        from treadle import __version__

        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line; a fault that the user can put right ends in its message and exit code, no traceback."""
    if sys.stdout is None:
        # Started with its output closed (`treadle ... >&-`): there is nobody to tell.
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """The exit code of the command line `arguments`: 0, or the code of the error that ended it."""
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output went away (`treadle predict ... | head`): what is left has nowhere to go.
        _discard_output()
        return TreadleError.exit_code
    except OSError as error:
        _discard_output()
        complain(f"{error.filename or 'standard output'}: {error.strerror or error}")
        return TreadleError.exit_code
    return code


def _run(arguments: list[str]) -> int:
    try:
        app(args=arguments, prog_name="treadle")
    except TreadleError as error:
        complain(str(error))
        return error.exit_code
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    return 0


def _discard_output() -> None:
    # Python flushes stdout once more when it ends, and would complain of the same fault.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
