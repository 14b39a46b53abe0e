"""What moved a prediction: each column's share in the difference from the typical row."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from treadle.bundle.answers import Label, RegressionAnswers, RowAnswers
from treadle.bundle.predictor import Predictor
from treadle.data.contract import Field
from treadle.data.sources import from_rows
from treadle.errors import ContractError, did_you_mean

Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]
"""Which columns have the row's value, where the others have the typical one; the last axis is the columns."""

AFFORDABLE = 64
"""Rows that are always worth an exact answer: all coalitions of six columns."""


@dataclass(frozen=True)
class Contributions:
    """Shapley values of one prediction: `value` is `baseline` plus the sum of `columns`."""

    label: Label | None
    """The class whose probability is explained; None for a value in the target's unit."""
    baseline: float
    """What the network answers to the typical row of the contract."""
    value: float
    """What it answers to this row."""
    columns: dict[str, float]
    """Contribution of every feature column, in the contract's order; 0 where the row has the typical value."""
    exact: bool
    """Whether all coalitions of columns were asked, and not a sample of them."""


def contributions(
    predictor: Predictor,
    row: dict[str, object],
    *,
    label: Label | None = None,
    permutations: int = 32,
    seed: int = 0,
) -> Contributions:
    """How much each column of `row` moved the answer from that to the typical row.

    A column's Shapley value is the change it makes when its typical value gives way to the row's, averaged over all
    orders in which columns can do so one after another. It is exact if that asks no more rows of the network than a
    sample of orders would, and is else the mean over the sample (Strumbelj & Kononenko 2014, Explaining prediction
    models and individual predictions with feature contributions, section 3). Each drawn order is followed by its
    reverse, so that the mean is exact too where no more than two columns act together (Mitchell et al. 2022, Sampling
    permutations for Shapley value estimation). The network answers all rows in one call.

    Args:
        predictor: of a bundle.
        row: cells by column, as in a request.
        label: the class whose probability to explain; default: the positive class, or with none the answered one.
        permutations: orders to sample, rounded up to an even number.
        seed: of the sample.

    Raises:
        ContractError: the row breaks the contract, there is no such class, or the bundle does not answer once for a
            row.
    """
    answers = predictor.row_answers
    table = from_rows([row])
    checked = predictor.contract.check(table)
    checked.require_good(table.source)
    typical = {field.name: _typical(field) for field in predictor.contract.features}
    given = {name: checked.columns[name].item() for name in typical}
    # As texts, so that a missing value is equal to a missing value.
    names = [name for name in typical if repr(given[name]) != repr(typical[name])]

    pairs = math.ceil(permutations / 2)
    exact = 2 ** len(names) <= max(AFFORDABLE, 2 * pairs * (len(names) + 1))
    ranks = _ranks(len(names), pairs, seed)
    masks = _all_coalitions(len(names)) if exact else _growing_coalitions(ranks)
    # Texts stay objects: an array of texts is as wide as the longest.
    kinds = {name: object if isinstance(value, str) else None for name, value in typical.items()}
    columns = {name: np.full(math.prod(masks.shape[:-1]), value, kinds[name]) for name, value in typical.items()}
    for name, mask in zip(names, np.moveaxis(masks, -1, 0), strict=True):
        columns[name][mask.ravel()] = given[name]
    outputs = predictor.outputs(columns)
    explained, values = _values(answers, outputs, label)
    baseline, value = values[0], values[-1]
    values = values.reshape(masks.shape[:-1])
    shares = _weighted_changes(values, masks) if exact else _mean_changes(values, ranks)
    moved = dict(zip(names, shares.tolist(), strict=True))
    by_column = {name: moved.get(name, 0.0) for name in typical}
    return Contributions(explained, float(baseline), float(value), by_column, exact)


def _typical(field: Field) -> float | int | str:
    """The typical value of a column as `Contract.check` reads it; no text is typical, so an empty one stands for it."""
    if field.kind == "text":
        return ""
    if field.kind == "category":
        return field.codes.get(str(field.typical), -1)
    return float("nan") if field.typical is None else float(field.typical)


def _values(answers: RowAnswers, outputs: NDArray[np.float32], label: Label | None) -> tuple[Label | None, Floats]:
    """The explained class (None for regression) and the value of every row; the last row is the one to explain."""
    answered = answers.answer(outputs)
    if isinstance(answers, RegressionAnswers):
        return None, answered["value"]
    if label is None:
        index = answers.positive if answers.positive is not None else int(answers.choose(outputs[-1:])[0])
    elif label in answers.labels:
        index = answers.labels.index(label)
    else:
        raise ContractError(f"no class {label!r}{did_you_mean(str(label), map(str, answers.labels))}")
    return answers.labels[index], answered["probabilities"][:, index]


def _all_coalitions(columns: int) -> Masks:
    """Shape (2 ** columns, columns): bit j of a coalition's index says whether column j is in it."""
    indices = np.arange(2**columns)[:, None]
    return np.asarray((indices >> np.arange(columns)) & 1, dtype=np.bool_)


def _weighted_changes(values: Floats, masks: Masks) -> Floats:
    """Exact Shapley values, shape (columns,), from the values of all coalitions."""
    columns = masks.shape[1]
    sizes = masks.sum(axis=1)
    # The share of all orders in which a column comes right after a coalition of this size.
    weights = np.array([1 / (columns * math.comb(columns - 1, size)) for size in range(columns)])
    shares = np.zeros(columns)
    for column in range(columns):
        before = np.flatnonzero(~masks[:, column])
        shares[column] = np.sum(weights[sizes[before]] * (values[before + 2**column] - values[before]))
    return shares


def _ranks(columns: int, pairs: int, seed: int) -> NDArray[np.int64]:
    """Place of every column in each order, and in the order's reverse; shape (2 * pairs, columns)."""
    drawn = np.random.default_rng(seed).permuted(np.tile(np.arange(columns), (pairs, 1)), axis=1)
    return np.concatenate([drawn, columns - 1 - drawn])


def _growing_coalitions(ranks: NDArray[np.int64]) -> Masks:
    """For each order the coalitions that it goes through, from none to all; shape (orders, columns + 1, columns)."""
    sizes = np.arange(ranks.shape[1] + 1)
    return np.asarray(ranks[:, None, :] < sizes[:, None])


def _mean_changes(values: Floats, ranks: NDArray[np.int64]) -> Floats:
    """Mean change that each column makes, shape (columns,), from values of shape (orders, columns + 1)."""
    # Every order starts and ends at the same row; equal numbers there make the sum come out exactly.
    values[:, 0], values[:, -1] = values[0, 0], values[-1, -1]
    changes = np.take_along_axis(np.diff(values, axis=1), ranks, axis=1)
    return np.asarray(changes.mean(axis=0))
