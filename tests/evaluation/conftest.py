"""A bundle whose network is a logistic or linear regression, trained in the test, and the rows to judge it on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from treadle.bundle.answers import ClassificationAnswers, RegressionAnswers
from treadle.bundle.bundle import Bundle
from treadle.bundle.graph import Graph
from treadle.bundle.predictor import Predictor
from treadle.data.infer import learn
from treadle.data.split import split
from treadle.data.table import Table
from treadle.evaluation import Evaluation, Opponent, Problem, Rows, evaluate, fit_opponents, names_for
from treadle.evaluation.lines import Lines, SequenceTerms, unseen, words_of
from treadle.evaluation.report import LearningCurve, Report
from treadle.evaluation.sequences import evaluate_sequences, fit_sequence_opponents
from treadle.evaluation.tally import Tally, WordTally, tally_of_tags
from treadle.features import Features
from treadle.recipe import DataRecipe, EvaluationRecipe, FeaturesRecipe, SplitRecipe, Task

SHARES = SplitRecipe(validation=0.25, test=0.35)


@dataclass(frozen=True)
class Case:
    """Everything an evaluation is made of."""

    predictor: Predictor
    test: Table
    problem: Problem
    opponents: dict[str, Opponent]
    leakage: object
    rows: dict[str, int]

    def evaluate(self) -> Evaluation:
        return evaluate(self.predictor, self.test, self.opponents, seed=3)

    def report(self, **changes: object) -> Report:
        facts: dict[str, object] = {
            "name": "shop",
            "source": "shop.csv",
            "bundle": "runs/shop/shop.treadle",
            "page": "runs/shop/report.html",
            "example": "runs/shop/example.csv",
            "rows": self.rows,
            "leakage": self.leakage,
            "evaluation": self.evaluate(),
            "curve": LearningCurve(training=(0.7, 0.5, 0.4), validation=(0.6, 0.5, 0.55), best_epoch=2),
            "seconds": {"data": 0.1, "train": 1.0, "evaluate": 0.5},
            "notices": ("column 'shop' is always the same: dropped",),
        }
        return Report(**(facts | changes))  # type: ignore[arg-type]


def text_table(columns: dict[str, np.ndarray]) -> Table:
    """Columns as a CSV reader gives them."""
    return Table.of({name: np.array([str(cell) for cell in cells], object) for name, cells in columns.items()})


def make_case(
    table: Table, target: str, task: str, *, opponents: tuple[str, ...] | None = None, loss: str | None = None
) -> Case:
    recipe = DataRecipe(source="shop.csv", target=target, split=SHARES)
    parts = split(table, recipe, task)  # type: ignore[arg-type]
    contract, _ = learn(table.take(parts.train), recipe, task)  # type: ignore[arg-type]
    train = contract.check(table.take(parts.train), with_target=True).columns
    validation = contract.check(table.take(parts.validation), with_target=True).columns
    features = Features.fit(contract, train, FeaturesRecipe())
    learnt, rest = Rows.of(train, contract, features), Rows.of(validation, contract, features)

    onnx, answers = _fit(learnt, contract.target.values, task)
    bundle = Bundle(
        name="shop",
        task=task,  # type: ignore[arg-type]
        recipe={"training": {"loss": loss}, "evaluation": {"resamples": 300}},
        contract=contract,
        features=features,
        answers=answers,
        weights={},
        onnx=onnx,
    )
    predictor = Predictor(bundle)
    problem = Problem.of(learnt, rest, predictor, seed=0)
    names = names_for(task, problem.primary, opponents)
    rows = {"train": len(parts.train), "validation": len(parts.validation), "test": len(parts.test)}
    test = table.take(parts.test)
    return Case(predictor, test, problem, fit_opponents(names, problem, "accuracy"), parts.leakage, rows)


def _fit(
    rows: Rows, labels: tuple[str | int | float | bool, ...], task: str
) -> tuple[bytes, ClassificationAnswers | RegressionAnswers]:
    numbers = rows.inputs["numbers"]
    graph = Graph()
    inputs = graph.input("numbers", np.float32, ["rows", numbers.shape[1]])
    if task == "regression":
        mean, scale = float(rows.targets.mean()), float(rows.targets.std())
        linear = Ridge().fit(numbers, (rows.targets - mean) / scale)
        weight, bias = linear.coef_[:, None], np.array([linear.intercept_])
        answers: ClassificationAnswers | RegressionAnswers = RegressionAnswers(mean=mean, scale=scale)
    else:
        logistic = LogisticRegression().fit(numbers, rows.targets)
        weight, bias = logistic.coef_.T, logistic.intercept_
        if len(labels) == 2:
            weight, bias = np.hstack([0 * weight, weight]), np.append(0 * bias, bias)
        positive = 1 if len(labels) == 2 else None
        answers = ClassificationAnswers(labels=labels, positive=positive, threshold=0.45 if positive else None)
    value = graph.add(
        "Gemm",
        [
            inputs,
            graph.constant(weight.astype(np.float32), "weight"),
            graph.constant(bias.astype(np.float32), "bias"),
        ],
    )
    graph.output("outputs", graph.add("Softmax", [value], {"axis": 1}) if task == "classification" else value)
    return graph.to_bytes(), answers


def shop(rows: int, seed: int) -> dict[str, np.ndarray]:
    """Age, spending (missing for some), city, and a target of two classes, three classes and a number."""
    random = np.random.default_rng(seed)
    age = random.integers(18, 80, rows)
    spending = np.round(random.normal(100, 30, rows), 2)
    city = random.choice(["Oslo", "Rome", "Lima"], rows)
    score = (age - 50) / 15 + (city == "Rome") * 1.5 + (spending - 100) / 40 + random.normal(0, 0.7, rows)
    return {
        "age": age,
        "spending": np.where(random.random(rows) < 0.1, "", spending.astype(str)),
        "city": city,
        "returns": np.where(score > 0.3, "yes", "no"),
        "kind": np.select([score < -0.5, score < 1], ["rare", "casual"], "regular"),
        "worth": np.round(1000 * score + 20_000, 1),
    }


@pytest.fixture(scope="session")
def columns_of() -> Callable[..., dict[str, np.ndarray]]:
    """Columns of a made-up shop, `(rows, seed)`."""
    return shop


@pytest.fixture(scope="session")
def case_of() -> Callable[..., Case]:
    """A case from columns, `(columns, target, task)`."""

    def case(columns: dict[str, np.ndarray], target: str, task: str, **settings: object) -> Case:
        return make_case(text_table(columns), target, task, **settings)  # type: ignore[arg-type]

    return case


@pytest.fixture(scope="session")
def table_of() -> Callable[..., Table]:
    return text_table


def _only(target: str) -> dict[str, np.ndarray]:
    columns = shop(900, 1)
    return {name: columns[name] for name in ("age", "spending", "city", target)}


@pytest.fixture(scope="session")
def two_classes() -> Case:
    return make_case(text_table(_only("returns")), "returns", "classification")


@pytest.fixture(scope="session")
def three_classes() -> Case:
    return make_case(text_table(_only("kind")), "kind", "classification")


@pytest.fixture(scope="session")
def regression() -> Case:
    return make_case(text_table(_only("worth")), "worth", "regression")


class SlowWordModel:
    """Interpolated modified Kneser-Ney, written with dictionaries as the formulas stand in Chen and Goodman 1999.

    Events are pairs of a context of two tokens, the first of them -1 where there is only one, and what followed it.
    """

    def __init__(
        self,
        events: list[tuple[tuple[int, int], int]],
        possible: list[int],
        order: int,
        discounts: list[list[float]] | None = None,
    ) -> None:
        self.order, self.possible = order, possible
        runs = Counter(tuple(token for token in (*context, word) if token != -1)[-order:] for context, word in events)
        self.counts = {order: Counter({run: count for run, count in runs.items() if len(run) == order})}
        for length in range(order - 1, 0, -1):
            self.counts[length] = Counter(run[1:] for run in self.counts[length + 1])
            # Nothing stands before these, so that they count as often as they occur.
            self.counts[length].update({run: count for run, count in runs.items() if len(run) == length})
        self.discounts = {length: self._discounts(counts) for length, counts in self.counts.items()}
        if discounts is not None:
            self.discounts = dict(enumerate(discounts, start=1))

    @staticmethod
    def _discounts(counts: Counter[tuple[int, ...]]) -> list[float]:
        n = [sum(count == times for count in counts.values()) for times in range(5)]
        if 0 in n[1:]:
            return [0.5, 1.0, 1.5]
        y = n[1] / (n[1] + 2 * n[2])
        found = [times - (times + 1) * y * n[times + 1] / n[times] for times in (1, 2, 3)]
        return found if all(0 < found[i] < i + 1 for i in range(3)) else [0.5, 1.0, 1.5]

    def probability(self, context: tuple[int, ...], word: int, order: int | None = None) -> float:
        order = self.order if order is None else order
        if order == 0:
            return 1 / len(self.possible) if word in self.possible else 0.0
        context = context[len(context) - order + 1 :]
        lower = self.probability(context[1:], word, order - 1)
        after = {run[-1]: count for run, count in self.counts[order].items() if run[:-1] == context}
        if not after:
            return lower
        discounts, total = self.discounts[order], sum(after.values())
        gamma = sum(discounts[min(count, 3) - 1] for count in after.values()) / total
        count = after.get(word, 0)
        taken = count - discounts[min(count, 3) - 1] if count else 0.0
        return taken / total + gamma * lower


@pytest.fixture(scope="session")
def slow_word_model() -> type[SlowWordModel]:
    return SlowWordModel


UPOS = ("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT")
UPOS += ("SCONJ", "SYM", "VERB", "X")
IOB = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def words_evaluation(task: Task) -> Evaluation:
    """A network of words that is a little better than its opponents, on lines in which each word leads to the next."""
    random = np.random.default_rng(0)
    terms = SequenceTerms(size=302, min_count=2)

    def lines_of(count: int) -> Lines:
        rows = []
        for length in random.integers(3, 12, count):
            steps = np.where(random.random(length) < 0.3, 1, random.zipf(1.4, length))
            known = random.random(length) < 0.93
            rows.append(np.where(known, 2 + np.cumsum(steps) % 300, 1).astype(np.int32))
        begin, end = np.array([[terms.begin], [terms.end]], np.int32)
        inputs = [np.concatenate([begin, row, end] if task == "fill_blank" else [begin, row]) for row in rows]
        targets = rows if task == "fill_blank" else [np.concatenate([row, end]) for row in rows]
        return Lines(tuple(inputs), tuple(targets), np.array([str(row) for row in rows], object))

    train, validation, test = lines_of(300), lines_of(100), lines_of(200)
    opponents = fit_sequence_opponents(names_for(task, "perplexity", None), train, validation, task, terms)

    def network(lines: Lines) -> Tally:
        tally = opponents["bigram"].judge(lines)
        assert isinstance(tally, WordTally)
        return replace(tally, surprise=0.97 * tally.surprise, right=np.minimum(tally.right + 1, tally.right_in_five))

    return evaluate_sequences(
        network, opponents, test, task=task, target="line", recipe=EvaluationRecipe(), seed=0, words=terms
    )


def tags_evaluation(labels: tuple[str, ...]) -> Evaluation:
    """A tagger that is right nine times of ten."""
    random = np.random.default_rng(1)
    shares = random.dirichlet(np.full(len(labels), 0.8))

    def lines_of(count: int) -> Lines:
        due = tuple(
            random.choice(len(labels), length, p=shares).astype(np.int32) for length in random.integers(3, 20, count)
        )
        words = tuple((2 + 20 * row + random.zipf(1.6, len(row)) % 20).astype(np.int32) for row in due)
        # Tokens of neighbouring tags are the same now and then, and some are unknown.
        words = tuple(
            np.where(random.random(len(row)) < 0.05, 1, row + 20 * (random.random(len(row)) < 0.1)) for row in words
        )
        return Lines(words, due, np.array([" ".join(map(str, row)) for row in words], object))

    train, validation, test = lines_of(200), lines_of(50), lines_of(150)
    terms = SequenceTerms(size=2 + 20 * (len(labels) + 2), labels=labels, seen=words_of(train))
    opponents = fit_sequence_opponents(["majority", "most_frequent_tag"], train, validation, "tagging", terms)

    def network(lines: Lines) -> Tally:
        wrong = random.random(len(lines.due)) < 0.07
        answered = np.where(wrong, random.choice(len(labels), len(wrong), p=shares), lines.due)
        hidden = unseen(lines, terms.seen)
        return tally_of_tags(answered, lines.due, lines.row, hidden, labels, rows=len(lines))

    return evaluate_sequences(
        network, opponents, test, task="tagging", target="upos", recipe=EvaluationRecipe(), seed=0, words=terms
    )


@pytest.fixture(scope="session")
def next_word(two_classes: Case) -> Report:
    return two_classes.report(evaluation=words_evaluation("next_word"))


@pytest.fixture(scope="session")
def fill_blank(two_classes: Case) -> Report:
    return two_classes.report(evaluation=words_evaluation("fill_blank"))


@pytest.fixture(scope="session")
def tagging(two_classes: Case) -> Report:
    return two_classes.report(evaluation=tags_evaluation(UPOS))


@pytest.fixture(scope="session")
def spans(two_classes: Case) -> Report:
    return two_classes.report(evaluation=tags_evaluation(IOB))
