"""A bundle's network in JAX again, which can be differentiated where ONNX Runtime only answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from treadle.bundle.answers import ClassificationAnswers
from treadle.bundle.predictor import Predictor, Readied
from treadle.data.sources import from_rows
from treadle.errors import BundleError, ContractError, MissingExtraError
from treadle.features.text import Text
from treadle.features.vocabulary import UNKNOWN
from treadle.recipe import parse_recipe
from treadle.text_recipe import RECURRENT, EncoderRecipe

if TYPE_CHECKING:
    from treadle.nn import TableNetwork
    from treadle.nn.text import TextEncoder
    from treadle.tasks.classification import Classification
    from treadle.tasks.regression import Regression

TOLERANCE = 1e-5
"""Largest difference from the bundle's own answers, absolute and relative: the last bits of float32."""

NARROWEST = 16
"""Tokens that texts are padded to at least."""

CHECKED_ROWS = 8


@dataclass(frozen=True)
class Opened:
    """A bundle that reads text, with its network."""

    predictor: Predictor
    recipe: EncoderRecipe
    """How its texts are read."""
    network: TableNetwork
    task: Classification | Regression

    @property
    def name(self) -> str:
        """Name of the bundle."""
        return self.predictor.name

    @property
    def text(self) -> Text:
        """How its texts become tokens."""
        text = self.predictor.bundle.features.text
        assert text is not None
        return text

    @property
    def encoder(self) -> TextEncoder:
        """The part of the network that reads them."""
        assert self.network.text is not None
        return self.network.text

    @property
    def encoder_words(self) -> str:
        """What reads the texts, in words: `lstm of 64 units, 2 layers, from both ends`."""
        recipe = self.recipe
        if recipe.encoder not in RECURRENT:
            return recipe.encoder.replace("_", " ")
        words = f"{recipe.encoder.replace('_', ' ')} of {recipe.units} units"
        words += f", {recipe.layers} layers" if recipe.layers > 1 else ""
        return words + (", from both ends" if recipe.bidirectional else "")

    @property
    def unit(self) -> str:
        """What its texts are cut into, in the plural."""
        return {"byte_pairs": "pieces of words"}.get(self.text.recipe.tokens, self.text.recipe.tokens)

    def ready(self, row: dict[str, object]) -> Readied:
        """A row as the network takes it.

        Raises:
            ContractError: the row breaks the contract.
        """
        return self.predictor.ready(from_rows([row]))

    def tokens(self, readied: Readied) -> tuple[list[str], list[bool]]:
        """The tokens of the only row, as a person reads them, and which of them the vocabulary knows."""
        columns = readied.checked.columns
        texts = [columns[name][0] for name in self.text.columns]
        return self.text.read(*texts), [number != UNKNOWN for number in self.text.numbers(*texts)]


def reads_text(predictor: Predictor) -> bool:
    """Whether any column of the bundle is text."""
    return predictor.bundle.features.text is not None


def open_bundle(predictor: Predictor) -> Opened:
    """The network of a bundle that reads text, from its recipe and weights.

    Raises:
        MissingExtraError: JAX is not installed.
        ContractError: the bundle reads no text.
        BundleError: the weights are not of the recipe's network, or it does not answer as the bundle does.
    """
    try:
        from treadle.nn import build_table_network, from_arrays
        from treadle.tasks.classification import Classification
        from treadle.tasks.regression import Regression
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("treadle"):
            raise
        raise MissingExtraError("looking into a network", "train") from None

    bundle, answers = predictor.bundle, predictor.row_answers
    if not reads_text(predictor):
        raise ContractError(f"bundle {bundle.name!r} reads no text: its columns are numbers and categories")
    classes = isinstance(answers, ClassificationAnswers)
    task = Classification(answers.outputs) if classes else Regression()
    columns = len(bundle.features.number_names)
    recipe = parse_recipe(bundle.recipe, where=f"bundle {bundle.name}").model
    built = build_table_network(
        recipe,
        number_columns=columns,
        cardinalities=bundle.features.cardinalities,
        outputs=task.outputs,
        # Only their shape counts: the pieces are among the weights.
        train_numbers=np.zeros((1, columns), np.float32),
        rng=np.random.default_rng(0),
        vocabulary=bundle.features.vocabulary,
    )
    opened = Opened(predictor, recipe.text, from_arrays(built, bundle.weights), task)
    _require_same_answers(opened)
    return opened


def _require_same_answers(opened: Opened) -> None:
    """On the bundle's golden rows, or on an example where it has none."""
    import equinox as eqx

    predictor = opened.predictor
    rows = list(predictor.bundle.golden.rows[:CHECKED_ROWS]) or [predictor.contract.example_row()]
    inputs = padded(predictor.ready(from_rows(rows), "skip").inputs)
    given = predictor.run(inputs)
    found = np.asarray(eqx.filter_jit(lambda network: opened.task.answer(network(inputs)))(opened.network))
    if not np.allclose(found, given, rtol=TOLERANCE, atol=TOLERANCE):
        raise BundleError(
            f"bundle {opened.name!r}: its weights, in its recipe's network, answer otherwise than its ONNX model (by "
            f"{np.abs(found - given).max():.2g}); what they show would not be what it does. Train it again"
        )


def padded(inputs: dict[str, NDArray[Any]], rows: int | None = None) -> dict[str, NDArray[Any]]:
    """Inputs whose tokens are padded to a power of two, so that few programs are compiled.

    Args:
        inputs: of one row or several.
        rows: repeat the last row until there are so many.
    """
    width = max(NARROWEST, 1 << (inputs["tokens"].shape[1] - 1).bit_length())
    tokens = np.pad(inputs["tokens"], ((0, 0), (0, width - inputs["tokens"].shape[1])))
    wide = inputs | {"tokens": tokens}
    if rows is None:
        return wide
    return {name: np.concatenate([array, array[-1:].repeat(rows - len(array), 0)]) for name, array in wide.items()}
