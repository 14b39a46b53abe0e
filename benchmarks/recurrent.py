"""One training step of a recurrent network over texts, beside Keras and PyTorch, and beside its matrix products alone.

python -m benchmarks.recurrent

Batch 32, 500 tokens, embedding 10,000 x 128, a cell of 128, its last state, one answer; forward, backward, Adam. Every
side runs in processes of its own, one at a time, twice; of its two medians the quicker counts. PyTorch takes part where
it is installed: it is gigabytes, and no other benchmark needs it.
"""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from typing import Any

from benchmarks.figures import Figure, publish, run_json

ROUNDS, REPETITIONS = 2, 7
STEPS = 8
"""Steps that one call takes, of Treadle's as of Keras's `fit`; in real training of the quicker cells it takes more."""
GATES = {"simple_relu": 1, "simple_tanh": 1, "lstm": 4, "peephole_lstm": 4, "coupled_lstm": 3, "gru": 3}
NAMES = {"simple_relu": "simple RNN (ReLU)", "simple_tanh": "simple RNN (tanh)", "lstm": "LSTM", "gru": "GRU"}
NAMES |= {"peephole_lstm": "peephole LSTM", "coupled_lstm": "coupled LSTM"}
COMPARED = ("simple_relu", "lstm", "gru")
PEERS = ("Keras on TensorFlow", "Keras on JAX", "PyTorch")
AS_IT_COMES = {"Keras on TensorFlow": "fit, without XLA", "Keras on JAX": "fit, with XLA"}
"""What a script gets that calls `fit` and asks for nothing: without an accelerator, TensorFlow leaves XLA out."""


def main() -> None:
    # What is compared with one another runs one after the other.
    sides: dict[tuple[str, str], tuple[object, ...]] = {}
    for cell, gates in GATES.items():
        sides[cell, "Treadle"] = ("treadle_recurrent", cell, STEPS, REPETITIONS)
        sides[cell, "products"] = ("products_recurrent", gates, REPETITIONS)
        if cell in COMPARED:
            sides[cell, "Keras on TensorFlow"] = ("keras_recurrent", "tensorflow", cell, REPETITIONS)
            sides[cell, "Keras on JAX"] = ("keras_recurrent", "jax", cell, REPETITIONS)
        if cell in COMPARED and find_spec("torch"):
            sides[cell, "PyTorch"] = ("torch_recurrent", cell, REPETITIONS)
    rounds = [{side: measure(*command) for side, command in sides.items()} for _ in range(ROUNDS)]
    best = {side: min((found[side] for found in rounds), key=lambda each: each["seconds"]) for side in sides}
    figures = [figure for cell in GATES for figure in compared(cell, best)]
    figures += [figure for cell in ("simple_relu", "lstm") for figure in memory(cell, best[cell, "Treadle"])]
    publish(
        "A training step of recurrent networks, 500 tokens, beside Keras and PyTorch",
        "python -m benchmarks.recurrent",
        figures,
    )


def measure(program: object, *arguments: object) -> dict[str, Any]:
    """What one side prints."""
    command = [sys.executable, "-m", f"benchmarks.{program}", *map(str, arguments)]
    found: Any = run_json(command, lambda text: json.loads(text.strip().splitlines()[-1]))
    print(*command[2:], f"{found['seconds'] * 1e3:.1f} ms", found.get("way", ""), file=sys.stderr, flush=True)
    return dict(found)


def compared(cell: str, best: dict[tuple[str, str], dict[str, Any]]) -> list[Figure]:
    """A cell's step in Treadle, in its peers, and what it takes of theirs."""
    seconds = {side: found["seconds"] for side, found in best.items()}
    name, ours = NAMES[cell], seconds[cell, "Treadle"]
    floor = seconds[cell, "products"]
    figures = [
        Figure(f"{name}: Treadle", f"{ours * 1e3:.1f} ms"),
        Figure(
            f"{name}: its matrix products alone (OpenBLAS)", f"{floor * 1e3:.1f} ms, {floor / ours:.0%} of the step"
        ),
    ]
    peers = {side: seconds[cell, side] for side in PEERS if (cell, side) in seconds}
    for side, peer in peers.items():
        way = f" ({best[cell, side]['way']})" if "way" in best[cell, side] else ""
        figures.append(Figure(f"{name}: {side}{way}", f"{peer * 1e3:.0f} ms"))
    if peers:
        share = ours / min(peers["Keras on TensorFlow"], peers["Keras on JAX"])
        figures.append(
            Figure(f"{name}: of the quicker Keras in its quickest way", f"{share:.2f}", "at most 0.40", share <= 0.40)
        )
        fitted = min(best[cell, side]["ways"][way] for side, way in AS_IT_COMES.items())
        figures.append(Figure(f"{name}: of the quicker Keras by `fit` as it comes", f"{ours / fitted:.2f}"))
    if cell == "lstm" and "PyTorch" in peers:
        share = ours / peers["PyTorch"]
        figures.append(Figure(f"{name}: of PyTorch", f"{share:.2f}", "at most 0.12", share <= 0.12))
    if cell in ("peephole_lstm", "coupled_lstm"):
        share = ours / seconds["lstm", "Treadle"]
        figures.append(Figure(f"{name}: of the LSTM's step", f"{share:.2f}", "at most 1.15", share <= 1.15))
    return figures


def memory(cell: str, found: dict[str, Any]) -> list[Figure]:
    """What a step takes beside the data, the weights and the optimiser's state."""
    name, share = NAMES[cell], found["planned_bytes"] / found["needed_bytes"]
    value = f"{found['planned_bytes'] / 1e6:.0f} MB, {share:.2f} times what its arrays need"
    return [
        Figure(f"{name}: memory of a step", value, "at most 1.5 times", share <= 1.5),
        Figure(f"{name}: growth of the process from the first step on", f"{found['grown_bytes'] / 1e6:.0f} MB"),
    ]


if __name__ == "__main__":
    main()
