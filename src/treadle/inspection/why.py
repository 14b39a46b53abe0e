"""The words that moved a prediction: each word's share in the difference from the answer to no words at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from numpy.typing import NDArray

from treadle.bundle.answers import Label, RegressionAnswers, RowAnswers
from treadle.errors import ContractError, did_you_mean
from treadle.inspection.opened import Opened, padded
from treadle.nn import Inputs, TableNetwork
from treadle.tasks.classification import Classification
from treadle.tasks.regression import Regression

PANELS = (4, 16, 64)
"""Parts of the way from no words to the text, of eight points each; more where fewer leave too large a gap."""
NODES = 8
ROWS = 32
"""Points asked for in one call."""

LARGEST_GAP = 0.01
"""Of the difference that is explained."""
NEGLIGIBLE = 1e-4
"""A gap that nobody sees in the answer: of a probability, or of the target's standard deviation."""

_WORD_MARK = "▁"


@dataclass(frozen=True)
class Why:
    """Attributions of one prediction to the words of its text: `value` is `baseline` plus their sum plus `gap`."""

    label: Label | None
    """The class whose probability is explained; None for a value in the target's unit."""
    baseline: float
    """What the network answers to this row when every word's vector is zero."""
    value: float
    """What it answers to this row."""
    words: tuple[str, ...]
    """What was read, as a person reads it: words, or characters."""
    pushes: tuple[float, ...]
    """What each of them added to the answer."""
    known: tuple[bool, ...]
    """Whether it is in the vocabulary; all others share one vector."""
    gap: float
    """What the sum of the pushes misses of the difference, for want of more steps."""
    steps: int
    """Points between no words and the text at which the gradient was taken."""
    joint: str
    """What stands between the words: a blank, or nothing between characters."""
    close: bool
    """Whether the gap is below 1 % of the difference, or too small to be seen."""


def why(opened: Opened, row: dict[str, object], *, label: Label | None = None) -> Why:
    """How much each word of the row's text moved the answer.

    Integrated gradients (Sundararajan et al. 2017, Axiomatic Attribution for Deep Networks, section 3): the gradient
    of the answer with respect to a word's vector, times the vector, averaged over the straight way on which all
    vectors grow from zero to what they are. The attributions add up to what the text changes (section 3, completeness).
    Columns beside the text stay as they are. What a run of several tokens is given is shared equally among them.

    Args:
        opened: a bundle that reads text.
        row: cells by column, as in a request.
        label: the class whose probability to explain; default: the positive class, or with none the answered one.

    Raises:
        ContractError: the row breaks the contract, or there is no such class.
    """
    readied = opened.ready(row)
    inputs = padded(readied.inputs)
    tokens, known = opened.tokens(readied)
    answers = opened.predictor.row_answers
    ends = _on_the_way(opened, inputs, 0, np.repeat([0.0, 1.0], ROWS // 2))[0]
    explained, index = _explained(answers, ends[-1:], label)
    scale = answers.scale if isinstance(answers, RegressionAnswers) else 1.0
    offset = answers.mean if isinstance(answers, RegressionAnswers) else 0.0
    baseline, value = (float(offset + scale * ends[end, index]) for end in (0, -1))

    for panels in PANELS:
        slopes = np.zeros(inputs["tokens"].shape[1])
        for points, weights in _way(panels):
            there = _by_token(_on_the_way(opened, inputs, index, points)[1], slopes.size)
            slopes += np.sum(weights[:, None] * there, axis=0)
        pushes = scale * slopes[: len(tokens)]
        gap = value - baseline - float(pushes.sum())
        close = abs(gap) <= max(LARGEST_GAP * abs(value - baseline), NEGLIGIBLE * scale)
        if close:
            break
    words, of_words, all_known = _words(opened, tokens, pushes.tolist(), known)
    joint = "" if opened.text.recipe.tokens == "characters" else " "
    return Why(explained, baseline, value, words, of_words, all_known, gap, panels * NODES, joint, close)


def _explained(answers: RowAnswers, outputs: NDArray[np.float32], label: Label | None) -> tuple[Label | None, int]:
    """The class to explain and its column in the answer; None and 0 for a value."""
    if isinstance(answers, RegressionAnswers):
        return None, 0
    if label is None:
        index = answers.positive if answers.positive is not None else int(answers.choose(outputs)[0])
    elif label in answers.labels:
        index = answers.labels.index(label)
    else:
        raise ContractError(f"no class {label!r}{did_you_mean(str(label), map(str, answers.labels))}")
    return answers.labels[index], index


def _way(panels: int) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Points from 0 to 1 and their weights, `ROWS` at a time: Gauss-Legendre quadrature on panels of equal length."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    points = ((np.arange(panels)[:, None] + (nodes + 1) / 2) / panels).ravel()
    shares = np.tile(weights / 2 / panels, panels)
    for start in range(0, len(points), ROWS):
        yield points[start : start + ROWS], shares[start : start + ROWS]


def _on_the_way(
    opened: Opened, inputs: dict[str, NDArray[Any]], index: int, points: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Answers, shape (points, answers), and slopes, shape (points, all), at these points."""
    arrays = {name: jnp.asarray(array) for name, array in inputs.items()}
    values, slopes = _answers_and_slopes(
        opened.network, opened.task, arrays, jnp.asarray(index), jnp.asarray(points, jnp.float32)
    )
    return np.asarray(values), np.asarray(slopes)


@eqx.filter_jit
def _answers_and_slopes(
    network: TableNetwork,
    task: Classification | Regression,
    inputs: Inputs,
    index: Int[Array, ""],
    points: Float[Array, " points"],
) -> tuple[Float[Array, "points answers"], Float[Array, "points all"]]:
    """The answers where all vectors are scaled by each point, and the slope of one of them in each vector's scale."""
    assert network.text is not None
    encoder = network.text
    many = {name: jnp.repeat(array, len(points), axis=0) for name, array in inputs.items()}
    vectors, present = encoder.embed(many["tokens"], many["lengths"])

    def answer(scales: Float[Array, "points all"]) -> tuple[Float[Array, ""], Float[Array, "points answers"]]:
        text = encoder.combine(vectors * scales[:, :, None], many["lengths"], present)
        answers = task.answer(network.answer(many, text))
        return jnp.sum(answers[:, index]), answers

    scales = jnp.broadcast_to(points[:, None], present.shape)
    (_, answers), slopes = jax.value_and_grad(answer, has_aux=True)(scales)
    return answers, slopes


def _by_token(slopes: NDArray[np.float32], time: int) -> NDArray[np.float64]:
    """Slopes of single tokens and of runs, shape (points, all), as slopes of tokens, shape (points, time)."""
    runs = slopes.astype(np.float64).reshape(len(slopes), -1, time)
    tokens = np.zeros((len(slopes), time))
    for size in range(1, runs.shape[1] + 1):
        for place in range(size):
            tokens[:, place:] += runs[:, size - 1, : time - place] / size
    return tokens


def _words(
    opened: Opened, tokens: list[str], pushes: list[float], known: list[bool]
) -> tuple[tuple[str, ...], tuple[float, ...], tuple[bool, ...]]:
    """Tokens as words: the pieces of a word are put together again."""
    if opened.text.recipe.tokens != "byte_pairs":
        return tuple(tokens), tuple(pushes), tuple(known)
    words: list[str] = []
    sums: list[float] = []
    all_known: list[bool] = []
    for token, push, is_known in zip(tokens, pushes, known, strict=True):
        if token.startswith(_WORD_MARK) or not words:
            words.append(token.removeprefix(_WORD_MARK))
            sums.append(push)
            all_known.append(is_known)
        else:
            words[-1] += token
            sums[-1] += push
            all_known[-1] &= is_known
    return tuple(words), tuple(sums), tuple(all_known)
