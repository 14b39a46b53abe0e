"""How far back a network's answer looks: the vanishing gradient, measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import NDArray

from treadle.data.table import Table
from treadle.errors import DataError
from treadle.inspection.opened import Opened, padded
from treadle.nn import Inputs, TableNetwork
from treadle.tasks.task import by_member

TEXTS = 256
"""Texts that are looked at, drawn from all."""
ROWS = 32
"""Texts in one call."""
FEWEST = 3
SHARE = 0.1
"""Distances that fewer texts than this share of them have are left out: their median would be of a few long texts."""

Norms = list[NDArray[np.float64]]
"""For every text, the norm of the gradient at each of its words, the first one first."""


@dataclass(frozen=True)
class Reach:
    """The gradient's norm by distance, relative to the largest of each text."""

    name: str
    """Of the bundle."""
    encoder: str
    """What reads its texts, in words."""
    unit: str
    """What distances are counted in: words, characters, or pieces of words."""
    counted_from: Literal["end", "nearest end"]
    """What distances are counted from: the nearest end for networks that read from both."""
    curve: tuple[float, ...]
    """Median over the texts, at distances of 0, 1, 2 and so on units."""
    low: tuple[float, ...]
    """First quartile over the texts."""
    high: tuple[float, ...]
    """Third quartile."""
    half_life: float
    """Units, from the end on, that carry half of a text's gradient: the median over the texts."""
    texts: int
    """That were measured."""
    silent: int
    """Texts that were left out, since no gradient arrives at any of their words."""
    exploded: int
    """Texts that were left out, since a gradient beyond all numbers arrives at one of their words."""

    @property
    def left_out(self) -> str:
        """How many texts were left out and why, in words; empty where all were measured."""
        return _left_out(self.silent, self.exploded)


def reach(opened: Opened, table: Table, *, texts: int = TEXTS, seed: int = 0) -> Reach:
    """The norm of the gradient that arrives from the answer at each word, by the word's distance from the end.

    The gradient is that of the answered class's raw output (of the raw value in regression) with respect to the word's
    vector. In a recurrent network it is a product of as many Jacobians as there are steps between, and vanishes or
    explodes with them (Bengio, Simard and Frasconi 1994, Learning Long-Term Dependencies with Gradient Descent is
    Difficult, section III; Pascanu, Mikolov and Bengio 2013, On the difficulty of training recurrent neural networks,
    section 2). Where it falls by an equal share with every word, the half-life is the distance over which it halves.

    Every text is measured by its own largest norm, which exists wherever there is any gradient: the last word, which a
    recurrent network hears best, may well get none from a maximum over the words.

    Args:
        opened: a bundle that reads text.
        table: rows, of which those that break the contract are left out.
        texts: rows to draw, without repetition, where there are more.
        seed: of the draw.

    Raises:
        DataError: no row is left, or a gradient arrives at none of them.
    """
    drawn = np.sort(np.random.default_rng(seed).permutation(len(table))[:texts])
    inputs = opened.predictor.ready(table.take(drawn), "skip").inputs
    if not len(inputs["lengths"]):
        raise DataError(f"{table.source}: every row breaks the contract: there is no text to look at")
    recurrent = opened.encoder.recurrent
    both_ends = recurrent is not None and len(recurrent.layers[0]) > 1
    found = list(_norms(opened, inputs))
    finite = [norms for norms in found if np.isfinite(norms).all()]
    measured = [_relative(norms, both_ends=both_ends) for norms in finite if norms.any()]
    silent, exploded = len(finite) - len(measured), len(found) - len(finite)
    if not measured:
        raise DataError(
            f"{table.source}: how far back {opened.name} looks cannot be measured: {_left_out(silent, exploded)}"
        )
    low, curve, high = _quartiles(measured)
    return Reach(
        name=opened.name,
        encoder=opened.encoder_words,
        unit=opened.unit,
        counted_from="nearest end" if both_ends else "end",
        curve=tuple(curve.tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        half_life=float(np.median([half_life(norms) for norms in measured])),
        texts=len(measured),
        silent=silent,
        exploded=exploded,
    )


def _left_out(silent: int, exploded: int) -> str:
    reasons = {"without any gradient": silent, "with a gradient beyond all numbers": exploded}
    return ", ".join(f"{count:,} text{'s' * (count > 1)} {reason}" for reason, count in reasons.items() if count)


def _norms(opened: Opened, inputs: dict[str, NDArray[Any]]) -> Iterator[NDArray[np.float64]]:
    """The norms at every text's words, texts of about one length at a time."""
    order = np.argsort(inputs["lengths"], kind="stable")
    for start in range(0, len(order), ROWS):
        rows = order[start : start + ROWS]
        lengths = inputs["lengths"][rows]
        block = {name: array[rows] for name, array in inputs.items()}
        block["tokens"] = block["tokens"][:, : lengths.max()]
        arrays = {name: jnp.asarray(array) for name, array in padded(block, ROWS).items()}
        norms = np.asarray(_gradient_norms(opened.network, arrays), np.float64)
        for length, own in zip(lengths, norms, strict=False):
            yield own[:length]


@eqx.filter_jit
def _gradient_norms(network: TableNetwork, inputs: Inputs) -> Float[Array, "rows time"]:
    """Norm of the gradient of each row's largest raw output (the only one, of two classes) at each token's vector."""
    assert network.text is not None
    encoder = network.text
    vectors, present = encoder.embed(inputs["tokens"], inputs["lengths"])

    def answered(vectors: Float[Array, "rows all width"]) -> Float[Array, ""]:
        raw = by_member(network.answer(inputs, encoder.combine(vectors, inputs["lengths"], present))).mean(axis=1)
        return jnp.sum(jnp.max(raw, axis=1))

    gradient = jax.grad(answered)(vectors)[:, : inputs["tokens"].shape[1]]
    norms: Array = jnp.linalg.norm(gradient, axis=2)
    return norms


def _relative(norms: NDArray[np.float64], *, both_ends: bool) -> NDArray[np.float64]:
    """Norms by distance, divided by the largest; from both ends, the mean of the two words at a distance."""
    by_distance = norms[::-1]
    if both_ends:
        middle = (len(norms) + 1) // 2
        by_distance = (norms[:middle] + norms[::-1][:middle]) / 2
    return np.asarray(by_distance / by_distance.max())


def _quartiles(measured: Norms) -> NDArray[np.float64]:
    """First quartile, median and third quartile at every distance that enough texts have; shape (3, distances)."""
    lengths = np.sort([len(norms) for norms in measured])[::-1]
    fewest = min(max(FEWEST, int(SHARE * len(measured))), len(measured))
    far = lengths[fewest - 1]
    at = [[norms[distance] for norms in measured if len(norms) > distance] for distance in range(far)]
    return np.array([np.quantile(values, (0.25, 0.5, 0.75)) for values in at]).T


def half_life(curve: NDArray[np.float64]) -> float:
    """Words that carry half of the sum of norms over distances, parts of a word counted in proportion.

    A gradient that falls by the share r with every word has ln 2 / -ln(1 - r), the usual half-life, if the text is long
    enough; a flat one half its length.
    """
    carried = np.concatenate([[0.0], np.cumsum(curve)])
    return float(np.interp(carried[-1] / 2, carried, np.arange(len(carried))))
