"""What a person is told when texts to learn from, or to answer, are bad: the message, the exit code, no traceback."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

Run = Callable[..., Any]
Columns = dict[str, list[str]]
WORDS = ["the", "film", "was", "its", "plot", "story"]


def reviews(rows: int = 60, seed: int = 0) -> Columns:
    """Texts that differ from each other, and whether the film was liked."""
    draw = np.random.default_rng(seed)
    liked = draw.permutation(np.arange(rows) % 2)
    texts = [
        f"{' '.join(draw.choice(WORDS, 4))} {'lovely' if mood else 'dull'} {number + 1000 * seed}"
        for number, mood in enumerate(liked)
    ]
    return {"text": texts, "liked": ["yes" if mood else "no" for mood in liked]}


def write(path: str, columns: Columns) -> None:
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> Run:
    """Train on these columns with these keys in the recipe's sections."""
    monkeypatch.chdir(tmp_path)

    def train(columns: Columns | bytes, *options: str, **sections: dict[str, Any]) -> Any:
        if isinstance(columns, bytes):
            Path("films.csv").write_bytes(columns)
        else:
            write("films.csv", columns)
        quick: dict[str, dict[str, Any]] = {
            "data": {"source": "films.csv", "target": "liked", "kinds": {"text": "text"}},
            "model": {"hidden": [], "text": {"embedding_width": 2}},
            "training": {"epochs": 2, "batch_size": 16},
            "evaluation": {"opponents": ["majority"], "resamples": 100},
        }
        changed = {name: quick.get(name, {}) | sections.get(name, {}) for name in quick | sections}
        Path("films.yaml").write_text(yaml.safe_dump({"name": "films", **changed}))
        return run("train", "films.yaml", "--json", "--out", "run", *options)

    return train


def refused(ended: Any, code: int, message: str) -> None:
    assert (ended.code, ended.err.splitlines()[-1]) == (code, f"error: {message}")
    assert ended.out == ""


def test_no_text_at_all(train: Run) -> None:
    columns = reviews() | {"text": ["", " \n", "NA"] * 20}
    refused(train(columns), 3, "films.csv: data.kinds says text, but 'text' has no value in any row")


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ({"min_count": 1000}, "lower features.text.min_count"),
        ({"drop": ["punctuation"]}, "leave less out by features.text.drop"),
        ({"drop": ["punctuation"], "tokens": "byte_pairs"}, "leave less out by features.text.drop"),
    ],
    ids=str,
)
def test_no_token_that_is_left(train: Run, text: dict[str, Any], advice: str) -> None:
    columns = reviews() | {"text": ["!" * (1 + row // 8) + "?" * (row % 8) for row in range(60)]}
    message = f"no token of the training texts of 'text' is left to learn from: {advice}"
    refused(train(columns, features={"text": text}), 3, message)


def test_texts_of_one_kind_only(train: Run) -> None:
    columns = reviews() | {"text": ["good film"] * 60}
    refused(
        train(columns),
        3,
        "films.csv: no row is left for validation: 60 rows in 1 group that must stay together; bring more rows, or"
        " change data.split",
    )


def test_a_text_too_long_for_a_csv(train: Run) -> None:
    columns = reviews()
    columns["text"][7] = "good " * 2_100_000
    refused(
        train(columns),
        3,
        "films.csv: line 9: a cell has more than 1,048,576 characters; is a quote left open? Longer texts: as JSON"
        " Lines",
    )


def test_a_quote_that_is_left_open(train: Run) -> None:
    refused(
        train(b'text,liked\ngood,yes\n"bad,no\n' + b"fine,yes\n" * 40),
        3,
        "films.csv: line 43: the text ends inside a quoted cell; a quote is left open",
    )


def test_a_file_that_is_not_utf_8(train: Run) -> None:
    refused(
        train("text,liked\ngood,yes\nun café,no\n".encode("cp1252")),
        3,
        "films.csv: not utf-8 at byte 26 (line 3); if 'iked\\ngood,yes\\nun café,no' looks right, set"
        " data.encoding (--encoding): cp1252",
    )


def test_numbers_in_place_of_texts(train: Run, run: Run) -> None:
    columns = reviews()
    rows = zip(range(60), columns["liked"], strict=True)
    Path("films.jsonl").write_text("\n".join(json.dumps({"text": text, "liked": liked}) for text, liked in rows))
    ended = train(columns, data={"source": "films.jsonl", "target": "liked", "kinds": {"text": "text"}})
    assert ended.code == 3
    assert "column 'text': data.kinds says text, but " in ended.err
    assert ended.err.endswith(" is no text; it must be a string\n")


@pytest.mark.parametrize(
    ("sections", "code", "message"),
    [
        ({"model": {"text": {"encoder": "convolution", "widths": []}}}, 2, "should be a list of at least 1, not []"),
        ({"model": {"text": {"encoder": "lstn"}}}, 2, "'coupled_lstm' or 'gru', not \"lstn\""),
        ({"model": {"text": {"ngrams": 9}}}, 2, "films.yaml: model.text.ngrams: should be at most 5, not 9"),
        (
            {"model": {"text": {"bidirectional": True}}},
            2,
            "films.yaml: model.text.bidirectional would not be used: it needs model.text.encoder: simple_rnn or lstm or"
            " peephole_lstm or coupled_lstm or gru",
        ),
        ({"data": {"kinds": {"txt": "text"}}}, 3, "films.csv: data.kinds: no column 'txt'; did you mean 'text'?"),
        ({"data": {"kinds": {"liked": "text"}}}, 3, "data.kinds says text, but classification needs a category"),
    ],
    ids=str,
)
def test_options_that_do_not_fit(train: Run, sections: dict[str, Any], code: int, message: str) -> None:
    columns = reviews()
    if "data" in sections:
        sections["data"] = {"source": "films.csv", "target": "liked", **sections["data"]}
    ended = train(columns, **sections)
    assert ended.code == code
    assert ended.err.startswith("error: films")
    assert message in ended.err
    assert ended.err.count("\n") == 1


def test_a_class_that_only_the_test_rows_hold(train: Run) -> None:
    own = reviews(20, seed=1)
    own["liked"][3] = "perhaps"
    write("own.csv", own)
    ended = train(
        reviews(), data={"source": "films.csv", "test": "own.csv", "target": "liked", "kinds": {"text": "text"}}
    )
    assert (ended.code, ended.err.splitlines()[:2]) == (
        3,
        [
            "error: own.csv: 1 row cannot be learnt from",
            "  row 4, column 'liked': 'perhaps' is none of the classes that training saw: no, yes",
        ],
    )


def test_bad_rows_are_left_out_and_odd_ones_told(train: Run, run: Run) -> None:
    columns, own = reviews(), reviews(20, seed=1)
    own["liked"][3], own["liked"][4] = "perhaps", ""
    own["text"][5:7] = columns["text"][5:7]
    columns["text"][8:11] = ["", "qqq www", "zzz\x00\u202b"]
    write("own.csv", own)
    data = {"source": "films.csv", "test": "own.csv", "target": "liked", "kinds": {"text": "text"}}
    ended = train(columns, "--on-bad-row", "skip", data=data, features={"text": {"min_count": 3}})
    assert ended.code == 0
    told = json.loads(ended.out)
    assert told["rows"]["test"] == 18
    assert told["leakage"]["left_out"] == 2
    assert "2 of 20 test rows break the contract: left out" in told["notices"]
    assert any(notice.endswith("hold no known token: empty texts, or unknown words only") for notice in told["notices"])

    Path("new.csv").write_text("text\nlovely film\nqqq\n\n''\n", encoding="utf-8")
    answered = run("predict", "run/films.treadle", "new.csv")
    assert answered.code == 0
    assert "the texts of 2 rows hold nothing that training saw, such as row 2: the answer does not rest on it" in (
        answered.err
    )
    judged = run("evaluate", "run/films.treadle", "own.csv")
    assert judged.code == 3
    assert "row 4, column 'liked': 'perhaps' is none of the classes that training saw: no, yes" in judged.err
    assert run("evaluate", "run/films.treadle", "own.csv", "--on-bad-row", "skip").code == 0


def test_a_batch_of_one_and_a_class_of_one_row(train: Run) -> None:
    columns = reviews(30)
    columns["liked"][7] = "perhaps"
    ended = train(columns, training={"batch_size": 1, "epochs": 1})
    assert ended.code == 0
    assert json.loads(ended.out)["rows"] == {"train": 18, "validation": 6, "test": 6}
