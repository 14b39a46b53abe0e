"""Tags of whole sentences against every sequence of tags there is, one by one."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from treadle.bundle.tagging import NO_TAG, Chain, best_tags, probabilities


def chain(tags: int, seed: int = 0, scale: float = 1.0) -> Chain:
    rng = np.random.default_rng(seed)
    return Chain(*(scale * rng.normal(size=shape) for shape in ((tags, tags), tags, tags)))


def batch(rows: int, time: int, tags: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, time + 1, rows)
    lengths[0] = time
    return rng.normal(size=(rows, time, tags)).astype(np.float32), lengths


def score(scores: np.ndarray, tags: tuple[int, ...], chain: Chain) -> float:
    own = sum(float(scores[step, tag]) for step, tag in enumerate(tags))
    between = sum(float(chain.transitions[pair]) for pair in pairwise(tags))
    return float(chain.first[tags[0]]) + own + between + float(chain.last[tags[-1]])


def enumerated(scores: np.ndarray, chain: Chain) -> tuple[tuple[int, ...], np.ndarray]:
    """The best tags of a sentence, and the probability of every tag at every token."""
    time, tags = scores.shape
    every = list(product(range(tags), repeat=time))
    found = np.array([score(scores, each, chain) for each in every])
    shares = np.exp(found - np.logaddexp.reduce(found))
    marginals = np.zeros((time, tags))
    for each, share in zip(every, shares, strict=True):
        marginals[np.arange(time), each] += share
    return every[int(found.argmax())], marginals


@pytest.mark.parametrize("scale", [0.1, 1.0, 50.0])
@pytest.mark.parametrize(("time", "tags"), [(1, 3), (4, 3), (6, 2), (3, 5), (4, 1)])
def test_the_best_tags_and_their_probabilities(time: int, tags: int, scale: float) -> None:
    (scores, lengths), learnt = batch(9, time, tags), chain(tags, scale=scale)
    best, shares = best_tags(scores, lengths, learnt), probabilities(scores, lengths, learnt)
    assert (best.shape, best.dtype) == ((9, time), np.int64)
    assert (shares.shape, shares.dtype) == ((9, time, tags), np.float64)
    for row, length in enumerate(lengths.tolist()):
        assert (best[row, length:] == NO_TAG).all()
        assert not shares[row, length:].any()
        if length:
            tagged, marginals = enumerated(scores[row, :length], learnt)
            assert tuple(best[row, :length].tolist()) == tagged
            np.testing.assert_allclose(shares[row, :length], marginals, atol=1e-12, rtol=1e-9)


def test_without_a_chain_every_token_is_answered_by_itself() -> None:
    scores, lengths = batch(9, 4, 3)
    best, shares = best_tags(scores, lengths), probabilities(scores, lengths)
    nothing = Chain(np.zeros((3, 3)), np.zeros(3), np.zeros(3))
    np.testing.assert_array_equal(best, best_tags(scores, lengths, nothing))
    np.testing.assert_allclose(shares, probabilities(scores, lengths, nothing), atol=1e-12)
    logs = scores - np.log(np.exp(scores.astype(np.float64)).sum(axis=2, keepdims=True))
    np.testing.assert_allclose(probabilities(logs, lengths), shares, atol=1e-12)
    present = np.arange(4) < lengths[:, None]
    np.testing.assert_array_equal(best[present], scores.argmax(axis=2)[present])
    np.testing.assert_allclose(shares.sum(axis=2), present)


@pytest.mark.parametrize("learnt", [None, chain(3)], ids=["alone", "together"])
@pytest.mark.parametrize("padding", [np.nan, np.inf, 100.0])
def test_a_sentence_alone_is_the_same_among_others_and_with_padding(learnt: Chain | None, padding: float) -> None:
    scores, lengths = batch(12, 7, 3)
    scores[np.arange(7) >= lengths[:, None]] = padding
    best, shares = best_tags(scores, lengths, learnt), probabilities(scores, lengths, learnt)
    for row, length in enumerate(lengths.tolist()):
        own, one = scores[row : row + 1, :length], lengths[row : row + 1]
        np.testing.assert_array_equal(best_tags(own, one, learnt)[0], best[row, :length])
        np.testing.assert_allclose(probabilities(own, one, learnt)[0], shares[row, :length], rtol=1e-12)


def test_many_sentences_are_answered_as_few_are() -> None:
    # More than are looked at together.
    (scores, lengths), learnt = batch(300, 5, 40), chain(40)
    best, shares = best_tags(scores, lengths, learnt), probabilities(scores, lengths, learnt)
    for part in (slice(0, 7), slice(150, 155), slice(290, 300)):
        np.testing.assert_array_equal(best_tags(scores[part], lengths[part], learnt), best[part])
        np.testing.assert_allclose(probabilities(scores[part], lengths[part], learnt), shares[part], rtol=1e-12)


def test_neighbours_change_what_a_token_says() -> None:
    scores = np.array([[[1.0, 0.0], [0.5, 0.0], [1.0, 0.0]]])
    alternating = Chain(np.array([[-2.0, 2.0], [2.0, -2.0]]), np.zeros(2), np.zeros(2))
    assert best_tags(scores, np.array([3])).tolist() == [[0, 0, 0]]
    assert best_tags(scores, np.array([3]), alternating).tolist() == [[0, 1, 0]]


def test_extreme_scores_stay_probabilities() -> None:
    (scores, lengths), learnt = batch(5, 6, 3), chain(3, scale=1e4)
    shares = probabilities(1e6 * scores, lengths, learnt)
    present = np.arange(6) < lengths[:, None]
    np.testing.assert_allclose(shares.sum(axis=2), present, atol=1e-9)


@pytest.mark.parametrize("learnt", [None, chain(3)], ids=["alone", "together"])
def test_no_sentences_and_empty_ones(learnt: Chain | None) -> None:
    for rows in (0, 2):
        scores, lengths = np.zeros((rows, 2, 3), np.float32), np.zeros(rows, np.int32)
        assert best_tags(scores, lengths, learnt).tolist() == [[NO_TAG, NO_TAG]] * rows
        assert not probabilities(scores, lengths, learnt).any()
