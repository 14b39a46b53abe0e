"""Networks that answer at every token, as ONNX graphs that answer where they are asked to.

Inputs are `tokens` (rows, time), `lengths` (rows,), `affixes` (rows, time, slots) where they are read, and `wanted`,
int64 (answers,): row * time + step of every answer. The output `outputs` has a row for each of them. A language model
also takes the states in which it was left, `state_0`, `state_1` and so on, each (directions, rows, units), and gives
those after every row's last token as `next_state_0` and so on, so that a word more is one step more.
"""

from __future__ import annotations

import numpy as np

from treadle.bundle.graph import Graph
from treadle.nn import recurrent_onnx
from treadle.nn.recurrent_layers import RecurrentNetwork
from treadle.nn.sequence import SequenceNetwork

STATE, NEXT_STATE = "state_{}", "next_state_{}"


def write(network: SequenceNetwork, graph: Graph, *, slots: int = 0, words: bool, steps: bool) -> None:
    """Write a network, as when it answers, into `graph`.

    Args:
        network: the network.
        graph: where to.
        slots: affixes of a token; 0 where they are not read.
        words: answer log-probabilities; else scores.
        steps: take states and give them back.
    """
    tokens = graph.input("tokens", np.int32, ["rows", "time"])
    lengths = graph.input("lengths", np.int32, ["rows"])
    turned = graph.add("Transpose", [tokens], {"perm": [1, 0]})
    x = network.embedding.write(graph, turned, "embedding")
    if network.affixes is not None:
        affixes = graph.input("affixes", np.int32, ["rows", "time", slots])
        sideways = graph.add("Transpose", [affixes], {"perm": [1, 0, 2]})
        x = graph.add("Concat", [x, network.affixes.write(graph, sideways, "affixes.embedding")], {"axis": 2})
    wanted = graph.input("wanted", np.int64, ["answers"])
    given = _given(network.recurrent, graph) if steps else None
    ahead = recurrent_onnx.write(network.recurrent, graph, x, lengths, "recurrent", initial=given)
    outputs = ahead.outputs
    if network.backward is not None:
        behind = recurrent_onnx.write(network.backward, graph, x, lengths, "backward").outputs
        before = _moved(graph, outputs, [1, 0, 0, 0, 0, 0], first=0, last=-1)
        after = _moved(graph, behind, [0, 0, 0, 1, 0, 0], first=1, last=2**31 - 1)
        outputs = graph.add("Concat", [before, after], {"axis": 2})
    width = network.recurrent.width + (network.backward.width if network.backward is not None else 0)
    by_row = graph.add("Transpose", [outputs], {"perm": [1, 0, 2]})
    flat = graph.add("Reshape", [by_row, graph.constant(np.array([-1, width]), "flat_shape")])
    scores = _answer(network, graph, graph.add("Gather", [flat, wanted], {"axis": 0}))
    if words:
        scores = graph.add("LogSoftmax", [scores], {"axis": -1})
    graph.output("outputs", scores, np.float32, ["answers", "outputs"])
    if steps:
        for place, state in enumerate(state for layer in ahead.states for state in layer):
            graph.output(NEXT_STATE.format(place), state, np.float32, ["directions", "rows", "units"])


def _given(network: RecurrentNetwork, graph: Graph) -> list[list[str]]:
    """Inputs for the states, by layer."""
    given, place = [], 0
    for layer in network.layers:
        states = []
        for _ in range(layer[0].states):
            states.append(graph.input(STATE.format(place), np.float32, [len(layer), "rows", layer[0].units]))
            place += 1
        given.append(states)
    return given


def _moved(graph: Graph, value: str, pads: list[int], *, first: int, last: int) -> str:
    """(time, rows, width), moved by one step along time; zeros come in."""
    padded = graph.add("Pad", [value, graph.constant(np.array(pads), "pads")])
    ends = [graph.constant(np.array([end]), "end") for end in (first, last)]
    return graph.add("Slice", [padded, *ends, graph.constant(np.array([0]), "time_axis")])


def _answer(network: SequenceNetwork, graph: Graph, hidden: str) -> str:
    if network.projection is not None:
        hidden = network.projection.write(graph, hidden, "projection")
    if network.output is not None:
        return network.output.write(graph, hidden, "output")
    # The name under which the embedding stands in the graph already.
    vectors = graph.constant(np.asarray(network.embedding.weight), "embedding.weight")
    return graph.add("Gemm", [hidden, vectors, graph.constant(np.asarray(network.bias), "bias")], {"transB": 1})
