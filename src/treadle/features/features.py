"""All features of a contract, fitted on its training rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from treadle.data.contract import Contract, Field
from treadle.errors import BundleError
from treadle.features.block import Arrays, Block, Columns
from treadle.features.booleans import Booleans
from treadle.features.categories import Codes, OneHot
from treadle.features.dates import Dates
from treadle.features.numbers import Numbers
from treadle.features.sequences import Sequences
from treadle.features.text import Text
from treadle.recipe import FeaturesRecipe, Kind


@dataclass(frozen=True)
class Features:
    """Checked columns to the network's inputs: the same object in training and in serving.

    The columns of `numbers` are those of the numbers, the dates, the booleans and the one-hot categories, each kind in
    the contract's order; `codes` has a column for every category that an embedding looks up, in the contract's order;
    `tokens` are those of all texts of a row, one after the other.
    """

    numbers: Numbers | None
    dates: Dates | None
    booleans: Booleans | None
    one_hot: OneHot | None
    codes: Codes | None
    text: Text | None = None
    sequence: Sequences | None = None
    """Of a task that answers at the tokens of a text."""

    @classmethod
    def fit(
        cls, contract: Contract, columns: Columns, recipe: FeaturesRecipe, sequence: Sequences | None = None
    ) -> Self:
        """From the training rows.

        Args:
            contract: names and kinds of the columns.
            columns: checked training columns, each of shape (rows,): float64 with NaN where missing for a number, a
                boolean or a date (in days since 1970-01-01), int32 codes for a category, str for a text.
            recipe: how numbers are scaled and filled in, categories encoded, and texts cut.
            sequence: how lines are read, where the task answers at their tokens.
        """

        def of(kind: Kind) -> tuple[Field, ...]:
            return tuple(field for field in contract.features if field.kind == kind)

        numbers, dates, booleans, categories = of("number"), of("date"), of("boolean"), of("category")
        texts = tuple(field.name for field in of("text"))
        embedded = recipe.categories == "embedding"
        return cls(
            numbers=Numbers.fit(numbers, columns, recipe) if numbers else None,
            dates=Dates.fit(dates, columns) if dates else None,
            booleans=Booleans.fit(booleans) if booleans else None,
            one_hot=OneHot.fit(categories, columns, recipe.min_count) if categories and not embedded else None,
            codes=Codes.fit(categories, columns, recipe.min_count) if categories and embedded else None,
            text=Text.fit(texts, columns, recipe.text) if texts else None,
            sequence=sequence,
        )

    @cached_property
    def _blocks(self) -> tuple[Block, ...]:
        blocks = (self.numbers, self.dates, self.booleans, self.one_hot)
        return tuple(block for block in blocks if block is not None)

    @cached_property
    def number_names(self) -> tuple[str, ...]:
        """What each column of `numbers` is, in a reader's words."""
        return tuple(name for block in self._blocks for name in block.names)

    @cached_property
    def code_names(self) -> tuple[str, ...]:
        """The table's column behind each column of `codes`."""
        return self.codes.columns if self.codes else ()

    @cached_property
    def cardinalities(self) -> tuple[int, ...]:
        """Codes that each column of `codes` can have; the last one stands for unseen categories."""
        return self.codes.cardinalities if self.codes else ()

    @property
    def vocabulary(self) -> int:
        """Numbers that `tokens` can hold; 0 where no text is read."""
        return 0 if self.text is None else self.text.vocabulary.size

    def transform(self, columns: Columns) -> dict[str, NDArray[Any]]:
        """The network's inputs.

        Args:
            columns: checked columns as in `fit`, any number of rows; columns that are no features are ignored.

        Returns:
            `numbers`, float32 of shape (rows, len(number_names)), finite for finite columns, and `codes`, int32 of
            shape (rows, len(code_names)); `tokens`, int32 of shape (rows, tokens of the longest), and `lengths`, int32
            of shape (rows,); each only if it has columns. For a task that answers at tokens, see `Sequences.prompts`.
        """
        if self.sequence is not None and self.text is not None:
            return self.sequence.prompts(self.text, columns)
        inputs: dict[str, NDArray[Any]] = {}
        if self._blocks:
            rows = len(columns[self._blocks[0].columns[0]])
            numbers = np.zeros((rows, len(self.number_names)), dtype=np.float32)
            start = 0
            for block in self._blocks:
                end = start + len(block.names)
                block.write(columns, numbers[:, start:end])
                start = end
            inputs["numbers"] = numbers
        if self.codes is not None:
            inputs["codes"] = self.codes.transform(columns)
        if self.text is not None:
            inputs |= self.text.transform(columns)
        return inputs

    @property
    def tokenizer(self) -> str | None:
        """The content of tokenizer.json, in the form of the library `tokenizers`; None where there is no vocabulary."""
        return None if self.text is None else self.text.vocabulary.document()

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """What `restore` needs, with the tokenizer: a JSON document, and arrays by name."""
        documents: dict[str, Any] = {}
        arrays: Arrays = {}
        for name in ("numbers", "dates", "booleans", "one_hot", "codes"):
            block = getattr(self, name)
            if block is not None:
                documents[name], own = block.state()
                arrays |= {f"{name}/{key}": array for key, array in own.items()}
        if self.text is not None:
            documents["text"] = self.text.state()
        if self.sequence is not None:
            documents["sequence"] = self.sequence.state()
        return documents, arrays

    @classmethod
    def restore(
        cls, documents: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], tokenizer: str | None = None
    ) -> Self:
        """The features that `state` was taken of: they transform to the same bits.

        Raises:
            BundleError: something is missing.
        """

        def own(name: str) -> Arrays:
            return {key.removeprefix(f"{name}/"): array for key, array in arrays.items() if key.startswith(f"{name}/")}

        try:
            return cls(
                numbers=Numbers.restore(documents["numbers"], own("numbers")) if "numbers" in documents else None,
                dates=Dates.restore(documents["dates"], own("dates")) if "dates" in documents else None,
                booleans=Booleans.restore(documents["booleans"]) if "booleans" in documents else None,
                one_hot=OneHot.restore(documents["one_hot"], own("one_hot")) if "one_hot" in documents else None,
                codes=Codes.restore(documents["codes"], own("codes")) if "codes" in documents else None,
                text=Text.restore(documents["text"], tokenizer) if "text" in documents else None,
                sequence=Sequences.restore(documents["sequence"]) if "sequence" in documents else None,
            )
        except KeyError as error:
            raise BundleError(f"features: {error.args[0]!r} is missing; train the bundle again") from None
