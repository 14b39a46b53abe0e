"""What is judged of a saved network: every word once, by the probabilities that the network itself gives."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import polars
import pytest

from treadle.bundle.predictor import Predictor
from treadle.data.sources import from_frame
from treadle.errors import ContractError, DataError
from treadle.evaluation.evaluation import Evaluation
from treadle.evaluation.judging import evaluate_lines, judge_of, lines_to_judge, terms_of
from treadle.evaluation.lines import Lines
from treadle.evaluation.tally import TagTally, WordTally
from treadle.features.sequences import NOT_DUE
from treadle.recipe import parse_recipe
from treadle.sequence_work import SequenceWork

QUICK = {"opponents": [], "resamples": 100}
LEARNT = [
    "the king is dead .",
    "my lord the queen sees a ghost",
    "a ghost is here",
    "the queen is not dead !",
    "who is here",
    "my lord is not here",
    "the king sees my lord",
    "a queen loves the king",
] * 3
JUDGED = ["the king is here", "xyz sees the queen", "dead", "my lord my lord the ghost loves a rose", "."]
MORE = [*JUDGED, *LEARNT[:8]]
TAGS = {"the": "DET", "a": "DET", "my": "DET", "is": "VERB", "sees": "VERB", "loves": "VERB"}


def tags_of(line: str) -> str:
    return " ".join(TAGS.get(word, "NOUN") for word in line.split())


class Judged:
    """A network with weights by chance, in a bundle, and a few lines to judge it by."""

    def __init__(self, task: str, lines: list[str], tags: list[str] | None = None, **sections: dict[str, Any]) -> None:
        learnt: dict[str, list[str]] = {"line": LEARNT}
        data: dict[str, Any] = {"source": "frame", "kinds": {"line": "text"}, "split": {"group": None}}
        if task == "tagging":
            learnt["tags"] = list(map(tags_of, LEARNT))
            data["target"] = "tags"
            sections = {"features": {"text": {"tokens": "spaced"}}, **sections}
        settings: dict[str, Any] = {"data": data, "evaluation": QUICK}
        settings |= {"model": {"sequence": {"units": 5, "embedding_width": 4, "learn_initial": True}}}
        settings |= {name: {**settings.get(name, {}), **section} for name, section in sections.items()}
        recipe = parse_recipe({"name": "judged", "task": task, **settings})
        work = SequenceWork.prepare(recipe, polars.DataFrame(learnt), "fail")
        rng = np.random.default_rng(5)
        self.network = jax.tree.map(
            lambda leaf: leaf + jnp.asarray(rng.normal(0, 0.7, leaf.shape), jnp.float32), work.network().settled()
        )
        self.predictor = Predictor(work.bundle(self.network))
        self.features, self.contract = work.features, work.contract
        tagged = {"tags": tags or list(map(tags_of, lines))} if task == "tagging" else {}
        self.table = from_frame({"line": lines} | tagged)
        self.terms = terms_of(self.features, self.contract)

    @property
    def lines(self) -> Lines:
        return lines_to_judge(self.features, self.contract, self.contract.check(self.table, with_target=True).columns)

    def tally(self) -> Any:
        return judge_of(self.predictor, self.terms)(self.lines)

    def evaluate(self, **options: Any) -> Evaluation:
        return evaluate_lines(self.predictor, self.table, **options)

    def scores(self, reads: list[int]) -> np.ndarray:
        """What the network says at every token of a row, (tokens, outputs)."""
        inputs = {"tokens": jnp.asarray([reads], jnp.int32), "lengths": jnp.asarray([len(reads)], jnp.int32)}
        found = run(self.network, inputs)
        return np.asarray(found[0] if isinstance(found, tuple) else found, np.float64)[0]

    def words(self, line: str) -> list[int]:
        known = self.predictor.words
        return [known.index(word) if word in known else 1 for word in line.split()]


run = eqx.filter_jit(lambda network, inputs: network(inputs))


def direct(said: list[tuple[np.ndarray, int]], words: int) -> tuple[float, float, float, float]:
    """Words, those rightly answered, those among the best five, and the sum of -ln p: from scores, one by one."""
    right = in_five = surprise = 0.0
    for scores, due in said:
        logs = scores - np.logaddexp.reduce(scores)
        surprise -= logs[due]
        best = 2 + np.argsort(-logs[2:words], kind="stable")
        right += best[0] == due
        in_five += due in best[:5]
    return float(len(said)), right, in_five, surprise


def assert_tally(tally: WordTally, expected: list[tuple[float, float, float, float]]) -> None:
    found = np.stack([tally.tokens, tally.right, tally.right_in_five, tally.surprise], axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert sum(tokens for tokens, *_ in expected) > sum(right for _, right, *_ in expected) > 0


@pytest.mark.parametrize("marks", [True, False])
def test_the_next_word_by_log_probabilities_one_by_one(marks: bool) -> None:
    judged = Judged("next_word", MORE, features={"text": {"marks": marks}})
    size, expected = len(judged.predictor.words), []
    for line in MORE:
        words = judged.words(line)
        reads = [size, *words] if marks else words
        due = words if marks else words[1:]
        if due:
            scores = judged.scores(reads)
            expected.append(direct(list(zip(scores[: len(due)], due, strict=True)), size))
    assert_tally(judged.tally(), expected)
    assert list(judged.lines.texts) == [line for line in MORE if marks or " " in line]


def test_missing_words_by_log_probabilities_one_by_one() -> None:
    judged = Judged("fill_blank", MORE)
    size, expected = len(judged.predictor.words), []
    for line in MORE:
        words = judged.words(line)
        said = []
        for place, due in enumerate(words):
            # As someone would ask: another word stands in the gap.
            asked = [size, *words, size + 1]
            asked[1 + place] = 1
            said.append((judged.scores(asked)[1 + place], due))
        expected.append(direct(said, size))
    assert_tally(judged.tally(), expected)


RUNNING: dict[str, Any] = {
    "data": {"source": "frame", "kinds": {"line": "text"}, "running": True, "split": {"sequential": True}}
}


def test_running_text_goes_on_from_line_to_line_and_every_word_counts_once() -> None:
    judged = Judged("next_word", JUDGED, **RUNNING)
    size = len(judged.predictor.words)
    stream = [number for line in JUDGED for number in (*judged.words(line), size + 1)]
    scores = judged.scores(stream[:-1])
    lines = judged.lines
    assert list(lines.texts) == JUDGED
    assert [due.tolist() for due in lines.targets] == [
        [*judged.words(line)[row == 0 :], size + 1] for row, line in enumerate(JUDGED)
    ]
    assert lines.read.tolist() == stream[:-1]
    expected, place = [], 0
    for due in lines.targets:
        said = [(scores[place + step], number) for step, number in enumerate(due.tolist()) if number != size + 1]
        expected.append(direct(said, size))
        place += len(due)
    tally = judged.tally()
    assert_tally(tally, expected)
    # The first word of all follows nothing.
    assert tally.tokens.sum() == sum(len(line.split()) for line in JUDGED) - 1


@pytest.mark.parametrize("lines", [["...", "a king", "is"], ["a king", "...", "is"], ["a", "king"]])
def test_lines_of_running_text_that_nothing_is_read_of(lines: list[str]) -> None:
    judged = Judged("next_word", lines, **RUNNING, features={"text": {"drop": ["punctuation"]}})
    end = len(judged.predictor.words) + 1
    found = dict(zip(judged.lines.texts, [due.tolist() for due in judged.lines.targets], strict=True))
    assert found == {
        line: [*([] if line == "..." else judged.words(line))[line == lines[0] :], end]
        for line in lines
        if line != lines[0] or line != "..."
    }


def test_one_word_figures_are_of_all_words() -> None:
    judged = Judged("next_word", JUDGED)
    tally, evaluation = judged.tally(), judged.evaluate()
    assert evaluation.metrics["perplexity"] == pytest.approx(np.exp(tally.surprise.sum() / tally.tokens.sum()))
    assert evaluation.metrics["accuracy"] == pytest.approx(tally.right.sum() / tally.tokens.sum())
    words = sum(len(line.split()) for line in JUDGED)
    assert (evaluation.rows, evaluation.tokens, evaluation.target, evaluation.skipped) == (5, words, "line", 0)
    assert evaluation.unknown_share == pytest.approx(2 / words)  # xyz, rose


# --- tags


def best_sequence(judged: Judged, scores: np.ndarray) -> list[int]:
    """Of all sequences of tags, one by one."""
    field = judged.network.crf
    if field is None:
        return [int(tag) for tag in scores.argmax(axis=1)]
    between, first, last = (np.asarray(part, np.float64) for part in (field.transitions, field.first, field.last))

    def score(tags: tuple[int, ...]) -> float:
        own = scores[np.arange(len(tags)), tags].sum() + first[tags[0]] + last[tags[-1]]
        return float(own + sum(between[pair] for pair in pairwise(tags)))

    return list(max(product(range(scores.shape[1]), repeat=len(scores)), key=score))


@pytest.mark.parametrize("crf", [False, True])
def test_tags_are_those_of_the_best_sequence(crf: bool) -> None:
    model = {"sequence": {"units": 5, "embedding_width": 4, "crf": crf}}
    tags = [tags_of(line) for line in JUDGED]
    tags[1] = "NEW VERB DET NOUN"
    judged = Judged("tagging", JUDGED, tags, model=model)
    labels = judged.terms.labels
    assert labels == ("DET", "NOUN", "VERB")
    answered = [best_sequence(judged, judged.scores(judged.words(line))) for line in JUDGED]
    tally = judged.tally()
    assert isinstance(tally, TagTally)
    true = [[labels.index(tag) if tag in labels else NOT_DUE for tag in row.split()] for row in tags]
    assert [due.tolist() for due in judged.lines.targets] == true
    assert tally.tokens.tolist() == [len(row) for row in true]
    assert tally.right.tolist() == [
        sum(one == other for one, other in zip(*pair, strict=True)) for pair in zip(answered, true, strict=True)
    ]
    counts = np.zeros((3, 3), int)
    for row, due in zip(answered, true, strict=True):
        for one, other in zip(row, due, strict=True):
            counts[other, one] += other >= 0
    np.testing.assert_array_equal(tally.counts, counts)
    [told] = judged.predictor.predict({"line": JUDGED[3]}).records()
    assert told["tags"] == [labels[tag] for tag in answered[3]]


@pytest.mark.parametrize(("keep", "kept"), [("first", slice(None, 3)), ("last", slice(-3, None))])
def test_tags_are_judged_where_words_are_read(keep: str, kept: slice) -> None:
    text = {"tokens": "spaced", "length": 3, "keep": keep, "affixes": 2}
    lines = [*JUDGED, "a \u200b \ufeff king " + "x" * 500]
    judged = Judged("tagging", lines, features={"text": text})
    for line, read, due, told in zip(lines, judged.lines.inputs, judged.lines.targets, judged.lines.texts, strict=True):
        words = line.split()[kept]
        assert told.split(" ") == words
        assert len(read) == len(due) == len(words)
        assert due.tolist() == [judged.terms.labels.index(TAGS.get(word, "NOUN")) for word in words]
    assert judged.tally().tokens.tolist() == [min(3, len(line.split())) for line in lines]


def test_words_that_training_saw_are_told_from_others() -> None:
    judged = Judged("tagging", ["the xyz", "king rose ghost", "The king"])
    columns = judged.contract.check(from_frame({"line": LEARNT, "tags": list(map(tags_of, LEARNT))}), with_target=True)
    train = lines_to_judge(judged.features, judged.contract, columns.columns)
    terms = terms_of(judged.features, judged.contract, train)
    assert terms.seen == {word for line in LEARNT for word in line.split()}
    tally = judge_of(judged.predictor, terms)(judged.lines)
    assert isinstance(tally, TagTally)
    assert tally.unseen.tolist() == [1, 1, 1]
    assert not judged.tally().unseen.any()


# --- rows that break the contract


def test_rows_that_cannot_be_read_are_refused_or_counted() -> None:
    judged = Judged("next_word", ["the king", "", "a ghost is"])
    with pytest.raises(ContractError, match="row 2, column 'line': '' is empty: there is nothing to read"):
        judged.evaluate()
    evaluation = judged.evaluate(on_bad_row="skip")
    assert (evaluation.rows, evaluation.skipped, evaluation.tokens) == (2, 1, 5)
    alone = Judged("next_word", ["the king", "a ghost is"]).evaluate()
    assert evaluation.metrics == alone.metrics
    for lines in ([""], ["", " "]):
        with pytest.raises(DataError, match=rf"no row to judge: none of its {len(lines)} rows keeps the contract"):
            Judged("next_word", lines).evaluate(on_bad_row="skip")


def test_sentences_without_a_tag_for_every_word_are_refused_or_counted() -> None:
    judged = Judged("tagging", ["the king", "a ghost"], ["DET NOUN", "DET"])
    with pytest.raises(ContractError, match="row 2, column 'tags': 'DET' has 1 tag, but 'line' has 2 tokens"):
        judged.evaluate()
    evaluation = judged.evaluate(on_bad_row="report")
    assert (evaluation.rows, evaluation.skipped, evaluation.tokens, evaluation.target) == (1, 1, 2, "tags")


def test_a_missing_column_and_lines_without_a_word_to_foretell() -> None:
    judged = Judged("tagging", ["the king"])
    with pytest.raises(ContractError, match="no column 'tags'"):
        evaluate_lines(judged.predictor, from_frame({"line": ["the king"]}))
    single = Judged("next_word", ["dead", "king"], features={"text": {"marks": False}})
    with pytest.raises(DataError, match="no word to judge in 0 rows"):
        single.evaluate()
