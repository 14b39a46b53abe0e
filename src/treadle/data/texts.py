"""Columns of text: what is learnt of them, and the contract of the tasks that answer at the tokens of one."""

from __future__ import annotations

from collections import Counter

from treadle.data import cells as reading
from treadle.data.addresses import ADDRESS, is_address
from treadle.data.cells import Missing, missing_cells
from treadle.data.contract import Contract
from treadle.data.field import Field
from treadle.data.table import Column, Table
from treadle.data.tokens import cut_at_blanks
from treadle.data.wording import count_of
from treadle.errors import DataError
from treadle.recipe import MISSING, SEQUENCE_TASKS, DataRecipe, Task

PROSE_WORDS = 5
"""Fewer are more often a name, a title or an address."""
MANY_TAGS = 20
"""More different tags than this, and than half of the tokens, are no tags."""
TEXT = "text"
"""The column that is read where several could be: the readers of texts name theirs so."""
GAPPED = "Some ___ to read."
"""Stands where a text with a gap is asked for."""


def learn_texts(name: str, cells: Column, missing: Missing) -> Field | None:
    """The field that a column of texts makes; None when there is no value.

    Raises:
        ValueError: a cell that has a value is no text; the message names the column.
    """
    sizes, addresses = [], 0
    for cell in cells.tolist():
        if reading.is_missing(cell, missing):
            continue
        try:
            text = reading.read_text(cell)
        except ValueError as error:
            raise ValueError(f"column {name!r}: data.kinds says text, but {cell!r} {error}") from None
        sizes.append(len(text))
        addresses += is_address(text)
    if not sizes:
        return None
    return Field(
        name=name,
        kind="text",
        nullable=len(sizes) < len(cells),
        minimum=min(sizes),
        maximum=max(sizes),
        typical=ADDRESS if addresses > len(sizes) / 2 else None,
    )


def is_free_text(cells: Column, missing: Missing) -> bool:
    """Whether most cells that have a value are texts of several words, or web addresses."""
    present = [cell for cell in cells.tolist() if not reading.is_missing(cell, missing)]
    texts = [cell for cell in present if isinstance(cell, str)]
    return sum(len(text.split()) >= PROSE_WORDS or is_address(text) for text in texts) > len(present) / 2


def holds_tags(table: Table, target: str) -> bool:
    """Whether the target has a tag for every token of the column `text`, in every row, and several in one of them."""
    if target == TEXT or TEXT not in table.columns or target not in table.columns:
        return False
    counts = []
    for line, cell in zip(table.columns[TEXT].tolist(), table.columns[target].tolist(), strict=True):
        if not isinstance(line, str) or not isinstance(cell, str):
            return False
        counts.append(len(cut_at_blanks(line)))
        if counts[-1] != len(cut_at_blanks(cell)):
            return False
    return max(counts, default=0) > 1


def missing_words(recipe: DataRecipe, task: Task | None) -> tuple[str, ...]:
    """Cells of text that mean "no value": `null` is a word like any other to a task that answers at every token.

    Only where the recipe has words of its own for it do they count there.
    """
    return ("",) if task in SEQUENCE_TASKS and recipe.missing == MISSING else recipe.missing


def text_column(table: Table, recipe: DataRecipe, task: Task) -> str:
    """The one column that a task at every token reads: the text of data.kinds, the only one left, or `text`.

    Raises:
        DataError: it cannot be told which one is read, or the recipe speaks of others.
    """
    named = recipe.texts
    left = [name for name in table.columns if name != recipe.target and name not in recipe.drop]
    if len(named) == 1:
        name = named[0]
    elif TEXT in left and not named:
        name = TEXT
    elif len(left) == 1 and not named:
        name = left[0]
    else:
        raise DataError(f"{table.source}: {task} reads one text, and {_of_columns(named, left)}")
    if name == recipe.target:
        raise DataError(f"{table.source}: the target {name!r}: data.kinds says text, but {task} needs tags")
    for column, kind in recipe.kinds.items():
        if column not in (name, recipe.target) or kind != ("text" if column == name else "tags"):
            needed = f"it reads {name!r} as text" if column != recipe.target else "its target is read as tags"
            raise DataError(f"{table.source}: data.kinds: {{{column}: {kind}}} would not be used by {task}: {needed}")
    return name


def _of_columns(named: tuple[str, ...], left: list[str]) -> str:
    if named:
        return f"data.kinds names {len(named)}: {', '.join(map(repr, named))}"
    if not left:
        return "no column is left beside the target and data.drop"
    return f"the columns are {', '.join(map(repr, left))}: say which one by data.kinds: {{COLUMN: text}}"


def learn_sequences(table: Table, recipe: DataRecipe, task: Task) -> tuple[Contract, list[str]]:
    """The contract of rows that are answered at every token of their one text, and what a reader should know of them.

    Raises:
        DataError: no text to read, or no row whose tags are as many as its tokens.
    """
    words = missing_words(recipe, task)
    missing = missing_cells(words)
    name = text_column(table, recipe, task)
    try:
        text = learn_texts(name, table.columns[name], missing)
    except ValueError as error:
        raise DataError(f"{table.source}: {error}") from None
    if text is None:
        raise DataError(f"{table.source}: the text {name!r} has no value in any row")
    typical = GAPPED if task == "fill_blank" else text.typical
    fields = [text.model_copy(update={"nullable": False, "typical": typical})]
    if recipe.target is not None:
        fields.append(_learn_tags(table, name, recipe.target, missing))
    read = {name, recipe.target, *recipe.drop}
    notices = [f"{column} is not read: {task} reads {name}" for column in table.columns if column not in read]
    return Contract(fields=tuple(fields), missing=words), notices


def _learn_tags(table: Table, text: str, target: str, missing: Missing) -> Field:
    """The target of tagging: the tags of all rows that have as many as tokens."""
    where = f"{table.source}: the target {target!r}"
    counts: Counter[str] = Counter()
    odd = None
    for number, line, cell in zip(
        table.numbers.tolist(), table.columns[text].tolist(), table.columns[target].tolist(), strict=True
    ):
        if reading.is_missing(line, missing) or reading.is_missing(cell, missing):
            continue
        if not isinstance(cell, str):
            raise DataError(
                f"{where}: row {number:,}: {str(cell)[:40]!r} is no text: tags stand with blanks between them"
            )
        tokens, tags = cut_at_blanks(line), cut_at_blanks(cell)
        if len(tokens) == len(tags):
            counts.update(tags)
        elif odd is None:
            odd = f"row {number:,} has {count_of(len(tags), 'tag')} for {count_of(len(tokens), 'token')} of {text!r}"
    if not counts:
        raise DataError(
            f"{where} has in no row as many tags as the text has tokens, which stand between blanks: {odd}"
            if odd
            else f"{where} has no value in any row"
        )
    if len(counts) == 1:
        raise DataError(f"{where} is {next(iter(counts))!r} at every token: one tag only, nothing to predict")
    if len(counts) > max(MANY_TAGS, counts.total() / 2):
        raise DataError(f"{where} has {len(counts):,} different tags at {counts.total():,} tokens: these are no tags")
    most = min(counts, key=lambda tag: (-counts[tag], tag))
    return Field(name=target, kind="tags", role="target", categories=tuple(sorted(counts)), typical=most)
