import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import jax.test_util
import numpy as np
import pytest

from treadle import kernels
from treadle.kernels import fused, library, scan
from treadle.nn.recurrent import CELLS, GRU, LSTM, PeepholeLSTM, SimpleRelu, SimpleTanh

cells = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
both_ways = [*((cell, False) for cell in CELLS.values()), (LSTM, True), (GRU, True)]


@pytest.fixture(autouse=True)
def _ready(kernels_ready):
    yield
    if library.load().fused:
        library.choose("avx512")


def replaced(given, **changes):
    return SimpleNamespace(**(vars(given) | changes))


# Sizes below, at and between multiples of the vector width; one with more rows than a chunk of steps holds.
@cells
@pytest.mark.parametrize(
    ("sizes", "reverse", "masked"),
    [((9, 7, 5, 19), False, True), ((3, 140, 18, 48), True, False)],
    ids=["narrow", "many rows"],
)
def test_all_implementations_agree(cell, sizes, reverse, masked, make):
    given = make.layer(cell, *sizes)
    expected = make.results(scan, cell, given, reverse=reverse, masked=masked)
    if fused not in make.implementations:
        return
    run = make.compiled(fused, cell, reverse=reverse, masked=masked)
    for instruction_set in ("plain", "avx2", "avx512"):
        library.choose(instruction_set)
        make.assert_close(run(given), expected)


@pytest.mark.parametrize("cell", [SimpleTanh, LSTM, GRU])
def test_the_implementations_are_as_exact_as_their_numbers_over_long_texts(cell, make):
    given = make.layer(cell, 300, 6, 24, 40, seed=3)
    with jax.enable_x64(True):
        exact = replaced(
            given,
            **{
                name: jax.tree.map(lambda a: a.astype(jnp.float64), getattr(given, name))
                for name in ("weights", "xs", "initial")
            },
        )
        expected = make.results(scan, cell, exact, reverse=False, masked=False)
    for implementation in make.implementations:
        make.assert_close(make.results(implementation, cell, given, reverse=False, masked=False), expected)


@pytest.mark.parametrize(("cell", "reverse"), both_ways)
def test_gradients_of_the_scan_are_those_of_finite_differences(cell, reverse, make):
    with jax.enable_x64(True):
        given = make.layer(cell, 4, 3, 2, 3, dtype=np.float64)

        @jax.jit
        def run(weights, xs, initial):
            return scan.unroll(cell, reverse, weights, xs, given.lengths, initial, given.mask)

        if cell is SimpleRelu:  # away from its corner, where there is no derivative
            given.weights = given.weights._replace(bias=given.weights.bias + 0.31)
        jax.test_util.check_grads(run, (given.weights, given.xs, given.initial), order=1, modes=["rev"], rtol=1e-6)


@pytest.mark.parametrize(("cell", "reverse"), both_ways)
def test_nothing_behind_a_rows_length_plays_a_part(cell, reverse, implementation, make):
    given = make.layer(cell, 6, 5, 3, 17)
    absent = np.arange(6)[:, None] >= np.asarray(given.lengths)
    poisoned = replaced(given, xs=jnp.where(absent[..., None], jnp.nan, given.xs))
    run = make.compiled(implementation, cell, reverse=reverse, masked=False)
    expected, found = run(given), run(poisoned)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    assert not np.any(np.asarray(expected["outputs"])[absent])
    assert not np.any(np.asarray(expected["d_xs"])[absent])


def assert_same(found, expected):
    """To the bit, where the fused kernels run: XLA multiplies matrices of another shape in another order."""
    if library.load().fused:
        np.testing.assert_array_equal(found, expected)
    else:
        np.testing.assert_allclose(found, expected, atol=1e-6)


@cells
def test_artificial_padding_changes_nothing(cell, make):
    given = make.layer(cell, 6, 5, 3, 17)
    longer = jnp.pad(given.xs, ((0, 9), (0, 0), (0, 0)), constant_values=7.0)
    outputs, final = kernels.unroll(cell, given.weights, given.xs, given.lengths, given.initial)
    padded, padded_final = kernels.unroll(cell, given.weights, longer, given.lengths, given.initial)
    assert_same(padded[:6], outputs)
    assert not np.any(padded[6:])
    jax.tree.map(assert_same, padded_final, final)


@cells
def test_the_mates_and_the_order_of_a_batch_change_nothing(cell, make):
    given = make.layer(cell, 7, 29, 5, 18)
    order = np.random.default_rng(1).permutation(29)
    whole, _ = kernels.unroll(cell, given.weights, given.xs, given.lengths, given.initial)
    initial = tuple(state[order] for state in given.initial)
    turned, _ = kernels.unroll(cell, given.weights, given.xs[:, order], given.lengths[order], initial)
    assert_same(turned, whole[:, order])
    for rows in (slice(0, 1), slice(3, 8), slice(8, 25)):
        initial = tuple(state[rows] for state in given.initial)
        alone, _ = kernels.unroll(cell, given.weights, given.xs[:, rows], given.lengths[rows], initial)
        assert_same(alone, whole[:, rows])


def test_a_row_in_reverse_is_the_turned_row_forwards(implementation, make):
    given = make.layer(GRU, 6, 4, 3, 5)
    time = np.arange(6)[:, None]
    turned = np.where(time < given.lengths, np.asarray(given.lengths) - 1 - time, time)

    def turn(steps):
        return jnp.take_along_axis(steps, turned[..., None], axis=0)

    lengths, initial = given.lengths, given.initial
    outputs, final = implementation.unroll(GRU, True, given.weights, given.xs, lengths, initial, None)
    forwards, last = implementation.unroll(GRU, False, given.weights, turn(given.xs), lengths, initial, None)
    np.testing.assert_allclose(outputs, turn(forwards), atol=1e-6)
    np.testing.assert_allclose(final[0], last[0], atol=1e-6)


@cells
def test_a_row_of_length_zero_keeps_its_state(cell, implementation, make):
    given = make.layer(cell, 3, 2, 4, 5)
    nothing = jnp.zeros(2, jnp.int32)
    outputs, final = implementation.unroll(cell, False, given.weights, given.xs, nothing, given.initial, None)
    assert not np.any(outputs)
    jax.tree.map(np.testing.assert_array_equal, final, given.initial)
    found = make.results(implementation, cell, replaced(given, lengths=nothing), reverse=False, masked=True)
    assert not any(np.any(found[name]) for name in ("d_xs", "d_input", "d_recurrent", "d_bias", "d_vectors"))


@pytest.mark.parametrize("sizes", [(0, 3, 2, 4), (3, 0, 2, 4), (3, 2, 0, 4), (1, 1, 1, 1)])
@pytest.mark.parametrize("cell", [SimpleRelu, PeepholeLSTM, GRU])
def test_axes_of_length_zero_and_one(cell, sizes, make):
    given = make.layer(cell, *sizes)
    expected = make.results(scan, cell, given, reverse=True, masked=False)
    for implementation in make.implementations:
        found = make.results(implementation, cell, given, reverse=True, masked=False)
        for name, array in expected.items():
            np.testing.assert_allclose(found[name], array, atol=1e-5, err_msg=name)


def test_lengths_out_of_range_are_brought_to_the_nearer_end(make):
    given = make.layer(LSTM, 4, 3, 2, 3)
    strange, plain = jnp.array([9, -3, 2]), jnp.array([4, 0, 2])
    found = kernels.unroll(LSTM, given.weights, given.xs, strange, given.initial)
    expected = kernels.unroll(LSTM, given.weights, given.xs, plain, given.initial)
    jax.tree.map(np.testing.assert_array_equal, found, expected)


@cells
def test_a_number_that_is_not_one_stays_visible(cell, implementation, make):
    given = make.layer(cell, 4, 2, 2, 3)
    poisoned = given.xs.at[0, 0, 0].set(jnp.nan)
    lengths = jnp.array([4, 4], jnp.int32)
    _, final = implementation.unroll(cell, False, given.weights, poisoned, lengths, given.initial, None)
    assert np.all(np.isnan(final[0][0]))
    assert np.all(np.isfinite(final[0][1]))


def test_gradients_may_be_asked_of_parts_alone(implementation, make):
    cell, given = LSTM, make.layer(LSTM, 5, 4, 3, 6)
    asked = jnp.cos(1.7 * jnp.arange(5 * 4 * 6.0)).reshape(5, 4, 6)

    def of(weights, xs, part):
        outputs, final = implementation.unroll(cell, False, weights, xs, given.lengths, given.initial, None)
        return jnp.sum(outputs * asked) if part == "outputs" else jnp.sum(final[0] ** 2)

    both = jax.jit(jax.grad(lambda weights, xs: of(weights, xs, "outputs"), argnums=(0, 1)))(given.weights, given.xs)
    weights_only = jax.jit(jax.grad(lambda weights: of(weights, given.xs, "outputs")))(given.weights)
    jax.tree.map(np.testing.assert_array_equal, weights_only, both[0])
    final_only = jax.jit(jax.grad(lambda xs: of(given.weights, xs, "final")))(given.xs)
    reference = jax.grad(
        lambda xs: jnp.sum(scan.unroll(cell, False, given.weights, xs, given.lengths, given.initial, None)[1][0] ** 2)
    )(given.xs)
    np.testing.assert_allclose(final_only, reference, atol=1e-6)


def test_it_maps_over_weights_and_over_data(implementation, make):
    one, other = (make.layer(LSTM, 5, 4, 3, 6, seed=seed) for seed in (1, 2))

    def loss(weights, xs, lengths):
        outputs, final = implementation.unroll(LSTM, False, weights, xs, lengths, one.initial, one.mask)
        return jnp.sum(outputs**2) + jnp.sum(final[0])

    gradient = jax.jit(jax.grad(loss, argnums=(0, 1)))
    both = jax.tree.map(lambda *leaves: jnp.stack(leaves), one.weights, other.weights)
    mapped = jax.jit(jax.vmap(gradient, in_axes=(0, None, None)))(both, one.xs, one.lengths)
    for index, weights in enumerate((one.weights, other.weights)):
        expected = gradient(weights, one.xs, one.lengths)
        jax.tree.map(lambda a, b, i=index: np.testing.assert_allclose(a[i], b, atol=1e-5), mapped, expected)
    data = (jnp.stack([one.xs, other.xs]), jnp.stack([one.lengths, other.lengths]))
    mapped = jax.jit(jax.vmap(gradient, in_axes=(None, 0, 0)))(one.weights, *data)
    for index, given in enumerate((one, other)):
        expected = gradient(one.weights, given.xs, given.lengths)
        jax.tree.map(lambda a, b, i=index: np.testing.assert_allclose(a[i], b, atol=1e-5), mapped, expected)


def test_other_precisions_are_left_to_the_scan(make):
    with jax.enable_x64(True):
        given = make.layer(LSTM, 3, 2, 2, 3, dtype=np.float64)
        outputs, _ = kernels.unroll(LSTM, given.weights, given.xs, given.lengths, given.initial)
        assert outputs.dtype == jnp.float64


def test_calls_from_many_threads_wait_for_nobody(make):
    given = make.layer(LSTM, 20, 16, 8, 24)
    run = jax.jit(lambda xs: kernels.unroll(LSTM, given.weights, xs, given.lengths, given.initial)[0])
    expected = np.asarray(run(given.xs))
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: np.asarray(run(given.xs)), range(64)):
            np.testing.assert_array_equal(found, expected)


SHARDED = """
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import NamedSharding, PartitionSpec as P
from treadle import kernels
from treadle.nn.recurrent import LSTM

mesh = jax.make_mesh((4,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
rng = np.random.default_rng(0)
normal = lambda *shape: jnp.asarray(0.3 * rng.normal(size=shape).astype(np.float32))
weights = kernels.Weights(normal(3, 20), normal(5, 20), normal(20), normal(0, 5))
xs, lengths = normal(6, 8, 3), jnp.asarray(rng.integers(0, 7, 8).astype(np.int32))
initial = (normal(8, 5), normal(8, 5))
learnt, steps = (weights, normal(7, 3)), (xs, jnp.asarray(rng.integers(-1, 8, (6, 8)).astype(np.int32)))

def loss(learnt, steps, lengths, initial):
    (weights, table), (xs, codes) = learnt, steps
    outputs, final = kernels.unroll(LSTM, weights, xs, lengths, initial)
    named, _ = kernels.unroll_tokens(LSTM, weights, table, codes, lengths, initial)
    return jnp.sum(outputs**2) + jnp.sum(final[0]) + jnp.sum(named**2)

@jax.shard_map(mesh=mesh, in_specs=(P(), P(None, "batch"), P("batch"), P("batch")), out_specs=P())
def split(learnt, steps, lengths, initial):
    return jax.grad(loss)(learnt, steps, lengths, initial)  # summed over the devices, as the weights are one for all

expected = jax.grad(loss)(learnt, steps, lengths, initial)
found = jax.jit(split)(learnt, steps, lengths, initial)
by_compiler = jax.jit(jax.grad(loss))(
    learnt,
    jax.device_put(steps, NamedSharding(mesh, P(None, "batch"))),
    jax.device_put(lengths, NamedSharding(mesh, P("batch"))),
    jax.device_put(initial, NamedSharding(mesh, P("batch"))),
)
for others in (found, by_compiler):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), others, expected)
assert len(jax.devices()) == 4
"""


@pytest.mark.parametrize("kernel", ["scan", "avx512"])
def test_it_is_sharded_over_devices(kernel, monkeypatch):
    monkeypatch.setenv("TREADLE_KERNELS", kernel)
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=4")
    done = subprocess.run([sys.executable, "-c", SHARDED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
