import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from treadle.errors import TrainingError
from treadle.nn import to_arrays
from treadle.recipe import TrainingRecipe
from treadle.tasks import Classification
from treadle.training import checkpoint as checkpoint_module
from treadle.training import loop, pace, train

TASK = Classification(2)
RECIPE = TrainingRecipe(epochs=400, batch_size=30, patience=None, schedule="cosine", seed=3)
SHORT = RECIPE.model_copy(update={"epochs": 4})
SETTINGS = {"dropout": 0.2, "normalization": "batch", "members": 2}


@pytest.fixture
def run(make):
    """Trains one and the same network on the same rows."""

    def run(recipe=RECIPE, *, data=None, **arguments):
        data = make.examples() if data is None else data
        return train(TASK, make.network(**SETTINGS), data, make.examples(seed=1), recipe, **arguments)

    return run


def assert_same(one, other):
    assert one.history == other.history
    assert one.best_epoch == other.best_epoch
    arrays = to_arrays(other.network)
    for name, array in to_arrays(one.network).items():
        np.testing.assert_array_equal(array, arrays[name], err_msg=name)


CHILD = """
import importlib.util, sys
from pathlib import Path

def load(path):
    spec = importlib.util.spec_from_file_location("module", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

from treadle.training import loop, pace, train
here = Path(sys.argv[1])
make, test = load(here / "conftest.py"), load(here / "test_checkpoint.py")
loop.SECONDS_PER_CHECKPOINT = 0.0
pace.SECONDS_PER_STRETCH = 0.002
train(
    test.TASK, make.network(**test.SETTINGS), make.examples(), make.examples(seed=1), test.RECIPE,
    checkpoint=Path(sys.argv[2]), report=lambda progress: print(progress.share, flush=True),
)
"""


def test_a_killed_training_goes_on_to_the_same_weights(run, tmp_path):
    path = tmp_path / "checkpoint"
    command = [sys.executable, "-c", CHILD, str(Path(__file__).parent), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if float(line) > 0.3:
                child.send_signal(signal.SIGKILL)
                break
    assert child.returncode == -signal.SIGKILL
    assert path.exists()
    shares = []
    resumed = run(checkpoint=path, resume=True, report=lambda progress: shares.append(progress.share))
    assert shares[0] > 0.1  # it did not start anew
    assert_same(resumed, run())


class Interrupt:
    """Presses Ctrl-C at the second report."""

    def __init__(self):
        self.reports = []

    def __call__(self, progress):
        self.reports.append(progress)
        if len(self.reports) == 2:
            raise KeyboardInterrupt


def test_an_interrupt_keeps_the_state_even_within_an_epoch(run, tmp_path, monkeypatch):
    monkeypatch.setattr(pace, "FIRST_STEPS", 2)
    monkeypatch.setattr(pace, "SECONDS_PER_STRETCH", 0.0)
    path, interrupt = tmp_path / "checkpoint", Interrupt()
    with pytest.raises(KeyboardInterrupt):
        run(SHORT, checkpoint=path, report=interrupt)
    # 200 rows are 7 steps of 30; the interrupt comes after the third step.
    assert interrupt.reports[-1].share == pytest.approx(3 / 28)
    shares = []
    resumed = run(SHORT, checkpoint=path, resume=True, report=lambda progress: shares.append(progress.share))
    assert shares[0] == pytest.approx(5 / 28)
    assert_same(resumed, run(SHORT))


def test_a_finished_training_resumes_to_what_it_was(run, tmp_path):
    first = run(SHORT, checkpoint=tmp_path / "checkpoint")
    reports = []
    assert_same(run(SHORT, checkpoint=tmp_path / "checkpoint", resume=True, report=reports.append), first)
    assert reports == []


def test_resuming_where_nothing_was_saved_starts(run, tmp_path):
    assert len(run(SHORT, checkpoint=tmp_path / "checkpoint", resume=True).history) == 4


def test_training_anew_replaces_the_checkpoint(run, tmp_path):
    path, other = tmp_path / "checkpoint", SHORT.model_copy(update={"seed": 4})
    run(SHORT, checkpoint=path)
    second = run(other, checkpoint=path)
    assert_same(run(other, checkpoint=path, resume=True), second)


def test_a_checkpoint_of_another_training_is_refused(run, make, tmp_path):
    path = tmp_path / "checkpoint"
    run(SHORT, checkpoint=path)
    message = "checkpoint of another training: the recipe, the data, the seed or the network has changed"
    for changed in ({"learning_rate": 0.1}, {"seed": 4}):
        with pytest.raises(TrainingError, match=message):
            run(SHORT.model_copy(update=changed), checkpoint=path, resume=True)
    data = make.examples()
    for other in (
        make.examples(seed=9),
        replace(data, targets=1 - data.targets),
        replace(data, inputs={"numbers": data.inputs["numbers"] + np.float32(1e-6)}),
    ):
        with pytest.raises(TrainingError, match=message):
            run(SHORT, data=other, checkpoint=path, resume=True)
    for other_network in (make.network(seed=1, **SETTINGS), make.network(**SETTINGS | {"dropout": 0.3})):
        with pytest.raises(TrainingError, match=message):
            train(TASK, other_network, data, make.examples(seed=1), SHORT, checkpoint=path, resume=True)


def test_a_damaged_checkpoint_is_refused(run, tmp_path):
    path = tmp_path / "checkpoint"
    run(SHORT, checkpoint=path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TrainingError, match=r"is damaged .* remove it, or train without resuming"):
        run(SHORT, checkpoint=path, resume=True)
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(TrainingError, match="is damaged"):
        run(SHORT, checkpoint=path, resume=True)


def test_a_checkpoint_of_another_version_is_refused(run, tmp_path, monkeypatch):
    path = tmp_path / "checkpoint"
    run(SHORT, checkpoint=path)
    monkeypatch.setattr(checkpoint_module, "FORMAT", "of another version")
    with pytest.raises(TrainingError, match="no checkpoint of this version of Treadle"):
        run(SHORT, checkpoint=path, resume=True)


def test_a_checkpoint_that_cannot_be_written_is_an_error(run, tmp_path):
    with pytest.raises(TrainingError, match="the checkpoint cannot be written: No such file or directory"):
        run(SHORT, checkpoint=tmp_path / "missing" / "checkpoint")


def test_checkpoints_are_written_every_few_seconds_not_every_stretch(run, tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(checkpoint_module.Checkpoint, "save", lambda self, state: saved.append(int(state.step)))
    monkeypatch.setattr(pace, "SECONDS_PER_STRETCH", 0.0)
    monkeypatch.setattr(loop, "SECONDS_PER_CHECKPOINT", 3600.0)
    run(SHORT, checkpoint=tmp_path / "checkpoint")
    assert saved == [28]
