"""What of a recipe its task would not use, or could not: refused, so that what a recipe says is what happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from treadle.section import Section, unused

if TYPE_CHECKING:
    from treadle.recipe import Recipe


def refuse_unused_of_rows(recipe: Recipe) -> None:
    """Refuse what a network that answers once for a row would not use.

    Raises:
        PydanticCustomError: `unused`; see `section.unused`.
        ValueError: a key is missing, or has a value that does not fit the task.
    """
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
    "training.loss",
)


def refuse_unused_of_sequences(recipe: Recipe) -> None:
    """Refuse what a network that answers at every token would not use.

    Raises:
        PydanticCustomError, ValueError: see `refuse_unused_of_rows`.
    """
    task, text, network = recipe.task, recipe.features.text, recipe.model.sequence
    of_model = tuple(f"model.{name}" for name in type(recipe.model).model_fields if name != "sequence")
    _refuse(recipe, (*_OF_ROWS, *of_model), "task: classification or regression")
    if task != "tagging":
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
