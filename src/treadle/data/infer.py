"""Learning the contract from the training rows: which kind each column is, what it holds, what cannot be learnt from."""

from __future__ import annotations

import re
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from treadle.data import cells as reading
from treadle.data.cells import Missing, missing_cells
from treadle.data.contract import Contract, Field
from treadle.data.table import Column, Table
from treadle.errors import DataError, RecipeError, did_you_mean
from treadle.recipe import DataRecipe, Kind

Task = Literal["classification", "regression"]

MANY_TEXTS = 50
"""A text column of more distinct values than this, and than half of the rows, is an identifier or free text."""
MOST_CLASSES = 20
"""A whole-number target of more distinct values than this is a quantity."""
_NEARLY_ALL = 0.9
"""Share of numbers among the distinct texts of a column from which the others are taken for slips."""
_DECIMAL_COMMA = re.compile(r"-?[0-9]+,[0-9]+")


def learn(table: Table, recipe: DataRecipe, task: Task | None) -> tuple[Contract, list[str]]:
    """The contract of the training rows, and what a reader should know about the columns.

    Constant and empty columns are left out with a notice. A task of None is inferred from these rows; pass the one
    inferred from the whole table, so that a part of it cannot decide otherwise.

    Raises:
        DataError: no rows, an unknown column in the recipe, text without repeats, one class only, or no feature left.
    """
    if len(table) == 0:
        raise DataError(f"{table.source}: no rows to learn from")
    require_columns(table, recipe)
    missing = missing_cells(recipe.missing)
    target = _learn_target(table, recipe, task or infer_task(table, recipe), missing)
    fields: list[Field] = []
    notices: list[str] = []
    faults: dict[str, str] = {}
    for name in feature_names(table, recipe):
        cells = table.columns[name]
        try:
            field = learn_field(name, cells, missing, recipe.kinds.get(name))
        except ValueError as error:
            faults[name] = str(error)
            continue
        if field is None:
            notices.append(f"{name} has no value in any row: left out")
        elif _is_constant(field):
            notices.append(f"{name} is {field.show(field.typical)} in every row: left out")
        else:
            fields.append(field)
            notices += [f"{name} {reason}; consider data.drop" for reason in _doubts(field, table, missing)]
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults.values())
        raise DataError(f"{table.source}: columns that cannot be learnt from:\n{listed}")
    if not fields:
        raise DataError(f"{table.source}: no feature is left beside the target {target.name!r}")
    return Contract(fields=(*fields, target), missing=recipe.missing), notices


def feature_names(table: Table, recipe: DataRecipe) -> list[str]:
    """Columns that are neither the target nor dropped, in the table's order."""
    left_out = {recipe.target, *recipe.drop}
    return [name for name in table.columns if name not in left_out]


def require_columns(table: Table, recipe: DataRecipe) -> None:
    """Refuse a recipe that names columns the table does not have, or that nothing would use.

    Raises:
        DataError: naming the key and the column.
    """
    named = [("data.target", recipe.target)]
    named += [("data.drop", name) for name in recipe.drop] + [("data.kinds", name) for name in recipe.kinds]
    for key, name in named:
        if name not in table.columns:
            raise DataError(f"{table.source}: {key}: no column {name!r}{did_you_mean(name, table.columns)}")
    if recipe.target in recipe.drop:
        raise DataError(f"{table.source}: data.drop: {recipe.target!r} is the target")
    unused = [name for name in recipe.kinds if name in recipe.drop]
    if unused:
        raise DataError(f"{table.source}: data.kinds: {unused[0]!r} is dropped, its kind would not be used")


def infer_task(table: Table, recipe: DataRecipe) -> Task:
    """Classification when the target is text, a boolean, or whole numbers of few distinct values; else regression.

    Raises:
        DataError: no such column, no value in it, or dates.
    """
    require_columns(table, recipe)
    missing = missing_cells(recipe.missing)
    kind: Kind | None = recipe.kinds.get(recipe.target)
    cells = table.columns[recipe.target]
    if kind is None:
        kind = _try_kind(recipe.target, cells, missing, table)
        if kind == "number":
            values = reading.read_column("number", cells, missing)[0]
            distinct = np.unique(values[~np.isnan(values)])
            whole = bool((distinct == np.floor(distinct)).all())
            return "classification" if whole and len(distinct) <= MOST_CLASSES else "regression"
    if kind == "date":
        raise DataError(f"{table.source}: the target {recipe.target!r} holds dates; predict a number or a class")
    return "regression" if kind == "number" else "classification"


def _try_kind(name: str, cells: Column, missing: Missing, table: Table) -> Kind:
    try:
        kind = infer_kind(name, cells, missing)
    except ValueError as error:
        raise DataError(f"{table.source}: the target: {error}") from None
    if kind is None:
        raise DataError(f"{table.source}: the target {name!r} has no value in any row")
    return kind


def infer_kind(name: str, cells: Column, missing: Missing) -> Kind | None:
    """The kind that all cells of a column read as, None when it has no value.

    Raises:
        ValueError: lists or objects, or numbers with a few slips among them.
    """
    if cells.dtype.kind == "M":
        return None if np.isnat(cells).all() else "date"
    if reading.reads_as_numbers(cells, missing):
        values, bad = reading.read_column("number", cells, missing)
        if not bad:
            present = values[~np.isnan(values)]
            if len(present) == 0:
                return None
            return "boolean" if ((present == 0) | (present == 1)).all() else "number"
    try:
        texts, rows = reading.distinct_texts(cells, missing)
    except ValueError as error:
        raise ValueError(f"column {name!r}: a cell {error}; leave the column out by data.drop") from None
    held = np.array(texts, dtype=object)
    if len(held) == 0:
        return None
    for kind in ("boolean", "date"):
        if not reading.read_column(kind, held, missing)[1]:
            return kind
    values, bad = reading.read_column("number", held, missing)
    if all(reason == reading.NOT_FINITE for _, reason in bad):
        return "number"
    _refuse_slips(name, texts, rows, [index for index, _ in bad])
    return "category"


def _refuse_slips(name: str, texts: list[str], rows: NDArray[np.int64], bad: list[int]) -> None:
    numbers = len(texts) - len(bad)
    if numbers <= MOST_CLASSES or numbers < _NEARLY_ALL * len(texts):
        return
    slips = np.flatnonzero(np.isin(rows, bad))
    raise ValueError(
        f"column {name!r} holds numbers, but not in {len(slips):,} of its rows, such as {texts[bad[0]]!r}: put them"
        f" right, name what means 'no value' in data.missing, or say data.kinds: {{{name}: category}}"
    )


def learn_field(name: str, cells: Column, missing: Missing, kind: Kind | None = None) -> Field | None:
    """The field that a feature's cells make, None when there is no value.

    Raises:
        ValueError: the column cannot be learnt from; the message names it and says what to do.
    """
    if not name:
        raise ValueError("a column has no name: name it, or leave it out by data.drop: ['']")
    known = kind is not None
    kind = kind or infer_kind(name, cells, missing)
    if kind is None:
        return None
    if kind != "category":
        return _learn_values(name, kind, cells, missing)
    field = _learn_categories(name, cells, missing)
    present = int((reading.distinct_texts(cells, missing)[1] >= 0).sum())
    if field is not None and not known and len(field.categories) > max(MANY_TEXTS, present / 2):
        comma = all(_DECIMAL_COMMA.fullmatch(text) for text in field.categories[:MOST_CLASSES])
        raise ValueError(
            f"column {name!r} holds {len(field.categories):,} different texts in {present:,} rows, "
            + ("numbers with a decimal comma: write them with a point" if comma else _ADVICE.format(name=name))
        )
    return field


_ADVICE = "an identifier or free text: leave it out by data.drop: [{name}] (or say data.kinds: {{{name}: category}})"


def _learn_values(name: str, kind: reading.NumericKind, cells: Column, missing: Missing) -> Field | None:
    values, bad = reading.read_column(kind, cells, missing)
    present = values[~np.isnan(values)]
    if len(present) == 0:
        if bad:
            raise ValueError(f"column {name!r}: data.kinds says {kind}, but {_text(cells[bad[0][0]])!r} {bad[0][1]}")
        return None
    nullable = len(present) + len(bad) < len(values)
    if kind == "boolean":
        typical = float(present.mean() > 0.5)
        return Field(
            name=name,
            kind=kind,
            nullable=nullable,
            typical=typical,
            integer=True,
            minimum=present.min(),
            maximum=present.max(),
        )
    whole = bool((present == np.floor(present)).all())
    # The lower of two middle values is itself a value that was seen.
    typical = float(np.percentile(present, 50, method="lower"))
    return Field(
        name=name,
        kind=kind,
        nullable=nullable,
        integer=whole,
        minimum=float(present.min()),
        maximum=float(present.max()),
        typical=typical,
    )


def _learn_categories(name: str, cells: Column, missing: Missing) -> Field | None:
    try:
        texts, rows = reading.distinct_texts(cells, missing)
    except ValueError as error:
        raise ValueError(f"column {name!r}: a cell {error}; leave the column out by data.drop") from None
    if not texts:
        return None
    counts = np.bincount(rows[rows >= 0], minlength=len(texts))
    numbers, bad = reading.read_column("number", np.array(texts, dtype=object), frozenset())
    numeric = not bad
    order = np.argsort(numbers, kind="stable") if numeric else np.argsort(np.array(texts), kind="stable")
    return Field(
        name=name,
        kind="category",
        nullable=bool((rows < 0).any()),
        categories=tuple(texts[place] for place in order),
        numeric_categories=numeric,
        typical=min(texts, key=lambda text: (-counts[texts.index(text)], text)),
    )


def _learn_target(table: Table, recipe: DataRecipe, task: Task, missing: Missing) -> Field:
    name, cells = recipe.target, table.columns[recipe.target]
    where = f"{table.source}: the target {name!r}"
    try:
        kind: Kind = "category" if task == "classification" else "number"
        field = learn_field(name, cells, missing, kind)
    except ValueError as error:
        raise DataError(f"{table.source}: the target: {error}") from None
    if field is None:
        raise DataError(f"{where} has no value in any row")
    if task == "regression" and field.minimum == field.maximum:
        raise DataError(f"{where} is {field.show(field.minimum)} in every row: there is nothing to predict")
    if task == "classification":
        present = int((reading.distinct_texts(cells, missing)[1] >= 0).sum())
        if len(field.categories) == 1:
            raise DataError(f"{where} is {field.categories[0]!r} in every row: one class only, nothing to predict")
        if len(field.categories) > max(MOST_CLASSES, present / 2):
            raise DataError(
                f"{where} has {len(field.categories):,} classes in {present:,} rows: free text or an identifier;"
                " for a quantity set task: regression"
            )
    return field.model_copy(update={"role": "target"})


def _is_constant(field: Field) -> bool:
    if field.nullable:
        return False
    return len(field.categories) == 1 if field.kind == "category" else field.minimum == field.maximum


def _doubts(field: Field, table: Table, missing: Missing) -> list[str]:
    """Why a column may be no feature."""
    rows = len(table)
    if field.kind == "category" and len(field.categories) > max(MANY_TEXTS, rows / 10):
        return [f"has {len(field.categories):,} categories in {rows:,} rows: most are seen too rarely to learn from"]
    if field.kind != "number" or not field.integer or field.nullable or rows <= MANY_TEXTS:
        return []
    values = reading.read_column("number", table.columns[field.name], missing)[0]
    order = np.argsort(table.numbers, kind="stable")
    steps, rises = np.diff(values[order]), np.diff(table.numbers[order])
    if (rises > 0).all() and (steps == steps[0] / rises[0] * rises).all():
        return ["counts the rows: it looks like an identifier"]
    if len(np.unique(values)) == rows:
        return ["is different in every row: it looks like an identifier"]
    return []


def positive_class(target: Field, recipe: DataRecipe, codes: NDArray[np.int32]) -> int | None:
    """Code of the class that precision, recall and F1 speak of: the recipe's, or the rarer of two; else None.

    `codes` are those of the training rows, shape (rows,).

    Raises:
        RecipeError: `data.positive` is no class of the target, or there are more than two.
    """
    if recipe.positive is not None:
        if target.kind != "category":
            raise RecipeError(f"data.positive would not be used: the target {target.name!r} is a number")
        text = reading.canonical_text(recipe.positive)
        if text not in target.codes:
            raise RecipeError(
                f"data.positive: {target.name!r} has no class {text!r}; classes: {', '.join(target.categories)}"
            )
        if len(target.categories) > 2:
            raise RecipeError(
                f"data.positive would not be used: {target.name!r} has {len(target.categories)} classes, not two"
            )
        return target.codes[text]
    if len(target.categories) != 2:
        return None
    counts = np.bincount(codes[codes >= 0], minlength=2)
    return 0 if counts[0] < counts[1] else 1


def _text(cell: object) -> str:
    return "" if cell is None else str(cell)
