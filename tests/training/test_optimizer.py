import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from treadle.recipe import TrainingRecipe
from treadle.training.optimizer import build_optimizer, learning_rate

BATCHES = 10


def rates(epochs=8, **settings):
    recipe = TrainingRecipe(learning_rate=0.5, epochs=epochs, **settings)
    return np.asarray(jax.jit(learning_rate(recipe, BATCHES))(np.arange(epochs * BATCHES + 5)))


def test_a_constant_rate_is_constant():
    np.testing.assert_allclose(rates(), 0.5)


def test_the_warm_up_rises_in_equal_steps_to_the_rate():
    found = rates(warmup_epochs=2)
    np.testing.assert_allclose(found[:20], 0.5 * np.arange(1, 21) / 20, rtol=1e-6)
    np.testing.assert_allclose(found[20:], 0.5)


def test_the_cosine_falls_to_zero_over_the_epochs_after_the_warm_up():
    found = rates(warmup_epochs=2, schedule="cosine")
    assert found[20] == pytest.approx(0.5)
    assert found[50] == pytest.approx(0.25)
    np.testing.assert_allclose(found[80:], 0.0, atol=1e-7)
    assert (np.diff(found[20:80]) < 0).all()


def test_a_warm_up_longer_than_training_stays_finite():
    assert np.isfinite(rates(epochs=2, warmup_epochs=5, schedule="cosine")).all()


def walk(recipe, steps=6, decayed=None):
    """Weights after some steps on a fixed quadratic bowl."""
    start = np.array([1.0, -2.0, 3.0], np.float32)
    optimizer = build_optimizer(recipe, BATCHES, np.ones(3, np.float32) if decayed is None else decayed)
    weights, state = jnp.asarray(start), optimizer.init(jnp.asarray(start))
    for _ in range(steps):
        updates, state = optimizer.update(weights * np.array([1.0, 10.0, 100.0], np.float32), state, weights)
        weights = optax.apply_updates(weights, updates)
    return np.asarray(weights, np.float64)


def reference(update, steps=6):
    weights, state = np.array([1.0, -2.0, 3.0]), {}
    for t in range(1, steps + 1):
        weights += update(weights, weights * np.array([1.0, 10.0, 100.0]), state, t)
    return weights


def adam(gradient, state, t):
    state["m"] = 0.9 * state.get("m", 0) + 0.1 * gradient
    state["v"] = 0.999 * state.get("v", 0) + 0.001 * gradient**2
    return state["m"] / (1 - 0.9**t) / (np.sqrt(state["v"] / (1 - 0.999**t)) + 1e-8)


def test_adam_is_algorithm_1_of_kingma_and_ba():
    expected = reference(lambda w, g, state, t: -0.01 * adam(g, state, t))
    np.testing.assert_allclose(walk(TrainingRecipe(optimizer="adam", learning_rate=0.01)), expected, rtol=1e-5)


def test_adamw_decays_what_is_marked_and_nothing_else():
    decayed = np.array([1.0, 0.0, 1.0], np.float32)
    expected = reference(lambda w, g, state, t: -0.01 * (adam(g, state, t) + 0.3 * decayed * w))
    recipe = TrainingRecipe(optimizer="adamw", learning_rate=0.01, weight_decay=0.3)
    np.testing.assert_allclose(walk(recipe, decayed=decayed), expected, rtol=1e-5)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_takes_momentum(momentum):
    def update(w, g, state, t):
        state["m"] = momentum * state.get("m", 0) + g
        return -0.001 * state["m"]

    recipe = TrainingRecipe(optimizer="sgd", learning_rate=0.001, momentum=momentum)
    np.testing.assert_allclose(walk(recipe), reference(update), rtol=1e-5)


def test_rmsprop_divides_by_the_running_size_of_the_gradient():
    def update(w, g, state, t):
        state["v"] = 0.9 * state.get("v", 0) + 0.1 * g**2
        return -0.01 * g / np.sqrt(state["v"])

    recipe = TrainingRecipe(optimizer="rmsprop", learning_rate=0.01)
    np.testing.assert_allclose(walk(recipe), reference(update), rtol=1e-4)


def test_a_clipped_gradient_is_as_long_as_allowed():
    def update(w, g, state, t):
        return -0.01 * g * min(1.0, 2.0 / np.linalg.norm(g))

    recipe = TrainingRecipe(optimizer="sgd", momentum=0.0, learning_rate=0.01, clip_norm=2.0)
    np.testing.assert_allclose(walk(recipe), reference(update), rtol=1e-5)
