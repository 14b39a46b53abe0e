"""Reading without JAX: equal to the cells' equations in float64, row by row, whoever else reads."""

from __future__ import annotations

import copy
import ctypes
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.native import engine, reader
from treadle.native.reader import CELLS, Reader, Weights


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def step(cell: str, x: np.ndarray, h: np.ndarray, states: list[np.ndarray], v: np.ndarray) -> list[np.ndarray]:
    """The states after a step: `x` and `h` are the products, `v` the vectors."""
    gates = CELLS[cell].gates
    xs, hs = np.split(x, gates), np.split(h, gates)
    sums = [a + b for a, b in zip(xs, hs, strict=True)]
    if cell == "simple_tanh":
        return [np.tanh(sums[0])]
    if cell == "simple_relu":
        return [np.maximum(0, sums[0])]
    if cell == "gru":
        z, r = sigmoid(sums[0]), sigmoid(sums[1])
        return [(1 - z) * np.tanh(xs[2] + r * (hs[2] + v[0])) + z * states[0]]
    c = states[1]
    if cell == "coupled_lstm":
        f = sigmoid(sums[0])
        c = f * c + (1 - f) * np.tanh(sums[1])
        return [sigmoid(sums[2]) * np.tanh(c), c]
    i, f, o = v if cell == "peephole_lstm" else np.zeros((3, len(c)))
    c_after = sigmoid(sums[1] + f * c) * c + sigmoid(sums[0] + i * c) * np.tanh(sums[2])
    return [sigmoid(sums[3] + o * c_after) * np.tanh(c_after), c_after]


def expected(cell: str, weights: Weights, xs: np.ndarray, lengths: Any, initial: Any, *, reverse: bool) -> list[Any]:
    """Outputs and final states in float64."""
    w, u, b, v = (array.astype(np.float64) for array in weights)
    outputs = np.zeros((*xs.shape[:2], len(u)))
    final = [state.astype(np.float64) for state in initial]
    for row, length in enumerate(lengths):
        states = [state[row] for state in final]
        for time in range(length)[:: -1 if reverse else 1]:
            states = step(cell, xs[time, row].astype(np.float64) @ w + b, states[0] @ u, states, v)
            outputs[time, row] = states[0]
        for state, after in zip(final, states, strict=True):
            state[row] = after
    return [outputs, *final]


def normal(rng: np.random.Generator, *shape: int, deviation: float = 0.5) -> np.ndarray:
    return rng.normal(0, deviation, shape).astype(np.float32)


def make_weights(cell: str, features: int, units: int, seed: int = 0) -> Weights:
    rng, wide = np.random.default_rng(seed), CELLS[cell].gates * units
    deviation = 0.7 * units**-0.5
    recurrent = normal(rng, units, wide, deviation=deviation)
    return Weights(normal(rng, features, wide), recurrent, normal(rng, wide), normal(rng, CELLS[cell].vectors, units))


@pytest.fixture(params=engine.INSTRUCTION_SETS)
def libraries(library: ctypes.CDLL | None, request: pytest.FixtureRequest) -> Iterator[list[ctypes.CDLL]]:
    """The engine, with the widest of each instruction set and those below that is here; none where it is not."""
    if library is not None:
        engine.choose(library, request.param)
    yield [] if library is None else [library]
    engine.load()


@pytest.mark.parametrize("cell", CELLS)
def test_a_reader_reads_as_the_equations_say(cell: str, libraries: list[ctypes.CDLL]) -> None:
    rng, states = np.random.default_rng(1), CELLS[cell].states
    for library, units, reverse in (
        (each, *way) for each in libraries for way in ((18, False), (33, True), (16, True))
    ):
        weights, table, codes = make_weights(cell, 5, units), normal(rng, 4, 5), rng.integers(0, 4, (9, 7))
        codes[2, 1], codes[0, 3] = -1, 4
        lengths = np.array([9, 0, 1, 5, 9, 2, 8], np.int32)
        initial = tuple(normal(rng, 7, units) for _ in range(states))
        codes = codes.astype(np.int32)
        xs = np.where(((codes >= 0) & (codes < 4))[..., None], table[codes % 4], np.float32(0))
        for begin in (initial, ()):
            zeros = begin or (np.zeros((7, units), np.float32),) * states
            due = expected(cell, weights, xs, lengths, zeros, reverse=reverse)
            for found in (
                Reader(library, cell, weights).read(xs, lengths, begin, reverse=reverse),
                Reader(library, cell, weights, table).read(codes, lengths, begin, reverse=reverse),
            ):
                for array, numbers in zip((found[0], *found[1]), due, strict=True):
                    np.testing.assert_allclose(array, numbers, atol=3e-6)


@given(
    cell=st.sampled_from(list(CELLS)),
    shape=st.tuples(st.integers(0, 5), st.integers(0, 6), st.integers(0, 4), st.integers(1, 40)),
    reverse=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=40)
def test_neither_mates_nor_padding_change_a_bit(
    library: ctypes.CDLL | None, cell: str, shape: tuple[int, int, int, int], reverse: bool, seed: int
) -> None:
    time, batch, features, units = shape
    rng = np.random.default_rng(seed)
    xs, lengths = normal(rng, time, batch, features), rng.integers(-1, time + 2, batch).astype(np.int32)
    kept = lengths.clip(0, time)
    xs[np.arange(time)[:, None] >= kept] = np.nan
    if library is None:
        return
    read = Reader(library, cell, make_weights(cell, features, units, seed)).read
    outputs, final = read(xs, lengths, reverse=reverse)
    none, last = read(xs, lengths, reverse=reverse, last_only=True)
    assert none.shape == (0, batch, units)
    np.testing.assert_array_equal(last, final)
    for row, length in enumerate(kept):
        alone = slice(row, row + 1)
        own, last = read(xs[:length, alone], np.array([length], np.int32), reverse=reverse)
        np.testing.assert_array_equal(outputs[:length, alone], own)
        assert not outputs[length:, row].any()
        np.testing.assert_array_equal([state[alone] for state in final], last)


def test_a_table_too_large_for_products_ahead_reads_the_same(library: ctypes.CDLL | None) -> None:
    rng, weights = np.random.default_rng(0), make_weights("lstm", 1, 256)
    table, codes = normal(rng, 2**14 + 1, 1), rng.integers(-1, 2**14 + 2, (3, 4)).astype(np.int32)
    lengths = np.array([3, 1, 0, 2], np.int32)
    if library is None:
        return
    few, numbers = np.unique(codes, return_inverse=True)
    rows = np.where(((few >= 0) & (few < len(table)))[:, None], table[few % len(table)], np.float32(0))
    numbers = numbers.reshape(codes.shape).astype(np.int32)
    large = Reader(library, "lstm", weights, table).read(codes, lengths, reverse=False)
    small = Reader(library, "lstm", weights, rows).read(numbers, lengths, reverse=False)
    np.testing.assert_array_equal(large[0], small[0])


def test_several_threads_read_at_once(library: ctypes.CDLL | None) -> None:
    rng = np.random.default_rng(0)
    batches = [(normal(rng, 30, 5, 8), np.array([30, 4, 0, 9, 17], np.int32)) for _ in range(16)]
    if library is None:
        return
    one = Reader(library, "gru", make_weights("gru", 8, 24))
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda batch: one.read(*batch, reverse=True)[0], batches))
    for outputs, batch in zip(found, batches, strict=True):
        np.testing.assert_array_equal(outputs, one.read(*batch, reverse=True)[0])


def test_arrays_are_taken_however_they_lie(library: ctypes.CDLL | None) -> None:
    rng, weights = np.random.default_rng(0), make_weights("lstm", 3, 4)
    codes, lengths, table = rng.integers(0, 5, (2, 6)).astype(np.int32), np.array([6, 3], np.int32), normal(rng, 5, 3)
    shifted = np.frombuffer(b"\0" + table.tobytes(), np.float32, offset=1).reshape(table.shape)
    turned = Weights(*(np.asfortranarray(array) for array in weights))
    if library is None:
        return
    found = Reader(library, "lstm", turned, shifted).read(codes.T, np.repeat(lengths, 2)[::2], reverse=False)[0]
    due = Reader(library, "lstm", weights, table).read(np.ascontiguousarray(codes.T), lengths, reverse=False)[0]
    np.testing.assert_array_equal(found, due)


def test_a_reader_is_closed_when_nobody_has_it(library: ctypes.CDLL | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if library is None:
        return
    closed: list[int] = []
    functions = reader._functions(library)
    monkeypatch.setattr(reader, "_functions", lambda _: functions._replace(close=closed.append))
    made = Reader(library, "gru", make_weights("gru", 2, 3))
    place = made._reader
    assert not closed
    del made
    assert closed == [place]
    functions.close(place)


CODES, LENGTHS = np.zeros((4, 2), np.int32), np.ones(2, np.int32)
XS, STATE = np.zeros((4, 2, 3), np.float32), np.zeros((2, 5), np.float32)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((CODES, LENGTHS), r"inputs: float32 of shape \(any, any, 3\) is due, int32 of shape \(4, 2\)"),
        ((XS[:, :, :2], LENGTHS), r"inputs: .* float32 of shape \(4, 2, 2\) is given"),
        ((XS.astype(np.float64), LENGTHS), "float64"),
        ((XS, LENGTHS.astype(np.int64)), r"lengths: int32 of shape \(2\) is due, int64"),
        ((XS, LENGTHS[:1]), r"lengths: .* of shape \(1,\) is given"),
        ((XS, LENGTHS, (STATE,)), "1 initial states are given, where the cell has 2"),
        ((XS, LENGTHS, (STATE, STATE[:, :4])), r"an initial state: float32 of shape \(2, 5\) is due"),
    ],
)
def test_what_does_not_fit_is_refused(library: ctypes.CDLL | None, given: Any, message: str) -> None:
    if library is None:
        return
    with pytest.raises(ValueError, match=message):
        Reader(library, "lstm", make_weights("lstm", 3, 5)).read(*given, reverse=False)


def test_codes_and_weights_that_do_not_fit_are_refused(library: ctypes.CDLL | None) -> None:
    weights = make_weights("peephole_lstm", 3, 5)
    if library is None:
        return
    with pytest.raises(ValueError, match=r"codes: int32 of shape \(any, any\) is due, float32"):
        Reader(library, "peephole_lstm", weights, np.zeros((7, 3), np.float32)).read(XS, LENGTHS, reverse=False)
    with pytest.raises(ValueError, match=r"the table: float32 of shape \(any, 3\)"):
        Reader(library, "peephole_lstm", weights, np.zeros((7, 2), np.float32))
    for name in Weights._fields:
        with pytest.raises(ValueError, match=f"the {name} weights of peephole_lstm"):
            Reader(library, "peephole_lstm", weights._replace(**{name: np.zeros((5, 7), np.float32)}))


def test_a_reader_is_not_copied(library: ctypes.CDLL | None) -> None:
    if library is not None:
        with pytest.raises(TypeError, match="cannot be copied"):
            copy.copy(Reader(library, "lstm", make_weights("lstm", 3, 5)))
