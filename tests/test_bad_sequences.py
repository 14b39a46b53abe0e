"""What a person is told when texts to be answered at every token are bad: the message, the exit code, no traceback."""

import dataclasses
import json
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

    def train(
        name: str, content: str | bytes, task: str = "next_word", settings: tuple[str, ...] = (), **data: Any
    ) -> Any:
        Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
        recipe: dict[str, Any] = {"name": "bad", "task": task, "data": {"source": name, **data}}
        if task == "tagging":
            recipe["features"] = {"text": {"tokens": "spaced"}}
        recipe |= {"training": {"epochs": 2, "batch_size": 4}, "evaluation": {"resamples": 100}}
        recipe["model"] = {"sequence": {"units": 4, "embedding_width": 4}}
        Path("bad.yaml").write_text(yaml.safe_dump(recipe))
        chosen = [word for setting in settings for word in ("--set", setting)]
        return run("train", "bad.yaml", "--json", "--out", "run", *chosen)

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


# --- corpora at which nothing is due


LINES = "".join(f"to be or not {n}\n" for n in range(20))
SEQUENTIAL = {"split": {"sequential": True}}


def test_lines_of_one_word_foretell_nothing_without_marks(train: Run) -> None:
    content = "".join(f"{letter}\n" for letter in "abcdefgh")
    message = (
        "t.txt: the training lines (4) hold no word to answer: bring longer ones, or give them a beginning by"
        " features.text.marks"
    )
    refused(train("t.txt", content, settings=("features.text.marks=false",)), 3, message)


def test_a_test_part_of_short_lines_is_refused_before_training(train: Run) -> None:
    content = "to be\n" * 4 + "or\n" * 4
    message = "t.txt: the validation lines (2) hold no word to answer: bring longer ones"
    assert message in train("t.txt", content, settings=("features.text.marks=false",), **SEQUENTIAL).err
    assert not Path("run").exists()


@pytest.mark.parametrize("task", ["next_word", "fill_blank"])
def test_a_test_part_without_a_known_word_is_judged_and_says_so(train: Run, task: str) -> None:
    ended = train("t.txt", LINES[:-50] + "zig zag\n" * 5, task, **SEQUENTIAL)
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert (found["metrics"]["accuracy"], found["metrics"]["top5_accuracy"]) == (0.0, 0.0)
    assert found["metrics"]["perplexity"] > 1
    assert found["outcome"] != "worth_it"
    assert "100.0 % of the words counted are not in it" in Path("run/report.html").read_text()


def tags(*sentences: str) -> str:
    """Columns of tokens and tags, written as word/TAG."""
    return "\n\n".join("\n".join(pair.replace("/", "\t") for pair in one.split()) for one in sentences) + "\n"


KNOWN = [f"the/DET {noun}/NOUN" for noun in ("dog", "cat", "owl", "fox", "bee", "king")]


@pytest.mark.parametrize("settings", [(), ("model.sequence.crf=true",)], ids=["each", "together"])
def test_tags_that_training_did_not_see_are_named_and_answered_wrongly(train: Run, settings: tuple[str, ...]) -> None:
    content = tags(*KNOWN, "a/DET man/NOUN", "ho/INTJ man/NOUN", "the/DET end/NOUN", "oh/INTJ no/INTJ")
    ended = train("t.conll", content, "tagging", settings, target="tags", **SEQUENTIAL)
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    unseen = "with a tag that training did not see, such as 'INTJ' in row {}: no answer there is right"
    assert found["notices"] == [
        f"validation rows: tags: 1 token {unseen.format(8)}",
        f"test rows: tags: 2 tokens {unseen.format(10)}",
    ]
    assert found["metrics"]["accuracy"] <= 0.5


@pytest.mark.parametrize(
    ("last", "settings", "message"),
    [
        ("oh/INTJ no/INTJ", (), "the test sentences (2) hold no sentence with tags that training saw"),
        (
            "the/DET no/INTJ",
            ("model.sequence.crf=true",),
            "the validation sentences (2) hold no sentence with tags that training saw",
        ),
    ],
    ids=["test", "validation"],
)
def test_parts_whose_tags_training_never_saw(train: Run, last: str, settings: tuple[str, ...], message: str) -> None:
    known = KNOWN[:2] if settings else ["a/DET man/NOUN"] * 2
    content = tags(*KNOWN, *([last] * 2 if settings else known), *[last] * 2)
    refused(train("t.conll", content, "tagging", settings, target="tags", **SEQUENTIAL), 3, f"t.conll: {message}")


def test_rows_of_their_own_may_lack_what_is_not_read(train: Run) -> None:
    Path("test.txt").write_text("to be\nor not\n")
    rows = "".join(f"{n},to be or not {n}\n" for n in range(20))
    ended = train("t.csv", f"n,text\n{rows}", test="test.txt", drop=["n"])
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["rows"] == {"train": 16, "validation": 4, "test": 2}


# --- recipes that cannot be


@pytest.mark.parametrize(
    ("task", "setting", "message"),
    [
        ("next_word", "model.sequence.bidirectional=true", "it needs task: tagging"),
        ("next_word", "model.sequence.crf=true", "it needs task: tagging"),
        ("next_word", "features.text.affixes=3", "it needs task: tagging"),
        ("next_word", "data.target=text", "it needs task: tagging"),
        ("fill_blank", "data.running=true", "it needs data.split.sequential: true"),
        ("fill_blank", "features.text.marks=false", "it needs task: next_word"),
        ("fill_blank", "training.unroll=8", "it needs task: next_word"),
        ("tagging", "model.sequence.tied=true", "it needs task: next_word or fill_blank"),
        ("tagging", "features.text.drop=[punctuation]", "it needs task: next_word or fill_blank"),
        ("next_word", "training.unroll=8", "it needs data.running: true"),
        ("next_word", "model.hidden=[8]", "it needs task: classification or regression"),
        ("next_word", "features.scaling=none", "it needs task: classification or regression"),
        ("next_word", "features.text.hashing=true", "it needs a task that need not say words"),
        ("next_word", "model.sequence.activation=relu", "it needs model.sequence.cell: simple_rnn"),
        ("next_word", "model.sequence.affix_width=8", "it needs features.text.affixes"),
    ],
)
def test_an_option_that_a_task_would_not_use(train: Run, task: str, setting: str, message: str) -> None:
    key = setting.partition("=")[0]
    data = {"target": "tags"} if task == "tagging" else {}
    refused(train("t.txt", LINES, task, (setting,), **data), 2, f"bad.yaml: {key} would not be used: {message}")


@pytest.mark.parametrize(
    ("task", "setting", "message"),
    [
        ("next_word", "model.sequence.unit=8", "unknown key 'model.sequence.unit'; did you mean 'units'?"),
        ("next_word", "model.sequnce.units=8", "unknown key 'model.sequnce'; did you mean 'sequence'?"),
        (
            "next_word",
            "model.sequence.cell=rnn",
            "model.sequence.cell: should be 'simple_rnn', 'lstm', 'peephole_lstm', 'coupled_lstm' or 'gru', not"
            ' "rnn"',
        ),
        (
            "next_word",
            "model.sequence.units=[]",
            "model.sequence.units: should be a whole number or a list of at least 1, not []",
        ),
        (
            "fill_blank",
            "features.text.tokens=characters",
            "features.text.tokens: characters does not fit task: fill_blank, which takes words",
        ),
        (
            "tagging",
            "features.text.tokens=words",
            "features.text.tokens: tagging answers at every token, which are those between blanks: spaced",
        ),
        ("tagging", "data.target=null", "data.target is missing: the column of the tags"),
    ],
)
def test_a_recipe_that_is_none(train: Run, task: str, setting: str, message: str) -> None:
    data = {"target": "tags"} if task == "tagging" else {}
    refused(train("t.txt", LINES, task, (setting,), **data), 2, f"bad.yaml: {message}")


def test_an_opponent_of_another_task(train: Run) -> None:
    message = "evaluation.opponents: majority does not fit next_word; those that do: unigram, bigram, kneser_ney"
    refused(train("t.txt", LINES, settings=("evaluation.opponents=[majority]",)), 2, message)


def test_more_streams_than_a_running_text_has_tokens(train: Run) -> None:
    settings = ("data.running=true", "training.batch_size=500")
    message = "training.batch_size: 71 tokens cannot be read as 500 streams; lower it"
    refused(train("t.txt", LINES, settings=settings, **SEQUENTIAL), 5, message)


# --- bundles that are not whole


@pytest.fixture(params=["next_word", "tagging"])
def broken(request: pytest.FixtureRequest, verses_of: Callable[..., Any], tmp_path: Path) -> tuple[Path, bytes]:
    """Where a bundle is to be, and its bytes."""
    path = tmp_path / "verses.treadle"
    verses_of(request.param).save(path)
    return path, path.read_bytes()


def refused_by_all(run: Run, path: Path, message: str) -> None:
    for command in (("predict", path, "--prompt", "the king"), ("evaluate", path, "t.txt"), ("verify", path)):
        ended = run(*command)
        assert ended.code == 4
        assert message in ended.err + ended.out


def test_a_bundle_that_is_cut_short(broken: tuple[Path, bytes], run: Run) -> None:
    path, content = broken
    path.write_bytes(content[:-40])
    refused_by_all(run, path, "truncated")


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_a_bundle_with_an_altered_byte(broken: tuple[Path, bytes], run: Run, place: float) -> None:
    path, content = broken
    altered = bytearray(content)
    altered[int(place * len(content))] ^= 1
    path.write_bytes(altered)
    refused_by_all(run, path, str(path))


def test_a_bundle_whose_parts_do_not_belong_together(verses_of: Callable[..., Any], run: Run, tmp_path: Path) -> None:
    small, large = verses_of(), verses_of(features={"text": {"min_count": 30}})
    mixed = dataclasses.replace(small, features=large.features)
    mixed.save(tmp_path / "mixed.treadle")
    ended = run("predict", tmp_path / "mixed.treadle", "--prompt", "the king")
    assert ended.code == 4
    assert "train the bundle again" in ended.err
    for task, other in (("tagging", "fill_blank"), ("fill_blank", "tagging")):
        mixed = dataclasses.replace(verses_of(task), onnx=verses_of(other).onnx)
        mixed.save(tmp_path / "mixed.treadle")
        ended = run("predict", tmp_path / "mixed.treadle", "--prompt", "the ___")
        assert ended.code == 4
        assert "outputs, where its answers need" in ended.err
