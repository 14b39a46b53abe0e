"""What a careful reader would try on texts before a neural network that reads them in order."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from treadle.evaluation.metrics import Floats
from treadle.evaluation.ngrams import Counts, Runs
from treadle.evaluation.problem import Predict, Problem, Rows

SMOOTHING = 1.0
"""Added to every count of the naive Bayes ratios."""
STRENGTHS = (0.1, 1.0, 10.0)
"""Inverse regularisation of NB-SVM: small is strong."""
LONGEST_OF_WORDS = 2
LONGEST_OF_CHARACTERS = 4

WIDTH = 32
"""Of the bag's embeddings."""
LEAST = 2
"""Training texts that must hold a token for it to have an embedding."""
EPOCHS = 60
PATIENCE = 5


def nb_svm(problem: Problem) -> tuple[Predict, str]:
    """A linear classifier of the runs that a text holds, each weighted by its naive Bayes log-count ratio.

    Runs of one and two words, or of up to four characters, present or not, of the whole text. Source: Wang and Manning
    2012, Baselines and Bigrams, section 2; the logistic loss as in Mesnil et al. 2014, which gives probabilities. The
    regularisation is the one that does best on the validation rows.
    """
    read = _reader(problem)
    texts = read(problem.train)
    longest = LONGEST_OF_CHARACTERS if problem.text and problem.text.recipe.tokens == "characters" else LONGEST_OF_WORDS
    runs = Runs.learn(texts, longest)
    held = _present(runs.counts(texts))
    classes = range(problem.classes) if problem.classes > 2 else (1,)
    ratios = [_ratio(held, problem.train.targets == label) for label in classes]

    def fit(strength: float) -> list[Any]:
        return [
            _logistic(_weighted(held, ratio), problem.train.targets == label, strength, problem.seed)
            for label, ratio in zip(classes, ratios, strict=True)
        ]

    def probabilities(models: list[Any], counts: Counts) -> Floats:
        chances = np.stack(
            [model.predict_proba(_weighted(counts, ratio))[:, 1] for model, ratio in zip(models, ratios, strict=True)],
            axis=1,
        )
        if problem.classes == 2:
            return np.concatenate([1.0 - chances, chances], axis=1)
        total: Floats = np.maximum(chances.sum(axis=1, keepdims=True), 1e-12)
        return chances / total

    checked = _present(runs.counts(read(problem.validation)))
    fits = {strength: fit(strength) for strength in STRENGTHS}
    best = min(fits, key=lambda strength: problem.loss(probabilities(fits[strength], checked)))

    def predict(rows: Rows) -> Floats:
        return probabilities(fits[best], _present(runs.counts(read(rows))))

    return predict, f"C = {best:g}, {runs.count:,} runs of up to {longest} tokens"


def _present(counts: Counts) -> Counts:
    counts.data[:] = 1.0
    return counts


def _ratio(held: Counts, positive: NDArray[np.bool_]) -> Floats:
    """Log of how much likelier each run is in the class than outside, shape (runs,)."""
    inside, outside = (held[rows].sum(axis=0) + SMOOTHING for rows in (positive, ~positive))
    ratio: Floats = np.log((inside / inside.sum()) / (outside / outside.sum()))
    return ratio


def _weighted(held: Counts, ratio: Floats) -> Counts:
    from scipy import sparse

    return sparse.csr_array((held.data * ratio[held.indices], held.indices, held.indptr), shape=held.shape)


def _logistic(matrix: Counts, positive: NDArray[np.bool_], strength: float, seed: int) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, solver="liblinear", dual=True, random_state=seed)
    with warnings.catch_warnings():
        # More passes change its answers less than the choice of C does.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(matrix, positive)


def bag_of_embeddings(problem: Problem) -> tuple[Predict, str]:
    """The sum of learnt vectors of a text's tokens, scaled, and a linear classifier on it, stopped early on validation.

    Source: Joulin et al. 2017, Bag of Tricks for Efficient Text Classification, section 2, without n-grams, and with
    counts divided by their Euclidean length where the paper has the mean.
    """
    from sklearn.neural_network import MLPClassifier

    read = _reader(problem)
    texts = read(problem.train)
    runs = Runs.learn(texts, 1, LEAST)
    matrix, checked = _scaled(runs.counts(texts)), _scaled(runs.counts(read(problem.validation)))
    # A hidden layer without activation over counts of tokens is the sum of their embeddings.
    model = MLPClassifier(
        (WIDTH,),
        activation="identity",
        learning_rate_init=0.005,
        batch_size=int(np.clip(len(texts) // 50, min(16, len(texts)), 200)),
        random_state=problem.seed,
    )
    classes = np.arange(problem.classes)
    best, kept, epoch = np.inf, None, 0
    for number in range(1, EPOCHS + 1):
        model.partial_fit(matrix, problem.train.targets, classes=classes)
        loss = problem.loss(model.predict_proba(checked))
        if kept is None or loss < best:
            best, epoch = loss, number
            kept = [layer.copy() for layer in (*model.coefs_, *model.intercepts_)]
        elif number - epoch >= PATIENCE:
            break
    assert kept is not None
    model.coefs_, model.intercepts_ = kept[:2], kept[2:]

    def predict(rows: Rows) -> Floats:
        probabilities: Floats = model.predict_proba(_scaled(runs.counts(read(rows))))
        return probabilities

    return predict, f"{runs.count:,} tokens, {WIDTH} wide, {epoch} epochs"


def _scaled(counts: Counts) -> Counts:
    """Rows of Euclidean length one: of different tokens, n weigh 1/sqrt(n) each, so that long texts fade less than in a
    mean."""
    from sklearn.preprocessing import normalize

    return normalize(counts)


def _reader(problem: Problem) -> Callable[[Rows], list[list[str]]]:
    """The function from rows to the tokens of their whole texts, cut as the recipe says."""
    text = problem.text
    assert text is not None
    return lambda rows: text.cuts(rows.columns)
