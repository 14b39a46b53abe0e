"""The one document a user writes: what to learn from, with which network, trained and judged how.

Everything but `name` and `data` has a default. Unknown keys are refused with a suggestion, and so is an option that
nothing would use, so that what a recipe says is what happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from treadle.errors import RecipeError, did_you_mean
from treadle.faults import faults
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
    and its tag with a blank line after each sentence."""
    query: str | None = None
    """The SELECT to run when `source` is a database address."""
    test: str | None = None
    """A source of test rows, where the data come with a split of their own; `source` is then parted in two."""
    validation: str | None = None
    """The same of validation rows."""
    target: str | None = None
    """The column to predict; next_word and fill_blank, which predict the text's own words, have none."""
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
    def texts(self) -> tuple[str, ...]:
        """Columns that are read as text."""
        return tuple(name for name, kind in self.kinds.items() if kind == "text")

    @model_validator(mode="after")
    def _no_unused_options(self) -> Self:
        unused(self.split, ("test",), used=self.test is None, needs="no data.test", within="split.")
        unused(self.split, ("validation",), used=self.validation is None, needs="no data.validation", within="split.")
        if self.validation is not None and self.test is None:
            raise ValueError("validation: rows of their own need data.test beside them")
        whole = self.split.sequential or self.validation is not None
        unused(self, ("running",), used=whole or not self.running, needs="data.split.sequential: true")
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
            _refuse_unused_of_sequences(self)
        else:
            _refuse_unused_of_rows(self)
        return self


def _refuse_unused_of_rows(recipe: Recipe) -> None:
    task, data = recipe.task, recipe.data
    if data.target is None:
        raise ValueError("data.target is missing: the column to predict")
    needs = "task: next_word, tagging or fill_blank"
    unused(data, ("running", "format"), used=False, needs=needs, within="data.")
    unused(recipe.model, ("sequence",), used=False, needs=needs, within="model.")
    unused(recipe.features.text, ("marks", "affixes"), used=False, needs=needs, within="features.text.")
    unused(recipe.training, ("unroll",), used=False, needs=needs, within="training.")
    embedded = recipe.features.categories == "embedding"
    unused(recipe.model, ("category_width",), used=embedded, needs="features.categories: embedding", within="model.")
    reads, needs = bool(data.texts), "a column of text in data.kinds: {COLUMN: text}"
    for section, within in ((recipe.features, "features."), (recipe.model, "model.")):
        unused(section, ("text",), used=reads, needs=needs, within=within)
    known = recipe.features.text.tokens in ("words", "spaced") and not recipe.features.text.hashing
    needs = "features.text.tokens: words, without hashing"
    unused(recipe.model.text, ("vectors",), used=known, needs=needs, within="model.text.")
    loss = recipe.training.loss
    if loss and task and (loss == "cross_entropy") != (task == "classification"):
        fitting = "cross_entropy" if task == "classification" else "mse, mae or huber"
        raise ValueError(f"training.loss: {loss} does not fit task: {task}, which takes {fitting}")
    if task == "regression":
        _refuse(recipe, _OF_CLASSES, "task: classification")


_OF_CLASSES = ("training.class_weights", "evaluation.threshold", "data.positive", "data.split.stratify")
_OF_ROWS = (
    *_OF_CLASSES,
    *(f"features.{name}" for name in ("scaling", "imputation", "neighbours", "categories", "min_count")),
    *(f"model.{name}" for name in ModelRecipe.model_fields if name != "sequence"),
    "training.loss",
)


def _refuse_unused_of_sequences(recipe: Recipe) -> None:
    task, text, network = recipe.task, recipe.features.text, recipe.model.sequence
    _refuse(recipe, _OF_ROWS, "task: classification or regression")
    if task in WORD_TASKS:
        _refuse(recipe, ("data.target", "model.sequence.crf", "features.text.affixes"), "task: tagging")
        _refuse(recipe, ("features.text.hashing",), "a task that need not say words")
    elif recipe.data.target is None:
        raise ValueError("data.target is missing: the column of the tags")
    if task != "next_word":
        names = ("data.running", "features.text.marks", "training.unroll")
        _refuse(recipe, names, "task: next_word")
    elif recipe.data.running:
        _refuse(recipe, ("features.text.marks", "features.text.length", "features.text.keep"), "data.running: false")
    else:
        _refuse(recipe, ("training.unroll",), "data.running: true")
    if task != "tagging":
        _refuse(recipe, ("model.sequence.bidirectional",), "task: tagging")
    else:
        _refuse(recipe, ("model.sequence.tied", "features.text.drop"), "task: next_word or fill_blank")
    if task == "tagging" and text.tokens != "spaced":
        raise ValueError("features.text.tokens: tagging answers at every token, which are those between blanks: spaced")
    if task == "fill_blank" and text.tokens not in ("words", "spaced"):
        raise ValueError(f"features.text.tokens: {text.tokens} does not fit task: fill_blank, which takes words")
    unused(network, ("affix_width",), used=text.affixes > 0, needs="features.text.affixes", within="model.sequence.")
    known = text.tokens in ("words", "spaced") and not text.hashing
    needs = "features.text.tokens: words, without hashing"
    unused(network, ("vectors",), used=known, needs=needs, within="model.sequence.")


def _refuse(recipe: Recipe, paths: tuple[str, ...], needs: str) -> None:
    for path in paths:
        place: Section = recipe
        *sections, key = path.split(".")
        for name in sections:
            place = getattr(place, name)
        unused(place, (key,), used=False, needs=needs, within="".join(f"{name}." for name in sections))


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
    while stray := _unused_keys(document):
        for *sections, key in stray:
            place = document
            for section in sections:
                place = place[section]
            del place[key]
    return document


def _unused_keys(document: dict[str, Any]) -> list[list[str]]:
    try:
        Recipe.model_validate(document)
    except ValidationError as error:
        unused_ones = [fault for fault in error.errors() if fault["type"] == "unused"]
        return [[*map(str, fault["loc"]), *key.split(".")] for fault in unused_ones for key in fault["ctx"]["keys"]]
    return []


def _leave_out_idle_defaults(document: dict[str, Any], asked: set[str]) -> None:
    """Leave out keys that `asked` settings made idle and that only say the default, as `treadle init` writes them."""
    found = True
    while found:  # a section names what it does not use one after the other
        found = False
        for *sections, key in _unused_keys(document):
            place, section = document, Recipe
            for name in sections:
                place, section = place[name], section.model_fields[name].annotation  # type: ignore[assignment]
            default = section.model_fields[key].default
            plain = list(default) if isinstance(default, tuple) else default
            if ".".join([*sections, key]) not in asked and place[key] == plain:
                del place[key]
                found = True


def recipe_schema() -> dict[str, Any]:
    """The JSON Schema of a recipe, from which editors complete and explain its keys."""
    return Recipe.model_json_schema()


def schema_file() -> Path:
    """The schema as a file, which comes with Treadle; `treadle schema` prints what stands in it."""
    return Path(str(resources.files("treadle") / "recipes" / "recipe.schema.json"))


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
    if settings:
        _leave_out_idle_defaults(document, {setting.partition("=")[0] for setting in settings})
    return parse_recipe(document, where=name)


def _read_document(name: str) -> dict[str, Any]:
    if Path(name).suffix in _SUFFIXES:
        content = _read_file(Path(name))
    elif name in built_in_recipes():
        content = (resources.files("treadle") / "recipes" / f"{name}.yaml").read_bytes()
    elif Path(name).is_file():
        advice = f"or write one from a table: treadle init {name} --target COLUMN"
        raise RecipeError(f"{name}: the name of a recipe ends in {', '.join(_SUFFIXES)}; rename it, {advice}")
    else:
        raise RecipeError(
            f"no recipe {name!r}: neither built in nor a .yaml file{did_you_mean(name, built_in_recipes())}"
        )
    try:
        document = yaml.load(content.decode("utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    except UnicodeDecodeError as error:
        raise RecipeError(f"{name}: byte {error.start} is not UTF-8; save the recipe as UTF-8 text") from None
    except yaml.YAMLError as error:
        raise RecipeError(f"{name}: {_explain(error)}") from None
    if not isinstance(document, dict):
        raise RecipeError(f"{name}: a recipe is a mapping with the keys 'name' and 'data'")
    return document


_SUFFIXES = (".yaml", ".yml", ".json")


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        names = [each.name for each in path.parent.glob("*") if each.suffix in _SUFFIXES]
        raise RecipeError(f"{path}: no such file{did_you_mean(path.name, names)}") from None
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read: {error.strerror or error}") from None


class _Loader(yaml.SafeLoader):
    """YAML that refuses a key that stands twice: the first one would silently not count."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key, _ in node.value:
            if keys.count(key.value) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands twice", key.start_mark
                )
        return super().construct_mapping(node, deep)


def _explain(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: not YAML: {error.problem}"
    return f"not YAML: {error}"


def _apply(document: dict[str, Any], setting: str) -> None:
    path, equals, value = setting.partition("=")
    *sections, key = path.split(".")
    if not equals or not key or not all(sections):
        raise RecipeError(f"--set {setting}: write it as key.key=value")
    place = document
    for depth, section in enumerate(sections, start=1):
        # An empty section is null in YAML.
        if place.get(section) is None:
            place[section] = {}
        place = place[section]
        if not isinstance(place, dict):
            raise RecipeError(f"--set {setting}: {'.'.join(sections[:depth])!r} is a value, not a section")
    try:
        place[key] = yaml.load(value, _Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise RecipeError(f"--set {setting}: {_explain(error)}") from None
