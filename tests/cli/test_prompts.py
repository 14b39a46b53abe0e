"""`treadle predict --prompt`, and texts in files, of bundles that answer at every token."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import treadle
from treadle.bundle.bundle import Bundle
from treadle.bundle.predictor import UNREAD

Run = Callable[..., Any]
BundleOf = Callable[..., Path]


@pytest.fixture(scope="module")
def bundle_of(verses_of: Callable[..., Bundle], tmp_path_factory: pytest.TempPathFactory) -> BundleOf:
    """Where an untrained network for this task is saved; it reads the column `line`."""
    folder = tmp_path_factory.mktemp("verses")

    def save(task: str, **sections: Any) -> Path:
        path = folder / f"{task}{len(sections)}.treadle"
        if not path.exists():
            verses_of(task, **sections).save(path)
        return path

    return save


def rows(text: str) -> list[list[str]]:
    """The cells of a printed table."""
    return [line.split() for line in text.splitlines()]


# --- prompts


@pytest.mark.parametrize(("task", "prompt"), [("next_word", "The King is"), ("fill_blank", "the ___ is dead")])
def test_words_are_printed_with_their_probabilities(bundle_of: BundleOf, run: Run, task: str, prompt: str):
    done = run("predict", bundle_of(task), "--prompt", prompt)
    assert (done.code, done.err) == (0, "")
    [answer] = treadle.load(bundle_of(task)).predict({"line": prompt}).records()
    words = [[word, f"{share:.4f}"] for word, share in zip(answer["words"], answer["probabilities"], strict=True)]
    assert len(words) == 5
    assert rows(done.out) == [prompt.split(), ["word", "probability"], *words]


def test_prose_is_tagged_token_by_token(bundle_of: BundleOf, run: Run):
    done = run("predict", bundle_of("tagging"), "--prompt", "(The king is dead.)")
    tokens = ["(", "The", "king", "is", "dead.", ")"]
    [answer] = treadle.load(bundle_of("tagging")).predict({"line": " ".join(tokens)}).records()
    expected = [
        [token, tag, f"{share:.4f}"]
        for token, tag, share in zip(tokens, answer["tags"], answer["probabilities"], strict=True)
    ]
    assert rows(done.out) == [["(The", "king", "is", "dead.)"], ["token", "tag", "probability"], *expected]


def test_answers_of_several_prompts_are_one_json_document(bundle_of: BundleOf, run: Run):
    done = run("predict", bundle_of("tagging"), "--prompt", "the king.", "--prompt", "a ghost", "--json")
    document = json.loads(done.out)
    assert done.err == ""
    assert document.keys() == {"bundle", "rows", "faults", "notices"}
    assert [row["prompt"] for row in document["rows"]] == ["the king.", "a ghost"]
    assert [row["tokens"] for row in document["rows"]] == [["the", "king", "."], ["a", "ghost"]]
    assert [len(row["tags"]) for row in document["rows"]] == [3, 2]
    words = json.loads(run("predict", bundle_of("next_word"), "--prompt", "the king", "--json").out)
    [row] = words["rows"]
    assert row.keys() == {"prompt", "word", "probability", "words", "probabilities"}


def test_a_bundle_that_answers_once_for_a_text_answers_prompts_too(run: Run, tmp_path: Path):
    moods = {"good": "yes", "bad": "no"}
    columns = {"text": [f"a {mood} film {n}" for n in range(40) for mood in moods], "liked": list(moods.values()) * 40}
    recipe = {
        "name": "films",
        "data": {"target": "liked", "kinds": {"text": "text"}},
        "model": {"hidden": [], "text": {"embedding_width": 4}},
        "training": {"epochs": 2},
        "evaluation": {"opponents": [], "resamples": 100},
    }
    bundle = treadle.fit(recipe, columns, out=tmp_path).bundle
    done = run("predict", bundle, "--prompt", "a good film", "--prompt", "bad")
    answers = treadle.load(bundle).predict([{"text": "a good film"}, {"text": "bad"}]).records()
    assert rows(done.out) == [
        ["prompt", "label", "probability"],
        ["a", "good", "film", answers[0]["label"], f"{answers[0]['probability']:.4f}"],
        ["bad", answers[1]["label"], f"{answers[1]['probability']:.4f}"],
    ]


def test_a_bundle_of_a_table_takes_no_prompts(trained: treadle.Run, run: Run):
    done = run("predict", trained.bundle, "--prompt", "who?")
    assert done.code == 3
    assert done.err == (
        "error: bundle 'shop' reads 'age', 'income', 'city', 'member', 'since': --prompt is for bundles that read a"
        " text alone; give INPUT\n"
    )


@pytest.mark.parametrize(
    ("task", "prompts", "message"),
    [
        ("next_word", [""], "the prompt '' is empty: there is nothing to read"),
        ("tagging", ["\t "], "the prompt '\\t ' is empty: there is nothing to read"),
        ("fill_blank", ["the king"], "the prompt 'the king' names no gap: write ___ where the word is missing"),
        ("fill_blank", ["__ is ___"], "the prompt '__ is ___' has 2 gaps: ask for one word at a time"),
        (
            "fill_blank",
            ["a ___", "the king", ""],
            "prompt 2 'the king' names no gap: write ___ where the word is missing\n"
            "prompt 3 '' is empty: there is nothing to read",
        ),
    ],
)
def test_a_prompt_that_cannot_be_answered(bundle_of: BundleOf, run: Run, task: str, prompts: list[str], message: str):
    options = [word for prompt in prompts for word in ("--prompt", prompt)]
    done = run("predict", bundle_of(task), *options)
    assert (done.code, done.out, done.err) == (3, "", f"error: {message}\n")


def test_prompts_that_cannot_be_answered_are_left_out_or_listed(bundle_of: BundleOf, run: Run):
    options = ["--prompt", "the king", "--prompt", "a ___"]
    for behaviour in ("skip", "report"):
        done = run("predict", bundle_of("fill_blank"), *options, "--on-bad-row", behaviour)
        assert done.code == 0
        assert done.err == "prompt 1 'the king' names no gap: write ___ where the word is missing\n"
        assert rows(done.out)[0] == ["a", "___"]
        document = json.loads(
            run("predict", bundle_of("fill_blank"), *options, "--on-bad-row", behaviour, "--json").out
        )
        assert [row["prompt"] for row in document["rows"]] == ["the king", "a ___"][behaviour == "skip" :]
        assert [fault["row"] for fault in document["faults"]] == [1]


@pytest.mark.parametrize("task", ["next_word", "fill_blank", "tagging"])
def test_a_prompt_of_unknown_words_is_answered_and_doubted(bundle_of: BundleOf, run: Run, task: str):
    prompt = "zig ___ zag" if task == "fill_blank" else "zig zag"
    done = run("predict", bundle_of(task), "--prompt", "the ___", "--prompt", prompt)
    assert done.code == 0
    assert done.err == f"{prompt!r}: {UNREAD}\n"
    assert len(rows(done.out)) >= 10


@pytest.mark.parametrize("task", ["next_word", "fill_blank"])
def test_a_prompt_longer_than_any_text_is_answered(bundle_of: BundleOf, run: Run, task: str):
    prompt = "the king is " * 900 + "___"
    done = run("predict", bundle_of(task), "--prompt", prompt)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0] == f"{prompt[:200]}..."


def test_of_a_sentence_longer_than_is_read_the_rest_is_said_to_have_no_tags(bundle_of: BundleOf, run: Run):
    done = run("predict", bundle_of("tagging"), "--prompt", "the king is " * 90, "--json")
    document = json.loads(done.out)
    [row] = document["rows"]
    assert len(row["tokens"]) == len(row["tags"]) == 256
    assert document["notices"] == ["the text of row 1 has more than 256 tokens: only the first 256 are answered"]


def test_what_a_terminal_would_act_on_is_not_printed(bundle_of: BundleOf, run: Run):
    done = run("predict", bundle_of("tagging"), "--prompt", "the \x1b[31mking\x07 \udcff")
    assert done.code == 0
    assert "\x1b" not in done.out
    assert "\x07" not in done.out
    assert "\ufffd[31mking\ufffd" in done.out


@pytest.mark.parametrize(
    "options",
    [
        ["verses.txt"],
        ["--out", "a.csv"],
        ["--format", "jsonl"],
        ["--raw"],
        ["--encoding", "cp1252"],
        ["--read-as", "lines"],
    ],
)
def test_options_that_a_prompt_leaves_unused_are_refused(bundle_of: BundleOf, run: Run, options: list[str]):
    done = run("predict", bundle_of("next_word"), "--prompt", "the king", *options)
    assert (done.code, done.out) == (1, "")
    assert done.err == "error: --prompt is asked alone: only --on-bad-row and --json are used beside it\n"


def test_nothing_to_answer(bundle_of: BundleOf, run: Run):
    done = run("predict", bundle_of("next_word"))
    assert (done.code, done.err) == (1, "error: there is nothing to answer: give INPUT, or --prompt TEXT\n")


# --- files of texts


def answers(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("name", ["verses.txt", "verses.TXT"])
def test_a_text_file_holds_a_line_for_each_answer(bundle_of: BundleOf, run: Run, tmp_path: Path, name: str):
    path = tmp_path / name
    path.write_text("the king is\n\na ghost, perhaps\n")
    for task in ("next_word", "tagging"):
        done = run("predict", bundle_of(task), path)
        assert done.code == 0
        assert [row["line"] for row in answers(done.out)] == ["the king is", "a ghost, perhaps"]
        document = json.loads(run("predict", bundle_of(task), path, "--json").out)
        assert len(document["rows"]) == 2


def test_standard_input_holds_lines_too(bundle_of: BundleOf, start: Callable[..., Any]):
    done = start("predict", bundle_of("next_word"), "-", stdin=b"the king is\na ghost\n")
    assert [row["line"] for row in answers(done.out)] == ["the king is", "a ghost"]
    table = start("predict", bundle_of("next_word"), "-", "--read-as", "table", stdin=b"n,line\n1,the king is\n")
    assert [(row["n"], row["line"]) for row in answers(table.out)] == [("1", "the king is")]


def test_a_table_and_a_treebank_are_known_by_their_names(bundle_of: BundleOf, run: Run, tmp_path: Path):
    (tmp_path / "verses.csv").write_text('line,n\n"the king, my lord",1\n')
    assert (
        answers(run("predict", bundle_of("next_word"), tmp_path / "verses.csv").out)[0]["line"] == "the king, my lord"
    )
    (tmp_path / "verses.conll").write_text("the\tOTHER\nking\tNOUN\n")
    done = run("predict", bundle_of("tagging"), tmp_path / "verses.conll")
    assert done.code == 3
    assert "no column 'line'" in done.err


def test_the_training_datas_format_is_taken_where_a_name_says_nothing(
    verses_of: Callable[..., Bundle], run: Run, tmp_path: Path
):
    bundle = tmp_path / "verses.treadle"
    made = verses_of("next_word", data={"source": "frame", "kinds": {"line": "text"}, "format": "columns"})
    made.save(bundle)
    assert made.recipe["data"]["format"] == "columns"
    for name in ("verses.txt", "verses.pos", "verses"):
        (tmp_path / name).write_text("the king\n")
        done = run("predict", bundle, tmp_path / name)
        assert "no column 'line'; known: tags, text" in done.err
        assert run("predict", bundle, tmp_path / name, "--read-as", "lines").code == 0
    (tmp_path / "verses.csv").write_text("line\nthe king\n")
    assert run("predict", bundle, tmp_path / "verses.csv").code == 0


def test_what_a_name_says_cannot_be_read_otherwise(bundle_of: BundleOf, run: Run, tmp_path: Path):
    (tmp_path / "verses.conllu").write_text("")
    done = run("predict", bundle_of("next_word"), tmp_path / "verses.conllu", "--read-as", "lines")
    assert done.code == 2
    assert "data.format (--read-as): lines does not fit: " in done.err


# --- judged


@pytest.mark.parametrize("task", ["next_word", "fill_blank"])
def test_texts_are_judged_by_their_own_words(bundle_of: BundleOf, run: Run, tmp_path: Path, task: str):
    (tmp_path / "verses.txt").write_text("the king is dead.\nthe queen sees a zebra!\n")
    told = run("evaluate", bundle_of(task), tmp_path / "verses.txt")
    assert told.code == 0
    assert "judged on 11 words of 2 lines" in told.out
    assert "perplexity" in told.out
    found = json.loads(run("evaluate", bundle_of(task), tmp_path / "verses.txt", "--json").out)
    assert (found["task"], found["rows"], found["tokens"], found["primary"]) == (task, 2, 11, "perplexity")
    assert found["metrics"].keys() == {"perplexity", "accuracy", "top5_accuracy"}


def test_tags_are_judged_and_those_never_seen_are_named(bundle_of: BundleOf, run: Run, tmp_path: Path):
    (tmp_path / "verses.csv").write_text("line,kinds\nthe king,OTHER NOUN\na ghost,OTHER VERB\n")
    done = run("evaluate", bundle_of("tagging"), tmp_path / "verses.csv", "--json")
    found = json.loads(done.out)
    assert (found["task"], found["tokens"], found["labels"]) == ("tagging", 4, ["NOUN", "OTHER"])
    assert done.err == (
        "kinds: 1 token with a tag that training did not see, such as 'VERB' in row 2: no answer there is right\n"
    )


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (("v.csv", "line\nthe king\n"), "v.csv: no column 'kinds'"),
        (("v.txt", "the king\n"), "v.txt: no column 'kinds'"),
        (("v.csv", "line,kinds\na king,OTHER\n"), "row 1, column 'kinds': 'OTHER' has 1 tag, but 'line' has 2 tokens"),
    ],
    ids=["no tags", "plain text", "too few tags"],
)
def test_what_cannot_be_judged(bundle_of: BundleOf, run: Run, tmp_path: Path, file: tuple[str, str], message: str):
    path = tmp_path / file[0]
    path.write_text(file[1])
    done = run("evaluate", bundle_of("tagging"), path)
    assert done.code == 3
    assert message in done.err


def test_lines_of_a_single_word_foretell_nothing(verses_of: Callable[..., Bundle], run: Run, tmp_path: Path):
    verses_of("next_word", features={"text": {"marks": False}}).save(tmp_path / "verses.treadle")
    (tmp_path / "verses.txt").write_text("king\nghost\n")
    done = run("evaluate", tmp_path / "verses.treadle", tmp_path / "verses.txt")
    assert done.code == 3
    assert done.err.startswith("error: no word to judge in 0 rows: a longer text")


# --- what is for rows alone


@pytest.mark.parametrize("task", ["next_word", "fill_blank", "tagging"])
def test_inspect_is_for_bundles_that_answer_once_for_a_row(bundle_of: BundleOf, run: Run, task: str, tmp_path: Path):
    (tmp_path / "verses.csv").write_text("line\nthe king\n")
    message = f"error: bundle 'verses' is for {task}: this is for bundles of classification and regression\n"
    for options in ([tmp_path / "verses.csv"], [tmp_path / "verses.csv", "--text", "the king", "--json"]):
        done = run("inspect", bundle_of(task), *options)
        assert (done.code, done.out, done.err) == (3, "", message)
    assert not (bundle_of(task).parent / "inspect.html").exists()
