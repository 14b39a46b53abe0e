from dataclasses import replace

import equinox as eqx
import numpy as np
import pytest
from sklearn.metrics import log_loss

from treadle.errors import TrainingError
from treadle.nn import to_arrays
from treadle.recipe import TrainingRecipe
from treadle.tasks import Classification, Regression
from treadle.training import Examples, train

BINARY = Classification(2)


def assert_same_weights(one, other):
    arrays = to_arrays(other)
    for name, array in to_arrays(one).items():
        np.testing.assert_array_equal(array, arrays[name], err_msg=name)


answer = eqx.filter_jit(lambda network, inputs: network(inputs)[:, 0])


def accuracy(network, examples):
    return ((np.asarray(answer(network, examples.inputs)) > 0) == examples.targets).mean()


def mean_loss(network, examples):
    return log_loss(examples.targets, 1 / (1 + np.exp(-np.asarray(answer(network, examples.inputs), np.float64))))


def test_it_learns_what_no_linear_model_can(make):
    recipe = TrainingRecipe(epochs=60, batch_size=32, learning_rate=0.01, patience=None)
    trained = train(BINARY, make.network(), make.examples(800), make.examples(300, seed=1), recipe)
    assert accuracy(trained.network, make.examples(300, seed=2)) > 0.9
    assert trained.history[-1].loss < 0.2 < trained.history[0].loss
    assert [epoch.epoch for epoch in trained.history] == list(range(1, 61))
    assert trained.seconds > 0


def numpy_mlp_step(weights, x, y, rate):
    """One step of gradient descent on the mean squared error of a network 3-16-8-1 with relu, in float64."""
    (w1, b1), (w2, b2), (w3, b3) = weights
    h1 = np.maximum(x @ w1 + b1, 0)
    h2 = np.maximum(h1 @ w2 + b2, 0)
    difference = (h2 @ w3 + b3)[:, 0] - y
    d3 = (2 * difference / len(x))[:, None]
    d2 = (d3 @ w3.T) * (h2 > 0)
    d1 = (d2 @ w2.T) * (h1 > 0)
    gradients = [(x.T @ d1, d1.sum(0)), (h1.T @ d2, d2.sum(0)), (h2.T @ d3, d3.sum(0))]
    stepped = [(w - rate * dw, b - rate * db) for (w, b), (dw, db) in zip(weights, gradients, strict=True)]
    return stepped, (difference**2).sum()


@pytest.mark.parametrize("batch_size", [10, 64])
def test_epochs_are_what_float64_says_with_every_row_of_the_last_batch(make, batch_size):
    """23 rows: the last batch of 10 has 3, and 64 is more than there are."""
    data = make.examples(23)
    targets = data.inputs["numbers"].sum(axis=1)
    data = replace(data, targets=targets)
    network = make.network()
    arrays = {name: array.astype(np.float64) for name, array in to_arrays(network).items()}
    weights = [(arrays[f"{n}.weight"], arrays[f"{n}.bias"]) for n in ("blocks.0.linear", "blocks.1.linear", "output")]
    losses = []
    for epoch in range(3):
        order = np.random.default_rng([5, epoch]).permutation(23)
        total = 0.0
        for start in range(0, 23, batch_size):
            drawn = order[start : start + batch_size]
            weights, loss = numpy_mlp_step(weights, data.inputs["numbers"][drawn], targets[drawn], 0.05)
            total += loss
        losses.append(total / 23)
    recipe = TrainingRecipe(
        optimizer="sgd", momentum=0.0, learning_rate=0.05, epochs=3, batch_size=batch_size, seed=5, patience=None
    )
    # Validation on the training rows: the last epoch is the best, so its weights are kept.
    trained = train(Regression(), network, data, data, recipe)
    assert trained.best_epoch == 3
    np.testing.assert_allclose([epoch.loss for epoch in trained.history], losses, rtol=1e-5)
    found = to_arrays(trained.network)
    for name, (weight, bias) in zip(("blocks.0.linear", "blocks.1.linear", "output"), weights, strict=True):
        np.testing.assert_allclose(found[f"{name}.weight"], weight, atol=2e-6)
        np.testing.assert_allclose(found[f"{name}.bias"], bias, atol=2e-6)


def test_the_validation_loss_is_the_mean_over_all_blocks_of_rows(make):
    """2,500 rows are answered in blocks of 1,024; the last is partly empty."""
    validation = make.examples(2500, seed=1)
    trained = train(BINARY, make.network(), make.examples(), validation, TrainingRecipe(epochs=1, batch_size=50))
    assert trained.history[0].validation_loss == pytest.approx(mean_loss(trained.network, validation), rel=1e-5)


def test_early_stopping_restores_the_best_epoch(make):
    """Rows with labels at random can only be learnt by heart, which validation punishes."""
    noise = np.random.default_rng(0)
    data = [replace(make.examples(80, seed=seed), targets=noise.integers(0, 2, 80)) for seed in (0, 1)]
    recipe = TrainingRecipe(epochs=200, batch_size=16, learning_rate=0.01, patience=4)
    trained = train(BINARY, make.network(), *data, recipe)
    losses = [epoch.validation_loss for epoch in trained.history]
    assert trained.best_epoch == int(np.argmin(losses)) + 1
    assert len(losses) == trained.best_epoch + 4 < 200
    assert mean_loss(trained.network, data[1]) == pytest.approx(min(losses), rel=1e-5)


def test_without_patience_all_epochs_run(make):
    recipe = TrainingRecipe(epochs=30, batch_size=64, learning_rate=0.05, patience=None)
    trained = train(BINARY, make.network(), make.examples(60), make.examples(60, seed=1), recipe)
    assert len(trained.history) == 30


def test_the_same_seed_gives_the_same_weights_bit_for_bit(make):
    recipe = TrainingRecipe(epochs=5, batch_size=30)
    arguments = (make.examples(), make.examples(seed=1))
    settings = {"dropout": 0.3, "normalization": "batch", "members": 2}
    first, again = (train(BINARY, make.network(**settings), *arguments, recipe) for _ in range(2))
    assert_same_weights(first.network, again.network)
    assert first.history == again.history
    other = train(BINARY, make.network(**settings), *arguments, recipe.model_copy(update={"seed": 1}))
    assert other.history != first.history


def test_running_statistics_come_to_those_of_the_training_rows(make):
    data = make.examples(1000)
    shifted = replace(data, inputs={"numbers": data.inputs["numbers"] * 3 + 5})
    recipe = TrainingRecipe(epochs=20, batch_size=100, learning_rate=1e-6, patience=None)
    trained = train(BINARY, make.network(normalization="batch"), shifted, shifted, recipe)
    arrays = to_arrays(trained.network)
    first = shifted.inputs["numbers"] @ arrays["blocks.0.linear.weight"] + arrays["blocks.0.linear.bias"]
    np.testing.assert_allclose(arrays["blocks.0.normalization.running.mean"], first.mean(axis=0), rtol=0.1, atol=0.3)
    np.testing.assert_allclose(arrays["blocks.0.normalization.running.variance"], first.var(axis=0), rtol=0.15)


def test_pieces_stay_where_the_quantiles_put_them(make):
    recipe = TrainingRecipe(epochs=2, batch_size=50, weight_decay=0.5)
    network = make.network(numbers="piecewise")
    trained = train(BINARY, network, make.examples(), make.examples(seed=1), recipe)
    for name, array in to_arrays(network).items():
        if ".pieces." in name:
            np.testing.assert_array_equal(to_arrays(trained.network)[name], array)


def test_categories_alone_can_be_learnt():
    codes = np.random.default_rng(0).integers(0, 4, (400, 2)).astype(np.int32)
    data = Examples({"codes": codes}, (codes[:, 0] == codes[:, 1]).astype(np.int64))
    from treadle.nn import build_table_network
    from treadle.recipe import ModelRecipe

    network = build_table_network(
        ModelRecipe(hidden=(32,)),
        number_columns=0,
        cardinalities=(5, 5),
        outputs=1,
        train_numbers=None,
        rng=np.random.default_rng(0),
    )
    trained = train(BINARY, network, data, data, TrainingRecipe(epochs=30, batch_size=32, learning_rate=0.02))
    assert accuracy(trained.network, data) == 1.0


@pytest.mark.parametrize("epochs", [1, 40])
def test_a_loss_that_is_not_finite_names_the_epoch_and_the_way_out(make, epochs):
    recipe = TrainingRecipe(optimizer="sgd", learning_rate=1e20, epochs=epochs, batch_size=20)
    data = replace(make.examples(), targets=make.examples().inputs["numbers"][:, 0])
    message = r"not? longer finite in epoch 1: .*learning_rate below 1e\+20, or training.clip_norm: 1.0"
    with pytest.raises(TrainingError, match=message):
        train(Regression(), make.network(), data, data, recipe)


@pytest.mark.parametrize(("rows", "validation_rows", "name"), [(0, 5, "training"), (5, 0, "validation")])
def test_no_rows_are_an_error(make, rows, validation_rows, name):
    with pytest.raises(TrainingError, match=f"there are no {name} rows"):
        train(BINARY, make.network(), make.examples(rows), make.examples(validation_rows), TrainingRecipe())


def test_one_row_is_enough_to_run(make):
    trained = train(BINARY, make.network(), make.examples(1), make.examples(1), TrainingRecipe(epochs=2))
    assert len(trained.history) == 2


def test_progress_tells_where_training_stands(make):
    reports = []
    recipe = TrainingRecipe(epochs=40, batch_size=20, patience=None)
    trained = train(BINARY, make.network(), make.examples(), make.examples(seed=1), recipe, report=reports.append)
    first, last = reports[0], reports[-1]
    # The first stretch of 8 steps ends within the first epoch of 10.
    assert (first.epoch, first.best_epoch, first.validation_loss, first.best_validation_loss) == (0, 0, None, None)
    assert 0 < first.loss < 2
    assert first.share == pytest.approx(8 / 400)
    assert first.seconds_left > 0
    assert (last.epoch, last.epochs, last.share, last.seconds_left) == (40, 40, 1.0, 0.0)
    assert last.best_epoch == trained.best_epoch
    assert last.loss == trained.history[-1].loss
    assert last.best_validation_loss == min(epoch.validation_loss for epoch in trained.history)
    assert [report.share for report in reports] == sorted(report.share for report in reports)
