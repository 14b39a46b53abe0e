"""Networks as equations: Equinox modules that compute in JAX and write themselves into an ONNX graph."""

from treadle.nn.network import Inputs, Learner, Network, TableNetwork, build_table_network
from treadle.nn.weights import Weights, assemble, decayed, from_arrays, take_apart, to_arrays, untrained_arrays

__all__ = [
    "Inputs",
    "Learner",
    "Network",
    "TableNetwork",
    "Weights",
    "assemble",
    "build_table_network",
    "decayed",
    "from_arrays",
    "take_apart",
    "to_arrays",
    "untrained_arrays",
]
