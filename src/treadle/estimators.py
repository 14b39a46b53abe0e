"""Scikit-learn estimators: the same networks, on arrays and frames, without files, opponents or evaluation.

They predict through a bundle in memory, as a server would; JAX is imported only to fit.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags, assert_all_finite, check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from treadle.bundle import golden
from treadle.bundle.answers import Answers, ClassificationAnswers, RegressionAnswers
from treadle.bundle.bundle import Bundle
from treadle.bundle.graph import Graph
from treadle.bundle.predictor import Predictor, describe_faults
from treadle.data.cells import canonical_text, missing_cells
from treadle.data.contract import Contract, Field
from treadle.data.frames import from_frame
from treadle.data.infer import learn_field
from treadle.data.table import Table
from treadle.errors import DataError, RecipeError
from treadle.features import Features
from treadle.features.block import mean_and_scale
from treadle.recipe import MISSING, FeaturesRecipe, ModelRecipe, Recipe, Section, TrainingRecipe, parse_recipe

_MOST_SEEDS = 2**31 - 1


class _Treadle(BaseEstimator):  # type: ignore[misc]
    """What both estimators share: settings, and the way from a table to a bundle in memory."""

    def __init__(
        self,
        *,
        hidden: tuple[int, ...],
        activation: str,
        dropout: float,
        normalization: str,
        residual: bool,
        numbers: str,
        members: int,
        scaling: str,
        imputation: str,
        categories: str,
        min_count: int,
        optimizer: str,
        learning_rate: float,
        weight_decay: float,
        batch_size: int,
        epochs: int,
        patience: int | None,
        validation_fraction: float,
        random_state: int | np.random.RandomState | None,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.dropout = dropout
        self.normalization = normalization
        self.residual = residual
        self.numbers = numbers
        self.members = members
        self.scaling = scaling
        self.imputation = imputation
        self.categories = categories
        self.min_count = min_count
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.epochs = epochs
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def save(self, path: str | Path) -> None:
        """Write a bundle, to be served, verified and loaded like any other; it is called like the file.

        Raises:
            BundleError: the disk is full, or the folder missing.
        """
        check_is_fitted(self)
        dataclasses.replace(self.bundle_, name=Path(path).stem).save(path)

    def _fit(
        self, table: Table, target: Field, answers: Answers, targets: NDArray[Any], training: dict[str, Any]
    ) -> None:
        """Train on the rows of `table`.

        Args:
            table: feature columns.
            target: the target's field.
            answers: how raw outputs become answers.
            targets: codes of classes, or scaled values, shape (rows,).
            training: settings of the recipe's section `training` that only one of the estimators has.
        """
        from treadle.nn import build_table_network, to_arrays
        from treadle.tasks import Classification, Regression, class_weights
        from treadle.training import Examples, train

        seed = int(check_random_state(self.random_state).randint(_MOST_SEEDS))
        recipe = self._recipe(target.name, answers.task, training, seed)
        contract = Contract(fields=(*self._learn_fields(table), target))
        columns = contract.check(table).columns
        strata = targets if answers.task == "classification" else np.zeros(len(targets), np.int64)
        learnt, held = _hold_out(strata, self.validation_fraction, np.random.default_rng(seed))
        features = Features.fit(contract, {name: cells[learnt] for name, cells in columns.items()}, recipe.features)
        inputs = features.transform(columns)

        task: Classification | Regression
        if isinstance(answers, ClassificationAnswers):
            weights = class_weights(recipe.training.class_weights, answers.labels, targets[learnt])
            task = Classification(len(answers.labels), weights)
        else:
            task = Regression(recipe.training.loss or "mse")  # type: ignore[arg-type]
        examples = [
            Examples({name: array[rows] for name, array in inputs.items()}, targets[rows]) for rows in (learnt, held)
        ]
        network = build_table_network(
            recipe.model,
            number_columns=len(features.number_names),
            cardinalities=features.cardinalities,
            outputs=task.outputs,
            train_numbers=examples[0].inputs.get("numbers"),
            rng=np.random.default_rng(seed),
        )
        trained = train(task, network, examples[0], examples[1], recipe.training)
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

    def _recipe(self, target: str, task: str, training: dict[str, Any], seed: int) -> Recipe:
        """The recipe that the settings make; defaults are left out, so that only what was asked for must be of use."""
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
        document["training"] |= {**training, "seed": seed}
        name = type(self).__name__
        document |= {"name": name, "task": task, "data": {"source": "memory", "target": target}}
        try:
            return parse_recipe(document, where=name)
        except RecipeError as error:
            raise ValueError(str(error)) from None

    def _learn_fields(self, table: Table) -> tuple[Field, ...]:
        missing = missing_cells(MISSING)
        kind: Literal["number"] | None = "number" if self._numeric else None
        fields = [learn_field(name, cells, missing, kind) for name, cells in table.columns.items()]
        present = tuple(field for field in fields if field is not None)
        if not present:
            raise ValueError("X has no value in any column")
        return present

    def _read(self, X: Any, *, reset: bool) -> Table:  # noqa: N803 - scikit-learn's name
        """The table of an array or a frame, with the checks that scikit-learn asks for."""
        if reset:
            self._numeric = not _is_frame(X)
        if _is_frame(X):
            validate_data(self, X, reset=reset, skip_check_array=True)
            try:
                table = from_frame(X, source="X")
            except DataError as error:
                raise ValueError(str(error)) from None
            if len(table) == 0:
                raise ValueError("X: Found a frame with 0 sample(s) while a minimum of 1 is required.")
            return table
        array = validate_data(
            self,
            X,
            reset=reset,
            dtype=np.float64 if self._numeric else None,
            ensure_all_finite="allow-nan" if self._numeric else False,
            ensure_min_samples=2 if reset else 1,
        )
        names = getattr(self, "feature_names_in_", [f"x{index}" for index in range(array.shape[1])])
        return Table.of({str(name): array[:, index] for index, name in enumerate(names)}, source="X")

    def _outputs(self, X: Any) -> NDArray[np.float32]:  # noqa: N803 - scikit-learn's name
        check_is_fitted(self)
        table = self._read(X, reset=False)
        checked = self.bundle_.contract.check(table)
        if checked.faults:
            raise ValueError(describe_faults(checked.faults, table.source))
        return self._predictor.outputs(checked.columns)

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


class TreadleClassifier(ClassifierMixin, _Treadle):  # type: ignore[misc]
    """A network that tells classes apart.

    X is an array of numbers, NaN where missing, or a frame (Polars, pandas, Arrow) whose columns may also be text,
    booleans and dates. Rows held out of X decide when to stop, so that `fit` sees `1 - validation_fraction` of them;
    of fewer rows than that makes one of, all are learnt from and none is held out.

    Args:
        hidden: width of every hidden layer; () is a linear model.
        activation: relu, gelu, silu, tanh or selu.
        dropout: share of hidden values dropped in training.
        normalization: none, layer or batch.
        residual: whether a layer's input is added to its output where the widths are equal.
        numbers: plain, piecewise or periodic embedding of every number.
        members: networks of an ensemble that shares nearly all weights.
        scaling: of numbers: standard, quantile or none.
        imputation: of missing numbers: median or knn.
        categories: of a frame: one_hot or embedding.
        min_count: categories seen in fewer rows share the bucket of the unseen ones.
        class_weight: balanced, or a weight for each class that shall not count 1.
        optimizer: adam, adamw, sgd or rmsprop.
        learning_rate: of the optimiser.
        weight_decay: decoupled weight decay (adamw).
        batch_size: rows of a step.
        epochs: most passes over the rows.
        patience: epochs without a lower validation loss before stopping; None trains all epochs.
        validation_fraction: share of the rows held out of each class.
        random_state: of the weights, the order of rows and what is held out.

    Attributes:
        classes_: the classes, sorted.
        bundle_: everything a prediction needs.
        loss_curve_, validation_loss_curve_: by epoch.
        best_epoch_: counted from 1; its weights were kept.
        n_features_in_, feature_names_in_: as in every estimator of scikit-learn.
    """

    def __init__(
        self,
        *,
        hidden: tuple[int, ...] = (64, 32),
        activation: str = "relu",
        dropout: float = 0.0,
        normalization: str = "none",
        residual: bool = False,
        numbers: str = "plain",
        members: int = 1,
        scaling: str = "standard",
        imputation: str = "median",
        categories: str = "one_hot",
        min_count: int = 1,
        class_weight: Literal["balanced"] | dict[Any, float] | None = None,
        optimizer: str = "adamw",
        learning_rate: float = 0.003,
        weight_decay: float = 0.0001,
        batch_size: int = 128,
        epochs: int = 100,
        patience: int | None = 10,
        validation_fraction: float = 0.2,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(
            hidden=hidden,
            activation=activation,
            dropout=dropout,
            normalization=normalization,
            residual=residual,
            numbers=numbers,
            members=members,
            scaling=scaling,
            imputation=imputation,
            categories=categories,
            min_count=min_count,
            optimizer=optimizer,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            batch_size=batch_size,
            epochs=epochs,
            patience=patience,
            validation_fraction=validation_fraction,
            random_state=random_state,
        )
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803 - scikit-learn's name
        """Train on rows `X`, shape (rows, columns), and their classes `y`, shape (rows,).

        Raises:
            ValueError: the arrays do not fit each other, hold infinity or one class only, or a setting is unknown.
        """
        table = self._read(X, reset=True)
        labels = _check_target(y, table)
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        classes = self.classes_.tolist()
        if len(classes) < 2:
            raise ValueError(f"y has one class only, {classes[0]!r}: there is nothing to tell apart")
        target = Field(
            name=_target_name(y, table),
            kind="category",
            role="target",
            categories=tuple(canonical_text(label) for label in classes),
            numeric_categories=self.classes_.dtype.kind in "iuf",
        )
        training: dict[str, Any] = {}
        if isinstance(self.class_weight, dict):
            weights = {label: float(self.class_weight.get(label, 1.0)) for label in classes}
            training["class_weights"] = {str(label): weight for label, weight in weights.items()}
        elif self.class_weight is not None:
            training["class_weights"] = self.class_weight
        self._fit(table, target, ClassificationAnswers(labels=tuple(classes)), codes, training)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's name
        """Probability of every class in the order of `classes_`, shape (rows, classes)."""
        outputs = self._outputs(X).astype(np.float64)
        # The network's float32 numbers add up to 1 within seven digits only.
        return np.asarray(outputs / outputs.sum(axis=1, keepdims=True))

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803 - scikit-learn's name
        """The likeliest class of every row, shape (rows,)."""
        probabilities = self.predict_proba(X)
        return np.asarray(self.classes_[np.argmax(probabilities, axis=1)])


class TreadleRegressor(RegressorMixin, _Treadle):  # type: ignore[misc]
    """A network that predicts a number; X and the settings are those of `TreadleClassifier`, except:

    Args:
        hidden: see `TreadleClassifier`, as all that follow.
        activation: see there.
        dropout: see there.
        normalization: see there.
        residual: see there.
        numbers: see there.
        members: see there.
        scaling: see there.
        imputation: see there.
        categories: see there.
        min_count: see there.
        loss: mse, mae or huber, on the target scaled to zero mean and unit variance.
        optimizer: see there.
        learning_rate: see there.
        weight_decay: see there.
        batch_size: see there.
        epochs: see there.
        patience: see there.
        validation_fraction: share of the rows held out.
        random_state: see there.

    Attributes:
        bundle_: everything a prediction needs.
        loss_curve_, validation_loss_curve_: by epoch.
        best_epoch_: counted from 1; its weights were kept.
        n_features_in_, feature_names_in_: as in every estimator of scikit-learn.
    """

    def __init__(
        self,
        *,
        hidden: tuple[int, ...] = (64, 32),
        activation: str = "relu",
        dropout: float = 0.0,
        normalization: str = "none",
        residual: bool = False,
        numbers: str = "plain",
        members: int = 1,
        scaling: str = "standard",
        imputation: str = "median",
        categories: str = "one_hot",
        min_count: int = 1,
        loss: str = "mse",
        optimizer: str = "adamw",
        learning_rate: float = 0.003,
        weight_decay: float = 0.0001,
        batch_size: int = 128,
        epochs: int = 100,
        patience: int | None = 10,
        validation_fraction: float = 0.2,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(
            hidden=hidden,
            activation=activation,
            dropout=dropout,
            normalization=normalization,
            residual=residual,
            numbers=numbers,
            members=members,
            scaling=scaling,
            imputation=imputation,
            categories=categories,
            min_count=min_count,
            optimizer=optimizer,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            batch_size=batch_size,
            epochs=epochs,
            patience=patience,
            validation_fraction=validation_fraction,
            random_state=random_state,
        )
        self.loss = loss

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803 - scikit-learn's name
        """Train on rows `X`, shape (rows, columns), and their targets `y`, shape (rows,).

        Raises:
            ValueError: the arrays do not fit each other, hold infinity, or a setting is unknown.
        """
        table = self._read(X, reset=True)
        values = np.asarray(_check_target(y, table), dtype=np.float64)
        mean, scale = mean_and_scale(values[None])
        answers = RegressionAnswers(mean=mean.item(), scale=scale.item())
        target = Field(name=_target_name(y, table), kind="number", role="target")
        self._fit(table, target, answers, answers.scaled(values), {})
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's name
        """The predicted number of every row, shape (rows,), in the unit of `y`."""
        outputs = self._outputs(X)
        return np.asarray(self.bundle_.answers.answer(outputs)["value"])


def _is_frame(X: Any) -> bool:  # noqa: N803 - scikit-learn's name
    """Whether it is a table whose columns may differ in kind: a Polars or pandas frame, an Arrow table."""
    return hasattr(X, "__arrow_c_stream__") and len(getattr(X, "shape", ())) == 2


def _check_target(y: Any, table: Table) -> NDArray[Any]:
    """`y` as an array of shape (rows,), without gaps."""
    target: NDArray[Any] = column_or_1d(y, warn=True)
    assert_all_finite(target, input_name="y")
    check_consistent_length(table.numbers, target)
    return target


def _target_name(y: Any, table: Table) -> str:
    """The name of the series `y`, or `target`, made different from every column."""
    name = str(getattr(y, "name", None) or "target")
    while name in table.columns:
        name += "_"
    return name


def _plain(value: Any) -> Any:
    """A setting as a recipe holds it: a grid of settings comes as NumPy's numbers."""
    return value.item() if isinstance(value, np.generic) else value


def _hold_out(
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
