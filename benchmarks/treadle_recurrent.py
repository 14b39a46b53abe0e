"""Treadle's side of `benchmarks.recurrent`: training steps as real training takes them. Prints JSON.

python -m benchmarks.treadle_recurrent CELL STEPS_EACH REPETITIONS
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.workload_recurrent import BATCH, LENGTH, WIDTH, WORDS, median_step

ROWS = 256 * BATCH
KEPT = {"simple_relu": 3, "simple_tanh": 3, "lstm": 8, "peephole_lstm": 8, "coupled_lstm": 7, "gru": 7}
"""Numbers that a training step must hold for every unit and token: embedding, its gradient, state, memory, gates."""


def main() -> None:
    cell, each, repetitions = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    compiled, state, arguments = program(cell)
    weights, before = state.weights.trained.nbytes, resident()

    def steps() -> None:
        nonlocal state
        state = compiled(state, *arguments, np.int32(int(state.step) + each))
        assert np.isfinite(float(state.loss_sum))

    seconds = median_step(steps, each, repetitions)
    assert int(state.step) < ROWS // BATCH, "an epoch ended, and was validated"
    document = {
        "seconds": seconds,
        "planned_bytes": compiled.memory_analysis().temp_size_in_bytes,
        "needed_bytes": weights + 4 * LENGTH * BATCH * WIDTH * KEPT[cell],
        "grown_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before,
    }
    print(json.dumps(document))


def program(cell: str) -> tuple[Any, Any, Any]:
    """A stretch of training, compiled; the state it begins with; and its other arguments but the last step."""
    from treadle.nn import build_table_network, decayed, take_apart
    from treadle.recipe import ModelRecipe, TrainingRecipe
    from treadle.tasks import Classification
    from treadle.training.course import Course
    from treadle.training.examples import Examples, to_device
    from treadle.training.lengths import Reading
    from treadle.training.optimizer import build_optimizer
    from treadle.training.programs import compile_once
    from treadle.training.step import make_step
    from treadle.training.stretch import first_state, make_stretch

    encoder: dict[str, Any] = {"encoder": cell, "embedding_width": WIDTH, "units": WIDTH}
    if cell.startswith("simple_"):
        encoder |= {"encoder": "simple_rnn", "activation": cell.removeprefix("simple_")}
    model = ModelRecipe.model_validate({"hidden": (), "text": encoder})
    recipe = TrainingRecipe(optimizer="adam", learning_rate=1e-3, batch_size=BATCH, epochs=1000)
    random = np.random.default_rng(0)
    network = build_table_network(
        model, number_columns=0, cardinalities=(), outputs=1, train_numbers=None, rng=random, vocabulary=WORDS
    )
    inputs = {
        "tokens": random.integers(1, WORDS, (ROWS, LENGTH)).astype(np.int32),
        "lengths": np.full(ROWS, LENGTH, np.int32),
    }
    examples, task = Examples(inputs, random.integers(0, 2, ROWS)), Classification(2)
    course = Course(recipe, ROWS, ROWS, Reading.of(examples, examples))
    optimizer = build_optimizer(recipe, course.batches, decayed(network))
    weights = take_apart(network)
    state = first_state(weights, optimizer.init(weights.trained), recipe.epochs)
    step = make_step(task, network, optimizer, course.widths)
    stretch = make_stretch(task, network, step, 1000, widths=course.widths)
    orders, _ = course.orders(0, course.batches - 1)
    arguments = (to_device(examples), to_device(examples), orders)
    return compile_once(cell, stretch, state, *arguments, np.int32(0)), state, arguments


def resident() -> int:
    """Bytes of memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    main()
