"""What makes a stack of linear layers more than one linear layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from treadle.bundle.graph import Graph


@dataclass(frozen=True)
class Activation:
    """A function of every element, and the operators of ONNX that compute it."""

    function: Callable[[Array], Array]
    operator: str
    gain: float
    """What a weight's initial deviation is multiplied by, so that signals neither grow nor fade from layer to layer:
    1 / sqrt(E f(z)^2) for a standard normal z."""

    def write(self, graph: Graph, x: str) -> str:
        """Add this function of the value `x` to `graph`."""
        if self.operator == "Silu":  # x sigmoid(x), no operator of its own
            return graph.add("Mul", [x, graph.add("Sigmoid", [x])])
        return graph.add(self.operator, [x])


ACTIVATIONS = {
    "relu": Activation(jax.nn.relu, "Relu", float(np.sqrt(2))),
    "gelu": Activation(partial(jax.nn.gelu, approximate=False), "Gelu", 1.5335),
    "silu": Activation(jax.nn.silu, "Silu", 1.6766),
    "tanh": Activation(jnp.tanh, "Tanh", 1.5925),
    "selu": Activation(jax.nn.selu, "Selu", 1.0),
}
