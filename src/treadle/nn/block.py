"""A hidden layer with everything around it."""

from __future__ import annotations

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from treadle.bundle.graph import Graph
from treadle.nn.activations import ACTIVATIONS
from treadle.nn.dropout import Dropout
from treadle.nn.ensemble import EnsembleLinear
from treadle.nn.linear import Linear
from treadle.nn.normalization import BatchNorm, LayerNorm
from treadle.recipe import ModelRecipe


class Block(eqx.Module):
    """y = dropout(activation(normalization(linear(x)))), plus x where asked and the widths are equal."""

    linear: Linear | EnsembleLinear
    normalization: LayerNorm | BatchNorm | None
    dropout: Dropout
    activation: str = eqx.field(static=True)
    residual: bool = eqx.field(static=True)

    def __init__(
        self, recipe: ModelRecipe, inputs: int, outputs: int, rng: np.random.Generator, *, first: bool
    ) -> None:
        gain = ACTIVATIONS[recipe.activation].gain
        if recipe.members > 1:
            self.linear = EnsembleLinear(recipe.members, inputs, outputs, rng, gain, first=first)
        else:
            self.linear = Linear(inputs, outputs, rng, gain)
        self.normalization = None
        if recipe.normalization == "layer":
            self.normalization = LayerNorm(outputs)
        elif recipe.normalization == "batch":
            # Members are networks of their own: each is normalised by its own statistics.
            self.normalization = BatchNorm((recipe.members, outputs) if recipe.members > 1 else (outputs,))
        self.activation = recipe.activation
        self.dropout = Dropout(recipe.dropout)
        self.residual = recipe.residual and inputs == outputs

    def __call__(self, x: Float[Array, "rows *inputs"]) -> Float[Array, "rows *outputs"]:
        y = self.linear(x)
        if self.normalization is not None:
            y = self.normalization(y)
        return self._add(x, ACTIVATIONS[self.activation].function(y))

    def learn(
        self, x: Float[Array, "rows *inputs"], present: Float[Array, " rows"], key: PRNGKeyArray
    ) -> tuple[Float[Array, "rows *outputs"], Block]:
        """The outputs for a training batch, and this block with its running statistics moved."""
        y = self.linear(x)
        normalization = self.normalization
        if isinstance(normalization, BatchNorm):
            y, normalization = normalization.learn(y, present)
        elif normalization is not None:
            y = normalization(y)
        y = self.dropout(ACTIVATIONS[self.activation].function(y), key)
        moved = eqx.tree_at(lambda block: block.normalization, self, normalization, is_leaf=lambda part: part is None)
        return self._add(x, y), moved

    def _add(self, x: Float[Array, "rows *inputs"], y: Float[Array, "rows *outputs"]) -> Float[Array, "rows *outputs"]:
        if not self.residual:
            return y
        return y + (x[:, None, :] if self._makes_members() else x)

    def _makes_members(self) -> bool:
        return isinstance(self.linear, EnsembleLinear) and self.linear.first

    def write(self, graph: Graph, x: str, name: str) -> str:
        """Add this block, applied to the value `x`, to `graph`."""
        y = self.linear.write(graph, x, f"{name}.linear")
        if self.normalization is not None:
            y = self.normalization.write(graph, y, f"{name}.normalization")
        y = ACTIVATIONS[self.activation].write(graph, y)
        if not self.residual:
            return y
        if self._makes_members():
            x = graph.add("Unsqueeze", [x, graph.constant(np.array([1]), "member_axis")])
        return graph.add("Add", [y, x])
