import jax
import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.bundle.graph import Graph
from treadle.nn import to_arrays
from treadle.nn.activations import ACTIVATIONS
from treadle.recipe import ModelRecipe
from treadle.tasks import Classification, Regression


def session_of(task, net):
    graph = Graph()
    task.write(net, graph)
    # What has one name in the model and among the weights is one array: `treadle verify` compares them.
    arrays = to_arrays(net)
    for name in arrays.keys() & graph.constants.keys():
        np.testing.assert_array_equal(graph.constants[name], arrays[name], err_msg=name, strict=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(graph.to_bytes(), options)


def assert_equal_answers(make, model, task, columns=(3, ()), batch=None):
    """ONNX Runtime answers one row, a few and all as JAX does."""
    batch = make.inputs(60, *columns) if batch is None else batch
    net = make.network(model, batch, columns[1], task.outputs)
    computed = np.asarray(jax.jit(lambda batch: task.answer(net(batch)))(batch))
    session = session_of(task, net)
    for rows in (1, 7, len(computed)):
        served = session.run(["outputs"], {name: array[:rows] for name, array in batch.items()})[0]
        assert served.dtype == np.float32
        assert served.shape == (rows, getattr(task, "classes", 1))
        np.testing.assert_allclose(served, computed[:rows], atol=1e-5, rtol=1e-5)


models = st.builds(
    ModelRecipe,
    hidden=st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    dropout=st.sampled_from([0.0, 0.3]),
    normalization=st.sampled_from(["none", "layer", "batch"]),
    residual=st.booleans(),
    numbers=st.just("plain"),
    members=st.sampled_from([1, 3]),
    category_width=st.integers(1, 4),
)
tasks = st.sampled_from([Classification(2), Classification(3), Regression()])
columns = st.sampled_from([(3, ()), (1, (3,)), (2, (3, 5)), (0, (4, 2))])


@settings(max_examples=10, deadline=None, derandomize=True)
@given(model=models, numbers=st.sampled_from(["plain", "piecewise", "periodic"]), task=tasks, columns=columns)
def test_the_served_network_is_the_trained_one(make, model, numbers, task, columns):
    embedded = model.model_copy(update={"numbers": numbers, "number_width": 3, "pieces": 4, "frequencies": 5})
    assert_equal_answers(make, embedded, task, columns)


@pytest.mark.parametrize("normalization", ["none", "layer", "batch"])
@pytest.mark.parametrize("numbers", ["plain", "piecewise", "periodic"])
@pytest.mark.parametrize("members", [1, 4])
def test_every_pair_of_options_is_served_as_trained(normalization, numbers, members, make):
    model = ModelRecipe(hidden=(6, 6), residual=True, normalization=normalization, members=members)
    task = Classification(3) if members > 1 else Classification(2)
    assert_equal_answers(make, model.model_copy(update={"numbers": numbers}), task, (2, (3,)))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_is_served_as_trained(activation, make):
    assert_equal_answers(make, ModelRecipe(hidden=(6,), activation=activation), Regression())


@pytest.mark.parametrize("task", [Classification(2), Classification(4), Regression()])
def test_a_linear_model_is_served_as_trained(task, make):
    assert_equal_answers(make, ModelRecipe(hidden=()), task, (3, (4,)))


def test_numbers_far_outside_the_training_range_are_served_as_trained(make):
    batch = make.inputs(60, 2)
    net = make.network(ModelRecipe(numbers="piecewise"), batch)
    far = {"numbers": np.array([[-50.0, 70.0], [1e4, -1e4]], np.float32)}
    served = session_of(Regression(), net).run(None, far)[0]
    np.testing.assert_allclose(served, net(far), rtol=1e-5)


def test_probabilities_of_extreme_logits_stay_probabilities(make):
    batch = {"numbers": np.array([[5000.0], [-5000.0]], np.float32)}
    session = session_of(Classification(2), make.network(ModelRecipe(hidden=()), batch))
    np.testing.assert_allclose(np.sort(session.run(None, batch)[0]), [[0.0, 1.0], [0.0, 1.0]], atol=1e-6)


def test_the_same_network_gives_the_same_bytes(make):
    def written():
        graph = Graph()
        Classification(3).write(make.network(ModelRecipe(members=2), make.inputs(), outputs=3), graph)
        return graph.to_bytes()

    assert written() == written()
