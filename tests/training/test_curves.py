from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from treadle.errors import MissingExtraError
from treadle.recipe import TrainingRecipe
from treadle.tasks import Classification
from treadle.training import train

RECIPE = TrainingRecipe(epochs=6, batch_size=50, patience=None, warmup_epochs=3, learning_rate=0.02)


def run(make, **arguments):
    return train(Classification(2), make.network(), make.examples(), make.examples(seed=1), RECIPE, **arguments)


def read(folder: Path, tag: str) -> dict[int, float]:
    events = EventAccumulator(str(folder))
    events.Reload()
    return {event.step: event.value for event in events.Scalars(tag)}


def test_tensorboard_reads_the_curves_back(make, tmp_path):
    trained = run(make, tensorboard=tmp_path / "events")
    for tag, field in (("loss/training", "loss"), ("loss/validation", "validation_loss")):
        expected = {epoch.epoch: pytest.approx(getattr(epoch, field)) for epoch in trained.history}
        assert read(tmp_path / "events", tag) == expected
    rates = read(tmp_path / "events", "learning_rate")
    assert rates == {epoch: pytest.approx(0.02 * min(epoch / 3, 1.0)) for epoch in range(1, 7)}


def test_a_resumed_run_goes_on_with_the_curves(make, tmp_path):
    def interrupt(progress):
        if progress.epoch >= 2:
            raise KeyboardInterrupt

    folder, path = tmp_path / "events", tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        run(make, tensorboard=folder, checkpoint=path, report=interrupt)
    trained = run(make, tensorboard=folder, checkpoint=path, resume=True)
    assert read(folder, "loss/training") == {epoch.epoch: pytest.approx(epoch.loss) for epoch in trained.history}


def test_the_missing_package_is_named(make, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tensorboardX", None)
    with pytest.raises(MissingExtraError, match=r"TensorBoard event files needs .* pip install '.+\[train\]'"):
        run(make, tensorboard=tmp_path)
