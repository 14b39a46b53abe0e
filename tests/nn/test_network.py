import equinox as eqx
import jax
import numpy as np
import pytest

from treadle.nn import from_arrays, take_apart, to_arrays
from treadle.recipe import ModelRecipe

answer = eqx.filter_jit(lambda net, inputs: net(inputs))
learn = eqx.filter_jit(lambda net, *arguments: net.learn(*arguments))


def as_float64(net):
    return {name: array.astype(np.float64) for name, array in to_arrays(net).items()}


FUNCTIONS = {
    "relu": lambda z: np.maximum(z, 0),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "tanh": np.tanh,
}


def forward(model, w, inputs):
    """The network once more: one row and one member at a time, in float64, from the named arrays alone."""
    members = model.members
    answers = []
    for row in range(len(next(iter(inputs.values())))):
        x = []
        if "numbers" in inputs:
            x.extend(inputs["numbers"][row].astype(np.float64))
        if "codes" in inputs:
            start = 0
            for code, size in zip(inputs["codes"][row], (3, 4), strict=True):
                x.extend(w["categories.weight"][start + code])
                start += size
        for member in range(members):
            h = np.array(x)
            for layer in range(len(model.hidden)):
                name = f"blocks.{layer}"
                weight, bias = w[f"{name}.linear.weight"], w[f"{name}.linear.bias"]
                if members > 1:
                    r, s = w[f"{name}.linear.input_scale"][member], w[f"{name}.linear.output_scale"][member]
                    z = s * ((r * h) @ weight) + bias[member]
                else:
                    z = h @ weight + bias
                if model.normalization == "layer":
                    z = (z - z.mean()) / np.sqrt(z.var() + 1e-5)
                if model.normalization == "batch":
                    mean, variance = (
                        w[f"{name}.normalization.running.mean"],
                        w[f"{name}.normalization.running.variance"],
                    )
                    if members > 1:
                        mean, variance = mean[member], variance[member]
                    z = (z - mean) / np.sqrt(variance + 1e-5)
                if model.normalization != "none":
                    scale, shift = w[f"{name}.normalization.scale"], w[f"{name}.normalization.bias"]
                    own = (scale[member], shift[member]) if scale.ndim == 2 else (scale, shift)
                    z = own[0] * z + own[1]
                z = FUNCTIONS[model.activation](z)
                h = z + h if model.residual and len(z) == len(h) else z
            out = w["output.weight"][member] if members > 1 else w["output.weight"]
            answers.append(h @ out + (w["output.bias"][member] if members > 1 else w["output.bias"]))
    shape = (-1, members, len(answers[0])) if members > 1 else (-1, len(answers[0]))
    return np.array(answers).reshape(shape)


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("normalization", ["none", "layer", "batch"])
@pytest.mark.parametrize(("activation", "residual"), [("relu", False), ("silu", True), ("tanh", True)])
def test_the_forward_pass_is_what_float64_says(activation, residual, normalization, members, make):
    model = ModelRecipe(
        hidden=(6, 6, 4), activation=activation, normalization=normalization, residual=residual, members=members
    )
    inputs = make.inputs(rows=7, numbers=3, cardinalities=(3, 4))
    net = make.network(model.model_copy(update={"category_width": 2}), inputs, cardinalities=(3, 4), outputs=2)
    outputs = answer(net, inputs)
    expected = forward(model, as_float64(net), inputs)
    assert outputs.shape == expected.shape
    np.testing.assert_allclose(outputs, expected, atol=2e-5, rtol=2e-5)


def test_the_plain_network_is_dense_layers_as_in_keras(make):
    """Dense 64-32-1 on 12 features has the parameters that Keras counts for it."""
    net = make.network(ModelRecipe(hidden=(64, 32)), make.inputs(numbers=12))
    assert take_apart(net).trained.size == 12 * 64 + 64 + 64 * 32 + 32 + 32 + 1 == 2945


def test_no_hidden_layer_is_a_linear_model(make):
    inputs = make.inputs(rows=5, numbers=3)
    net = make.network(ModelRecipe(hidden=()), inputs, outputs=2)
    arrays = to_arrays(net)
    assert set(arrays) == {"output.weight", "output.bias"}
    np.testing.assert_allclose(
        net(inputs), inputs["numbers"] @ arrays["output.weight"] + arrays["output.bias"], atol=1e-6
    )
    outputs, _ = learn(net, inputs, np.ones(5, np.float32), jax.random.key(0))
    np.testing.assert_array_equal(outputs, answer(net, inputs))


def test_learning_without_dropout_or_batch_statistics_computes_what_answering_does(make):
    inputs = make.inputs()
    net = make.network(ModelRecipe(hidden=(8, 8), normalization="layer", residual=True, members=2), inputs)
    outputs, moved = learn(net, inputs, np.ones(40, np.float32), jax.random.key(0))
    np.testing.assert_allclose(outputs, answer(net, inputs), atol=1e-6)
    assert all(np.array_equal(array, to_arrays(net)[name]) for name, array in to_arrays(moved).items())


def test_batch_mates_and_batch_order_change_no_answer(make):
    inputs = make.inputs(rows=33, cardinalities=(3, 4))
    net = make.network(ModelRecipe(normalization="batch", numbers="piecewise", members=2), inputs, cardinalities=(3, 4))
    together = np.asarray(answer(net, inputs))
    for row in (0, 7, 32):
        alone = answer(net, {name: array[row : row + 1] for name, array in inputs.items()})
        np.testing.assert_allclose(alone[0], together[row], atol=1e-6)
    backwards = np.asarray(answer(net, {name: array[::-1] for name, array in inputs.items()}))
    np.testing.assert_allclose(backwards[::-1], together, atol=1e-6)


def test_dropout_acts_in_learning_only_and_by_its_key(make):
    inputs = make.inputs()
    net = make.network(ModelRecipe(dropout=0.5), inputs)
    present = np.ones(40, np.float32)
    first, _ = learn(net, inputs, present, jax.random.key(1))
    again, _ = learn(net, inputs, present, jax.random.key(1))
    other, _ = learn(net, inputs, present, jax.random.key(2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3
    assert np.abs(first - answer(net, inputs)).max() > 1e-3


def test_the_same_generator_gives_the_same_network(make):
    inputs = make.inputs()
    for name, array in to_arrays(make.network(ModelRecipe(), inputs, seed=4)).items():
        np.testing.assert_array_equal(array, to_arrays(make.network(ModelRecipe(), inputs, seed=4))[name])


def test_arrays_put_back_into_a_skeleton_are_the_network(make):
    model = ModelRecipe(numbers="piecewise", normalization="batch", members=2)
    inputs = make.inputs()
    trained, skeleton = make.network(model, inputs, seed=1), make.network(model, inputs, seed=2)
    restored = from_arrays(skeleton, to_arrays(trained))
    np.testing.assert_array_equal(answer(restored, inputs), answer(trained, inputs))
