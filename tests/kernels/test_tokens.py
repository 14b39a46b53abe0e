import jax
import jax.numpy as jnp
import numpy as np
import pytest

from treadle import kernels
from treadle.kernels import library
from treadle.nn.recurrent import CELLS, GRU, LSTM, SimpleRelu

WORDS = 11


@pytest.fixture(autouse=True)
def _ready(kernels_ready):
    yield
    if library.load().fused:
        library.choose("avx512")


def composed(cell, weights, table, codes, *rest, **options):
    """What `unroll_tokens` must equal."""
    return kernels.unroll(cell, weights, kernels.lookup(table, codes), *rest, **options)


@pytest.fixture
def tokens(make):
    """A layer, a table for it and codes: repeated ones, words that never come, and some that are none."""

    def draw(cell, sizes, seed=0):
        given = make.layer(cell, *sizes, seed=seed)
        time, batch, features, _ = sizes
        rng = np.random.default_rng(seed)
        table = jnp.asarray(rng.normal(size=(WORDS, features)).astype(np.float32))
        codes = rng.choice([-1, 0, 3, 4, 9, 10, WORDS, 2**31 - 1], (time, batch)).astype(np.int32)
        return given, table, jnp.asarray(codes)

    return draw


def compiled(unroll, cell, **options):
    """Outputs and final state, and the gradients of a weighted sum of them for weights, table and initial state."""

    @jax.jit
    def run(layer, table, codes, mask):
        weights, lengths, initial = layer

        def answer(weights, table, initial):
            return unroll(cell, weights, table, codes, lengths, initial, mask=mask, **options)

        found, pull_back = jax.vjp(answer, weights, table, initial)
        asked = jax.tree.map(lambda a: jnp.cos(1.7 * jnp.arange(a.size, dtype=a.dtype)).reshape(a.shape), found)
        return found, pull_back(asked)

    def named(given, table, codes, mask=None):
        found, gradients = run((given.weights, given.lengths, given.initial), table, codes, mask)
        leaves = jax.tree_util.tree_leaves_with_path({"answer": found, "gradient": gradients})
        return {jax.tree_util.keystr(path): array for path, array in leaves}

    return named


# Sizes below, at and between multiples of the vector width; one row alone; more rows than a chunk of steps holds.
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
@pytest.mark.parametrize(
    ("sizes", "ways"),
    [((9, 7, 5, 19), (False, True)), ((3, 140, 18, 48), (True, False)), ((6, 1, 16, 3), (True, True))],
    ids=["narrow", "many rows", "one row"],
)
def test_it_equals_the_unroll_of_looked_up_rows(cell, sizes, ways, make, tokens):
    given, table, codes = tokens(cell, sizes)
    reverse, masked = ways
    mask = given.mask if masked else None
    # Ready before other instructions are chosen.
    expected = jax.block_until_ready(compiled(composed, cell, reverse=reverse)(given, table, codes, mask))
    if not library.load().fused:
        return
    run = compiled(kernels.unroll_tokens, cell, reverse=reverse)
    for instruction_set in ("plain", "avx2", "avx512"):
        library.choose(instruction_set)
        found = run(given, table, codes, mask)
        make.assert_close(found, expected)
        again = run(given, table, codes, mask)
        jax.tree.map(np.testing.assert_array_equal, again, found)
    for name, array in expected.items():
        if name.startswith("['answer']"):  # summed in the very same order
            np.testing.assert_array_equal(found[name], array)


def test_more_words_than_are_summed_together(make, tokens):
    given, _, _ = tokens(LSTM, (40, 12, 20, 17))
    rng = np.random.default_rng(1)
    table = jnp.asarray(rng.normal(size=(700, 20)).astype(np.float32))
    codes = jnp.asarray(rng.integers(-1, 700, (40, 12)).astype(np.int32))
    expected = compiled(composed, LSTM)(given, table, codes)
    make.assert_close(compiled(kernels.unroll_tokens, LSTM)(given, table, codes), expected)


def test_words_that_do_not_come_take_no_gradient(tokens):
    given, table, codes = tokens(GRU, (5, 4, 3, 6))
    behind = np.arange(5)[:, None] >= np.asarray(given.lengths)
    codes = jnp.where(behind, 1, codes)
    gradient = np.asarray(compiled(kernels.unroll_tokens, GRU)(given, table, codes)["['gradient'][1]"])
    read = np.isin(np.arange(WORDS), np.asarray(codes)[~behind])
    np.testing.assert_array_equal(np.any(gradient != 0, axis=1), read)


@pytest.mark.parametrize("sizes", [(0, 3, 2, 4), (3, 0, 2, 4), (3, 2, 0, 4)])
def test_axes_of_length_zero(sizes, tokens):
    given, table, codes = tokens(GRU, sizes)
    found = compiled(kernels.unroll_tokens, GRU)(given, table, codes)
    for name, array in compiled(composed, GRU)(given, table, codes).items():
        np.testing.assert_allclose(found[name], array, atol=1e-6, err_msg=name)


def test_a_frozen_table_leaves_the_other_gradients_as_they_are(tokens):
    given, table, codes = tokens(SimpleRelu, (5, 4, 3, 6))

    def loss(weights, table):
        outputs, _ = kernels.unroll_tokens(SimpleRelu, weights, table, codes, given.lengths, given.initial)
        return jnp.sum(outputs**2)

    both, _ = jax.jit(jax.grad(loss, argnums=(0, 1)))(given.weights, table)
    jax.tree.map(np.testing.assert_array_equal, jax.jit(jax.grad(loss))(given.weights, table), both)


def test_it_maps_over_tables_and_over_codes(tokens):
    (given, one, codes), (_, other, more) = (tokens(LSTM, (5, 4, 3, 6), seed) for seed in (1, 2))

    def loss(table, codes):
        outputs, _ = kernels.unroll_tokens(LSTM, given.weights, table, codes, given.lengths, given.initial)
        return jnp.sum(outputs**2)

    gradient = jax.jit(jax.grad(loss))
    over_tables = jax.jit(jax.vmap(gradient, in_axes=(0, None)))(jnp.stack([one, other]), codes)
    over_codes = jax.jit(jax.vmap(gradient, in_axes=(None, 0)))(one, jnp.stack([codes, more]))
    found = (*over_tables, *over_codes)
    expected = [gradient(*pair) for pair in ((one, codes), (other, codes), (one, codes), (one, more))]
    for mapped, alone in zip(found, expected, strict=True):
        np.testing.assert_allclose(mapped, alone, atol=1e-5)


def test_other_precisions_are_looked_up_and_scanned(make):
    with jax.enable_x64(True):
        given = make.layer(LSTM, 3, 2, 2, 3, dtype=np.float64)
        table, codes = jnp.eye(4, 2), jnp.array([[0, 1], [-1, 7], [1, 1]])
        outputs, _ = kernels.unroll_tokens(LSTM, given.weights, table, codes, given.lengths, given.initial)
        assert outputs.dtype == jnp.float64
