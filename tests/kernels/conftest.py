"""Layers at random, and the implementations that must agree on them."""

import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from treadle import kernels
from treadle.kernels import fused, library, scan
from treadle.native import build

FUSED = os.environ.get("TREADLE_KERNELS") != "scan" and None not in (build.find_compiler(), build.find_headers())
"""Whether the fused kernels can be compiled here, and are not switched off."""
IMPLEMENTATIONS = {"scan": scan, "fused": fused} if FUSED else {"scan": scan}


def layer(
    cell: Any, time: int, batch: int, features: int, units: int, *, seed: int = 0, dtype: Any = np.float32
) -> SimpleNamespace:
    """Weights, inputs and states none of which stands at a value that would hide a mistake."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int, deviation: float = 1.0) -> jax.Array:
        return jnp.asarray(rng.normal(0, deviation, shape).astype(dtype))

    weights = kernels.Weights(
        normal(features, cell.gates * units, deviation=max(features, 1) ** -0.5),
        normal(units, cell.gates * units, deviation=0.7 * units**-0.5),
        normal(cell.gates * units, deviation=0.2),
        normal(cell.vectors, units, deviation=0.3),
    )
    lengths = rng.integers(0, time + 1, batch)
    if batch > 2:
        lengths[:3] = time, 0, min(time, 1)
    return SimpleNamespace(
        weights=weights,
        xs=normal(time, batch, features),
        lengths=jnp.asarray(rng.permutation(lengths).astype(np.int32)),
        initial=tuple(normal(batch, units) for _ in range(cell.states)),
        mask=jnp.asarray(((rng.random((batch, units)) < 0.7) / 0.7).astype(dtype)),
    )


def waves(shape: tuple[int, ...]) -> Any:
    return np.cos(1.7 * np.arange(np.prod(shape, dtype=int))).reshape(shape)


def compiled(
    implementation: Any, cell: Any, *, reverse: bool, masked: bool
) -> Callable[[SimpleNamespace], dict[str, Any]]:
    """Of layers of one shape: outputs, final state, and the gradient of a weighted sum of all of them."""

    @jax.jit
    def both(weights: Any, xs: Any, lengths: Any, initial: Any, mask: Any) -> Any:
        def run(weights: Any, xs: Any, initial: Any) -> Any:
            return implementation.unroll(cell, reverse, weights, xs, lengths, initial, mask if masked else None)

        answer, pull_back = jax.vjp(run, weights, xs, initial)
        asked = jax.tree.map(lambda a: jnp.asarray(waves(a.shape), a.dtype), answer)
        return answer, pull_back(asked)

    def named(given: SimpleNamespace) -> dict[str, Any]:
        answer, gradients = both(given.weights, given.xs, given.lengths, given.initial, given.mask)
        (outputs, final), (d_weights, d_xs, d_initial) = answer, gradients
        found = {"outputs": outputs, "d_xs": d_xs}
        found |= {f"d_{name}": array for name, array in d_weights._asdict().items()}
        found |= {f"final {number}": state for number, state in enumerate(final)}
        return found | {f"d_initial {number}": state for number, state in enumerate(d_initial)}

    return named


def results(implementation: Any, cell: Any, given: SimpleNamespace, *, reverse: bool, masked: bool) -> dict[str, Any]:
    return compiled(implementation, cell, reverse=reverse, masked=masked)(given)


def assert_close(found: dict[str, Any], expected: dict[str, Any], within: float = 2e-6) -> None:
    """Every array is within `within` of the expected, by the root of the mean square."""
    for name, array in expected.items():
        distance = np.linalg.norm(np.asarray(found[name]) - np.asarray(array))
        assert distance <= within * np.linalg.norm(array), name


@pytest.fixture(scope="session")
def kernels_ready() -> None:
    """The fused kernels, which must be there wherever they can be compiled."""
    engine = library.load()
    assert engine.fused == FUSED, engine.sentence


@pytest.fixture(params=IMPLEMENTATIONS)
def implementation(request: pytest.FixtureRequest, kernels_ready: None) -> Any:
    return IMPLEMENTATIONS[request.param]


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    return SimpleNamespace(
        layer=layer,
        compiled=compiled,
        results=results,
        assert_close=assert_close,
        implementations=IMPLEMENTATIONS.values(),
    )
