"""What a person is told when texts to be answered at every token are bad: the message, the exit code, no traceback."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Run = Callable[..., Any]
TREES = "".join(
    f"{n}\t{form}\t_\t{tag}\t_\t_\t0\troot\t_\t_\n" for n, (form, tag) in enumerate([("a", "D"), ("b", "N")], 1)
)


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> Run:
    """Train on a file that holds this, with these keys in the recipe's data."""
    monkeypatch.chdir(tmp_path)

    def train(name: str, content: str | bytes, task: str = "next_word", **data: Any) -> Any:
        Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
        recipe: dict[str, Any] = {"name": "bad", "task": task, "data": {"source": name, **data}}
        if task == "tagging":
            recipe["features"] = {"text": {"tokens": "spaced"}}
        Path("bad.yaml").write_text(yaml.safe_dump(recipe))
        return run("train", "bad.yaml", "--json", "--out", "run")

    return train


def refused(ended: Any, code: int, message: str) -> None:
    assert (ended.code, ended.err.splitlines()[-1]) == (code, f"error: {message}")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "t.txt: the file is empty"),
        (b"\n \n\t\n", "t.txt: no text is in it: every line is blank"),
        (b"To be", "t.txt: no row is left for validation: 1 row; bring more rows, or change data.split"),
        (
            b"To be\ncaf\xe9 or not",
            "t.txt: not utf-8 at byte 9 (line 2); if 'To be\\ncaf\xe9 or not' looks right, set data.encoding"
            " (--encoding): cp1252",
        ),
    ],
    ids=["empty", "blank", "one line", "latin"],
)
def test_a_corpus_that_cannot_be_learnt_from(train: Run, content: bytes, message: str) -> None:
    refused(train("t.txt", content), 3, message)


def test_a_text_that_is_read_as_a_table(train: Run) -> None:
    message = "t.txt: row 2 has 1 cells where the header has 2: 'or not'; look for a stray delimiter or quote"
    refused(train("t.txt", "To be, or\nnot, to\nor not\n", format="table"), 3, message)


def test_a_format_for_another_kind_of_file(train: Run) -> None:
    message = "data.format (--read-as): lines does not fit: t.conllu is CoNLL-U by its name"
    refused(train("t.conllu", TREES, format="lines"), 2, message)


def test_a_treebank_with_a_broken_line(train: Run) -> None:
    message = "t.conllu: line 4: the id is '2' where 3 is due"
    refused(
        train("t.conllu", f"{TREES}\n{TREES}".replace("\n\n1\t", "\n# comment\n2\t"), "tagging", target="upos"),
        3,
        message,
    )


def test_tags_that_are_not_one_for_every_token(train: Run) -> None:
    rows = "".join(f"the word {n},DET NOUN NUM\n" for n in range(40))
    ended = train("t.csv", f"text,tags\n{rows}it stops,PRON\n", "tagging", target="tags", split={"sequential": True})
    assert ended.code == 3
    assert "row 41, column 'tags': 'PRON' has 1 tag, but 'text' has 2 tokens" in ended.err


def test_tags_of_texts_that_were_never_cut(train: Run) -> None:
    rows = "".join(f"It's {n}.,PRON VERB NUM PUNCT\n" for n in range(40))
    ended = train("t.csv", f"text,tags\n{rows}", "tagging", target="tags", split={"sequential": True})
    message = (
        "t.csv: the target 'tags' has in no row as many tags as the text has tokens, which stand between blanks: row 1"
        " has 4 tags for 2 tokens of 'text'"
    )
    refused(ended, 3, message)
