"""Opponents on texts: they count what stands there, and learn what the published recipe learns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from treadle.bundle.answers import ClassificationAnswers
from treadle.errors import RecipeError
from treadle.evaluation import Problem, Rows, fit_opponents, names_for
from treadle.evaluation.ngrams import Runs
from treadle.evaluation.texts import _present, _ratio
from treadle.features.text import Text
from treadle.text_recipe import TextRecipe

WORDS = ["good", "bad", "not", "film", "very", "the", "a", "plot"]


def rows_of(texts: list[str], targets: np.ndarray) -> Rows:
    cells = np.empty(len(texts), object)
    cells[:] = texts
    return Rows({"text": cells, "age": np.arange(float(len(texts)))}, {}, targets)


def reviews(rows: int, seed: int, classes: int = 2) -> Rows:
    """Texts whose class hangs on a run of two words, which no single word tells."""
    rng = np.random.default_rng(seed)
    texts, targets = [], rng.integers(0, classes, rows)
    signs = ["not good", "good not", "very bad"]
    for target in targets:
        noise = rng.choice(WORDS[3:], 12).tolist()
        texts.append(" ".join([*noise[:6], signs[target], *noise[6:]]))
    return rows_of(texts, targets)


def problem_of(train: Rows, validation: Rows, classes: int = 2, **recipe: object) -> Problem:
    positive = 1 if classes == 2 else None
    answers = ClassificationAnswers(
        labels=tuple(range(classes)), positive=positive, threshold=0.5 if positive else None
    )
    text = Text.fit(("text",), train.columns, TextRecipe.model_validate(recipe))
    primary = "roc_auc" if classes == 2 else "accuracy"
    return Problem(train, validation, answers, primary, {}, text=text)


texts_of_words = st.lists(st.lists(st.sampled_from(WORDS), max_size=8), min_size=1, max_size=8)


@settings(max_examples=60)
@given(train=texts_of_words, test=texts_of_words, longest=st.integers(1, 3), least=st.integers(1, 3))
def test_runs_are_counted_as_scikit_learn_counts_them(
    train: list[list[str]], test: list[list[str]], longest: int, least: int
) -> None:
    runs = Runs.learn(train, longest, least)
    vectorizer = CountVectorizer(analyzer=lambda text: [
        " ".join(text[start : start + size]) for size in range(1, longest + 1) for start in range(len(text) - size + 1)
    ], min_df=least)  # fmt: skip
    try:
        expected = vectorizer.fit(train).transform(test).toarray()
    except ValueError:  # no run at all
        expected = np.zeros((len(test), 0))
    found = runs.counts(test).toarray()
    # The columns stand in another order.
    assert sorted(map(tuple, found.T)) == sorted(map(tuple, expected.T))
    assert runs.count == expected.shape[1]


def test_nb_svm_is_logistic_regression_on_log_count_ratios() -> None:
    train, validation, test = (reviews(rows, seed) for seed, rows in enumerate((200, 80, 80)))
    fitted = fit_opponents(["nb_svm"], problem_of(train, validation), "accuracy")["nb_svm"]
    strength = float(fitted.note.split()[2].rstrip(","))

    vectorizer = CountVectorizer(ngram_range=(1, 2), binary=True, token_pattern=r"\S+")
    held = vectorizer.fit_transform(train.columns["text"]).toarray()
    p, q = (1 + held[train.targets == label].sum(axis=0) for label in (1, 0))
    ratio = np.log((p / p.sum()) / (q / q.sum()))
    model = LogisticRegression(C=strength, solver="liblinear", dual=True, tol=1e-8, max_iter=10_000)
    model.fit(held * ratio, train.targets)
    expected = model.predict_proba(vectorizer.transform(test.columns["text"]).toarray() * ratio)
    np.testing.assert_allclose(fitted.outputs(test), expected, atol=2e-3)
    assert ((expected[:, 1] > 0.5) == test.targets).mean() > 0.97


def test_the_ratio_speaks_for_the_class_that_holds_the_run() -> None:
    runs = Runs.learn([["a"], ["a"], ["b"]], 1)
    held = _present(runs.counts([["a", "a"], ["a"], ["b"]]))
    assert held.toarray().tolist() == [[1, 0], [1, 0], [0, 1]]
    # (2 + 1) of 4 + 1 against (0 + 1) of 1 + 2, and so on.
    expected = np.log([(3 / 4) / (1 / 3), (1 / 4) / (2 / 3)])
    np.testing.assert_allclose(_ratio(held, np.array([True, True, False])), expected)


def test_three_classes_share_one() -> None:
    train, validation, test = (reviews(rows, seed, 3) for seed, rows in enumerate((240, 80, 80)))
    fitted = fit_opponents(["nb_svm", "bag_of_embeddings"], problem_of(train, validation, 3), "accuracy")
    for name, least in (("nb_svm", 0.97), ("bag_of_embeddings", 0.6)):
        outputs = fitted[name].outputs(test)
        np.testing.assert_allclose(outputs.sum(axis=1), 1.0)
        assert (outputs.argmax(axis=1) == test.targets).mean() > least


def test_a_bag_tells_words_but_not_their_order() -> None:
    train, validation, test = (reviews(rows, seed) for seed, rows in enumerate((200, 80, 200)))
    bag = fit_opponents(["bag_of_embeddings"], problem_of(train, validation), "accuracy")["bag_of_embeddings"]
    assert ((bag.outputs(test)[:, 1] > 0.5) == test.targets).mean() < 0.65
    told = [rows_of([*map(" ".join, zip(rows.columns["text"], np.array(["dull", "fine"])[rows.targets], strict=True))],
                    rows.targets) for rows in (train, validation, test)]  # fmt: skip
    bag = fit_opponents(["bag_of_embeddings"], problem_of(*told[:2]), "accuracy")["bag_of_embeddings"]
    assert ((bag.outputs(told[2])[:, 1] > 0.5) == test.targets).mean() > 0.97


def test_characters_are_read_in_longer_runs() -> None:
    rng = np.random.default_rng(0)
    addresses = ["".join(rng.choice(list("abcdef"), 9)) for _ in range(300)]
    targets = np.array([index % 2 for index in range(300)])
    addresses = [f"{address}{'.gov' if target else '.vog'}" for address, target in zip(addresses, targets, strict=True)]
    train, test = rows_of(addresses[:200], targets[:200]), rows_of(addresses[200:], targets[200:])
    fitted = fit_opponents(["nb_svm"], problem_of(train, test, tokens="characters"), "accuracy")["nb_svm"]
    assert fitted.note.endswith("of up to 4 tokens")
    assert ((fitted.outputs(test)[:, 1] > 0.5) == test.targets).all()


def test_a_text_of_unknown_words_gets_the_training_shares() -> None:
    train, validation = reviews(200, 0), reviews(80, 1)
    fitted = fit_opponents(["nb_svm", "bag_of_embeddings"], problem_of(train, validation), "accuracy")
    for opponent in fitted.values():
        outputs = opponent.outputs(rows_of(["", "zzz"], np.zeros(2, int)))
        assert np.isfinite(outputs).all()
        assert (np.abs(outputs - 0.5) < 0.35).all()


def test_which_opponents_fit_texts() -> None:
    only = names_for("classification", "roc_auc", None, of_texts=True, of_columns=False)
    assert only == ["majority", "nb_svm", "bag_of_embeddings"]
    beside = names_for("classification", "roc_auc", None, of_texts=True)
    assert set(beside) >= {"logistic_regression", "nb_svm"}
    assert names_for("regression", "rmse", None, of_texts=True, of_columns=False) == ["median", "mean"]
    with pytest.raises(
        RecipeError, match="ridge does not fit classification of texts; those that do: majority, nb_svm"
    ):
        names_for("classification", "roc_auc", ("ridge",), of_texts=True, of_columns=False)
    with pytest.raises(RecipeError, match="nb_svm does not fit classification; those that do"):
        names_for("classification", "roc_auc", ("nb_svm",))
