"""Learning the contract: which kind each column is, what the training rows hold, and what cannot be learnt from."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from treadle.data import cells as reading
from treadle.data.cells import Missing, NumericKind, missing_cells
from treadle.data.contract import Contract, Field
from treadle.data.table import Column, Table
from treadle.data.texts import learn_sequences, learn_texts, text_column
from treadle.errors import DataError, RecipeError, did_you_mean
from treadle.recipe import SEQUENCE_TASKS, DataRecipe, Kind, Task

RowTask = Literal["classification", "regression"]
"""Tasks that answer once for a row: one of them is inferred where the recipe names none."""

MANY_TEXTS = 50
"""A text column of more distinct values than this, and than half of its rows, is an identifier or free text."""
MOST_CLASSES = 20
"""A whole-number target of more distinct values than this is a quantity."""
_NEARLY_ALL = 0.9
"""Share of numbers among the distinct texts of a column from which the others are taken for slips."""
_IDENTIFIER = re.compile(r"(?i:(^|[_ .-])(id|uuid|key|index|number|nr|no))$|[a-z](Id|ID|Key|Index|Number|No)$")
_DECIMAL_COMMA = re.compile(r"-?[0-9]+,[0-9]+")


def learn(table: Table, recipe: DataRecipe, task: Task | None) -> tuple[Contract, list[str]]:
    """The contract of the training rows, and what a reader should know about the columns.

    Constant and empty columns are left out with a notice. A task of None is inferred from these rows; pass the one
    inferred from the whole table, so that a part of it cannot decide otherwise. A task that answers at every token
    reads one text; the contract then has that field, and for tagging the target of kind `tags`, its categories the tags
    seen, sorted.

    Raises:
        DataError: no rows, an unknown column in the recipe, text without repeats, one class or tag only, no feature
            left, or more than one text where one is read.
    """
    require_columns(table, recipe)
    if len(table) == 0:
        raise DataError(f"{table.source}: no rows to learn from")
    match task:
        case "next_word" | "tagging" | "fill_blank":
            return learn_sequences(table, recipe, task)
    missing = missing_cells(recipe.missing)
    target = _learn_target(table, recipe, task or infer_task(table, recipe), missing)
    fields: list[Field] = []
    notices: list[str] = []
    faults: list[str] = []
    for name in feature_names(table, recipe):
        try:
            field = learn_field(name, table.columns[name], missing, recipe.kinds.get(name))
        except ValueError as error:
            faults.append(f"\n  {error}")
            continue
        if field is None:
            notices.append(f"{name} has no value in any row: left out")
        elif is_constant(field):
            notices.append(f"{name} is {field.show(field.typical)} in every row: left out")
        else:
            fields.append(field)
            doubt = doubt_about(field, table, missing)
            notices += [f"{name} {doubt.reason}; consider data.drop"] if doubt else []
    if faults:
        raise DataError(f"{table.source}: cannot be learnt from as it is:{''.join(faults)}")
    if not fields:
        raise DataError(f"{table.source}: no feature is left beside the target {target.name!r}")
    return Contract(fields=(*fields, target), missing=recipe.missing), notices


def feature_names(table: Table, recipe: DataRecipe, task: Task | None = None) -> list[str]:
    """Columns that are neither the target nor dropped, in the table's order; the one text where only it is read."""
    if task in SEQUENCE_TASKS:
        return [text_column(table, recipe, task)]
    left_out = {recipe.target, *recipe.drop}
    return [name for name in table.columns if name not in left_out]


def require_columns(table: Table, recipe: DataRecipe) -> None:
    """Refuse a recipe that names columns the table does not have, or that nothing would use.

    Raises:
        DataError: naming the key and the column.
    """
    named = [("data.target", recipe.target)] if recipe.target is not None else []
    named += [("data.drop", name) for name in recipe.drop] + [("data.kinds", name) for name in recipe.kinds]
    for key, name in named:
        if name not in table.columns:
            raise DataError(f"{table.source}: {key}: no column {name!r}{did_you_mean(name, table.columns)}")
    if recipe.target in recipe.drop:
        raise DataError(f"{table.source}: data.drop: {recipe.target!r} is the target")
    unused = [name for name in recipe.kinds if name in recipe.drop]
    if unused:
        raise DataError(f"{table.source}: data.kinds: {unused[0]!r} is dropped, so its kind would not be used")
    missing = missing_cells(recipe.missing)
    for name in recipe.texts:
        if all(reading.is_missing(cell, missing) for cell in table.columns[name]):
            raise DataError(f"{table.source}: data.kinds says text, but {name!r} has no value in any row")


def infer_task(table: Table, recipe: DataRecipe) -> RowTask:
    """Classification when the target is text, a boolean, or whole numbers of few distinct values; else regression.

    Raises:
        DataError: no such column, no value in it, or dates.
    """
    require_columns(table, recipe)
    missing = missing_cells(recipe.missing)
    name, cells = recipe.target_column, table.columns[recipe.target_column]
    given = recipe.kinds.get(name)
    try:
        kind = given or infer_kind(name, cells, missing)
    except ValueError as error:
        raise DataError(f"{table.source}: the target: {error}") from None
    if kind is None:
        raise DataError(f"{table.source}: the target {name!r} has no value in any row")
    if kind == "date":
        raise DataError(f"{table.source}: the target {name!r} holds dates; a number or a class can be predicted")
    if kind != "number":
        return "classification"
    values = reading.read_column("number", cells, missing)[0]
    distinct = np.unique(values[~np.isnan(values)])
    few_whole = bool((distinct == np.floor(distinct)).all()) and len(distinct) <= MOST_CLASSES
    return "classification" if few_whole and given is None else "regression"


def infer_kind(name: str, cells: Column, missing: Missing) -> Kind | None:
    """The kind that all cells of a column read as, None when it has no value.

    Raises:
        ValueError: lists or objects, or numbers with a few slips among them; the message names the column.
    """
    if cells.dtype.kind == "M":
        return None if np.isnat(cells).all() else "date"
    if reading.reads_as_numbers(cells, missing):
        values, bad = reading.read_column("number", cells, missing)
        present = values[~np.isnan(values)]
        if not bad and len(present):
            # 01 and +1 are numbers, but no way to write a boolean.
            binary = bool(((present == 0) | (present == 1)).all())
            return "boolean" if binary and not reading.read_column("boolean", cells, missing)[1] else "number"
    return _infer_from_texts(name, cells, missing)


def _infer_from_texts(name: str, cells: Column, missing: Missing) -> Kind | None:
    texts, rows = _distinct_texts(name, cells, missing)
    held = np.array(texts, dtype=object)
    if len(held) == 0:
        return None
    text_kinds: tuple[NumericKind, ...] = ("boolean", "date")
    for kind in text_kinds:
        if not reading.read_column(kind, held, missing)[1]:
            return kind
    bad = reading.read_column("number", held, missing)[1]
    if all(reason == reading.NOT_FINITE for _, reason in bad):
        return "number"
    numbers = len(texts) - len(bad)
    if numbers > MOST_CLASSES and numbers >= _NEARLY_ALL * len(texts):
        slips = np.flatnonzero(np.isin(rows, [index for index, _ in bad]))
        raise ValueError(
            f"column {name!r} holds numbers, but not in {len(slips):,} of its rows, such as {texts[bad[0][0]]!r}: put"
            f" them right, name what means 'no value' in data.missing, or say data.kinds: {{{name}: category}}"
        )
    return "category"


def _distinct_texts(name: str, cells: Column, missing: Missing) -> tuple[list[str], NDArray[np.int64]]:
    try:
        return reading.distinct_texts(cells, missing)
    except ValueError as error:
        raise ValueError(f"column {name!r}: a cell {error}; leave the column out by data.drop: [{name}]") from None


def learn_field(name: str, cells: Column, missing: Missing, given: Kind | None = None) -> Field | None:
    """The field that a column's cells make, of the given kind or the one seen; None when there is no value.

    Raises:
        ValueError: the column cannot be learnt from; the message names it and says what to do.
    """
    if not name:
        raise ValueError("a column has no name: name it, or leave it out by data.drop: ['']")
    kind = given or infer_kind(name, cells, missing)
    if kind is None:
        return None
    if kind == "text":
        return learn_texts(name, cells, missing)
    if kind == "tags":
        raise ValueError(f"column {name!r}: data.kinds says tags, which only the target of task: tagging has")
    if kind != "category":
        return _learn_values(name, kind, cells, missing)
    texts, rows = _distinct_texts(name, cells, missing)
    if not texts:
        return None
    if given is None:
        _refuse_free_text(name, texts, int((rows >= 0).sum()))
    return _learn_categories(name, texts, rows)


def _learn_values(name: str, kind: NumericKind, cells: Column, missing: Missing) -> Field | None:
    values, bad = reading.read_column(kind, cells, missing)
    present = values[~np.isnan(values)]
    if len(present) == 0 and bad:
        raise ValueError(f"column {name!r}: data.kinds says {kind}, but {cells[bad[0][0]]!r} {bad[0][1]}")
    if len(present) == 0:
        return None
    return Field(
        name=name,
        kind=kind,
        nullable=len(present) + len(bad) < len(values),
        integer=bool((present == np.floor(present)).all()),
        minimum=float(present.min()),
        maximum=float(present.max()),
        # The lower of two middle values is itself a value that was seen.
        typical=float(np.percentile(present, 50, method="lower")),
    )


def _refuse_free_text(name: str, texts: list[str], present: int) -> None:
    if len(texts) <= max(MANY_TEXTS, present / 2):
        return
    what = f"column {name!r} holds {len(texts):,} different texts in {present:,} rows"
    if all(_DECIMAL_COMMA.fullmatch(text) for text in texts[:MOST_CLASSES]):
        raise ValueError(f"{what}, numbers with a decimal comma: write them with a point")
    raise ValueError(
        f"{what}, an identifier or free text: leave it out by data.drop: [{name}],"
        f" or say data.kinds: {{{name}: text}} to read it, {{{name}: category}} to tell its values apart"
    )


def _learn_categories(name: str, texts: list[str], rows: NDArray[np.int64]) -> Field:
    held = np.array(texts, dtype=object)
    numbers, bad = reading.read_column("number", held, frozenset())
    order = np.argsort(held if bad else numbers, kind="stable")
    categories = held[order].tolist()
    counts = np.bincount(rows[rows >= 0], minlength=len(texts))[order]
    return Field(
        name=name,
        kind="category",
        nullable=bool((rows < 0).any()),
        categories=tuple(categories),
        numeric_categories=not bad,
        typical=categories[int(np.argmax(counts))],
    )


def _learn_target(table: Table, recipe: DataRecipe, task: RowTask, missing: Missing) -> Field:
    name, cells = recipe.target_column, table.columns[recipe.target_column]
    where = f"{table.source}: the target {name!r}"
    needed = {"classification": ("category", "boolean"), "regression": ("number",)}[task]
    if recipe.kinds.get(name, needed[0]) not in needed:
        raise DataError(f"{where}: data.kinds says {recipe.kinds[name]}, but {task} needs a {needed[0]}")
    try:
        field = learn_field(name, cells, missing, "category" if task == "classification" else "number")
    except ValueError as error:
        raise DataError(f"{table.source}: the target: {error}") from None
    if field is None:
        raise DataError(f"{where} has no value in any row")
    if is_constant(field.model_copy(update={"nullable": False})):
        raise DataError(f"{where} is {field.show(field.typical)!r} in every row: one class only, nothing to predict")
    if task == "classification":
        _require_classes(field, where, len(table))
    return field.model_copy(update={"role": "target", "nullable": False})


def _require_classes(field: Field, where: str, rows: int) -> None:
    if len(field.categories) > max(MOST_CLASSES, rows / 2):
        raise DataError(
            f"{where} has {len(field.categories):,} classes in {rows:,} rows: free text or an identifier; to predict a"
            " quantity set task: regression"
        )


def is_constant(field: Field) -> bool:
    """Whether every row held the same value, as far as the field tells."""
    if field.nullable or field.kind == "text":
        return False
    return len(field.categories) == 1 if field.kind == "category" else field.minimum == field.maximum


class Doubt(NamedTuple):
    """Why a column may be no feature, to be put after its name."""

    reason: str
    sure: bool
    """Whether it is enough to leave the column out of a first recipe."""


def doubt_about(field: Field, table: Table, missing: Missing) -> Doubt | None:
    """What speaks against a column as a feature; None when nothing does."""
    rows = len(table)
    if field.kind == "category" and len(field.categories) > max(MANY_TEXTS, rows / 10):
        count = len(field.categories)
        return Doubt(f"has {count:,} categories in {rows:,} rows: most are seen too rarely to learn from", sure=True)
    if field.kind != "number" or not field.integer or field.nullable or rows <= MANY_TEXTS:
        return None
    values = reading.read_column("number", table.columns[field.name], missing)[0]
    order = np.argsort(table.numbers, kind="stable")
    rises, steps = np.diff(values[order]), np.diff(table.numbers[order])
    if rises[0] != 0 and (steps > 0).all() and (rises * steps[0] == rises[0] * steps).all():
        return Doubt("counts the rows: it looks like an identifier", sure=True)
    if len(np.unique(values)) == rows:
        named_so = _IDENTIFIER.search(field.name) is not None
        return Doubt("is different in every row: it looks like an identifier", sure=named_so)
    return None


def positive_class(target: Field, recipe: DataRecipe, codes: NDArray[np.int32]) -> int | None:
    """Code of the class that precision, recall and F1 speak of: the recipe's, or the rarer of two; else None.

    `codes` are those of the training rows, shape (rows,).

    Raises:
        RecipeError: `data.positive` is no class of the target, or there are not two.
    """
    classes = target.categories
    if recipe.positive is None:
        counts = np.bincount(codes[codes >= 0], minlength=2)
        return int(counts[1] <= counts[0]) if len(classes) == 2 else None
    if target.kind != "category":
        raise RecipeError(f"data.positive would not be used: the target {target.name!r} is a number")
    text = reading.canonical_text(recipe.positive)
    if text not in target.codes:
        raise RecipeError(f"data.positive: {target.name!r} has no class {text!r}; classes: {', '.join(classes)}")
    if len(classes) != 2:
        raise RecipeError(f"data.positive would not be used: {target.name!r} has {len(classes)} classes, not two")
    return target.codes[text]
