"""`treadle generate`: text written by a language model, shown as it is written."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from treadle.bundle.generation import LINE_END, Continuation, Word, choices_of, document_of, open_language
from treadle.bundle.predictor import Predictor
from treadle.bundle.sampling import read_sampling
from treadle.cli.console import print_json, say
from treadle.cli.use import BundlePath, JsonFlag

_CONTROLS = {code: None for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}
"""What a terminal would act on, which a vocabulary may hold."""


def generate(
    bundle: BundlePath,
    prompt: Annotated[str, typer.Option(help="What to go on from; without it a line begins.")] = "",
    length: Annotated[int | None, typer.Option(help="Most words to write (default: 100).", show_default=False)] = None,
    lines: Annotated[
        int | None,
        typer.Option(help="Lines to write (default: one of separate lines, of running text what --length allows)."),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="Below 1 bolder in what is likely, 0 always the likeliest word (default: 1).")
    ] = None,
    top_k: Annotated[int | None, typer.Option(help="Draw among so many of the likeliest words only.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Draw among the likeliest words of this probability.")] = None,
    beams: Annotated[
        int | None, typer.Option(help="Draw nothing: the likeliest lines, with so many in mind at every word.")
    ] = None,
    stop: Annotated[str | None, typer.Option(help="Stop once this is written, as '.'.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed writes the same text (default: any).")] = None,
    likeliest: Annotated[
        int | None,
        typer.Option(help="List so many words that may come next; without --length nothing is written.", min=1),
    ] = None,
    json_: JsonFlag = False,
) -> None:
    """Write text with a language model (task: next_word), or list the words that may come next."""
    options: dict[str, Any] = {
        "length": 0 if length is None and likeliest is not None else length,
        "lines": lines,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "beams": beams,
        "stop": stop,
        "seed": seed,
    }
    sampling = read_sampling({name: value for name, value in options.items() if value is not None}).seeded()
    predictor = Predictor.load(bundle)
    continuation = Continuation(open_language(predictor))
    continuation.feed(prompt)
    writing = continuation.write(sampling)
    while continuation.read_on():
        pass
    if json_:
        words = list(writing)
        document = {"bundle": predictor.name, "prompt": prompt, **document_of(words)}
        document |= {"stopped": continuation.stopped, "seed": sampling.seed, "notices": continuation.notices}
        if likeliest is not None:
            document["likeliest"] = choices_of(continuation.likeliest(likeliest))
        print_json(document)
        return
    for notice in continuation.notices:
        say(notice)
    if sampling.length:
        _show(prompt, writing)
    for word in continuation.likeliest(likeliest) if likeliest is not None else ():
        _put(f"{word.probability:.4f}  {'(end of line)' if word.word == LINE_END else word.word}\n")
    if sampling.seed != seed:
        say(f"the same again: --seed {sampling.seed}")


def _show(prompt: str, writing: Iterator[Word]) -> None:
    """Write the prompt, and each word as soon as it is known where a person looks."""
    text = prompt
    _put(text)
    for word in writing:
        text = word.text
        _put(text)
        if sys.stdout.isatty():
            sys.stdout.flush()
    if not text.endswith(LINE_END):
        _put(LINE_END)


def _put(text: str) -> None:
    if sys.stdout.isatty():
        text = text.translate(_CONTROLS)
    encoding = sys.stdout.encoding or "utf-8"
    # Not every encoding has all characters, and a prompt may hold bytes that were no text.
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
