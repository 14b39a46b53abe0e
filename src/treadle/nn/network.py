"""The network for rows of a table, texts among them: embeddings side by side, hidden blocks, an output layer."""

from __future__ import annotations

from typing import Protocol, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree
from numpy.typing import NDArray

from treadle.bundle.graph import Graph
from treadle.nn.block import Block
from treadle.nn.categories import CategoryEmbedding
from treadle.nn.ensemble import EnsembleOutput
from treadle.nn.linear import Linear
from treadle.nn.numbers import PeriodicEmbedding, PiecewiseEmbedding
from treadle.nn.text import TextEncoder
from treadle.recipe import ModelRecipe

Inputs = dict[str, Array]
"""What the features made of a batch: `numbers` float32 (rows, numbers), `codes` int32 (rows, categories), `tokens`
int32 (rows, time) and `lengths` int32 (rows,)."""


class Learner(Protocol):
    """What the training loop needs of a network."""

    def __call__(self, inputs: Inputs) -> PyTree[Array]:
        """Raw outputs for a batch, as when it answers."""
        ...

    def learn(self, inputs: Inputs, present: Float[Array, " rows"], key: PRNGKeyArray) -> tuple[PyTree[Array], Self]:
        """Raw outputs for a training batch, and the network with its running statistics moved.

        `present` is 1 for rows of the batch and 0 for those that only fill it up; `key` decides what drops out.
        """
        ...


class Network(Learner, Protocol):
    """What a task with one answer for a row needs of a network."""

    @property
    def members(self) -> int:
        """Networks in the ensemble; raw outputs have an axis for them where there are several."""
        ...

    def write(self, graph: Graph) -> str:
        """Write this network, as when it answers, into `graph`; returns the name of the raw outputs."""
        ...


class TableNetwork(eqx.Module):
    """A multilayer perceptron over embedded columns; with members, an ensemble that shares nearly all weights."""

    numbers: PiecewiseEmbedding | PeriodicEmbedding | None
    categories: CategoryEmbedding | None
    text: TextEncoder | None
    blocks: tuple[Block, ...]
    output: Linear | EnsembleOutput
    number_columns: int = eqx.field(static=True)
    category_columns: int = eqx.field(static=True)

    @property
    def members(self) -> int:
        """Networks in the ensemble; 1 for a plain network."""
        return len(self.output.bias) if isinstance(self.output, EnsembleOutput) else 1

    def __call__(self, inputs: Inputs) -> Float[Array, "rows *outputs"]:
        """Raw outputs, shape (rows, outputs), or (rows, members, outputs) of an ensemble."""
        return self.answer(inputs, self.text(inputs["tokens"], inputs["lengths"]) if self.text else None)

    def answer(self, inputs: Inputs, text: Float[Array, "rows width"] | None) -> Float[Array, "rows *outputs"]:
        """Raw outputs as of a call, for texts that were read already: `text` stands in for tokens and lengths."""
        x = self._embed(inputs, text)
        for block in self.blocks:
            x = block(x)
        return self.output(x)

    def learn(
        self, inputs: Inputs, present: Float[Array, " rows"], key: PRNGKeyArray
    ) -> tuple[Float[Array, "rows *outputs"], TableNetwork]:
        """Raw outputs for a training batch, and this network with its running statistics moved."""
        text = None
        if self.text:
            key, text_key = jax.random.split(key)
            text = self.text.learn(inputs["tokens"], inputs["lengths"], text_key)
        x = self._embed(inputs, text)
        moved = []
        for block, block_key in zip(self.blocks, jax.random.split(key, len(self.blocks)), strict=True):
            x, moved_block = block.learn(x, present, block_key)
            moved.append(moved_block)
        return self.output(x), eqx.tree_at(lambda network: network.blocks, self, tuple(moved))

    def _embed(self, inputs: Inputs, text: Float[Array, "rows width"] | None) -> Float[Array, "rows *width"]:
        columns = [] if text is None else [text]
        if self.number_columns:
            columns.append(self.numbers(inputs["numbers"]) if self.numbers else inputs["numbers"])
        if self.categories:
            columns.append(self.categories(inputs["codes"]))
        return jnp.concatenate(columns, axis=1)

    def write(self, graph: Graph) -> str:
        """Write this network into `graph`; returns the name of its raw outputs, shaped as those of a call."""
        columns = []
        if self.text:
            tokens = graph.input("tokens", np.int32, ["rows", "time"])
            columns.append(self.text.write(graph, tokens, graph.input("lengths", np.int32, ["rows"]), "text"))
        if self.number_columns:
            x = graph.input("numbers", np.float32, ["rows", self.number_columns])
            columns.append(self.numbers.write(graph, x, "numbers") if self.numbers else x)
        if self.categories:
            x = graph.input("codes", np.int32, ["rows", self.category_columns])
            columns.append(self.categories.write(graph, x, "categories"))
        x = graph.add("Concat", columns, {"axis": 1}) if len(columns) > 1 else columns[0]
        for index, block in enumerate(self.blocks):
            x = block.write(graph, x, f"blocks.{index}")
        return self.output.write(graph, x, "output")


def build_table_network(
    recipe: ModelRecipe,
    *,
    number_columns: int,
    cardinalities: tuple[int, ...],
    outputs: int,
    train_numbers: NDArray[np.float32] | None,
    rng: np.random.Generator,
    vocabulary: int = 0,
    vectors: NDArray[np.float32] | None = None,
) -> TableNetwork:
    """An untrained network as the recipe says.

    Args:
        recipe: the recipe's section `model`.
        number_columns: columns of the input `numbers`.
        cardinalities: categories of each column of the input `codes`, the last of each for what is not known.
        outputs: raw outputs of the task.
        train_numbers: the input `numbers` of the training rows, shape (rows, number_columns), whose quantiles bound
            the pieces of `numbers: piecewise`; not read otherwise.
        rng: what the initial weights are drawn from.
        vocabulary: numbers of the input `tokens`; 0 where no text is read.
        vectors: where the tokens' embeddings begin, shape (vocabulary, width), NaN for those that begin at random.
    """
    numbers: PiecewiseEmbedding | PeriodicEmbedding | None = None
    width = number_columns
    if number_columns and recipe.numbers == "piecewise":
        if train_numbers is None:
            raise ValueError("numbers: piecewise needs the training rows' numbers")
        numbers = PiecewiseEmbedding(train_numbers, recipe.pieces, recipe.number_width, rng)
        width = number_columns * recipe.number_width
    elif number_columns and recipe.numbers == "periodic":
        numbers = PeriodicEmbedding(
            number_columns, recipe.frequencies, recipe.frequency_scale, recipe.number_width, rng
        )
        width = number_columns * recipe.number_width
    categories = CategoryEmbedding(cardinalities, recipe.category_width, rng) if cardinalities else None
    width += len(cardinalities) * recipe.category_width
    text = TextEncoder(recipe.text, vocabulary, rng, vectors) if vocabulary else None
    width += text.width if text else 0
    blocks = []
    for index, hidden in enumerate(recipe.hidden):
        blocks.append(Block(recipe, width, hidden, rng, first=index == 0))
        width = hidden
    output = EnsembleOutput(recipe.members, width, outputs, rng) if recipe.members > 1 else Linear(width, outputs, rng)
    return TableNetwork(numbers, categories, text, tuple(blocks), output, number_columns, len(cardinalities))
