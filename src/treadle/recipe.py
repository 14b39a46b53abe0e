"""The one document a user writes: what to learn from, with which network, trained and judged how.

Everything but `name` and `data` has a default. Unknown keys are refused with a suggestion, and so is an option that
nothing would use, so that what a recipe says is what happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from treadle.errors import RecipeError
from treadle.faults import faults
from treadle.recipe_rules import refuse_unused_of_rows, refuse_unused_of_sequences
from treadle.section import Positive, Section, Share, unused
from treadle.sequence_recipe import SequenceRecipe
from treadle.text_recipe import EncoderRecipe, TextRecipe

Kind = Literal["number", "category", "boolean", "date", "text", "tags"]
Format = Literal["table", "lines", "conllu", "columns"]
Task = Literal["classification", "regression", "next_word", "tagging", "fill_blank"]

SEQUENCE_TASKS = ("next_word", "tagging", "fill_blank")
"""Tasks that answer at the tokens of a text."""
WORD_TASKS = ("next_word", "fill_blank")
"""Those of them whose answers are the text's own words, so that there is no target column."""

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL")
"""Cells of text that mean "no value", unless the recipe says otherwise."""


def _text_keys(weights: object) -> object:
    """Classes are often numbers or booleans, which YAML reads as such."""
    if not isinstance(weights, Mapping):
        return weights
    return {str(key).lower() if isinstance(key, bool) else str(key): weight for key, weight in weights.items()}


class SplitRecipe(Section):
    """How the rows are parted in three sets."""

    validation: Share = 0.2
    """Share of all rows for early stopping, thresholds and search."""
    test: Share = 0.2
    """Share of all rows that training never sees."""
    group: str | tuple[str, ...] | None = "distinct"
    """`distinct` keeps rows that are equal in every feature on one side; a column's name keeps its values on one
    side; a list keeps together what shares any of them; null splits row by row."""
    group_by: Literal["value", "host"] = "value"
    """What of a group's column keeps rows together: its whole value, or the host of the web address in it."""
    stratify: bool = True
    """Keep the share of every class the same in the three sets (classification only)."""
    sequential: bool = False
    """Take the last rows for test and those before them for validation, as the order of a text or of time asks."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Another seed parts the rows in another way."""

    @model_validator(mode="after")
    def _leave_rows_to_train_on(self) -> Self:
        if self.validation + self.test >= 0.95:
            raise ValueError("validation + test must leave at least 5 % of the rows for training")
        unused(self, ("group", "seed", "stratify"), used=not self.sequential, needs="data.split.sequential: false")
        columns = set(self.groups) - {"distinct"}
        unused(self, ("group_by",), used=bool(columns), needs="a column in data.split.group")
        return self

    @property
    def groups(self) -> tuple[str, ...]:
        """`distinct` and columns, each of which keeps rows together."""
        if self.sequential:
            return ()
        return self.group if isinstance(self.group, tuple) else (self.group,) if self.group else ()


class DataRecipe(Section):
    """What to read, and what of it to learn from."""

    source: str
    """A catalogue name, a file or glob (CSV, TSV, Parquet, JSON Lines, CoNLL-U, also .gz and .xz), or a database
    address."""
    format: Format | None = None
    """What a text file holds, where its name does not say: a table, lines of plain text, conllu, or columns of a token
    and its tag with a blank line after each sentence. Default of a .txt: lines for next_word and fill_blank, else a
    table."""
    query: str | None = None
    """The SELECT to run when `source` is a database address."""
    test: str | None = None
    """A source of test rows, where the data come with a split of their own; `source` is then parted in two."""
    validation: str | None = None
    """The same of validation rows."""
    target: str | None = None
    """The column to predict; next_word and fill_blank, which predict the text's own words, have none."""
    distinct: bool = False
    """Leave out rows of `source` that are equal to an earlier one in every feature and the target."""
    running: bool = False
    """Read the rows as one running text, each going on where the one before it ended (next_word)."""
    positive: str | int | float | bool | None = None
    """The class that precision, recall and F1 speak of (two classes; default: the rarer one)."""
    drop: tuple[str, ...] = ()
    """Columns that are no features: identifiers, and what is only known afterwards."""
    kinds: dict[str, Kind] = Field(default_factory=dict)
    """Kinds to use instead of those seen in the data."""
    missing: tuple[str, ...] = MISSING
    """Cells of text that mean "no value"."""
    encoding: str = "utf-8"
    """Encoding of text files."""
    split: SplitRecipe = SplitRecipe()
    """Training, validation and test rows; training gets what the other two leave."""

    @property
    def target_column(self) -> str:
        """The target of a task that has one."""
        assert self.target is not None
        return self.target

    @property
    def groups(self) -> tuple[str, ...]:
        """`distinct` and columns, each of which keeps rows together; a running text must have no holes."""
        return () if self.running else self.split.groups

    @property
    def texts(self) -> tuple[str, ...]:
        """Columns that are read as text."""
        return tuple(name for name, kind in self.kinds.items() if kind == "text")

    @model_validator(mode="after")
    def _no_unused_options(self) -> Self:
        unused(self.split, ("test",), used=self.test is None, needs="no data.test", within="split.")
        parting, parted = ("validation", "sequential", "seed", "stratify"), self.validation is None
        unused(self.split, parting, used=parted, needs="no data.validation", within="split.")
        if self.validation is not None and self.test is None:
            raise ValueError("validation: rows of their own need data.test beside them")
        whole = self.split.sequential or self.validation is not None
        unused(self, ("running",), used=whole or not self.running, needs="data.split.sequential: true")
        alone = not self.running
        unused(self.split, ("group", "stratify", "seed"), used=alone, needs="data.running: false", within="split.")
        return self


class FeaturesRecipe(Section):
    """How columns become the network's inputs."""

    scaling: Literal["standard", "quantile", "none"] = "standard"
    """Numbers: zero mean and unit variance, mapped to a normal distribution by rank, or as they are."""
    imputation: Literal["median", "knn"] = "median"
    """What stands in for a missing number; a 0/1 indicator column says that it was missing."""
    neighbours: Positive = 5
    """Rows averaged by KNN imputation."""
    categories: Literal["one_hot", "embedding"] = "one_hot"
    """Categories: a 0/1 input for each, or a learnt vector."""
    min_count: Positive = 1
    """Categories seen in fewer training rows share the bucket of the unseen ones."""
    text: TextRecipe = TextRecipe()
    """How texts become tokens (columns of data.kinds: text)."""

    @model_validator(mode="after")
    def _no_unused_options(self) -> Self:
        unused(self, ("neighbours",), used=self.imputation == "knn", needs="features.imputation: knn")
        return self


class ModelRecipe(Section):
    """The network."""

    hidden: tuple[Positive, ...] = (64, 32)
    """Width of every hidden layer; [] is a linear model."""
    activation: Literal["relu", "gelu", "silu", "tanh", "selu"] = "relu"
    """What bends the output of every hidden layer."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Share of a hidden layer's outputs that every training step leaves out."""
    normalization: Literal["none", "layer", "batch"] = "none"
    """Normalise every hidden layer's outputs over the layer, or over the batch."""
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
    text: EncoderRecipe = EncoderRecipe()
    """The part of the network that reads a text (columns of data.kinds: text)."""
    sequence: SequenceRecipe = SequenceRecipe()
    """The network of the tasks that answer at every token: next_word, tagging, fill_blank."""

    @model_validator(mode="after")
    def _no_unused_options(self) -> Self:
        unused(self, ("number_width",), used=self.numbers != "plain", needs="model.numbers: piecewise or periodic")
        unused(self, ("pieces",), used=self.numbers == "piecewise", needs="model.numbers: piecewise")
        waves = ("frequencies", "frequency_scale")
        unused(self, waves, used=self.numbers == "periodic", needs="model.numbers: periodic")
        layers = ("activation", "dropout", "normalization", "residual", "members")
        unused(self, layers, used=bool(self.hidden), needs="at least one layer in model.hidden")
        return self


class TrainingRecipe(Section):
    """How the network's weights are found."""

    loss: Literal["cross_entropy", "mse", "mae", "huber"] | None = None
    """What training makes small. Default: cross_entropy for classification, mse for regression."""
    class_weights: Literal["balanced"] | Annotated[dict[str, float], BeforeValidator(_text_keys)] | None = None
    """Weight of a row by its class, as {class: weight} or `balanced` (classification)."""
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = "adamw"
    """How a step follows from the gradient."""
    learning_rate: Annotated[float, Field(gt=0.0)] = 0.003
    """Size of a step."""
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.0001
    """Decoupled weight decay (adamw)."""
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    """Momentum (sgd)."""
    schedule: Literal["constant", "cosine"] = "constant"
    """Learning rate over the epochs, after the warm-up."""
    warmup_epochs: Annotated[int, Field(ge=0)] = 0
    """Epochs over which the learning rate rises to its full size."""
    clip_norm: Annotated[float, Field(gt=0.0)] | None = None
    """Largest norm of the gradient."""
    averaging: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Answer with a running mean of the weights, of which every step keeps this share (Polyak averaging)."""
    unroll: Positive = 64
    """Running text: tokens of a row of a step, through which gradients flow; its state is carried on further."""
    batch_size: Positive = 128
    """Rows of a step."""
    epochs: Positive = 100
    """Passes over the training rows, at most."""
    patience: Positive | None = 10
    """Epochs without a better validation loss before stopping; null trains all epochs. The best weights are kept."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Another seed begins with other weights and draws the rows in another order."""

    @model_validator(mode="after")
    def _no_unused_options(self) -> Self:
        unused(self, ("weight_decay",), used=self.optimizer == "adamw", needs="training.optimizer: adamw")
        unused(self, ("momentum",), used=self.optimizer == "sgd", needs="training.optimizer: sgd")
        return self


Opponent = Literal[
    "majority",
    "median",
    "mean",
    "logistic_regression",
    "ridge",
    "gradient_boosting",
    "nearest_neighbours",
    "nb_svm",
    "bag_of_embeddings",
    "unigram",
    "bigram",
    "kneser_ney",
    "most_frequent_tag",
]


class EvaluationRecipe(Section):
    """How the network is judged."""

    threshold: Annotated[float, Field(gt=0.0, lt=1.0)] | Literal["f1", "accuracy"] = "accuracy"
    """Two classes: the probability from which the answer is the positive class, or what it maximises on validation."""
    opponents: tuple[Opponent, ...] | None = None
    """What the network is compared with. Default: every one that fits the task."""
    resamples: Annotated[int, Field(ge=100)] = 1000
    """Bootstrap resamples behind every interval."""
    confidence: Share = 0.95
    """Share of resamples that an interval holds."""


class Recipe(Section):
    """What to learn from, with which network, trained and judged how."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    """Names the bundle: NAME.treadle."""
    task: Task | None = None
    """Default: classification when the target is a category, a boolean or has few values, else regression."""
    data: DataRecipe
    """What to read, and what of it to learn from."""
    features: FeaturesRecipe = FeaturesRecipe()
    """How columns become the network's inputs."""
    model: ModelRecipe = ModelRecipe()
    """The network."""
    training: TrainingRecipe = TrainingRecipe()
    """How the network's weights are found."""
    evaluation: EvaluationRecipe = EvaluationRecipe()
    """How the network is judged."""

    @model_validator(mode="after")
    def _no_unused_options(self) -> Self:
        if self.task in SEQUENCE_TASKS:
            refuse_unused_of_sequences(self)
        else:
            refuse_unused_of_rows(self)
        return self


def parse_recipe(document: object, where: str = "recipe") -> Recipe:
    """The recipe that `document` (parsed YAML or JSON) says.

    Raises:
        RecipeError: with a line for every faulty key.
    """
    if not isinstance(document, dict):
        raise RecipeError(f"{where}: a recipe is a mapping with the keys 'name' and 'data'")
    try:
        return Recipe.model_validate(document)
    except ValidationError as error:
        raise RecipeError("\n".join(f"{where}: {fault}" for fault in faults(error, document, Recipe))) from None


def resolve(recipe: Recipe) -> dict[str, Any]:
    """The recipe as a document with every default filled in, but no key that nothing would use.

    `parse_recipe` reads it again.
    """
    document = recipe.model_dump(mode="json")
    while stray := unused_keys(document):
        for *sections, key in stray:
            place = document
            for section in sections:
                place = place[section]
            del place[key]
    return document


def unused_keys(document: dict[str, Any]) -> list[list[str]]:
    """Keys of a recipe that nothing would use, each with its path; a section names some of them only when others are
    gone."""
    try:
        Recipe.model_validate(document)
    except ValidationError as error:
        unused_ones = [fault for fault in error.errors() if fault["type"] == "unused"]
        return [[*map(str, fault["loc"]), *key.split(".")] for fault in unused_ones for key in fault["ctx"]["keys"]]
    return []
