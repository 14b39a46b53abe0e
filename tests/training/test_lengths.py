"""Batches of texts of about one length: the fewest padded steps, every row once, and the same weights after a stop."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.nn import TableNetwork, build_table_network, to_arrays
from treadle.recipe import ModelRecipe, TrainingRecipe
from treadle.tasks import Classification
from treadle.training import Examples, lengths, pace, train
from treadle.training.course import Course
from treadle.training.lengths import Reading, best_widths, by_width


def examples(rows: int, longest: int = 12, seed: int = 0) -> Examples:
    """Texts of tokens 2 to 9, of which 2 and 3 speak for the second class."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, longest + 1, rows).astype(np.int32)
    tokens = np.where(np.arange(longest) < sizes[:, None], rng.integers(2, 10, (rows, longest)), 0).astype(np.int32)
    return Examples({"tokens": tokens, "lengths": sizes}, np.isin(tokens, (2, 3)).any(axis=1).astype(np.int64))


def network(**text: Any) -> TableNetwork:
    model = ModelRecipe.model_validate({"hidden": (), "text": {"embedding_width": 8, **text}})
    return build_table_network(
        model,
        number_columns=0,
        cardinalities=(),
        outputs=1,
        train_numbers=None,
        rng=np.random.default_rng(0),
        vocabulary=10,
    )


@settings(max_examples=60)
@given(sizes=st.lists(st.integers(1, 12), min_size=1, max_size=20), most=st.integers(1, 4))
def test_no_other_widths_need_fewer_steps(sizes: list[int], most: int) -> None:
    def steps(widths: tuple[int, ...]) -> int:
        return int(np.array(widths)[np.searchsorted(widths, sizes)].sum())

    found = best_widths(np.array(sizes), most)
    candidates = sorted(set(sizes))
    others = [
        chosen
        for count in range(1, most + 1)
        for chosen in combinations(candidates, min(count, len(candidates)))
        if chosen[-1] == candidates[-1]
    ]
    assert len(found) <= most
    assert found[-1] == max(sizes)
    assert steps(found) == min(map(steps, others))


def test_many_lengths_are_parted_well_too() -> None:
    sizes = np.random.default_rng(0).lognormal(5.0, 0.8, 20_000).astype(int) + 1
    widths = np.array(best_widths(sizes, 6))
    assert widths[-1] == sizes.max()
    padded = widths[np.searchsorted(widths, sizes)].sum()
    assert padded < 1.5 * sizes.sum()
    assert sizes.max() * len(sizes) > 10 * sizes.sum()


@settings(max_examples=60)
@given(rows=st.integers(1, 60), batch=st.integers(1, 20), seed=st.integers(0, 9))
def test_a_batch_holds_rows_of_its_width_and_every_row_is_drawn_once(rows: int, batch: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    places = rng.integers(0, 3, rows).astype(np.int32)
    batches, chosen = by_width(rng.permutation(rows), places, batch)
    assert sorted(batches[batches >= 0].tolist()) == list(range(rows))
    for indices, place in zip(batches, chosen, strict=True):
        assert places[indices[indices >= 0]].max() == place
    # Only the borders between widths mix them.
    assert sum(len(set(places[indices[indices >= 0]])) > 1 for indices in batches) <= 2


def test_epochs_draw_other_batches_in_another_order() -> None:
    data = examples(50)
    course = Course(TrainingRecipe(batch_size=8, epochs=3), 50, 50, Reading.of(data, data))
    orders, _ = course.orders(0, 21)
    first, second = np.asarray(orders.train[0]), np.asarray(orders.train[1])
    assert sorted(first[first >= 0]) == sorted(second[second >= 0]) == list(range(50))
    assert (np.asarray(orders.train_places[0]) != np.asarray(orders.train_places[1])).any()
    # The same epoch is drawn again wherever a run goes on.
    later, _ = course.orders(10, 5)
    np.testing.assert_array_equal(np.asarray(later.train[0]), second)


def test_a_longer_text_in_validation_has_a_width_of_its_own() -> None:
    reading = Reading.of(examples(30, 5), examples(30, 9, seed=1))
    assert reading is not None
    assert reading.widths[-1] == 9
    assert reading.train.max() < len(reading.widths) - 1 <= reading.validation.max()
    table = Examples({"numbers": np.zeros((3, 1), np.float32)}, np.zeros(3))
    assert Reading.of(table, table) is None


@pytest.mark.parametrize("text", [{}, {"encoder": "lstm", "units": 8}, {"encoder": "convolution", "units": 6}], ids=str)
def test_the_network_learns(text: dict[str, Any]) -> None:
    recipe = TrainingRecipe(batch_size=16, epochs=25, learning_rate=0.02, patience=None)
    trained = train(Classification(2), network(**text), examples(300), examples(80, seed=1), recipe)
    assert trained.history[-1].validation_loss < 0.4 * trained.history[0].validation_loss


def test_widths_change_nothing_but_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """One batch of all rows: with one width or six, the steps are the same but for rounding."""
    recipe = TrainingRecipe(batch_size=64, epochs=4, patience=None)
    runs = []
    for most in (1, 6):
        monkeypatch.setattr(lengths, "MOST_WIDTHS", most)
        runs.append(train(Classification(2), network(), examples(64), examples(20, seed=1), recipe))
    for one, other in zip(runs[0].history, runs[1].history, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-5)
        assert one.validation_loss == pytest.approx(other.validation_loss, rel=1e-5)


class Interrupt:
    """Presses Ctrl-C at the third report."""

    def __init__(self) -> None:
        self.reports = 0

    def __call__(self, progress: object) -> None:
        self.reports += 1
        if self.reports == 3:
            raise KeyboardInterrupt


def test_an_interrupted_training_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "FIRST_STEPS", 3)
    monkeypatch.setattr(pace, "SECONDS_PER_STRETCH", 0.0)
    recipe = TrainingRecipe(batch_size=8, epochs=4, patience=None, seed=5)
    data, held = examples(60), examples(30, seed=1)

    def run(**options: Any) -> dict[str, np.ndarray]:
        trained = train(
            Classification(2),
            network(encoder="gru", units=6, dropout=0.2, token_dropout=0.2),
            data,
            held,
            recipe,
            **options,
        )
        return to_arrays(trained.network)

    path = tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint=path, report=Interrupt())
    resumed, whole = run(checkpoint=path, resume=True), run()
    for name, array in whole.items():
        np.testing.assert_array_equal(resumed[name], array, err_msg=name)


def test_a_batch_of_one_text() -> None:
    recipe = TrainingRecipe(batch_size=1, epochs=1)
    trained = train(Classification(2), network(), examples(1), examples(1), recipe)
    assert np.isfinite(trained.history[0].validation_loss)
