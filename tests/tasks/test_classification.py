import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_sample_weight

from treadle.errors import RecipeError
from treadle.tasks import Classification, class_weights


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def probabilities_of(logits):
    """In float64; two classes come as the log-odds of the second."""
    logits = logits.astype(np.float64)
    if logits.shape[-1] == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=-1)
    return softmax(logits)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_losses_are_the_log_loss_of_scikit_learn(classes, rng):
    task = Classification(classes)
    logits = rng.normal(0, 3, (200, task.outputs)).astype(np.float32)
    targets = rng.integers(0, classes, 200)
    expected = log_loss(targets, probabilities_of(logits), labels=range(classes))
    assert float(task.training_losses(logits, targets).mean()) == pytest.approx(expected, rel=1e-5)
    assert float(task.answer_losses(logits, targets).mean()) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(task.answer(logits), probabilities_of(logits), atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_balanced_weights_are_those_of_scikit_learn(classes, rng):
    targets = rng.choice(classes, 300, p=[0.8, 0.2] if classes == 2 else [0.7, 0.2, 0.1])
    task = Classification(classes, class_weights("balanced", range(classes), targets))
    logits = rng.normal(0, 2, (300, task.outputs)).astype(np.float32)
    weights = compute_sample_weight("balanced", targets)
    assert weights.mean() == pytest.approx(1.0)
    expected = log_loss(targets, probabilities_of(logits), sample_weight=weights, labels=range(classes))
    assert float(task.training_losses(logits, targets).mean()) == pytest.approx(expected, rel=1e-5)


def test_given_weights_keep_their_ratio_and_average_one():
    targets = np.array([0, 0, 0, 1])
    stay, leave = class_weights({"stay": 1.0, "leave": 5.0}, ["stay", "leave"], targets)
    assert leave / stay == pytest.approx(5.0)
    assert (3 * stay + leave) / 4 == pytest.approx(1.0)


def test_no_weights_are_no_weights():
    assert class_weights(None, [0, 1], np.array([0, 1])) is None


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"stay": 1.0, "leve": 2.0}, "class 'leave' has no weight"),
        ({"stay": 1.0, "leave": 2.0, "leves": 2.0}, "no class 'leves'; did you mean 'leave'"),
        ({"stay": 1.0, "leave": 0.0}, "weight of class 'leave' must be above 0"),
    ],
)
def test_weights_that_do_not_fit_the_classes_are_refused(setting, message):
    with pytest.raises(RecipeError, match=message):
        class_weights(setting, ["stay", "leave"], np.array([0, 1]))


@pytest.mark.parametrize("classes", [2, 4])
def test_members_learn_alone_and_answer_together(classes, rng):
    task = Classification(classes)
    logits = rng.normal(0, 2, (50, 3, task.outputs)).astype(np.float32)
    targets = rng.integers(0, classes, 50)
    by_member = [log_loss(targets, probabilities_of(logits[:, m]), labels=range(classes)) for m in range(3)]
    mean = np.mean([probabilities_of(logits[:, m]) for m in range(3)], axis=0)
    assert float(task.training_losses(logits, targets).mean()) == pytest.approx(np.mean(by_member), rel=1e-5)
    together = log_loss(targets, mean, labels=range(classes))
    assert float(task.answer_losses(logits, targets).mean()) == pytest.approx(together, rel=1e-5)
    assert together < np.mean(by_member)
    np.testing.assert_allclose(task.answer(logits), mean, atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_confident_mistakes_cost_much_and_stay_finite(classes):
    task = Classification(classes)
    logits = np.zeros((2, task.outputs), np.float32)
    logits[:, -1] = 1000.0
    losses = task.training_losses(logits, np.array([0, classes - 1]))
    np.testing.assert_allclose(losses, [1000.0, 0.0])
    gradient = jax.grad(lambda logits: task.training_losses(logits, np.array([0, 0])).sum())(logits)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("losses", ["training_losses", "answer_losses"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("members", [1, 3])
def test_gradients_are_finite_differences_in_float64(losses, classes, members, rng):
    task = Classification(classes, weights=tuple(np.linspace(0.5, 1.5, classes)))
    targets = rng.integers(0, classes, 4)
    with jax.enable_x64(True):
        shape = (4, members, task.outputs) if members > 1 else (4, task.outputs)
        logits = jnp.asarray(rng.normal(0, 2, shape))
        loss = jax.jit(lambda logits: getattr(task, losses)(logits, targets).sum())
        gradient = np.asarray(jax.jit(jax.grad(loss))(logits))
        for place in np.ndindex(shape):
            slope = (loss(logits.at[place].add(1e-5)) - loss(logits.at[place].add(-1e-5))) / 2e-5
            assert gradient[place] == pytest.approx(float(slope), abs=1e-8)
