"""Three sets that share no group of rows, and a measure of what leaks between them all the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from treadle.data.addresses import host_of
from treadle.data.cells import Missing, canonical_text, distinct_values, is_missing, missing_cells
from treadle.data.infer import feature_names, infer_task, require_columns
from treadle.data.table import Table
from treadle.data.texts import missing_words
from treadle.data.wording import count_of
from treadle.errors import DataError, did_you_mean
from treadle.recipe import DataRecipe, Task

Rows = NDArray[np.int64]

_TRAIN, _VALIDATION, _TEST, _LEFT_OUT = range(4)
_SETS = ("training", "validation", "test")


class Leakage(BaseModel):
    """How many rows repeat, and what of the test set was seen in training."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    rows: int
    distinct_rows: int
    """Rows that differ in at least one feature."""
    contradictory_rows: int
    """Rows whose features stand in the table with more than one target."""
    contradictory_distinct_rows: int
    """The same, each set of equal rows counted once."""
    ceiling: float | None
    """Best accuracy that any function of the features can have on the table; None unless every row has a class."""
    test_rows_seen: int
    """Test rows whose features stand in training too."""
    share: float
    """`test_rows_seen` as a share of the test rows."""
    group: str | None
    """What kept rows together: `distinct`, a column, or nothing."""
    left_out: int = 0
    """Rows that were left out of training and validation because their group stands in test rows of their own, or of
    training because it stands in validation rows of their own."""


@dataclass(frozen=True)
class Split:
    """Indices of the rows of each set, ascending.

    Those of validation rows of their own go on after the table's, and those of test rows of their own after these.
    """

    train: Rows
    validation: Rows
    test: Rows
    leakage: Leakage

    def tables(
        self, table: Table, test: Table | None = None, validation: Table | None = None
    ) -> tuple[Table, Table, Table]:
        """Training, validation and test rows of the tables that were parted, as they came."""
        before = len(table) + (0 if validation is None else len(validation))
        return (
            table.take(self.train),
            table.take(self.validation) if validation is None else validation.take(self.validation - len(table)),
            table.take(self.test) if test is None else test.take(self.test - before),
        )


def split(
    table: Table,
    recipe: DataRecipe,
    task: Task | None,
    test: Table | None = None,
    validation: Table | None = None,
) -> Split:
    """Part a table in training, validation and test rows, by seed, keeping groups together and classes in proportion.

    The shares are exact within rounding as far as the sizes of the groups allow. Rows of equal features that carry
    several labels count to the most frequent one when classes are kept in proportion. `data.split.sequential` takes
    the last rows of the table for test and those before them for validation, whatever stands in them.

    Args:
        table: what is parted.
        recipe: the recipe's section `data`.
        task: None infers it. For tasks that answer at every token, rows of one text are equal.
        test: test rows of their own, with the columns of `table`; then no row of `table` becomes one, and rows whose
            group stands in the test rows are left out.
        validation: the same of validation rows, beside test rows of their own; one whose group stands in those is left
            out too.

    Raises:
        DataError: an unknown column in the recipe, a set left without rows, or a class that training would not see.
    """
    require_columns(table, recipe)
    task = task or infer_task(table, recipe)
    names = feature_names(table, recipe, task)
    whole = _together(table, {"data.validation": validation, "data.test": test}, names, recipe)
    missing = missing_cells(missing_words(recipe, task))
    features = _equal_rows(whole, names, missing)
    labels = np.zeros(len(whole), np.int64) if recipe.target is None else _distinct(whole, recipe.target, missing)
    keys = [_group(name, whole, recipe, features, missing) for name in recipe.groups]
    placed, groups = _place(keys, labels, recipe, task, _sizes(table, validation, test))
    _require_sets(placed, whole, groups)
    if task == "classification":
        # Rows of their own are checked by the contract, as every row that comes later.
        _require_classes(placed[: len(table)], table, recipe.target_column, labels[: len(table)])
    rows = [np.flatnonzero(placed == part) for part in (_TRAIN, _VALIDATION, _TEST)]
    leakage = _measure(features, labels, rows, task, ", ".join(recipe.groups) or None)
    leakage = leakage.model_copy(update={"left_out": int((placed == _LEFT_OUT).sum())})
    return Split(rows[_TRAIN], rows[_VALIDATION], rows[_TEST], leakage)


def without_repeats(table: Table, recipe: DataRecipe, task: Task | None) -> tuple[Table, tuple[str, ...]]:
    """The table without rows that are equal to an earlier one in every feature and the target, where the recipe asks
    for that, and a notice of how many there were.

    Raises:
        DataError: an unknown column in the recipe.
    """
    if not recipe.distinct:
        return table, ()
    require_columns(table, recipe)
    names = [*feature_names(table, recipe, task), *([] if recipe.target is None else [recipe.target])]
    rows = _equal_rows(table, names, missing_cells(missing_words(recipe, task)))
    kept = np.sort(np.unique(rows, return_index=True)[1])
    repeats = len(table) - len(kept)
    notice = f"{repeats:,} of {len(table):,} rows repeat others: left out"
    return table.take(kept), (notice,) if repeats else ()


def _sizes(*tables: Table | None) -> list[int]:
    return [0 if table is None else len(table) for table in tables]


def _together(table: Table, own: dict[str, Table | None], names: list[str], recipe: DataRecipe) -> Table:
    """The table, and after it the rows of their own, by the key that names them."""
    names = [*names, *([] if recipe.target is None else [recipe.target])]
    names += [group for group in recipe.groups if group in table.columns and group not in names]
    parts = [table]
    for key, rows in own.items():
        if rows is None:
            continue
        for name in names:
            if name not in rows.columns:
                raise DataError(f"{rows.source}: {key}: no column {name!r}{did_you_mean(name, rows.columns)}")
        if len(rows) == 0:
            raise DataError(f"{rows.source}: {key}: no rows")
        parts.append(rows)
    if len(parts) == 1:
        return table
    return Table.concatenate(
        [Table({name: part.columns[name] for name in names}, part.numbers, part.source) for part in parts]
    )


def _place(keys: list[Rows], labels: Rows, recipe: DataRecipe, task: Task, sizes: list[int]) -> tuple[Rows, Rows]:
    """The set of every row, and the groups of those that were parted by seed.

    Args:
        keys: for every kind of group a number for each row, shape (rows,), equal for those kept together.
        labels: shape (rows,).
        recipe: the recipe's section `data`.
        task: what is learnt.
        sizes: rows of the table, and of validation and test rows of their own, which follow it in this order.
    """
    of_table, of_validation, of_test = sizes
    origin = np.repeat([_TRAIN, _VALIDATION, _TEST], sizes)
    placed = np.full(len(labels), _LEFT_OUT)
    placed[origin == _TEST] = _TEST
    # A row that shares a key with rows of their own goes alone: what it shares other keys with may stay.
    seen = [np.isin(key, key[origin == _TEST]) for key in keys]
    own = np.flatnonzero(~np.any([origin != _VALIDATION, *seen], axis=0))
    placed[own] = _VALIDATION
    seen += [np.isin(key, key[origin == _VALIDATION]) for key in keys]
    free = np.flatnonzero(~np.any([origin != _TRAIN, *seen], axis=0))
    groups = _connected([key[free] for key in keys], len(free))
    shares = np.array([0.0, 0.0 if of_validation else recipe.split.validation, 0.0 if of_test else recipe.split.test])
    if of_validation:
        placed[free] = _TRAIN
    elif recipe.split.sequential:
        placed[free] = np.repeat([_TRAIN, _VALIDATION, _TEST], _room(shares * of_table, of_table))
    else:
        placed[free] = _part(groups, labels[free], recipe, task, shares)
    return placed, groups


def _part(groups: Rows, labels: Rows, recipe: DataRecipe, task: Task, shares: NDArray[np.float64]) -> Rows:
    """The set of every row, shape (rows,), for rows of these groups and labels."""
    stratify = task == "classification" and recipe.split.stratify
    strata = _majority(groups, labels) + 1 if stratify else np.zeros(groups.max(initial=-1) + 1, np.int64)
    placed = _assign(groups, strata, shares, recipe.split.seed)[groups]
    if stratify:
        _give_training_every_class(placed, groups, labels)
    return placed


def _distinct(table: Table, name: str, missing: Missing) -> Rows:
    try:
        return distinct_values(table.columns[name], missing)
    except ValueError as error:
        raise DataError(f"{table.source}: column {name!r}: a cell {error}; leave the column out by data.drop") from None


def _equal_rows(table: Table, names: list[str], missing: Missing) -> Rows:
    """Index of the set of rows equal in these columns, numbered by first appearance, shape (rows,)."""
    groups = np.zeros(len(table), np.int64)
    for name in names:
        values = _distinct(table, name, missing) + 1
        groups = _renumber(groups * (values.max(initial=0) + 1) + values)
        if groups.max(initial=0) + 1 == len(table):
            break
    return groups


def _renumber(keys: Rows) -> Rows:
    """The same partition with groups numbered 0, 1, ... by first appearance."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    place = np.empty(len(first), np.int64)
    place[np.argsort(first)] = np.arange(len(first))
    return place[inverse.reshape(-1)]


def _group(group: str, table: Table, recipe: DataRecipe, features: Rows, missing: Missing) -> Rows:
    """A number for every row, shape (rows,), equal for those that this group keeps together."""
    if group == "distinct":
        return features
    if group not in table.columns:
        hint = did_you_mean(group, ["distinct", *table.columns])
        raise DataError(f"{table.source}: data.split.group: no column {group!r}{hint}")
    if recipe.split.group_by == "host":
        cells = table.columns[group].tolist()
        # The host of a cell `NA` would be `na`, which is no word for missing.
        hosts = [None if is_missing(cell, missing) else host_of(str(cell)) for cell in cells]
        table = Table({group: np.array(hosts, dtype=object)}, table.numbers, table.source)
    values = _distinct(table, group, missing)
    # Rows without a value have nothing in common: each is a group of its own.
    return _renumber(np.where(values < 0, values.max(initial=0) + 1 + np.arange(len(table)), values))


def _connected(keys: list[Rows], rows: int) -> Rows:
    """The groups of rows that share any of the keys, directly or by way of others, numbered by first appearance."""
    groups = np.arange(rows)
    while True:
        before = groups
        for key in keys:
            least = np.full(key.max(initial=-1) + 1, rows, np.int64)
            np.minimum.at(least, key, groups)
            groups = least[key]
        if np.array_equal(groups, before):
            return _renumber(groups)


def _majority(groups: Rows, labels: Rows) -> Rows:
    """The most frequent label of every group, shape (groups,)."""
    pairs, counts = np.unique(np.stack([groups, labels]), axis=1, return_counts=True)
    order = np.lexsort((pairs[1], -counts, pairs[0]))
    first = np.unique(pairs[0][order], return_index=True)[1]
    return np.asarray(pairs[1][order][first], np.int64)


def _assign(groups: Rows, strata: Rows, shares: NDArray[np.float64], seed: int) -> Rows:
    """The set of every group, shape (groups,).

    Strata are filled from the smallest to the largest, and what one has too much or too little of passes on to the
    next, so that the totals come out right.
    """
    sizes = np.bincount(groups, minlength=len(strata))
    # Raw bits of a bit generator stay the same in every version of NumPy; its permutations may not.
    draws = np.random.PCG64(seed).random_raw((2, len(strata))).astype(np.float64) / 2.0**64
    placed = np.full(len(strata), _TRAIN, np.int64)
    carried = np.zeros(3)
    for stratum in np.argsort(np.bincount(strata, weights=sizes), kind="stable"):
        members = np.flatnonzero(strata == stratum)
        if len(members) == 0:
            continue
        wanted = shares * sizes[members].sum() + carried
        placed[members] = _fill(sizes[members], draws[:, members], _room(wanted, int(sizes[members].sum())))
        carried = wanted - np.bincount(placed[members], weights=sizes[members], minlength=3)
    return placed


def _room(wanted: NDArray[np.float64], rows: int) -> Rows:
    """Whole rows for every set, at least one of them for training."""
    room = np.maximum(np.floor(wanted + 0.5), 0.0).astype(np.int64)
    while room[_VALIDATION] + room[_TEST] > rows - 1:
        room[_TEST if room[_TEST] > room[_VALIDATION] else _VALIDATION] -= 1
    room[_TRAIN] = rows - room[_VALIDATION] - room[_TEST]
    return room


def _fill(sizes: Rows, draws: NDArray[np.float64], room: Rows) -> Rows:
    """Place groups of several rows, the largest first, by chance in proportion to the room left; then single rows."""
    placed = np.empty(len(sizes), np.int64)
    left = room.astype(np.float64)
    order = np.lexsort((draws[0], -sizes))
    several = order[: int((sizes > 1).sum())]
    for group in several:
        fits = np.where(left >= sizes[group], left, 0.0)
        if fits.any():
            chosen = int(np.searchsorted(np.cumsum(fits), draws[1, group] * fits.sum(), side="right"))
        else:
            chosen = int(np.argmax(left))
        placed[group] = chosen
        left[chosen] -= sizes[group]
    singles = order[len(several) :]
    bounds = np.cumsum(np.maximum(left, 0.0)).astype(np.int64)
    placed[singles] = np.searchsorted(bounds, np.arange(len(singles)), side="right")
    return placed


def _give_training_every_class(placed: Rows, groups: Rows, labels: Rows) -> None:
    """Move the smallest group that holds a class into training, in place, where training has no row of it.

    Large groups can fill training before a class that only stands beside others in its groups has its turn.
    """
    sizes = np.bincount(groups)
    for label in np.setdiff1d(labels[labels >= 0], labels[placed == _TRAIN]):
        holding = groups[labels == label]
        placed[groups == holding[np.argmin(sizes[holding])]] = _TRAIN


def _require_sets(placed: Rows, table: Table, groups: Rows) -> None:
    for part, name in enumerate(_SETS):
        if not (placed == part).any():
            parts = int(groups.max(initial=-1)) + 1
            together = f" in {count_of(parts, 'group')} that must stay together" if parts < len(table) else ""
            rows = f"{count_of(len(table), 'row')}{together}"
            raise DataError(f"{table.source}: no row is left for {name}: {rows}; bring more rows, or change data.split")


def _require_classes(placed: Rows, table: Table, target: str, labels: Rows) -> None:
    unseen = np.flatnonzero((labels >= 0) & ~np.isin(labels, labels[placed == _TRAIN]))
    if len(unseen):
        named = canonical_text(table.columns[target][unseen[0]])
        raise DataError(
            f"{table.source}: training would see no row of the class {named!r} (row {table.numbers[unseen[0]]});"
            " bring more rows of it, or change data.split"
        )


def _measure(features: Rows, labels: Rows, rows: list[Rows], task: Task, group: str | None) -> Leakage:
    pairs, counts = np.unique(np.stack([features, labels])[:, labels >= 0], axis=1, return_counts=True)
    variants = np.bincount(pairs[0])
    best = np.zeros(len(variants))
    np.maximum.at(best, pairs[0], counts)
    contradictory = np.flatnonzero(variants > 1)
    labelled = int((labels >= 0).sum())
    seen = int(np.isin(features[rows[_TEST]], features[rows[_TRAIN]]).sum())
    return Leakage(
        rows=len(features),
        distinct_rows=int(features.max(initial=-1)) + 1,
        contradictory_rows=int(np.isin(features[labels >= 0], contradictory).sum()),
        contradictory_distinct_rows=len(contradictory),
        ceiling=best.sum() / labelled if task == "classification" and labelled else None,
        test_rows_seen=seen,
        share=seen / len(rows[_TEST]),
        group=group,
    )
