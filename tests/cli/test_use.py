import csv
import gzip
import io
import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import treadle

ANSWER = ["label", "probability", "probability_no", "probability_yes"]


def answers(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_predict_writes_csv_to_stdout(shop: Any, trained: treadle.Run, run: Callable[..., Any]):
    done = run("predict", trained.bundle, shop.csv)
    assert done.code == 0
    found = answers(done.out)
    assert list(found[0]) == [*shop.columns, *ANSWER]
    assert len(found) == 240
    expected = treadle.load(trained.bundle).predict(shop.columns)
    assert [row["label"] for row in found] == expected.columns["label"].tolist()


def test_predict_reads_stdin(shop: Any, trained: treadle.Run, start: Callable[..., Any], run: Callable[..., Any]):
    done = start("predict", trained.bundle, "-", stdin=shop.csv.read_bytes())
    from_file = run("predict", trained.bundle, shop.csv)
    assert (done.code, done.out, done.err) == (0, from_file.out, from_file.err)


@pytest.mark.parametrize("name", ["answers.csv", "answers.csv.gz", "answers.jsonl", "answers.jsonl.gz"])
def test_predict_writes_files(shop: Any, trained: treadle.Run, run: Callable[..., Any], tmp_path: Path, name: str):
    path = tmp_path / name
    done = run("predict", trained.bundle, shop.csv, "--out", path)
    assert (done.code, done.out) == (0, "")
    assert done.err.splitlines()[-1] == f"wrote 240 answers to {path}"
    text = (gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()).decode()
    if ".csv" in name:
        assert text == run("predict", trained.bundle, shop.csv).out
    else:
        assert text == run("predict", trained.bundle, shop.csv, "--format", "jsonl").out
        first = json.loads(text.splitlines()[0])
        assert first.keys() == {*shop.columns, *ANSWER}


@pytest.mark.parametrize("options", [["--out", "answers.csv"], ["--format", "jsonl"], ["--raw"]])
def test_predict_refuses_options_that_json_leaves_unused(
    shop: Any, trained: treadle.Run, run: Callable[..., Any], options: list[str]
):
    done = run("predict", trained.bundle, shop.csv, "--json", *options)
    assert (done.code, done.out) == (1, "")
    assert "--out, --format and --raw would not be used" in done.err


def test_predict_prints_one_json_document(shop: Any, trained: treadle.Run, run: Callable[..., Any]):
    done = run("predict", trained.bundle, shop.csv, "--json")
    document = json.loads(done.out)
    assert document.keys() == {"bundle", "rows", "faults", "notices"}
    assert (document["bundle"], len(document["rows"]), document["faults"]) == ("shop", 240, [])
    assert done.err == ""


@pytest.mark.parametrize("behaviour", ["fail", "skip", "report"])
def test_bad_rows_stop_are_left_out_or_reported(
    trained: treadle.Run, run: Callable[..., Any], tmp_path: Path, behaviour: str
):
    path = tmp_path / "rows.csv"
    path.write_text("age,income,city,member,since\n30,1,Oslo,true,2020-01-01\nold,1,Oslo,true,2020-01-01\n")
    done = run("predict", trained.bundle, path, "--on-bad-row", behaviour)
    fault = "row 2, column 'age': 'old' is no number"
    assert fault in done.err
    if behaviour == "fail":
        assert done.code == 3
        assert "on_bad_row 'skip' leaves them out" in done.err
        return
    assert done.code == 0
    assert "1 of 2 rows could not be answered" in done.err
    found = answers(done.out)
    assert len(found) == {"skip": 1, "report": 2}[behaviour]
    if behaviour == "report":
        assert [row["fault"] for row in found] == ["", fault]
        assert found[1]["label"] == ""


def test_json_names_bad_rows_too(trained: treadle.Run, run: Callable[..., Any], tmp_path: Path):
    path = tmp_path / "rows.csv"
    path.write_text("age,income,city,member,since\nold,1,Oslo,true,2020-01-01\n")
    document = json.loads(run("predict", trained.bundle, path, "--on-bad-row", "report", "--json").out)
    assert document["faults"] == [{"row": 1, "column": "age", "value": "old", "reason": "is no number"}]


def test_unseen_categories_and_values_out_of_range_are_answered_with_a_notice(
    trained: treadle.Run, run: Callable[..., Any], tmp_path: Path
):
    path = tmp_path / "rows.csv"
    path.write_text("age,income,city,member,since\n900,1,Atlantis,true,2020-01-01\n")
    done = run("predict", trained.bundle, path)
    assert done.code == 0
    assert len(answers(done.out)) == 1
    assert "age: 1 cell outside the 18 to 79 of training, such as '900' in row 1" in done.err
    assert "city: 1 cell of a category that training did not see, such as 'Atlantis' in row 1" in done.err


def test_evaluate_judges_labelled_rows(shop: Any, trained: treadle.Run, run: Callable[..., Any]):
    told = run("evaluate", trained.bundle, shop.csv)
    assert told.code == 0
    assert "240 rows" in told.out
    assert "accuracy" in told.out
    found = json.loads(run("evaluate", trained.bundle, shop.csv, "--json").out)
    assert found["rows"] == 240
    assert found["metrics"].keys() == trained.summary()["metrics"].keys()
    assert found["positive"] == "yes"


def test_evaluate_needs_the_true_answers(shop: Any, trained: treadle.Run, run: Callable[..., Any]):
    done = run("evaluate", trained.bundle, trained.report.example)
    assert done.code == 3
    assert "no column 'bought'" in done.err


def test_verify_passes_a_sound_bundle(trained: treadle.Run, run: Callable[..., Any]):
    told = run("verify", trained.bundle)
    assert told.code == 0
    assert "FAIL" not in told.out
    assert "golden rows" in told.out
    document = json.loads(run("verify", trained.bundle, "--json").out)
    assert document["passed"] is True
    assert all(check["passed"] for check in document["checks"])


def test_verify_fails_an_altered_bundle(trained: treadle.Run, run: Callable[..., Any], tmp_path: Path):
    content = bytearray(trained.bundle.read_bytes())
    content[len(content) // 2] ^= 1
    altered = tmp_path / "shop.treadle"
    altered.write_bytes(content)
    told = run("verify", altered)
    assert told.code == 4
    assert "FAIL" in told.out
    done = run("verify", altered, "--json")
    assert (done.code, json.loads(done.out)["passed"]) == (4, False)


def shell(command: str) -> subprocess.CompletedProcess[str]:
    line = command.replace("treadle", f"{shlex.quote(sys.executable)} -m treadle", 1)
    bash = ["bash", "-o", "pipefail", "-c", line]
    return subprocess.run(bash, capture_output=True, text=True, timeout=300, check=False)


def test_a_reader_that_goes_away_is_no_traceback(shop: Any, trained: treadle.Run, tmp_path: Path):
    # More than a pipe holds, so that the writer notices.
    header, *rows = shop.csv.read_text().splitlines(keepends=True)
    path = tmp_path / "many.csv"
    path.write_text(header + "".join(rows) * 40)
    done = shell(f"treadle predict {trained.bundle} {path} | head -n 1")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("age,income")


def test_a_reader_that_never_looked_is_no_traceback():
    done = shell("treadle schema | true")
    assert done.returncode in {0, 1}
    assert done.stderr == ""


@pytest.mark.parametrize("how", ["", "--json"])
def test_an_output_that_is_full_is_said(trained: treadle.Run, how: str):
    done = shell(f"treadle predict {trained.bundle} {trained.report.example} {how} > /dev/full")
    assert done.returncode in {1, 3}
    assert done.stderr.startswith("error: standard output: ")
    assert done.stderr.endswith("No space left on device\n")


def test_a_closed_output_is_no_traceback(trained: treadle.Run):
    done = shell(f"treadle predict {trained.bundle} {trained.report.example} >&-")
    assert (done.returncode, done.stderr) == (0, "")
