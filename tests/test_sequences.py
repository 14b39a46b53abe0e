"""Networks that answer at every token, from a text to a served answer, on small languages whose entropy is known."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOB2

import treadle
from treadle.bundle.archive import read_archive
from treadle.bundle.language import LanguageModel
from treadle.bundle.verify import verify
from treadle.data.sources import read_table
from treadle.data.table import Table
from treadle.errors import RecipeError
from treadle.evaluation import evaluate
from treadle.features.vocabulary import FIRST
from treadle.recipe import parse_recipe
from treadle.sequence_work import SequenceWork

NOUNS = ["dog", "cat", "man", "king", "owl", "fox", "bee", "saw"]
VERBS = ["sees", "hears", "loves"]
QUICK = {"batch_size": 16, "learning_rate": 0.03, "epochs": 12}
SMALL = {"embedding_width": 8, "units": 12}


def sentences(count: int = 160) -> list[str]:
    """Different ones of `the NOUN VERB a NOUN.`, by chance."""
    every = [f"the {one} {does} a {other}." for one, does, other in product(NOUNS, VERBS, NOUNS)]
    return [every[place] for place in np.random.default_rng(0).permutation(len(every))[:count]]


PERPLEXITY = (len(NOUNS) * len(VERBS) * len(NOUNS)) ** (1 / 6)
"""Of the language of `sentences`: three of six words are free."""


def keyed(count: int = 240) -> list[str]:
    """Lines whose second word hangs on both the first and the third, before two words that are free."""
    every = product(range(4), range(4), NOUNS, VERBS)
    lines = [f"a{one} b{one}{other} c{other} {noun} {verb}" for one, other, noun, verb in every]
    return [lines[place] for place in np.random.default_rng(0).permutation(len(lines))[:count]]


def tagged(count: int = 160) -> list[tuple[str, str]]:
    """Sentences in which `saw` is a noun or a verb by what stands before it, and the ends of others tell their tags."""
    draw = np.random.default_rng(0)
    rows = []
    for _ in range(count):
        stem = "".join(draw.choice(list("bdfgklmnprst"), 3))
        first, second = draw.choice(NOUNS), draw.choice(NOUNS)
        how, what = (f"{stem}ly", "ADV") if draw.random() < 0.5 else (f"{stem}ous", "ADJ")
        rows.append((f"the {first} saw the {how} {second} .", f"DET NOUN VERB DET {what} NOUN PUNCT"))
    return rows


def places(count: int = 160) -> list[tuple[str, str]]:
    """Sentences with names of one and of two words; `new` begins a name only before `york`."""
    draw = np.random.default_rng(0)
    names = {"new york": "B-LOC I-LOC", "oslo": "B-LOC", "ada king": "B-PER I-PER", "a new dog": "O O O"}
    rows = []
    for _ in range(count):
        one, other = draw.choice(list(names), 2)
        verb, end = draw.choice(VERBS), draw.choice(NOUNS)
        rows.append((f"{one} {verb} {other} of {end}", f"{names[one]} O {names[other]} O O"))
    return rows


def written(path: Path, rows: list[str] | list[tuple[str, str]]) -> Path:
    """Lines of text, or columns of tokens and tags."""
    if isinstance(rows[0], str):
        path.write_text("\n".join(map(str, rows)) + "\n", encoding="utf-8")
    else:
        pairs = ["\n".join(map("\t".join, zip(text.split(), tags.split(), strict=True))) for text, tags in rows]
        path.write_text("\n\n".join(pairs) + "\n", encoding="utf-8")
    return path


def recipe(source: Path, task: str, **sections: Any) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": "small",
        "task": task,
        "data": {"source": str(source)} | ({"target": "tags"} if task == "tagging" else {}),
        "features": {"text": {"tokens": "spaced"}} if task == "tagging" else {},
        "model": {"sequence": SMALL},
        "training": QUICK,
        "evaluation": {"resamples": 100},
    }
    for name, section in sections.items():
        document[name] = {**document[name], **section}
    return document


Made = tuple[str, Callable[[], Any], dict[str, Any]]
RUNNING = {"running": True, "split": {"sequential": True}}
KINDS: dict[str, Made] = {
    "marked": ("next_word", sentences, {}),
    "unmarked": (
        "next_word",
        sentences,
        {"features": {"text": {"marks": False}}, "model": {"sequence": SMALL | {"cell": "gru"}}},
    ),
    "running": ("next_word", sentences, {"training": QUICK | {"batch_size": 4, "unroll": 16}}),
    "characters": ("next_word", sentences, {"features": {"text": {"tokens": "characters"}}}),
    "byte pairs": ("next_word", sentences, {"features": {"text": {"tokens": "byte_pairs", "vocabulary": 40}}}),
    "blank": ("fill_blank", keyed, {"model": {"sequence": SMALL | {"units": 16}}, "training": QUICK | {"epochs": 40}}),
    "tags": ("tagging", tagged, {"features": {"text": {"tokens": "spaced", "min_count": 2, "affixes": 3}}}),
    "chosen together": ("tagging", tagged, {"model": {"sequence": SMALL | {"crf": True}}}),
    "spans": ("tagging", places, {"model": {"sequence": SMALL | {"crf": True}}}),
}


def recipe_of(kind: str, folder: Path) -> dict[str, Any]:
    task, rows, sections = KINDS[kind]
    source = written(folder / ("rows.conll" if task == "tagging" else "rows.txt"), rows())
    document = recipe(source, task, **sections)
    if kind == "running":
        document["data"] |= RUNNING
    return document


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], treadle.Run]:
    """The run of each kind, trained when it is first asked for."""
    made: dict[str, treadle.Run] = {}

    def run(kind: str) -> treadle.Run:
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind.replace(" ", "_"))
            made[kind] = treadle.fit(recipe_of(kind, folder), out=folder / "run")
        return made[kind]

    return run


Runs = Callable[[str], treadle.Run]
every_kind = pytest.mark.parametrize("kind", KINDS)


def metrics_of(run: treadle.Run) -> dict[str, float]:
    return run.report.evaluation.metrics


def rows_of(run: treadle.Run) -> Table:
    """The test rows."""
    return SequenceWork.prepare(run.recipe, None, "fail").test_table


# --- the road that all of them take


@every_kind
def test_a_bundle_is_whole_and_beats_what_needs_no_text(runs: Runs, kind: str) -> None:
    run = runs(kind)
    found = verify(run.bundle)
    assert found.passed, found
    evaluation = run.report.evaluation
    trivial = evaluation.opponents["majority" if evaluation.task == "tagging" else "unigram"]
    better = max if evaluation.primary != "perplexity" else min
    assert metrics_of(run)[evaluation.primary] == better(
        metrics_of(run)[evaluation.primary], trivial[evaluation.primary]
    )
    assert evaluation.outcome in ("worth_it", "no_difference", "not_worth_it")


@every_kind
def test_what_is_judged_is_what_is_served(runs: Runs, kind: str) -> None:
    run = runs(kind)
    again = evaluate(treadle.load(run.bundle), rows_of(run), seed=run.recipe.training.seed)
    own = {name: value for name, value in metrics_of(run).items() if name != "accuracy_unseen"}
    assert again.metrics == own
    assert again.rows == run.report.rows["test"]


@every_kind
def test_the_examples_beside_a_bundle_are_answered(runs: Runs, kind: str) -> None:
    run = runs(kind)
    with Path(run.report.example).open(encoding="utf-8", newline="") as file:
        examples = [row["text"] for row in csv.DictReader(file)]
    assert len(examples) == 20
    answers = run.predictor.predict_table(read_table(run.report.example))
    assert not answers.faults
    if run.recipe.task == "tagging":
        assert [len(tags) for tags in answers.columns["tags"]] == [len(text.split()) for text in examples]
    else:
        assert {len(words) for words in answers.columns["words"]} == {5}
    assert answers.records() == json.loads(json.dumps(answers.records()))


@every_kind
def test_the_summary_has_every_key(runs: Runs, kind: str) -> None:
    run = runs(kind)
    summary = json.loads(json.dumps(run.summary(), allow_nan=False))
    assert summary["task"] == KINDS[kind][0]
    assert summary["intervals"].keys() == summary["metrics"].keys() == summary["opponents"].popitem()[1].keys()
    assert sum(summary["rows"].values()) == len(KINDS[kind][1]())


@pytest.mark.parametrize("kind", ["marked", "running", "blank", "spans"])
def test_the_recipe_in_a_bundle_trains_the_same_bytes(runs: Runs, kind: str, tmp_path: Path) -> None:
    run = runs(kind)
    again = treadle.fit(run.predictor.bundle.recipe, out=tmp_path)
    assert again.bundle.read_bytes() == run.bundle.read_bytes()


@pytest.mark.parametrize("kind", ["marked", "running", "chosen together"])
def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(runs: Runs, kind: str, tmp_path: Path) -> None:
    run = runs(kind)

    def stop(standing: Any) -> None:
        assert standing.epoch < standing.epochs
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        treadle.fit(run.recipe, out=tmp_path, progress=stop)
    assert not (tmp_path / "small.treadle").exists()
    again = treadle.fit(run.recipe, out=tmp_path, resume=True)
    assert again.bundle.read_bytes() == run.bundle.read_bytes()


def test_nothing_of_the_test_rows_gets_into_a_network(runs: Runs, tmp_path: Path) -> None:
    run = runs("running")
    lines = sentences()
    for row in SequenceWork.prepare(run.recipe, None, "fail").split.test:
        lines[row] = f"{lines[row]} zebra zebra"
    document = recipe_of("running", tmp_path)
    written(Path(document["data"]["source"]), lines)
    other = treadle.fit(document, out=tmp_path / "run")
    assert read_archive(other.bundle)["weights.safetensors"] == read_archive(run.bundle)["weights.safetensors"]
    assert metrics_of(other)["perplexity"] > metrics_of(run)["perplexity"]


# --- the next word


@pytest.mark.parametrize("kind", ["marked", "unmarked", "running"])
def test_a_language_is_learnt_to_its_entropy(runs: Runs, kind: str) -> None:
    # Without marks, the first word of a line, which is always the same, is not foretold.
    entropy = PERPLEXITY if kind != "unmarked" else PERPLEXITY ** (6 / 5)
    assert entropy * 0.97 < metrics_of(runs(kind))["perplexity"] < entropy * 1.1
    best = np.mean([1, 1 / len(NOUNS), 1 / len(VERBS), 1, 1 / len(NOUNS), 1])
    assert metrics_of(runs("marked"))["accuracy"] == pytest.approx(best, abs=0.12)


@pytest.mark.parametrize("kind", ["marked", "unmarked", "running", "characters", "byte pairs"])
def test_perplexity_is_that_of_the_words_one_by_one(runs: Runs, kind: str) -> None:
    run = runs(kind)
    model = LanguageModel(run.predictor)
    surprise, count = 0.0, 0
    state, said = model.start(), None
    for line in rows_of(run).columns["text"].tolist():
        numbers = model.read(line)
        if not model.running:
            state, said = model.start(), None
        for number in [*numbers, model.end] if model.running else numbers:
            if said is not None and number not in (model.begin, model.end):
                surprise -= float(said[0, number])
                count += 1
            said, state = model.advance(state, np.array([[number]], np.int32))
    assert count == run.report.evaluation.tokens
    assert metrics_of(run)["perplexity"] == pytest.approx(np.exp(surprise / count), rel=1e-5)


def test_the_next_word_is_answered_as_the_language_has_it(runs: Runs) -> None:
    predictor = runs("marked").predictor
    [one] = predictor.predict({"text": "The dog"}).records()
    assert set(one["words"][:3]) == set(VERBS)
    assert sum(one["probabilities"][:3]) > 0.9
    [two] = predictor.predict({"text": "the dog sees"}).records()
    assert two["word"] == "a"
    assert two["probability"] > 0.9


def test_every_character_and_piece_is_foretold(runs: Runs) -> None:
    letters = runs("characters").predictor
    assert letters.predict({"text": "the dog sees a ki"}).columns["word"].tolist() == ["n"]
    assert runs("characters").report.evaluation.tokens == sum(map(len, rows_of(runs("characters")).columns["text"]))
    pieces = runs("byte pairs").predictor
    assert "\u2581the" in pieces.words
    assert pieces.predict({"text": "the dog sees"}).columns["word"].tolist() == ["\u2581a"]


def test_a_language_model_goes_on_from_where_it_was_left(runs: Runs, run: Callable[..., Any]) -> None:
    ended = run("generate", runs("marked").bundle, "--prompt", "the dog", "--temperature", "0", "--json")
    assert ended.code == 0
    document = json.loads(ended.out)
    words = document["text"].split()
    assert words[0] in VERBS
    assert document["stopped"] == "line"


@pytest.mark.parametrize("tokens", ["words", "spaced"])
def test_words_that_are_to_be_said_cannot_be_hashed(tmp_path: Path, tokens: str) -> None:
    source = written(tmp_path / "rows.txt", sentences(20))
    for task in ("next_word", "fill_blank"):
        with pytest.raises(
            RecipeError, match=r"features.text.hashing would not be used: it needs a task that need not"
        ):
            parse_recipe(recipe(source, task, features={"text": {"tokens": tokens, "hashing": True}}))


# --- a missing word


def test_a_missing_word_is_named_from_both_sides(runs: Runs) -> None:
    run = runs("blank")
    answers = run.predictor.predict(
        [{"text": f"a{one} ___ c{other} dog sees"} for one in range(4) for other in range(4)]
    )
    assert answers.columns["word"].tolist() == [f"b{one}{other}" for one in range(4) for other in range(4)]
    # Three of five words of a line are certain, and the others are free.
    assert metrics_of(run)["perplexity"] < 1.1 * (len(NOUNS) * len(VERBS)) ** (1 / 5)
    assert metrics_of(run)["accuracy"] > 3 / 5


def test_figures_of_missing_words_are_those_of_the_answers(runs: Runs) -> None:
    run = runs("blank")
    predictor = run.predictor
    asked, due = [], []
    for line in rows_of(run).columns["text"].tolist():
        words = line.split()
        asked += [" ".join([*words[:place], "___", *words[place + 1 :]]) for place in range(len(words))]
        due += words
    readied = predictor.ready(Table.of({"text": np.array(asked, object)}))
    outputs = predictor.run(readied.inputs).astype(np.float64)
    numbers = [predictor.words.index(word) for word in due]
    right = outputs[:, FIRST:-2].argmax(axis=1) + FIRST == numbers
    assert metrics_of(run)["accuracy"] == pytest.approx(right.mean(), abs=1e-9)
    assert metrics_of(run)["perplexity"] == pytest.approx(
        np.exp(-outputs[np.arange(len(due)), numbers].mean()), rel=1e-5
    )
    answers = predictor.predict(Table.of({"text": np.array(asked, object)})).columns["word"]
    np.testing.assert_array_equal(answers == np.array(due, object), right)


# --- tags


def test_tags_hang_on_what_stands_beside_them_and_on_the_ends_of_words(runs: Runs) -> None:
    run = runs("tags")
    assert metrics_of(run)["accuracy"] > 0.99
    assert metrics_of(run)["accuracy_unseen"] > 0.97
    most_frequent = run.report.evaluation.opponents["most_frequent_tag"]
    assert most_frequent["accuracy_unseen"] < 0.8
    [answer] = run.predictor.predict({"text": "the Fox saw the zuxously saw ."}).records()
    assert answer["tags"] == ["DET", "NOUN", "VERB", "DET", "ADV", "NOUN", "PUNCT"]


@pytest.mark.parametrize("kind", ["tags", "chosen together", "spans"])
def test_figures_of_tags_are_those_of_the_answers(runs: Runs, kind: str) -> None:
    run = runs(kind)
    table = rows_of(run)
    answers = [list(tags) for tags in run.predictor.predict(table).columns["tags"]]
    truth = [tags.split() for tags in table.columns["tags"].tolist()]
    right = [one == other for row, own in zip(answers, truth, strict=True) for one, other in zip(row, own, strict=True)]
    assert metrics_of(run)["accuracy"] == pytest.approx(np.mean(right), abs=1e-9)
    if kind == "spans":
        for name, score in (("f1", f1_score), ("precision", precision_score), ("recall", recall_score)):
            expected = score(truth, answers, mode="strict", scheme=IOB2)
            assert metrics_of(run)[name] == pytest.approx(expected, abs=1e-9)


def test_spans_are_what_counts_where_tags_mark_them(runs: Runs) -> None:
    run = runs("spans")
    assert run.report.evaluation.primary == "f1"
    assert metrics_of(run)["f1"] > 0.95
    [answer] = run.predictor.predict({"text": "new york loves a new dog of king"}).records()
    assert answer["tags"] == ["B-LOC", "I-LOC", "O", "O", "O", "O", "O", "O"]


def test_tags_are_chosen_together_where_it_is_asked_for(runs: Runs) -> None:
    chain = runs("chosen together").predictor.answers
    assert chain.transitions is not None  # type: ignore[union-attr]
    assert runs("tags").predictor.answers.transitions is None  # type: ignore[union-attr]
