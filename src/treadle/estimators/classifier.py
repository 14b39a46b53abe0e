"""Classes, the way scikit-learn asks for them."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from treadle.bundle.answers import ClassificationAnswers
from treadle.data.cells import canonical_text
from treadle.data.contract import Field
from treadle.estimators.base import TableEstimator, check_target, target_name


class TreadleClassifier(ClassifierMixin, TableEstimator):  # type: ignore[misc]
    """A network that tells classes apart.

    X is an array of numbers, NaN where missing, or a frame (Polars, pandas, Arrow) whose columns may also be text,
    booleans and dates. Rows held out of X decide when to stop, so that `fit` sees `1 - validation_fraction` of them;
    if they are too few to hold any out, all decide.

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
        self.class_weight = class_weight
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.epochs = epochs
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803 - scikit-learn's name
        """Train on rows `X`, shape (rows, columns), and their classes `y`, shape (rows,).

        Raises:
            ValueError: the arrays do not fit each other, hold infinity or one class only, or a setting is unknown.
        """
        from treadle.tasks import Classification, class_weights

        table = self.read_table(X, reset=True)
        labels = check_target(y, table)
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        classes = self.classes_.tolist()
        if len(classes) < 2:
            raise ValueError(f"y has one class only, {classes[0]!r}: there is nothing to tell apart")
        texts = tuple(canonical_text(label) for label in classes)
        target = Field(
            name=target_name(y, table),
            kind="category",
            role="target",
            categories=texts,
            numeric_categories=self.classes_.dtype.kind in "iuf",
            typical=texts[np.argmax(np.bincount(codes))],
        )
        setting = self.class_weight
        if isinstance(setting, dict):
            setting = {str(label): float(setting.get(label, 1.0)) for label in classes}
        recipe = self.recipe("classification", target.name, {} if setting is None else {"class_weights": setting})
        task = Classification(len(classes), class_weights(recipe.training.class_weights, classes, codes))
        answers = ClassificationAnswers(labels=tuple(classes))
        self.train(table, codes, target=target, recipe=recipe, task=task, answers=answers)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's name
        """Probability of every class in the order of `classes_`, shape (rows, classes)."""
        outputs = self.outputs(X).astype(np.float64)
        # The network's float32 numbers add up to 1 within seven digits only.
        return np.asarray(outputs / outputs.sum(axis=1, keepdims=True))

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803 - scikit-learn's name
        """The likeliest class of every row, shape (rows,)."""
        probabilities = self.predict_proba(X)
        return np.asarray(self.classes_[np.argmax(probabilities, axis=1)])
