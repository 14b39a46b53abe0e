"""Numbers, the way scikit-learn asks for them."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin

from treadle.bundle.answers import RegressionAnswers
from treadle.data.contract import Field
from treadle.estimators.base import TableEstimator, check_target, target_name
from treadle.features.block import mean_and_scale


class TreadleRegressor(RegressorMixin, TableEstimator):  # type: ignore[misc]
    """A network that predicts a number.

    X and the settings are those of `TreadleClassifier`, with `loss` in the place of `class_weight`: mse, mae or huber,
    on the target scaled to zero mean and unit variance.

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
        loss: Literal["mse", "mae", "huber"] = "mse",
        optimizer: str = "adamw",
        learning_rate: float = 0.003,
        weight_decay: float = 0.0001,
        batch_size: int = 128,
        epochs: int = 100,
        patience: int | None = 10,
        validation_fraction: float = 0.2,
        random_state: int | np.random.RandomState | None = None,
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
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.epochs = epochs
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803 - scikit-learn's name
        """Train on rows `X`, shape (rows, columns), and their targets `y`, shape (rows,).

        Raises:
            ValueError: the arrays do not fit each other, hold infinity, or a setting is unknown.
        """
        from treadle.tasks import Regression

        table = self.read_table(X, reset=True)
        values = np.asarray(check_target(y, table), dtype=np.float64)
        mean, scale = mean_and_scale(values[None])
        answers = RegressionAnswers(mean=mean.item(), scale=scale.item())
        target = Field(
            name=target_name(y, table),
            kind="number",
            role="target",
            integer=bool(np.all(values == np.floor(values))),
            minimum=values.min(),
            maximum=values.max(),
            typical=np.median(values),
        )
        recipe = self.recipe("regression", target.name, {})
        task = Regression(self.loss)
        self.train(table, answers.scaled(values), target=target, recipe=recipe, task=task, answers=answers)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's name
        """The predicted number of every row, shape (rows,), in the unit of `y`."""
        outputs = self.outputs(X)
        answers = self.bundle_.answers
        assert isinstance(answers, RegressionAnswers)
        return np.asarray(answers.answer(outputs)["value"])
