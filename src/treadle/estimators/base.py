"""What both estimators share: the way from an array or a frame to a bundle in memory."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, assert_all_finite, check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.validation import check_is_fitted, validate_data

from treadle.bundle import golden
from treadle.bundle.answers import Answers
from treadle.bundle.bundle import Bundle
from treadle.bundle.faulty import count_faulty
from treadle.bundle.graph import Graph
from treadle.bundle.predictor import Predictor
from treadle.data.cells import missing_cells
from treadle.data.contract import Contract, Field
from treadle.data.frames import from_frame
from treadle.data.infer import learn_field
from treadle.data.table import Table
from treadle.errors import ContractError, DataError, RecipeError
from treadle.features import Features
from treadle.recipe import MISSING, FeaturesRecipe, ModelRecipe, Recipe, TrainingRecipe, parse_recipe
from treadle.section import Section

if TYPE_CHECKING:
    from treadle.tasks import Task

_MOST_SEEDS = 2**31 - 1
_FAULTS_SHOWN = 5


class TableEstimator(BaseEstimator):  # type: ignore[misc]
    """A table in, a bundle in memory, raw outputs out. The settings are those of the class that derives from it."""

    validation_fraction: float
    random_state: int | np.random.RandomState | None
    _columns: list[str]
    """As `fit` saw them."""
    _numeric: bool
    """Whether `fit` was given an array, all columns of which are numbers."""

    def save(self, path: str | Path) -> None:
        """Write a bundle, to be served, verified and loaded like any other; it is called like the file.

        Raises:
            BundleError: the disk is full, or the folder missing.
        """
        check_is_fitted(self)
        dataclasses.replace(self.bundle_, name=Path(path).stem).save(path)

    def read_table(self, X: Any, *, reset: bool) -> Table:  # noqa: N803 - scikit-learn's name
        """The table of an array or a frame, with the checks that scikit-learn asks for.

        Columns are known by name where `fit` was given a frame, and by place where it was given an array.

        Raises:
            ValueError: not a table, not the columns that `fit` saw, no rows, or infinity.
        """
        if reset:
            self._numeric = not _is_frame(X)
        if _is_frame(X) and not self._numeric:
            validate_data(self, X, reset=reset, skip_check_array=True)
            try:
                table = from_frame(X, source="X")
            except DataError as error:
                raise ValueError(str(error)) from None
        else:
            array = validate_data(
                self,
                X,
                reset=reset,
                dtype=np.float64 if self._numeric else None,
                ensure_all_finite="allow-nan" if self._numeric else False,
            )
            names = [f"x{index}" for index in range(array.shape[1])] if reset else self._columns
            table = Table.of({name: array[:, index] for index, name in enumerate(names)}, source="X")
        if len(table) < (least := 2 if reset else 1):
            raise ValueError(f"X has {len(table)} sample(s), while a minimum of {least} is required")
        if reset:
            self._columns = list(table.columns)
        return table

    def recipe(self, task: str, target: str, training: dict[str, Any]) -> Recipe:
        """The recipe that the settings make; those left at their defaults are left out, so that none is unused.

        Args:
            task: classification or regression.
            target: name of the target.
            training: settings of the section `training` that go by another name here.

        Raises:
            ValueError: a setting that is unknown, out of range, or of no use beside the others.
        """
        settings = {name: _plain(value) for name, value in self.get_params(deep=False).items()}
        sections: dict[str, type[Section]] = {
            "features": FeaturesRecipe,
            "model": ModelRecipe,
            "training": TrainingRecipe,
        }
        document: dict[str, Any] = {
            name: {
                key: settings[key]
                for key, field in section.model_fields.items()
                if key in settings and settings[key] != field.default
            }
            for name, section in sections.items()
        }
        seed = int(check_random_state(self.random_state).randint(_MOST_SEEDS))
        document["training"] |= {**training, "seed": seed}
        name = type(self).__name__
        document |= {"name": name, "task": task, "data": {"source": "memory", "target": target}}
        try:
            return parse_recipe(document, where=name)
        except RecipeError as error:
            raise ValueError(str(error)) from None

    def train(
        self, table: Table, targets: NDArray[Any], *, target: Field, recipe: Recipe, task: Task, answers: Answers
    ) -> None:
        """Learn contract, features and network from the rows of `table`, and put them into a bundle.

        Args:
            table: feature columns.
            targets: codes of classes, or scaled values, shape (rows,).
            target: the target's field.
            recipe: as `recipe` gave it.
            task: the loss.
            answers: how raw outputs become answers.
        """
        from treadle.nn import build_table_network, to_arrays
        from treadle.training import Examples, train

        contract = Contract(fields=(*self._learn_fields(table), target))
        columns = _check_rows(contract, table)
        random = np.random.default_rng(recipe.training.seed)
        strata = targets if recipe.task == "classification" else np.zeros(len(targets))
        learnt, held = hold_out(strata, self.validation_fraction, random)
        features = Features.fit(contract, {name: cells[learnt] for name, cells in columns.items()}, recipe.features)
        inputs = features.transform(columns)
        examples, deciding = (
            Examples({name: array[rows] for name, array in inputs.items()}, targets[rows]) for rows in (learnt, held)
        )
        network = build_table_network(
            recipe.model,
            number_columns=len(features.number_names),
            cardinalities=features.cardinalities,
            outputs=task.outputs,
            train_numbers=examples.inputs.get("numbers"),
            rng=random,
        )
        trained = train(task, network, examples, deciding, recipe.training)
        graph = Graph(recipe.name)
        task.write(trained.network, graph)
        bundle = Bundle(
            name=recipe.name,
            task=answers.task,
            recipe=recipe.model_dump(mode="json"),
            contract=contract,
            features=features,
            answers=answers,
            weights=to_arrays(trained.network),
            onnx=graph.to_bytes(),
            split={"train": len(learnt), "validation": len(held), "test": 0},
        )
        self._predictor = Predictor(bundle)
        self.bundle_ = dataclasses.replace(bundle, golden=golden.record(self._predictor, table))
        self.loss_curve_ = [epoch.loss for epoch in trained.history]
        self.validation_loss_curve_ = [epoch.validation_loss for epoch in trained.history]
        self.best_epoch_ = trained.best_epoch

    def _learn_fields(self, table: Table) -> tuple[Field, ...]:
        missing = missing_cells(MISSING)
        kind: Literal["number"] | None = "number" if self._numeric else None
        try:
            fields = [learn_field(name, cells, missing, kind) for name, cells in table.columns.items()]
        except ValueError as error:
            # What it advises are keys of a recipe.
            raise ValueError(
                f"X: {error}. An estimator takes no recipe: change X, or give treadle.fit a recipe with these keys"
            ) from None
        present = tuple(field for field in fields if field is not None)
        if not present:
            raise ValueError("X has no value in any column")
        return present

    def outputs(self, X: Any) -> NDArray[np.float32]:  # noqa: N803 - scikit-learn's name
        """Raw outputs of the network, shape (rows, outputs)."""
        check_is_fitted(self)
        table = self.read_table(X, reset=False)
        return self._predictor.outputs(_check_rows(self.bundle_.contract, table))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())
        # An open ONNX session cannot be pickled; the bundle it is opened from can.
        state.pop("_predictor", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "bundle_" in state:
            self._predictor = Predictor(self.bundle_)


def _is_frame(X: Any) -> bool:  # noqa: N803 - scikit-learn's name
    """Whether it is a table whose columns may differ in kind: a Polars or pandas frame, an Arrow table."""
    return hasattr(X, "__arrow_c_stream__") and len(getattr(X, "shape", ())) == 2


def check_target(y: Any, table: Table) -> NDArray[Any]:
    """`y` as an array of shape (rows,), without gaps."""
    target: NDArray[Any] = column_or_1d(y, warn=True)
    assert_all_finite(target, input_name="y")
    check_consistent_length(table.numbers, target)
    return target


def _check_rows(contract: Contract, table: Table) -> dict[str, NDArray[Any]]:
    """The columns of `table` as the contract reads them."""
    try:
        checked = contract.check(table)
    except ContractError as error:
        raise ValueError(str(error)) from None
    if checked.faults:
        faults = [f"  {fault}" for fault in checked.faults[:_FAULTS_SHOWN]]
        raise ValueError("\n".join([f"X: {count_faulty(checked.faults)}:", *faults]))
    return checked.columns


def target_name(y: Any, table: Table) -> str:
    """The name of the series `y`, or `target`, made different from every column."""
    name = str(getattr(y, "name", None) or "target")
    while name in table.columns:
        name += "_"
    return name


def _plain(value: Any) -> Any:
    """A setting as a recipe holds it: a grid of settings comes as NumPy's numbers."""
    return value.item() if isinstance(value, np.generic) else value


def hold_out(
    strata: NDArray[Any], fraction: float, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows to learn from, and rows that decide when to stop: of each stratum the same share, to the nearest row.

    Where that leaves no row to decide, the rows to learn from do.
    """
    if not 0.0 <= fraction < 1.0:
        raise ValueError(f"validation_fraction is {fraction}; it must be at least 0 and below 1")
    order = random.permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    sizes = np.unique(strata, return_counts=True)[1]
    # Every stratum keeps a row, so that no class is judged that was not learnt.
    held_sizes = np.minimum(np.round(sizes * fraction).astype(np.int64), sizes - 1)
    place = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    is_held = place < np.repeat(held_sizes, sizes)
    learnt, held = np.sort(order[~is_held]), np.sort(order[is_held])
    return learnt, held if len(held) else learnt
