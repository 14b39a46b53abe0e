"""All there is to see in a bundle, gathered: over many rows, and in a few texts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from treadle.bundle.answers import ClassificationAnswers
from treadle.bundle.predictor import Predictor
from treadle.data.sources import from_rows
from treadle.data.table import Table
from treadle.errors import ContractError, DataError
from treadle.inspection.importance import Importance, importance
from treadle.inspection.opened import Opened, open_bundle, reads_text

if TYPE_CHECKING:
    from treadle.inspection.gates import Gates
    from treadle.inspection.neighbours import Neighbours
    from treadle.inspection.reach import Reach
    from treadle.inspection.why import Why

EXPLAINED = 4
"""Texts of the data that are explained where the user gives none."""
SHORTEST, LONGEST = 5, 60
"""Tokens of the texts that are chosen for it, where there are such."""
WORDS = 8
"""Words that are looked up in the embedding where the user names none."""


@dataclass(frozen=True)
class Explained:
    """One text: the words that moved its answer, and the gates while it was read."""

    answer: str
    """The label or the value, as a person reads it."""
    why: Why
    gates: Gates | None
    """None where no recurrent network reads the text."""


@dataclass(frozen=True)
class Inspection:
    """What is seen of a bundle; parts that it does not have are empty."""

    name: str
    source: str
    """Of the rows."""
    rows: int
    reaches: tuple[Reach, ...]
    """Of the bundle, then of those beside it, as far as they can be measured; `notices` says of which not."""
    texts: tuple[Explained, ...]
    words: tuple[Neighbours, ...]
    importance: Importance | None
    """None where the only column is the text."""
    notices: tuple[str, ...]


def inspect(
    predictor: Predictor,
    table: Table | None = None,
    *,
    beside: Iterable[Predictor] = (),
    texts: Iterable[str] = (),
    words: Iterable[str] = (),
) -> Inspection:
    """Look at a bundle, and compare how far back it and others look.

    Args:
        predictor: of the bundle.
        table: rows to look at; default: the bundle's golden rows.
        beside: predictors of bundles whose reach is measured on the same rows.
        texts: to explain, other columns being typical; default: some rows of `table`.
        words: whose neighbours to show; default: those that moved the explained answers most.

    Raises:
        ContractError: a row or text cannot be read, or texts, words or other bundles are given where no text is read.
        DataError: there are no rows to look at, or none to explain.
        MissingExtraError, BundleError: see `open_bundle`.
    """
    beside, texts, words = tuple(beside), tuple(texts), tuple(words)
    table = table if table is not None else _golden(predictor)
    columns = [field for field in predictor.contract.features if field.kind != "text"]
    moved = importance(predictor, table) if columns else None
    if not reads_text(predictor):
        if beside or texts or words:
            raise ContractError(f"bundle {predictor.name!r} reads no text: there is no reach, text or word to look at")
        return Inspection(predictor.name, table.source, len(table), (), (), (), moved, ())

    opened = open_bundle(predictor)
    # These need JAX, which is there once a bundle is open.
    from treadle.inspection.neighbours import neighbours

    reaches, notices = _reaches((opened, *map(open_bundle, beside)), table)
    rows = [_row_of(predictor, text) for text in texts] or _telling_rows(opened, table)
    explained = tuple(_explain(opened, row) for row in rows)
    near: tuple[Neighbours, ...] = ()
    if opened.text.vocabulary.tokens is None:
        notices.append("the words are hashed: no neighbours can be named")
        if words:
            neighbours(opened, words)
    elif opened.text.recipe.tokens == "words" or words:
        near = neighbours(opened, words or _telling_words(explained))
    return Inspection(predictor.name, table.source, len(table), tuple(reaches), explained, near, moved, tuple(notices))


def _reaches(bundles: Iterable[Opened], table: Table) -> tuple[list[Reach], list[str]]:
    """The reach of every bundle that has one on these rows, and of the others why not."""
    from treadle.inspection.reach import reach

    reaches, notices = [], []
    for opened in bundles:
        try:
            reaches.append(reach(opened, table))
        except ContractError:
            # A column is missing: these are not the bundle's rows at all.
            raise
        except DataError as error:
            notices.append(str(error))
    return reaches, notices


def _golden(predictor: Predictor) -> Table:
    rows = list(predictor.bundle.golden.rows)
    if not rows:
        raise DataError(
            f"bundle {predictor.name!r} keeps no rows to look at: name some, as in treadle inspect BUNDLE DATA"
        )
    return from_rows(rows, source="the bundle's golden rows")


def _row_of(predictor: Predictor, text: str) -> dict[str, object]:
    """A typical row with this text."""
    names = [field.name for field in predictor.contract.features if field.kind == "text"]
    if len(names) > 1:
        raise ContractError(
            f"bundle {predictor.name!r} reads several texts of a row ({', '.join(names)}): give rows, not a single text"
        )
    return {**predictor.contract.example_row(), names[0]: text}


def _telling_rows(opened: Opened, table: Table) -> list[dict[str, object]]:
    """Rows of legible length: the surest answer for each class, highest and lowest values, and the least sure one."""
    drawn = table.take(np.sort(np.random.default_rng(0).permutation(len(table))[:256]))
    readied = opened.predictor.ready(drawn, "skip")
    if not readied.checked.good.any():
        raise DataError(f"{table.source}: every row breaks the contract: there is no text to explain")
    outputs = opened.predictor.run(readied.inputs)
    lengths = readied.inputs["lengths"]
    legible = (lengths >= SHORTEST) & (lengths <= LONGEST)
    places = np.flatnonzero(legible) if legible.any() else np.arange(len(lengths))
    if isinstance(opened.predictor.answers, ClassificationAnswers):
        chosen = [places[outputs[places, index].argmax()] for index in range(outputs.shape[1])][: EXPLAINED - 1]
        chosen.append(places[outputs[places].max(axis=1).argmin()])
    else:
        chosen = [places[outputs[places, 0].argmax()], places[outputs[places, 0].argmin()]]
    good = np.flatnonzero(readied.checked.good)
    names = [field.name for field in opened.predictor.contract.features]
    return [{name: drawn.columns[name][good[place]] for name in names} for place in dict.fromkeys(chosen)]


def _explain(opened: Opened, row: dict[str, object]) -> Explained:
    from treadle.inspection.gates import gates
    from treadle.inspection.why import why

    answered = opened.predictor.predict(row).columns
    if "label" in answered:
        target = opened.predictor.contract.target.name
        answer = f"{target} = {answered['label'][0]} (probability {answered['probability'][0]:.3f})"
    else:
        answer = f"{answered['value'][0]:,.6g}"
    return Explained(answer, why(opened, row), gates(opened, row) if opened.encoder.recurrent else None)


def _telling_words(explained: Iterable[Explained]) -> list[str]:
    """The known words that moved the answers most."""
    moved: dict[str, float] = {}
    for one in explained:
        for word, push, known in zip(one.why.words, one.why.pushes, one.why.known, strict=True):
            if known and any(character.isalpha() for character in word):
                moved[word] = max(moved.get(word, 0.0), abs(push))
    return sorted(moved, key=lambda word: -moved[word])[:WORDS]
