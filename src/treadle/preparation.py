"""From a recipe and its source to arrays: read, split, learn the contract, check, fit the features."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from numpy.typing import NDArray

from treadle.bundle.answers import ClassificationAnswers, RegressionAnswers
from treadle.bundle.faulty import describe_fault, describe_faults
from treadle.bundle.predictor import OnBadRow
from treadle.data.contract import Contract
from treadle.data.infer import infer_task, learn, positive_class
from treadle.data.sources import from_frame, read_table
from treadle.data.split import Split, split, without_repeats
from treadle.data.table import Table
from treadle.errors import ContractError, DataError, RecipeError
from treadle.evaluation.problem import Rows
from treadle.features import Features
from treadle.features.vocabulary import UNKNOWN
from treadle.recipe import SEQUENCE_TASKS, Recipe, parse_recipe

Task = Literal["classification", "regression"]


@dataclass(frozen=True)
class Prepared:
    """Everything that training, opponents and evaluation take from the data."""

    recipe: Recipe
    """With the task decided."""
    contract: Contract
    features: Features
    answers: ClassificationAnswers | RegressionAnswers
    split: Split
    train: Rows
    validation: Rows
    test_table: Table
    """Raw test rows: what is judged takes the same road as what is served."""
    notices: tuple[str, ...]

    @property
    def task(self) -> Task:
        """What is learnt."""
        return "classification" if isinstance(self.answers, ClassificationAnswers) else "regression"

    @cached_property
    def rows(self) -> dict[str, int]:
        """Rows of each set."""
        return {"train": len(self.train), "validation": len(self.validation), "test": len(self.test_table)}

    def scaled(self, targets: NDArray[Any]) -> NDArray[Any]:
        """Targets as the network learns them: codes of classes, or values on the scaled target."""
        return self.answers.scaled(targets) if isinstance(self.answers, RegressionAnswers) else targets


def prepare(recipe: Recipe, data: object, on_bad_row: OnBadRow) -> Prepared:
    """What the recipe's data give.

    Args:
        recipe: says what to read, how to split it and how to encode it.
        data: a frame to read in place of `data.source`; None reads the source.
        on_bad_row: what becomes of rows that break the contract.

    Raises:
        DataError: the source cannot be read, or nothing can be learnt from it.
        ContractError: rows break the contract and `on_bad_row` is `fail`.
        RecipeError: an option does not fit the task that the target decides, or the task answers at every token.
    """
    if recipe.task in SEQUENCE_TASKS:
        why = f"{recipe.task} answers at every token: this is for rows with one answer"
        raise RecipeError(f"recipe {recipe.name}: {why}")
    table = _read(recipe, data)
    validation_table, own_test = (
        None if source is None else read_table(source, encoding=recipe.data.encoding)
        for source in (recipe.data.validation, recipe.data.test)
    )
    task: Task
    if recipe.task == "classification" or recipe.task == "regression":  # noqa: PLR1714 - narrows the type
        task = recipe.task
    else:
        task = infer_task(table, recipe.data)
    recipe = _decided(recipe, task)
    table, repeats = without_repeats(table, recipe.data, task)
    parts = split(table, recipe.data, task, own_test, validation_table)
    sets = parts.tables(table, own_test, validation_table)
    contract, learnt = learn(sets[0], recipe.data, task)
    notices = [*repeats, *learnt]
    train, validation, test = (
        keep_good(name, contract, rows, on_bad_row, notices)
        for name, rows in zip(("training", "validation", "test"), sets, strict=True)
    )
    _refuse_unused(recipe, contract)
    features = Features.fit(contract, train.columns, recipe.features)
    learning, stopping = (_rows(contract, features, part.columns) for part in (train, validation))
    notices += [*_unread("training", learning), *_unread("validation", stopping)]
    return Prepared(
        recipe=recipe,
        contract=contract,
        features=features,
        answers=_answers(contract, recipe, task, train.columns[contract.target.name]),
        split=parts,
        train=learning,
        validation=stopping,
        test_table=test.table,
        notices=tuple(notices),
    )


def _read(recipe: Recipe, data: object) -> Table:
    if data is not None:
        return from_frame(data)
    return read_table(recipe.data.source, query=recipe.data.query, encoding=recipe.data.encoding)


def _decided(recipe: Recipe, task: Task) -> Recipe:
    """The recipe with its task written in, so that options which the task would not use are refused."""
    document = recipe.model_dump(mode="json", exclude_unset=True)
    return parse_recipe({**document, "task": task}, where=f"recipe {recipe.name}")


def _refuse_unused(recipe: Recipe, contract: Contract) -> None:
    """Refuse settings, other than the defaults, that the columns at hand would not use."""
    kinds = {field.kind for field in contract.features}
    incomplete = any(field.kind == "number" and field.nullable for field in contract.features)
    # One-hot categories and booleans are numbers to the network, so that its embeddings of numbers have a use.
    numbers = kinds != {"category"} or recipe.features.categories == "one_hot"
    for key, used, needs in (
        ("features.scaling", "number" in kinds, "a column of numbers"),
        ("features.imputation", incomplete, "a column of numbers with gaps in the training rows"),
        ("features.categories", "category" in kinds, "a column of categories"),
        ("features.min_count", "category" in kinds, "a column of categories"),
        ("model.numbers", numbers, "a column that is no embedded category"),
    ):
        section, _, name = key.partition(".")
        chosen = getattr(recipe, section)
        if not used and getattr(chosen, name) != type(chosen).model_fields[name].default:
            raise RecipeError(f"recipe {recipe.name}: {key} would not be used: it needs {needs}")


@dataclass(frozen=True)
class Part:
    """Rows of one set that keep the contract."""

    table: Table
    columns: dict[str, NDArray[Any]]
    notices: tuple[str, ...]
    """What is worth a look in them but no fault."""


def keep_good(name: str, contract: Contract, table: Table, on_bad_row: OnBadRow, notices: list[str]) -> Part:
    """The rows of a set that keep the contract.

    Raises:
        ContractError: some break it, and `on_bad_row` is `fail`.
        DataError: none is left.
    """
    checked = contract.check(table, with_target=True)
    if not checked.faults:
        return Part(table, checked.columns, checked.notices)
    if on_bad_row == "fail":
        raise ContractError(describe_faults(checked.faults, table.source, "cannot be learnt from"))
    if not checked.good.any():
        raise DataError(f"{table.source}: no {name} row is left: {describe_fault(checked.faults[0])}")
    if on_bad_row == "report":
        notices.extend(f"left out: {describe_fault(fault)}" for fault in checked.faults)
    else:
        notices.append(f"{int((~checked.good).sum()):,} of {len(table):,} {name} rows break the contract: left out")
    columns = {column: cells[checked.good] for column, cells in checked.columns.items()}
    return Part(table.take(checked.good), columns, checked.notices)


def _answers(
    contract: Contract, recipe: Recipe, task: Task, targets: NDArray[Any]
) -> ClassificationAnswers | RegressionAnswers:
    """How outputs become answers; the threshold is found later, on validation."""
    if task == "classification":
        positive = positive_class(contract.target, recipe.data, targets)
        if positive is None and "threshold" in recipe.evaluation.model_fields_set:
            raise RecipeError(f"evaluation.threshold would not be used: {contract.target.name!r} has not two classes")
        return ClassificationAnswers(labels=contract.target.values, positive=positive)
    return RegressionAnswers(mean=float(targets.mean()), scale=float(targets.std()))


def _unread(name: str, rows: Rows) -> Iterator[str]:
    """What is worth knowing of rows whose texts say nothing to the network."""
    if "tokens" in rows.inputs:
        count = int((rows.inputs["tokens"] <= UNKNOWN).all(axis=1).sum())
        if count:
            yield f"{count:,} of {len(rows):,} {name} rows hold no known token: empty texts, or unknown words only"


def _rows(contract: Contract, features: Features, columns: dict[str, NDArray[Any]]) -> Rows:
    cells = dict(columns)
    targets = cells.pop(contract.target.name)
    return Rows(cells, features.transform(cells), targets)
