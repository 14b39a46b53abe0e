"""Texts asked on the command line, and their answers as a person reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text as Styled

from treadle.bundle.answers import TaggingAnswers, WordAnswers
from treadle.bundle.predictor import UNREAD, OnBadRow, Predictions, Predictor
from treadle.data.contract import Fault
from treadle.data.sources import from_rows
from treadle.errors import ContractError
from treadle.features.prose import separate

_SHOWN = 200
_PARTS: dict[type, dict[str, str]] = {
    TaggingAnswers: {"tokens": "token", "tags": "tag", "probabilities": "probability"},
    WordAnswers: {"words": "word", "probabilities": "probability"},
}
"""Of answers that are lists, what stands side by side, and what each of it is called."""


@dataclass(frozen=True)
class Asked:
    """Prompts with their answers."""

    prompts: tuple[str, ...]
    tokens: tuple[list[str], ...] | None
    """Of each prompt what has a tag; None of a bundle that answers no tags."""
    predictions: Predictions

    @property
    def documents(self) -> list[dict[str, Any]]:
        """An answer each as JSON values, beside its prompt; without those that were left out."""
        numbers = self.predictions.numbers.tolist()
        return [self._prompt(number) | own for number, own in zip(numbers, self.predictions.records(), strict=True)]

    @property
    def notices(self) -> list[str]:
        """What to know of the answers, each prompt that says nothing to the network by its own words."""
        found = self.predictions
        others = found.notices[:-1] if found.unread else found.notices
        return [*others, *(f"{_cut(self.prompts[number - 1])!r}: {UNREAD}" for number in found.unread)]

    def _prompt(self, number: int) -> dict[str, Any]:
        asked: dict[str, Any] = {"prompt": self.prompts[number - 1]}
        return asked if self.tokens is None else asked | {"tokens": self.tokens[number - 1]}


def ask(predictor: Predictor, prompts: Sequence[str], on_bad_row: OnBadRow = "fail") -> Asked:
    """The answers to prompts; those of a tagger are cut into tokens as a treebank is.

    Raises:
        ContractError: the bundle reads more than a text, or a prompt cannot be answered and `on_bad_row` is `fail`.
    """
    fields = predictor.contract.features
    if [field.kind for field in fields] != ["text"]:
        names = ", ".join(repr(field.name) for field in fields)
        raise ContractError(
            f"bundle {predictor.name!r} reads {names}: --prompt is for bundles that read a text alone; give INPUT"
        )
    text = predictor.bundle.features.text
    assert text is not None
    cells, tokens = list(prompts), None
    if predictor.task == "tagging":
        cut = [separate(text, prompt) for prompt in prompts]
        cells = [" ".join(row) for row in cut]
        most = slice(text.recipe.length) if text.recipe.keep == "first" else slice(-text.recipe.length, None)
        tokens = tuple(row[most] for row in cut)
    table = from_rows([{fields[0].name: cell} for cell in cells], source="prompts")
    predictions = predictor.predict_table(table, "report" if on_bad_row == "fail" else on_bad_row)
    if predictions.faults and on_bad_row == "fail":
        raise ContractError("\n".join(describe(fault, prompts) for fault in predictions.faults))
    return Asked(tuple(prompts), tokens, predictions)


def describe(fault: Fault, prompts: Sequence[str]) -> str:
    """What is wrong with a prompt."""
    which = "the prompt" if len(prompts) == 1 else f"prompt {fault.row}"
    return f"{which} {_cut(prompts[fault.row - 1])!r} {fault.reason}"


def print_answers(predictor: Predictor, asked: Asked, console: Console) -> None:
    """Print the answers to prompts, those that hang on tokens below each prompt, the others in one table."""
    documents = [own for own in asked.documents if any(value is not None for value in _answer_of(own).values())]
    parts = _PARTS.get(type(predictor.answers))
    if parts is None:
        _print_rows(documents, console)
        return
    for own in documents:
        console.print(Styled(_readable(_cut(own["prompt"]), console), "bold"), soft_wrap=True)
        grid = _grid(tuple(parts.values()))
        for cells in zip(*(own[part] for part in parts), strict=True):
            grid.add_row(*(_cell(cell, console) for cell in cells))
        console.print(Padding(grid, (0, 0, 0, 2), expand=False))


def _answer_of(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in ("prompt", "tokens")}


def _print_rows(documents: Iterable[dict[str, Any]], console: Console) -> None:
    grid = None
    for own in documents:
        shown = {name: value for name, value in own.items() if name != "probabilities"}
        grid = grid or _grid(tuple(shown))
        grid.add_row(*(_cell(value, console) for value in shown.values()))
    if grid is not None:
        console.print(grid)


def _grid(names: Sequence[str]) -> Grid:
    grid = Grid(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in names:
        grid.add_column(name, justify="right" if name in ("probability", "value") else "left")
    return grid


def _cell(value: object, console: Console) -> Styled:
    if isinstance(value, float):
        return Styled(f"{value:.4f}" if 1e-4 <= abs(value) < 1e4 else f"{value:.6g}")
    text = str(value)
    return Styled(_readable(repr(text) if text.isspace() else _cut(text), console))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _readable(text: str, console: Console) -> str:
    """Text without what a terminal would act on, and without letters that it does not have."""
    printable = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return printable.encode(console.encoding, "replace").decode(console.encoding)
