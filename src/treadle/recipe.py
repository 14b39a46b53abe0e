"""The one document a user writes: what to learn from, with which network, trained and judged how.

Everything but `name` and `data` has a default. Unknown keys are refused with a suggestion, and so is an option that
nothing would use, so that what a recipe says is what happens.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from treadle.errors import RecipeError, did_you_mean

Kind = Literal["number", "category", "boolean", "date"]
Share = Annotated[float, Field(gt=0.0, lt=1.0)]
Positive = Annotated[int, Field(gt=0)]

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL")
"""Cells of text that mean "no value", unless the recipe says otherwise."""


class Section(BaseModel):
    """A part of the recipe: immutable, with unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


def unused(section: Section, keys: tuple[str, ...], *, used: bool, needs: str) -> None:
    """Refuse `keys` that were set although nothing would use them.

    Raises:
        ValueError: naming the key and the setting it needs; pydantic adds the place.
    """
    stray = [key for key in keys if key in section.model_fields_set]
    if stray and not used:
        raise ValueError(f"{', '.join(stray)} would not be used: it needs {needs}")


class SplitRecipe(Section):
    validation: Share = 0.2
    """Share of all rows for early stopping, thresholds and search."""
    test: Share = 0.2
    """Share of all rows that training never sees."""
    group: str | None = "distinct"
    """`distinct` keeps rows that are equal in every feature on one side; a column's name keeps its values on one
    side; null splits row by row."""
    stratify: bool = True
    """Keep the share of every class the same in the three sets (classification only)."""
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _leave_rows_to_train_on(self) -> Self:
        if self.validation + self.test >= 0.95:
            raise ValueError("validation + test must leave at least 5 % of the rows for training")
        return self


class DataRecipe(Section):
    source: str
    """A catalogue name, a file or glob (CSV, TSV, Parquet, JSON Lines, also .gz and .xz), or a database address."""
    query: str | None = None
    """The SELECT to run when `source` is a database address."""
    target: str
    """The column to predict."""
    positive: str | int | float | bool | None = None
    """The class that precision, recall and F1 speak of (two classes; default: the rarer one)."""
    drop: tuple[str, ...] = ()
    """Columns that are no features: identifiers, and what is only known afterwards."""
    kinds: dict[str, Kind] = {}
    """Kinds to use instead of those seen in the data."""
    missing: tuple[str, ...] = MISSING
    """Cells of text that mean "no value"."""
    encoding: str = "utf-8"
    """Encoding of text files."""
    split: SplitRecipe = SplitRecipe()


class FeaturesRecipe(Section):
    scaling: Literal["standard", "quantile", "none"] = "standard"
    """Numbers: zero mean and unit variance, mapped to a normal distribution by rank, or as they are."""
    imputation: Literal["median", "knn"] = "median"
    """What stands in for a missing number; a 0/1 indicator column says that it was missing."""
    neighbours: Positive = 5
    """Rows averaged by KNN imputation."""
    categories: Literal["one_hot", "embedding"] = "one_hot"
    min_count: Positive = 1
    """Categories seen in fewer training rows share the bucket of the unseen ones."""

    @model_validator(mode="after")
    def _no_unused_options(self) -> Self:
        unused(self, ("neighbours",), used=self.imputation == "knn", needs="imputation: knn")
        return self


class ModelRecipe(Section):
    hidden: tuple[Positive, ...] = (64, 32)
    """Width of every hidden layer; [] is a linear model."""
    activation: Literal["relu", "gelu", "silu", "tanh", "selu"] = "relu"
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    normalization: Literal["none", "layer", "batch"] = "none"
    residual: bool = False
    """Add a layer's input to its output where the widths are equal."""
    numbers: Literal["plain", "piecewise", "periodic"] = "plain"
    """Embedding of every number: none, piecewise-linear over training quantiles, or periodic
    (Gorishniy et al. 2022, On Embeddings for Numerical Features)."""
    number_width: Positive = 8
    """Width of a number's embedding."""
    pieces: Positive = 16
    """Most pieces of a piecewise-linear embedding."""
    frequencies: Positive = 16
    """Sines and cosines of a periodic embedding."""
    frequency_scale: Annotated[float, Field(gt=0.0)] = 0.1
    """Standard deviation of the first frequencies."""
    category_width: Positive = 8
    """Width of a category's embedding (features.categories: embedding)."""
    members: Positive = 1
    """Networks that share nearly all weights and answer by their mean (TabM, Gorishniy et al. 2025)."""

    @model_validator(mode="after")
    def _no_unused_options(self) -> Self:
        unused(self, ("number_width",), used=self.numbers != "plain", needs="numbers: piecewise or periodic")
        unused(self, ("pieces",), used=self.numbers == "piecewise", needs="numbers: piecewise")
        unused(self, ("frequencies", "frequency_scale"), used=self.numbers == "periodic", needs="numbers: periodic")
        unused(
            self,
            ("activation", "dropout", "normalization", "residual", "members"),
            used=bool(self.hidden),
            needs="at least one hidden layer",
        )
        return self


class TrainingRecipe(Section):
    loss: Literal["cross_entropy", "mse", "mae", "huber"] | None = None
    """Default: cross_entropy for classification, mse for regression."""
    class_weights: Literal["balanced"] | dict[str, float] | None = None
    """Weight of a row by its class (classification)."""
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0.0)] = 0.003
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.0001
    """Decoupled weight decay (adamw)."""
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    """Momentum (sgd)."""
    schedule: Literal["constant", "cosine"] = "constant"
    """Learning rate over the epochs, after the warm-up."""
    warmup_epochs: Annotated[int, Field(ge=0)] = 0
    clip_norm: Annotated[float, Field(gt=0.0)] | None = None
    """Largest norm of the gradient."""
    batch_size: Positive = 128
    epochs: Positive = 100
    patience: Positive | None = 10
    """Epochs without a better validation loss before stopping; null trains all epochs. The best weights are kept."""
    seed: int = 0

    @model_validator(mode="after")
    def _no_unused_options(self) -> Self:
        unused(self, ("weight_decay",), used=self.optimizer == "adamw", needs="optimizer: adamw")
        unused(self, ("momentum",), used=self.optimizer == "sgd", needs="optimizer: sgd")
        return self


Opponent = Literal[
    "majority", "median", "mean", "logistic_regression", "ridge", "gradient_boosting", "nearest_neighbours"
]


class EvaluationRecipe(Section):
    threshold: Annotated[float, Field(gt=0.0, lt=1.0)] | Literal["f1", "accuracy"] = "accuracy"
    """Two classes: the probability from which the answer is the positive class, or what it maximises on validation."""
    opponents: tuple[Opponent, ...] | None = None
    """Default: every one that fits the task."""
    resamples: Annotated[int, Field(ge=100)] = 1000
    """Bootstrap resamples behind every interval."""
    confidence: Share = 0.95


class Recipe(Section):
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    """Names the bundle: NAME.treadle."""
    task: Literal["classification", "regression"] | None = None
    """Default: classification when the target is a category, a boolean or has few values, else regression."""
    data: DataRecipe
    features: FeaturesRecipe = FeaturesRecipe()
    model: ModelRecipe = ModelRecipe()
    training: TrainingRecipe = TrainingRecipe()
    evaluation: EvaluationRecipe = EvaluationRecipe()

    @model_validator(mode="after")
    def _no_unused_options(self) -> Self:
        unused(
            self.model,
            ("category_width",),
            used=self.features.categories == "embedding",
            needs="features.categories: embedding",
        )
        if self.task == "regression":
            unused(self.training, ("class_weights",), used=False, needs="task: classification")
            unused(self.evaluation, ("threshold",), used=False, needs="task: classification")
            unused(self.data, ("positive",), used=False, needs="task: classification")
            unused(self.data.split, ("stratify",), used=False, needs="task: classification")
        return self


def parse_recipe(document: object, where: str = "recipe") -> Recipe:
    """The recipe that `document` (parsed YAML or JSON) says.

    Raises:
        RecipeError: with every fault named by its key.
    """
    if not isinstance(document, dict):
        raise RecipeError(f"{where}: a recipe is a mapping with the keys 'name' and 'data'")
    try:
        return Recipe.model_validate(document)
    except ValidationError as error:
        raise RecipeError("\n".join(_faults(error, where))) from None


def _faults(error: ValidationError, where: str) -> Iterator[str]:
    for fault in error.errors():
        # A union adds the tried type to the place; only keys of the document help a reader.
        keys = [str(part) for part in fault["loc"]]
        place = ".".join(keys)
        if fault["type"] == "extra_forbidden":
            yield f"{where}: unknown key '{place}'{did_you_mean(keys[-1], _known_keys(keys[:-1]))}"
        else:
            message = fault["msg"].removeprefix("Value error, ")
            yield f"{where}: {place}: {message}" if place else f"{where}: {message}"


def _known_keys(path: list[str]) -> list[str]:
    section: type[BaseModel] = Recipe
    for key in path:
        annotation = section.model_fields[key].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        section = annotation
    return list(section.model_fields)


def built_in_recipes() -> list[str]:
    """Names of the recipes that come with Treadle."""
    folder = resources.files("treadle") / "recipes"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def read_recipe(name: str, settings: tuple[str, ...] = ()) -> Recipe:
    """The recipe in the file `name`, or the built-in one of that name, with `a.b=value` settings applied.

    Raises:
        RecipeError: no such recipe, not YAML, or not a recipe.
    """
    document = _read_document(name)
    for setting in settings:
        _apply(document, setting)
    return parse_recipe(document, where=name)


def _read_document(name: str) -> dict[str, Any]:
    built_in = resources.files("treadle") / "recipes" / f"{name}.yaml"
    path = Path(name)
    if path.suffix in {".yaml", ".yml", ".json"} and path.is_file():
        source = path.read_bytes()
    elif name in built_in_recipes():
        source = built_in.read_bytes()
    else:
        hint = did_you_mean(name, built_in_recipes())
        raise RecipeError(f"no recipe {name!r}: neither a .yaml file nor a built-in{hint}")
    try:
        document = yaml.safe_load(source.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise RecipeError(f"{name}: byte {error.start} is not UTF-8; save the recipe as UTF-8 text") from None
    except yaml.YAMLError as error:
        raise RecipeError(f"{name}: not YAML: {error}") from None
    if not isinstance(document, dict):
        raise RecipeError(f"{name}: a recipe is a mapping with the keys 'name' and 'data'")
    return document


def _apply(document: dict[str, Any], setting: str) -> None:
    path, equals, value = setting.partition("=")
    if not equals or not path:
        raise RecipeError(f"--set {setting}: write it as key.key=value")
    *sections, key = path.split(".")
    place = document
    for section in sections:
        place = place.setdefault(section, {})
        if not isinstance(place, dict):
            raise RecipeError(f"--set {setting}: '{section}' is a value, not a section")
    try:
        place[key] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise RecipeError(f"--set {setting}: not a YAML value: {error}") from None
