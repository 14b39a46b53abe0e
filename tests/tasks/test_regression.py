import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, mean_squared_error

from treadle.tasks import Regression


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def huber(difference):
    size = np.abs(difference)
    return np.where(size <= 1, size**2 / 2, size - 0.5)


EXPECTED = {
    "mse": mean_squared_error,
    "mae": mean_absolute_error,
    "huber": lambda targets, values: huber(values - targets).mean(),
}


@pytest.mark.parametrize("loss", EXPECTED)
def test_losses_are_those_of_the_field(loss, rng):
    task = Regression(loss)
    outputs = rng.normal(0, 2, (100, 1)).astype(np.float32)
    targets = rng.normal(0, 2, 100).astype(np.float32)
    expected = EXPECTED[loss](targets.astype(np.float64), outputs[:, 0].astype(np.float64))
    assert float(task.training_losses(outputs, targets).mean()) == pytest.approx(expected, rel=1e-5)
    assert float(task.answer_losses(outputs, targets).mean()) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_array_equal(task.answer(outputs), outputs)


@pytest.mark.parametrize("loss", EXPECTED)
def test_members_learn_alone_and_answer_by_their_mean(loss, rng):
    task = Regression(loss)
    outputs = rng.normal(0, 2, (100, 4, 1)).astype(np.float32)
    targets = rng.normal(0, 2, 100).astype(np.float32)
    alone = np.mean([EXPECTED[loss](targets, outputs[:, member, 0]) for member in range(4)])
    together = EXPECTED[loss](targets, outputs.mean(axis=1)[:, 0])
    assert float(task.training_losses(outputs, targets).mean()) == pytest.approx(alone, rel=1e-5)
    assert float(task.answer_losses(outputs, targets).mean()) == pytest.approx(together, rel=1e-5)
    assert together < alone
    np.testing.assert_allclose(task.answer(outputs), outputs.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("loss", EXPECTED)
@pytest.mark.parametrize("losses", ["training_losses", "answer_losses"])
def test_gradients_are_finite_differences_in_float64(loss, losses, rng):
    task = Regression(loss)
    with jax.enable_x64(True):
        outputs = jnp.asarray(rng.normal(0, 2, (5, 2, 1)))
        targets = jnp.asarray(rng.normal(0, 2, 5))
        total = jax.jit(lambda outputs: getattr(task, losses)(outputs, targets).sum())
        gradient = np.asarray(jax.jit(jax.grad(total))(outputs))
        for place in np.ndindex(outputs.shape):
            slope = (total(outputs.at[place].add(1e-5)) - total(outputs.at[place].add(-1e-5))) / 2e-5
            assert gradient[place] == pytest.approx(float(slope), abs=1e-8)
