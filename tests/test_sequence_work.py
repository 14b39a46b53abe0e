"""What a recipe makes of lines before training: examples, chances of unknown words, an untrained network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

from treadle.errors import RecipeError
from treadle.features.sequences import NOT_DUE
from treadle.recipe import parse_recipe
from treadle.sequence_work import SequenceWork, ask
from treadle.tasks import FieldClassification, TokenClassification

LINES = ["a b", "a c", "b a a d", "c b", "d a", "a b c", "b b", "c c a", "a d", "b c d"]


def work_of(task: str, lines: list[str] = LINES, tags: list[str] | None = None, **sections: dict[str, Any]) -> Any:
    data: dict[str, Any] = {"source": "frame", "kinds": {"line": "text"}, "split": {"sequential": True}}
    settings: dict[str, Any] = {"data": data | ({"target": "tags"} if tags else {})}
    settings |= {"model": {"sequence": {"units": 3, "embedding_width": 2}}, "training": {"batch_size": 2}}
    if tags:
        settings["features"] = {"text": {"tokens": "spaced"}}
    settings |= {name: {**settings.get(name, {}), **section} for name, section in sections.items()}
    columns = {"line": lines} | ({"tags": tags} if tags else {})
    recipe = parse_recipe({"name": "w", "task": task, **settings})
    return SequenceWork.prepare(recipe, polars.DataFrame(columns), "fail")


def noisy(noise: float) -> dict[str, Any]:
    return {"sequence": {"units": 3, "embedding_width": 2, "unknown_noise": noise}}


def test_the_chance_to_be_unknown_falls_with_the_count_of_a_word() -> None:
    work = work_of("next_word", model=noisy(0.5))
    plain = work.examples_of(work.train_columns, learnt=True)
    examples = work.noised(plain)
    words = work.text.vocabulary.tokens
    seen = " ".join(LINES[: work.rows["train"]]).split()
    chances = {words.index(word): 0.5 / (0.5 + seen.count(word)) for word in set(seen)}
    expected = np.vectorize(lambda number: chances.get(number, 0.0))
    np.testing.assert_allclose(examples.inputs["noise_read"], expected(plain.inputs["tokens"]), rtol=1e-6)
    np.testing.assert_allclose(examples.inputs["noise_due"], expected(plain.targets), rtol=1e-6)
    assert len(chances) == 4
    assert work_of("next_word").noised(plain) is plain


def test_unknown_words_and_tags_stay_what_they_are() -> None:
    work = work_of("tagging", tags=[line.upper() for line in LINES], model=noisy(1.0))
    examples = work.noised(work.examples_of(work.train_columns, learnt=True))
    assert "noise_due" not in examples.inputs
    rare = work_of("next_word", features={"text": {"min_count": 3}}, model=noisy(1.0))
    examples = rare.noised(rare.examples_of(rare.train_columns, learnt=True))
    unknown = examples.inputs["tokens"] == 1
    assert unknown.any()
    assert not examples.inputs["noise_read"][unknown].any()


@pytest.mark.parametrize("affixes", [0, 2])
def test_a_field_is_validated_by_sentences_whose_tags_training_saw(affixes: int) -> None:
    tags = [line.upper() for line in LINES]
    text = {"tokens": "spaced", "affixes": affixes}
    crf = {"sequence": {"units": 3, "embedding_width": 2, "crf": True}}
    parts = {"sequential": True, "validation": 0.3}
    split = {"source": "frame", "kinds": {"line": "text"}, "target": "tags", "split": parts}
    first = work_of("tagging", tags=tags, data=split, features={"text": text}, model=crf)
    train, validation = first.rows["train"], first.rows["validation"]
    assert validation == 3
    strange = list(tags)
    longest = max(range(train, train + 3), key=lambda row: len(LINES[row]))
    strange[longest] = strange[longest][:-1] + "NEW"
    together = work_of("tagging", tags=strange, data=split, features={"text": text}, model=crf)
    examples = together.examples_of(together.validation_columns, learnt=False)
    kept = [row for row in range(train, train + 3) if row != longest]
    assert examples.inputs["lengths"].tolist() == [len(LINES[row].split()) for row in kept]
    assert {array.shape[:2] for array in examples.inputs.values() if array.ndim > 1} == {examples.targets.shape}
    assert isinstance(together.objective(), FieldClassification)
    each = work_of("tagging", tags=strange, data=split, features={"text": text})
    examples = each.examples_of(each.validation_columns, learnt=False)
    assert len(examples) == 3
    assert (examples.targets == NOT_DUE).sum() == 1 + (examples.inputs["tokens"] == 0).sum()
    assert isinstance(each.objective(), TokenClassification)


def test_answers_begin_at_the_shares_of_what_is_due() -> None:
    work = work_of("fill_blank")
    network, seen = work.network(), " ".join(LINES[: work.rows["train"]]).split()
    shares = np.exp(network.output.bias)
    for word in set(seen):
        assert shares[work.text.vocabulary.tokens.index(word)] == pytest.approx(seen.count(word) / len(seen), rel=1e-5)
    # Neither mark is ever due in a gap.
    assert shares[-2:].max() < 1e-5


def test_running_text_is_carried_on_in_as_many_streams_as_a_batch_has_rows() -> None:
    data = {"source": "frame", "kinds": {"line": "text"}, "running": True, "split": {"sequential": True}}
    work = work_of("next_word", data=data, training={"batch_size": 3, "unroll": 2})
    examples, network = work.examples_of(work.train_columns, learnt=True), work.network()
    assert examples.in_order
    assert examples.inputs["starts"].sum() == 3
    assert [len(state) for state in network.carried.states[0][0]] == [3, 3]
    validation = work.examples_of(work.validation_columns, learnt=False)
    words = " ".join(work.validation_columns["line"].tolist()).split()
    assert (validation.targets >= 0).sum() == len(words) + work.rows["validation"] - 1
    bundle = work.bundle(network)
    assert not any(name.startswith("carried") for name in bundle.weights)


@pytest.mark.parametrize(
    ("task", "line", "asked"),
    [
        ("next_word", "to be or not to be", "to be or"),
        ("next_word", "to", "to"),
        ("fill_blank", "to be or not", "to be ___ not"),
        ("fill_blank", "to", "___"),
        ("tagging", "to be", "to be"),
    ],
)
def test_lines_are_asked_as_someone_would(task: str, line: str, asked: str) -> None:
    assert ask(task, line) == asked


def test_running_text_with_files_of_its_own_has_no_holes(tmp_path: Path) -> None:
    files = {}
    for name in ("source", "validation", "test"):
        files[name] = str(tmp_path / f"{name}.txt")
        Path(files[name]).write_text("HAMLET:\n" + f"a b {name}\nHAMLET:\nb a\n" * 3, encoding="utf-8")
    document = {"name": "w", "task": "next_word", "data": {**files, "running": True}, "training": {"batch_size": 2}}
    work = SequenceWork.prepare(parse_recipe(document), None, "fail")
    assert work.rows == {"train": 10, "validation": 10, "test": 10}
    with pytest.raises(RecipeError, match=r"data\.split\.group would not be used: it needs data\.running: false"):
        parse_recipe({**document, "data": {**document["data"], "split": {"group": "distinct"}}})


def test_tags_chosen_together_are_judged_where_some_were_never_seen(tmp_path: Path) -> None:
    files = {}
    for name, tag in (("source", "N"), ("validation", "N"), ("test", "NEW")):
        files[name] = str(tmp_path / f"{name}.csv")
        rows = [f"{name} runs {number},{tag} V X" for number in range(4)]
        Path(files[name]).write_text("\n".join(["text,tags", *rows]) + "\n", encoding="utf-8")
    document = {
        "name": "w",
        "task": "tagging",
        "data": {**files, "target": "tags"},
        "features": {"text": {"tokens": "spaced"}},
        "model": {"sequence": {"crf": True}},
    }
    work = SequenceWork.prepare(parse_recipe(document), None, "fail")
    assert work.rows["test"] == 4
