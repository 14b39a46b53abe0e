"""Texts from a CSV to answers, and what is said of texts that cannot be read or hold nothing known."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import treadle
from treadle.bundle.archive import read_archive
from treadle.bundle.predictor import Predictor
from treadle.bundle.verify import verify
from treadle.errors import ContractError, DataError, RecipeError
from treadle.inspection.contributions import contributions
from treadle.preparation import prepare
from treadle.recipe import parse_recipe

GOOD = ["good", "lovely", "fine", "superb"]
BAD = ["bad", "dull", "awful", "boring"]
FILLER = ["the", "film", "was", "and", "its", "plot", "a", "story"]


def reviews(rows: int = 240, seed: int = 0) -> dict[str, list[Any]]:
    """Texts whose mood makes the label, beside a number that helps a little."""
    draw = np.random.default_rng(seed)
    liked = draw.random(rows) < 0.5
    texts = []
    for mood in liked:
        words = [*draw.choice(FILLER, draw.integers(1, 9)), draw.choice(GOOD if mood else BAD), *draw.choice(FILLER, 2)]
        texts.append(" ".join(words).capitalize() + ("!" if draw.random() < 0.5 else "."))
    return {
        "text": [f"{text} {number}" for number, text in enumerate(texts)],
        "stars": np.round(draw.normal(3, 1, rows) + liked, 2).tolist(),
        "liked": np.where(liked, "yes", "no").tolist(),
    }


def write(path: Path, columns: dict[str, list[Any]]) -> Path:
    rows = [",".join(columns), *(",".join(f'"{cell}"' for cell in row) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def recipe(source: Path, **sections: Any) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": "films",
        "data": {"source": str(source), "target": "liked", "positive": "yes", "kinds": {"text": "text"}},
        "features": {"text": {"vocabulary": 60}},
        "model": {"hidden": [], "text": {"embedding_width": 8}},
        "training": {"epochs": 12, "batch_size": 16, "learning_rate": 0.02},
        "evaluation": {"opponents": [], "resamples": 100},
    }
    for name, section in sections.items():
        document[name] = {**document[name], **section}
    return document


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("films") / "films.csv", reviews())


@pytest.fixture(scope="module")
def run(source: Path) -> treadle.Run:
    return treadle.fit(recipe(source), out=source.parent / "run")


@pytest.fixture(scope="module")
def predictor(run: treadle.Run) -> Predictor:
    return run.predictor


def test_text_beside_columns_is_learnt(run: treadle.Run) -> None:
    assert {field.name: field.kind for field in run.predictor.contract.features} == {"text": "text", "stars": "number"}
    assert run.report.evaluation.metrics["accuracy"] > 0.9


def test_the_bundle_holds_its_vocabulary_and_stands_up_to_verification(run: treadle.Run) -> None:
    document = json.loads(read_archive(run.bundle)["tokenizer.json"])
    assert "good" in document["model"]["vocab"]
    found = verify(run.bundle)
    assert found.passed, found
    assert "padding" in [check.name for check in found.checks]


def test_the_same_recipe_gives_the_same_bytes(run: treadle.Run, source: Path, tmp_path: Path) -> None:
    again = treadle.fit(recipe(source), out=tmp_path)
    assert again.bundle.read_bytes() == run.bundle.read_bytes()


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("A LOVELY film, fine story!", "yes"),
        ("Dull. Boring. Bad.", "no"),
        ("lovely 😀👍🏽 فيلم جميل \u202b fine", "yes"),
        ("dull " * 2_000_000, "no"),
        ("dull \ud83d boring", "no"),
        ("zz\x00dull\x1b[31mboring", "no"),
    ],
)
def test_texts_of_all_kinds_are_answered(predictor: Predictor, text: str, answer: str) -> None:
    predictions = predictor.predict({"text": text, "stars": 3.5})
    assert predictions.columns["label"].tolist() == [answer]
    assert predictions.notices == ()


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", "is empty: there is nothing to read"),
        (" \n\t", "is empty: there is nothing to read"),
        (None, "is empty: there is nothing to read"),
        (5, "is no text"),
        (["good"], "is no text"),
        ({"a": 1}, "is no text"),
    ],
)
def test_what_is_no_text_is_refused(predictor: Predictor, cell: object, reason: str) -> None:
    rows = [{"text": "fine", "stars": 3.0}, {"text": cell, "stars": 3.0}]
    with pytest.raises(ContractError, match=rf"row 2, column 'text': .*{reason}"):
        predictor.predict(rows)
    reported = predictor.predict(rows, on_bad_row="report")
    assert reported.columns["label"].tolist() == ["yes", None]


def test_a_text_of_unknown_words_is_answered_with_a_notice(predictor: Predictor) -> None:
    rows = [{"text": text, "stars": 3.0} for text in ("fine", "!?!", "zzz yyy", "xxx")]
    assert predictor.predict(rows[:1]).notices == ()
    [notice] = predictor.predict(rows[2]).notices
    assert notice == "the text of 1 row holds nothing that training saw, row 1: the answer does not rest on it"
    [notice] = predictor.predict([rows[0], rows[2], rows[3]]).notices
    assert notice == "the texts of 2 rows hold nothing that training saw, such as row 2: the answer does not rest on it"


def test_a_row_is_answered_alike_alone_and_among_others(predictor: Predictor) -> None:
    columns = reviews(90, seed=1)
    rows = [{"text": text * (1 + 7 * (row % 9 == 0)), "stars": stars}
            for row, (text, stars) in enumerate(zip(columns["text"], columns["stars"], strict=True))]  # fmt: skip
    together = predictor.predict(rows).columns["probability"]
    alone = [predictor.predict(row).columns["probability"][0] for row in rows[:12]]
    np.testing.assert_allclose(together[:12], alone, atol=1e-6)


def test_no_rows(predictor: Predictor) -> None:
    assert len(predictor.predict([])) == 0


def test_the_card_and_the_schema_show_rows_that_can_be_answered(predictor: Predictor) -> None:
    schema = predictor.contract.json_schema_of_row()["properties"]
    row = {name: field["examples"][0] for name, field in schema.items()}
    assert predictor.predict(row).records()[0]["label"] in ("yes", "no")


def test_what_moved_an_answer_names_the_text(predictor: Predictor) -> None:
    moved = contributions(predictor, {"text": "lovely lovely", "stars": 3.0}, label="yes")
    assert moved.columns["text"] > 0.1
    assert moved.baseline + sum(moved.columns.values()) == pytest.approx(moved.value)


def test_official_test_rows_are_what_is_judged(source: Path, tmp_path: Path) -> None:
    own = write(tmp_path / "test.csv", reviews(50, seed=9) | {"text": reviews()["text"][:50]})
    found = treadle.fit(recipe(source, data={"test": str(own), "drop": ["stars"]}), out=tmp_path / "run")
    assert found.report.rows["test"] == found.report.evaluation.rows == 50
    assert found.report.leakage.left_out == 50
    assert found.report.rows["train"] + found.report.rows["validation"] == 190


@pytest.mark.parametrize(
    "text",
    [
        {"tokens": "characters", "length": 40},
        {"tokens": "byte_pairs", "vocabulary": 60},
        {"hashing": True, "vocabulary": 200},
        {"drop": ["stop_words", "punctuation"], "keep": "last", "length": 3},
    ],
    ids=str,
)
def test_every_way_to_read_is_served_as_trained(source: Path, tmp_path: Path, text: dict[str, Any]) -> None:
    document = recipe(source, data={"drop": ["stars"]}, features={"text": text}, training={"epochs": 2})
    found = treadle.fit(document, out=tmp_path)
    assert verify(found.bundle).passed
    assert ("tokenizer.json" in read_archive(found.bundle)) is not text.get("hashing", False)


def test_three_classes_from_a_recurrent_network(tmp_path: Path) -> None:
    columns = reviews()
    columns["liked"][::3] = ["so-so"] * 80
    columns["text"][::3] = [f"So-so, {text}" for text in columns["text"][::3]]
    document = recipe(
        write(tmp_path / "three.csv", columns),
        data={"drop": ["stars"], "positive": None},
        model={"text": {"encoder": "gru", "units": 12, "bidirectional": True, "embedding_width": 8, "pooling": "max"}},
        evaluation={"opponents": ["nb_svm"]},
    )
    found = treadle.fit(document, out=tmp_path / "run")
    assert found.report.evaluation.metrics["accuracy"] > 0.8
    assert set(found.report.evaluation.opponents) == {"majority", "nb_svm"}
    assert verify(found.bundle).passed


def test_a_vocabulary_of_one_word(tmp_path: Path) -> None:
    columns = reviews(60) | {"text": ["good"] * 60}
    found = treadle.fit(
        recipe(write(tmp_path / "one.csv", columns), data={"split": {"group": None}}), out=tmp_path / "run"
    )
    assert found.predictor.bundle.features.vocabulary == 3
    assert verify(found.bundle).passed


# --- what is refused before training


def refused(document: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        prepare(parse_recipe(document), None, "fail")


def test_bytes_that_are_no_utf_8(source: Path, tmp_path: Path) -> None:
    path = tmp_path / "films.csv"
    path.write_bytes(source.read_bytes().replace(b"lovely", b"d\xe9licieux", 1))
    refused(
        recipe(path), DataError, r"films.csv: not utf-8 at byte [\d,]+ \(line \d+\); if '.*délicieux.*' looks right"
    )


def test_a_text_of_more_than_a_mebibyte_in_a_csv(tmp_path: Path) -> None:
    columns = reviews(60)
    columns["text"][7] = "good " * 2_100_000
    refused(recipe(write(tmp_path / "a.csv", columns)), DataError, r"a cell has more than 1,048,576 characters")


def test_ten_megabytes_of_text_in_json_are_learnt_from(tmp_path: Path) -> None:
    columns = reviews(80)
    columns["text"][7] = "good " * 2_100_000
    lines = [json.dumps(dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    prepared = prepare(parse_recipe(recipe(tmp_path / "a.jsonl")), None, "fail")
    assert prepared.contract.features[0].maximum == 10_500_000
    assert prepared.train.inputs["tokens"].shape[1] <= 256


@pytest.mark.parametrize(
    ("sections", "error", "message"),
    [
        ({"data": {"test": "none.csv"}}, DataError, "none.csv: no such file"),
        (
            {"model": {"text": {"encoder": "bag", "units": 3}}},
            RecipeError,
            "model.text.units would not be used: it needs",
        ),
        ({"model": {"text": {"pooling": "last"}}}, RecipeError, "pooling: last does not fit encoder: bag"),
        ({"features": {"text": {"tokens": "characters", "hashing": True}}}, RecipeError, "hashing would not be used"),
        ({"features": {"text": {"tokens": "characters", "drop": ["stop_words"]}}}, RecipeError, "stop_words would not"),
        ({"data": {"test": "a.csv", "split": {"test": 0.3}}}, RecipeError, "split.test would not be used"),
        ({"data": {"split": {"group_by": "host"}}}, RecipeError, "group_by would not be used: it needs a column"),
        (
            {"model": {"text": {"vectors": "glove.txt"}}, "features": {"text": {"hashing": True}}},
            RecipeError,
            "model.text.vectors would not be used: it needs features.text.tokens: words, without hashing",
        ),
    ],
    ids=str,
)
def test_options_that_nothing_would_use(
    source: Path, sections: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        prepare(parse_recipe(recipe(source, **sections)), None, "fail")


def test_vectors_give_words_a_start(source: Path, tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("good 1 1\nbad -1 -1\nelsewhere 0 0\n")
    said: list[str] = []
    say: Callable[[str], None] = said.append
    text = {"embedding_width": 2, "vectors": str(tmp_path / "v.txt")}
    treadle.fit(recipe(source, model={"text": text}, training={"epochs": 1}), out=tmp_path / "run", say=say)
    assert f"2 of 62 words begin at their vector in {tmp_path / 'v.txt'}" in said
