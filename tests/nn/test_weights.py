import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from treadle.errors import BundleError
from treadle.nn import assemble, decayed, from_arrays, take_apart, to_arrays
from treadle.recipe import ModelRecipe

EVERYTHING = ModelRecipe(
    hidden=(8, 8), normalization="batch", residual=True, numbers="piecewise", number_width=4, pieces=5, members=2
)


@pytest.fixture(scope="module")
def net(make):
    return make.network(EVERYTHING, make.inputs(cardinalities=(3,)), cardinalities=(3,))


def test_names_say_where_an_array_stands(net):
    names = to_arrays(net).keys()
    assert {"blocks.0.linear.weight", "blocks.1.normalization.running.mean", "numbers.pieces.start"} <= names
    assert {"categories.weight", "output.weight", "output.bias"} <= names


def test_the_optimiser_sees_neither_running_statistics_nor_pieces(net):
    weights = take_apart(net)
    sizes = {name: array.size for name, array in to_arrays(net).items()}
    fixed = sum(size for name, size in sizes.items() if ".running." in name or ".pieces." in name)
    assert fixed > 0
    assert weights.trained.size == sum(sizes.values()) - fixed
    assert sum(array.size for array in jax.tree.leaves(weights.untrained)) == fixed


def test_taking_apart_and_assembling_are_inverse(net):
    weights = take_apart(net)
    for put_together in (assemble(net), jax.jit(assemble(net))):
        rebuilt = to_arrays(put_together(weights))
        for name, array in to_arrays(net).items():
            np.testing.assert_array_equal(rebuilt[name], array)


def test_weight_decay_applies_to_what_multiplies_inputs(net):
    marked = to_arrays(assemble(net)(take_apart(net)._replace(trained=jax.numpy.asarray(decayed(net)))))
    for name, array in marked.items():
        if ".running." in name or ".pieces." in name:
            continue
        assert (array == (1.0 if name.endswith("weight") else 0.0)).all(), name


def test_arrays_of_another_network_are_refused(net):
    arrays = to_arrays(net)
    with pytest.raises(BundleError, match=r"output\.bias stands on one side only"):
        from_arrays(net, {name: array for name, array in arrays.items() if name != "output.bias"})
    with pytest.raises(BundleError, match="stray stands on one side only"):
        from_arrays(net, {**arrays, "stray": np.zeros(1)})
    with pytest.raises(BundleError, match=r"output\.bias is float32 of shape \(7,\), not float32 of shape \(2, 1\)"):
        from_arrays(net, {**arrays, "output.bias": np.zeros(7, np.float32)})
    with pytest.raises(BundleError, match=r"output\.bias is float64"):
        from_arrays(net, {**arrays, "output.bias": np.zeros((2, 1))})


@pytest.mark.parametrize("at_once", [0, 10**9])
def test_the_gradient_of_every_weight_stands_where_the_weight_does(at_once, net, monkeypatch):
    monkeypatch.setattr("treadle.nn.weights.JOINED_AT_ONCE", at_once)
    apart = take_apart(net)
    assert (apart.trained.size % 960 == 0) == (at_once == 0)
    assert decayed(net).shape == apart.trained.shape

    def half_of_squares(trained):
        rebuilt = eqx.filter(assemble(net)(apart._replace(trained=trained)), eqx.is_inexact_array)
        return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(rebuilt)) / 2

    np.testing.assert_allclose(jax.jit(jax.grad(half_of_squares))(apart.trained), apart.trained, rtol=1e-6)
