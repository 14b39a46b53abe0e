"""A running mean of the weights, and means over the answers that are due, through the whole loop of training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from treadle.features.sequences import NOT_DUE, Line
from treadle.nn import Weights, assemble, decayed, take_apart, to_arrays
from treadle.nn.sequence import SequenceNetwork, build_sequence_network
from treadle.recipe import TrainingRecipe
from treadle.sequence_recipe import SequenceRecipe
from treadle.tasks import TokenClassification
from treadle.training import Examples, Progress, pace, train
from treadle.training.course import Course
from treadle.training.examples import to_device
from treadle.training.optimizer import build_optimizer
from treadle.training.sequences import line_examples, running_examples, running_validation
from treadle.training.step import make_step

OUTPUTS = 9
TASK = TokenClassification(OUTPUTS)
RECIPE = TrainingRecipe(epochs=4, batch_size=4, patience=None, averaging=0.6, learning_rate=0.05, seed=2)


def network_of(streams: int = 0, **options: Any) -> SequenceNetwork:
    recipe = SequenceRecipe.model_validate({"embedding_width": 4, "units": 5, **options})
    return build_sequence_network(
        "next_word", recipe, numbers=OUTPUTS, outputs=OUTPUTS, rng=np.random.default_rng(0), streams=streams
    )


def lines_of(count: int, seed: int) -> Examples:
    """Lines of two or five words, of which here and there nothing is due."""
    rng = np.random.default_rng(seed)
    rows = [rng.integers(1, OUTPUTS, rng.choice([3, 6])).astype(np.int32) for _ in range(count)]
    return line_examples([Line(row[:-1], np.where(rng.random(len(row) - 1) < 0.2, NOT_DUE, row[1:])) for row in rows])


def text_of(length: int, seed: int) -> Line:
    text = np.random.default_rng(seed).integers(1, OUTPUTS, length + 1).astype(np.int32)
    return Line(text[:-1], text[1:])


LINES = (lines_of(10, 0), lines_of(7, 1))
STREAM = (running_examples(text_of(50, 0), 4, 3), running_validation(text_of(30, 1), 3))


answer = eqx.filter_jit(lambda network, inputs: network(inputs))


def mean_loss(network: SequenceNetwork, examples: Examples) -> float:
    """Over all that is due, in float64."""
    scores = np.asarray(answer(network, examples.inputs), np.float64)
    logs = scores - np.logaddexp.reduce(scores, axis=2, keepdims=True)
    row, step = np.nonzero(examples.targets >= 0)
    return float(-logs[row, step, examples.targets[row, step]].mean())


class StepByStep:
    """What a training must come to: its steps one after the other, the mean as its recurrence stands in the paper."""

    def __init__(self, network: SequenceNetwork, train: Examples, validation: Examples, recipe: TrainingRecipe) -> None:
        course = Course.of(recipe, train, validation, TASK)
        optimizer = build_optimizer(recipe, course.batches, decayed(network))
        step = jax.jit(make_step(TASK, network, optimizer, course.widths))
        orders, _ = course.orders(0, course.steps)
        weights, rows = take_apart(network), to_device(train)
        state, mean = optimizer.init(weights.trained), np.asarray(weights.trained, np.float64)
        self.losses: list[tuple[float, float]] = []
        self.networks: list[SequenceNetwork] = []
        for epoch in range(recipe.epochs):
            total = answers = 0.0
            for index in range(course.batches):
                number = epoch * course.batches + index
                chosen = np.asarray(orders.train[epoch, index])
                due = (train.targets[chosen[chosen >= 0]] >= 0).sum()
                place, key = orders.train_places[epoch, index], jax.random.fold_in(orders.key, number)
                weights, state, loss = step(weights, state, rows.take(jnp.asarray(chosen)), place, key)
                kept = min(recipe.averaging or 0.0, (1 + number) / (10 + number))
                mean = kept * mean + (1 - kept) * np.asarray(weights.trained, np.float64)
                total, answers = total + float(loss) * due, answers + due
            assert answers == (train.targets >= 0).sum()
            answering = Weights(jnp.asarray(mean, jnp.float32), weights.untrained)
            self.networks.append(assemble(network)(answering))
            self.losses.append((total / answers, mean_loss(self.networks[-1], validation)))


@pytest.mark.parametrize(("examples", "streams"), [(LINES, 0), (STREAM, 4)], ids=["lines", "running"])
@pytest.mark.parametrize("averaging", [None, 0.6])
def test_training_is_its_steps_and_the_running_mean_answers(
    examples: tuple[Examples, Examples], streams: int, averaging: float | None
) -> None:
    network = network_of(streams, dropout=0.2)
    recipe = RECIPE.model_copy(update={"averaging": averaging})
    trained = train(TASK, network, *examples, recipe)
    expected = StepByStep(network, *examples, recipe)
    losses = [(epoch.loss, epoch.validation_loss) for epoch in trained.history]
    np.testing.assert_allclose(losses, expected.losses, rtol=2e-5)
    assert trained.best_epoch == 1 + int(np.argmin([loss for _, loss in losses]))
    best = to_arrays(expected.networks[trained.best_epoch - 1].settled())
    for name, array in to_arrays(trained.network.settled()).items():
        np.testing.assert_allclose(array, best[name], atol=2e-5, err_msg=name)


def test_the_mean_holds_on_to_a_share_of_what_it_was() -> None:
    """0.1, then 2/11, 3/12 and so on at first, or it would hold on to weights that had learnt nothing."""
    network = network_of()
    one = RECIPE.model_copy(update={"epochs": 1, "batch_size": 10, "averaging": 0.999})
    first, begin = StepByStep(network, *LINES, one.model_copy(update={"averaging": None})), take_apart(network).trained
    answering = take_apart(train(TASK, network, *LINES, one).network).trained
    np.testing.assert_allclose(answering, 0.1 * begin + 0.9 * take_apart(first.networks[0]).trained, atol=1e-6)


class Interrupt:
    """Presses Ctrl-C at the third report."""

    def __init__(self) -> None:
        self.reports: list[Progress] = []

    def __call__(self, progress: Progress) -> None:
        self.reports.append(progress)
        if len(self.reports) == 3:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("examples", "streams"), [(LINES, 0), (STREAM, 4)], ids=["lines", "running"])
def test_a_training_goes_on_with_its_mean_and_its_text(
    examples: tuple[Examples, Examples], streams: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(**arguments: Any) -> Any:
        return train(TASK, network_of(streams, dropout=0.2), *examples, RECIPE, **arguments)

    whole = run()
    monkeypatch.setattr(pace, "FIRST_STEPS", 1)
    monkeypatch.setattr(pace, "SECONDS_PER_STRETCH", 0.0)
    path, interrupt = tmp_path / "checkpoint", Interrupt()
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint=path, report=interrupt)
    assert 0 < interrupt.reports[-1].share < 1
    resumed = run(checkpoint=path, resume=True)
    assert resumed.history == whole.history
    assert resumed.best_epoch == whole.best_epoch
    arrays = to_arrays(whole.network)
    for name, array in to_arrays(resumed.network).items():
        np.testing.assert_array_equal(array, arrays[name], err_msg=name)


# --- the order of rows


@pytest.fixture
def course_of() -> Callable[..., Course]:
    return lambda examples, **changed: Course.of(RECIPE.model_copy(update=changed), *examples, TASK)


def test_running_text_is_drawn_as_it_stands(course_of: Callable[..., Course]) -> None:
    course = course_of(STREAM, seed=9)
    assert (course.batch, course.batches, course.widths) == (4, 4, (3, 15))
    orders, until = course.orders(0, 10**6)
    assert until == course.steps == 16
    for epoch in range(4):
        assert np.asarray(orders.train[epoch]).ravel().tolist() == list(range(16))
        # 12 tokens of each stream in parts of 3.
        assert np.asarray(orders.train_places[epoch]).tolist() == [0, 0, 0, 0]
    assert np.sort(np.asarray(orders.validation).ravel())[-3:].tolist() == [0, 1, 2]


def test_a_short_last_part_has_a_width_of_its_own(course_of: Callable[..., Course]) -> None:
    train = running_examples(text_of(4 * 11, 0), 4, 4)
    course = course_of((train, STREAM[1]))
    assert course.widths[:2] == (3, 4)
    assert np.asarray(course.orders(0, 1)[0].train_places[0]).tolist() == [1, 1, 0]


def test_lines_are_drawn_anew_in_every_epoch(course_of: Callable[..., Course]) -> None:
    orders, _ = course_of(LINES).orders(0, 10**6)
    drawn = [np.asarray(orders.train[epoch]).ravel().tolist() for epoch in range(4)]
    assert len(set(map(tuple, drawn))) == 4
    assert all(sorted(each) == [-1, -1, *range(10)] for each in drawn)


def test_the_loss_so_far_is_of_answers(course_of: Callable[..., Course]) -> None:
    course, reports = course_of(LINES), list[Progress]()
    assert course.answers == pytest.approx((LINES[0].targets >= 0).sum() / 10)
    assert course.outputs == OUTPUTS
    network = network_of()
    recipe = RECIPE.model_copy(update={"learning_rate": 1e-9, "epochs": 1})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pace, "FIRST_STEPS", 1)
        patch.setattr(pace, "SECONDS_PER_STRETCH", 0.0)
        train(TASK, network, *LINES, recipe, report=reports.append)
    # The whole epoch's is exact; before its end the mean number of answers of a line stands in.
    assert reports[-1].loss == pytest.approx(mean_loss(network, LINES[0]), rel=1e-5)
    assert all(report.loss == pytest.approx(np.log(OUTPUTS), rel=0.5) for report in reports)
