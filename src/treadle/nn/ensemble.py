"""Many networks for little more than the price of one: members share their weight matrices.

Source: Gorishniy et al. 2025, TabM, section 3; the scaled linear layer is Wen et al. 2020, BatchEnsemble.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from treadle.bundle.graph import Graph
from treadle.nn.linear import full, initial_weight


class EnsembleLinear(eqx.Module):
    """y_m = s_m * ((r_m * x_m) W) + b_m: one matrix for all members, and each member's own scales and bias."""

    weight: Float[Array, "inputs outputs"]
    input_scale: Float[Array, "members inputs"]
    output_scale: Float[Array, "members outputs"]
    bias: Float[Array, "members outputs"]
    first: bool = eqx.field(static=True)
    """Whether the inputs have no axis for members yet, because all share them."""

    def __init__(
        self, members: int, inputs: int, outputs: int, rng: np.random.Generator, gain: float = 1.0, *, first: bool
    ) -> None:
        self.weight = initial_weight(rng, (inputs, outputs), gain)
        # Random signs at the first layer alone make the members differ; ones later keep what the others share.
        signs = jnp.asarray(rng.choice([-1.0, 1.0], (members, inputs)).astype(np.float32))
        self.input_scale = signs if first else full((members, inputs), 1.0)
        self.output_scale = full((members, outputs), 1.0)
        self.bias = full((members, outputs), 0.0)
        self.first = first

    def __call__(self, x: Float[Array, "rows *members inputs"]) -> Float[Array, "rows members outputs"]:
        if self.first:
            y = x @ self._side_by_side() + self.bias.ravel()
            return y.reshape(len(x), *self.bias.shape)
        return ((x * self.input_scale) @ self.weight) * self.output_scale + self.bias

    def _side_by_side(self) -> Float[Array, "inputs outputs_of_all"]:
        """The members' matrices in one, so that shared inputs are neither repeated nor scaled for every member."""
        members = self.input_scale.T[:, :, None] * self.weight[:, None, :] * self.output_scale
        return members.reshape(len(self.weight), -1)

    def write(self, graph: Graph, x: str, name: str) -> str:
        """Add this layer, applied to the value `x`, to `graph`."""
        if self.first:
            product = graph.add("MatMul", [x, graph.constant(np.asarray(self._side_by_side()), f"{name}.weights")])
            y = graph.add("Add", [product, graph.constant(np.asarray(self.bias).ravel(), f"{name}.biases")])
            return graph.add("Reshape", [y, graph.constant(np.array([-1, *self.bias.shape]), f"{name}.shape")])
        scaled = graph.add("Mul", [x, graph.constant(np.asarray(self.input_scale), f"{name}.input_scale")])
        product = graph.add("MatMul", [scaled, graph.constant(np.asarray(self.weight), f"{name}.weight")])
        scaled = graph.add("Mul", [product, graph.constant(np.asarray(self.output_scale), f"{name}.output_scale")])
        return graph.add("Add", [scaled, graph.constant(np.asarray(self.bias), f"{name}.bias")])


class EnsembleOutput(eqx.Module):
    """y_m = x_m W_m + b_m: nothing shared."""

    weight: Float[Array, "members inputs outputs"]
    bias: Float[Array, "members outputs"]

    def __init__(self, members: int, inputs: int, outputs: int, rng: np.random.Generator) -> None:
        self.weight = initial_weight(rng, (members, inputs, outputs))
        self.bias = full((members, outputs), 0.0)

    def __call__(self, x: Float[Array, "rows members inputs"]) -> Float[Array, "rows members outputs"]:
        return jnp.einsum("rmi,mio->rmo", x, self.weight) + self.bias

    def write(self, graph: Graph, x: str, name: str) -> str:
        """Add this layer, applied to the value `x`, to `graph`."""
        by_member = graph.add("Transpose", [x], {"perm": [1, 0, 2]})
        product = graph.add("MatMul", [by_member, graph.constant(np.asarray(self.weight), f"{name}.weight")])
        by_row = graph.add("Transpose", [product], {"perm": [1, 0, 2]})
        return graph.add("Add", [by_row, graph.constant(np.asarray(self.bias), f"{name}.bias")])
