"""What a person is told when the input is bad: the whole message, the exit code, and never a traceback."""

import csv
import gzip
import hashlib
import io
import re
import resource
import socket
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

import treadle
from treadle.bundle.archive import read_archive, write_archive

HEADER = "age,income,city,member,since"
ROW = "30,1000,Oslo,true,2020-01-01"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in which the command is run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def bundle(trained: treadle.Run, folder: Path) -> Path:
    """A copy of a good bundle."""
    Path("shop.treadle").write_bytes(trained.bundle.read_bytes())
    return Path("shop.treadle")


@pytest.fixture
def predict(bundle: Path, run: Callable[..., Any]) -> Callable[..., Any]:
    """Predict the rows of a text."""

    def predict(content: str | bytes, *options: str) -> Any:
        Path("rows.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
        return run("predict", bundle, "rows.csv", *options)

    return predict


@pytest.fixture
def train(shop: Any, folder: Path, run: Callable[..., Any]) -> Callable[..., Any]:
    """Train on the shop's table, changed."""

    def train(change: Callable[[list[list[str]]], object], **sections: dict[str, Any]) -> Any:
        rows = list(csv.reader(shop.csv.read_text().splitlines()))
        change(rows)
        Path("shop.csv").write_text("\n".join(map(",".join, rows)) + "\n")
        data = {"source": "shop.csv"} | sections.pop("data", {})
        Path("shop.yaml").write_text(yaml.safe_dump(shop.recipe(data=data, **sections)))
        return run("train", "shop.yaml")

    return train


def refused(ended: Any, code: int, message: str) -> None:
    assert (ended.code, ended.err) == (code, f"error: {message}\n")


# --- files


def test_a_missing_file(bundle: Path, run: Callable[..., Any]):
    Path("rows.csv").write_text(f"{HEADER}\n{ROW}\n")
    refused(run("predict", bundle, "row.csv"), 3, "row.csv: no such file; did you mean 'rows.csv'?")


def test_an_empty_file(predict: Callable[..., Any]):
    refused(predict(""), 3, "rows.csv: the file is empty")


def test_a_file_with_a_header_only(predict: Callable[..., Any]):
    refused(predict(HEADER + "\n"), 3, "rows.csv: column names but no rows")


def test_a_wrong_encoding(predict: Callable[..., Any]):
    text = f"{HEADER}\n30,1000,Orléans,true,2020-01-01\n"
    refused(
        predict(text.encode("cp1252")),
        3,
        "rows.csv: not utf-8 at byte 40 (line 2); if 'er,since\\n30,1000,Orléans,true,2020-01-01' looks right, set"
        " data.encoding (--encoding): cp1252",
    )
    answered = predict(text.encode("cp1252"), "--encoding", "cp1252")
    assert answered.code == 0
    assert "Orléans" in answered.out


def test_column_names_that_stand_twice(predict: Callable[..., Any]):
    refused(
        predict(f"{HEADER},age\n{ROW},30\n"),
        3,
        "rows.csv: columns 1, 6 are all named 'age': give each its own name",
    )


def peak_memory(*arguments: object) -> tuple[subprocess.CompletedProcess[str], int]:
    """How a command ended, and the most memory it held, in MiB."""
    program = (
        "import resource, sys\nfrom treadle import cli\ncode = cli.run(sys.argv[1:])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)\nsys.exit(code)"
    )
    command = [sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    return done, int(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz", "rows.jsonl", "rows.jsonl.gz"])
def test_a_field_of_two_gigabytes(bundle: Path, name: str):
    head = f'{HEADER}\n30,1000,"' if "csv" in name else '{"age": 30, "city": "'
    path = Path(name)
    if name.endswith(".gz"):
        # A gzip file may be made of many: 2 GiB of the letter a in some hundred KiB.
        path.write_bytes(gzip.compress(head.encode()) + gzip.compress(b"a" * 2**24, 1) * 128)
    else:
        # A hole in a file takes no room on the disk.
        path.write_text(head + "a" * 4096)
        with path.open("r+b") as file:
            file.truncate(2**31)
    small = Path("small.csv")
    small.write_text(f"{HEADER}\n{ROW}\n")
    _, usual = peak_memory("predict", bundle, small, "--out", "answers.csv")
    done, most = peak_memory("predict", bundle, path, "--out", "answers.csv")
    assert (done.returncode, done.stderr) == (3, f"error: {name}: a line is longer than 16 MiB: this is no table\n")
    assert most < usual + 256


# --- rows and columns


def test_a_column_that_is_missing(predict: Callable[..., Any]):
    refused(predict("age,income,ctiy,member,since\n" + ROW), 3, "rows.csv: no column 'city'; did you mean 'ctiy'?")
    refused(predict("age,member\n30,true\n"), 3, "rows.csv: no column 'income', 'city', 'since'; known: age, member")


def test_columns_in_another_order_do_not_matter(predict: Callable[..., Any]):
    straight = list(csv.DictReader(io.StringIO(predict(f"{HEADER}\n{ROW}\n").out)))
    names, cells = HEADER.split(","), ROW.split(",")
    turned = f"{','.join(names[::-1])}\n{','.join(cells[::-1])}\n"
    assert list(csv.DictReader(io.StringIO(predict(turned).out))) == straight


def test_extra_columns_do_not_matter(predict: Callable[..., Any]):
    plain = predict(f"{HEADER}\n{ROW}\n")
    extra = predict(f"name,{HEADER}\nAda,{ROW}\n")
    assert (extra.code, extra.err) == (0, plain.err)
    assert extra.out.splitlines()[1] == "Ada," + plain.out.splitlines()[1]


ADVICE = "Correct them, or go on without them: on_bad_row 'skip' leaves them out, 'report' lists them."


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("thirty,1000,Oslo,true,2020-01-01", "column 'age': 'thirty' is no number"),
        ("inf,1000,Oslo,true,2020-01-01", "column 'age': 'inf' is not a finite number"),
        ("1e999,1000,Oslo,true,2020-01-01", "column 'age': '1e999' is not a finite number"),
        ("NaN,1000,Oslo,true,2020-01-01", "column 'age': 'NaN' is missing, and no training row lacked it"),
        ("30,1000,,true,2020-01-01", "column 'city': '' is missing, and no training row lacked it"),
        ("30,1000,Oslo,perhaps,2020-01-01", "column 'member': 'perhaps' is neither true nor false"),
        ("30,1000,Oslo,true,yesterday", "column 'since': 'yesterday' is no date"),
        ("30,1000,Oslo,true,2020-02-30", "column 'since': '2020-02-30' is no date"),
    ],
)
def test_a_cell_that_does_not_fit(predict: Callable[..., Any], row: str, fault: str):
    ended = predict(f"{HEADER}\n{ROW}\n{row}\n")
    assert ended.code == 3
    first, second, *rest = ended.err.splitlines()
    assert first == "error: rows.csv: 1 row cannot be answered"
    assert second.startswith(f"  row 2, {fault}")
    assert rest == [ADVICE]


def test_a_row_with_too_many_cells(predict: Callable[..., Any]):
    refused(
        predict(f"{HEADER}\n{ROW}\n30,1,000,Oslo,true,2020-01-01\n"),
        3,
        "rows.csv: row 2 has 6 cells where the header has 5: '30, 1, 000, Oslo, true, 2020-01-01'; look for a stray"
        " delimiter or quote",
    )


def test_a_gap_where_training_saw_gaps_is_answered(predict: Callable[..., Any]):
    ended = predict(f"{HEADER}\n30,NaN,Oslo,true,2020-01-01\n30,,Oslo,true,2020-01-01\n")
    assert (ended.code, ended.err) == (0, "")
    first, second = csv.DictReader(io.StringIO(ended.out))
    assert first["probability"] == second["probability"]


def test_a_category_that_training_did_not_see(predict: Callable[..., Any]):
    ended = predict(f"{HEADER}\n30,1000,Atlantis,true,2020-01-01\n")
    assert (ended.code, ended.err.startswith("income:")) == (0, True)
    assert "city: 1 cell of a category that training did not see, such as 'Atlantis' in row 1\n" in ended.err


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_cells_that_a_spreadsheet_would_run(predict: Callable[..., Any], start: str):
    formula = f"{start}HYPERLINK(A1)"
    content = f"note,{HEADER}\n{formula},{ROW}\n-5,{ROW}\n"
    safe = [row[0] for row in csv.reader(io.StringIO(predict(content).out))]
    assert safe == ["note", f"'{formula}", "-5"]
    raw = [row[0] for row in csv.reader(io.StringIO(predict(content, "--raw").out))]
    assert raw == ["note", formula, "-5"]


# --- training


def in_every_row(name: str, value: str) -> Callable[[list[list[str]]], None]:
    def change(rows: list[list[str]]) -> None:
        place = rows[0].index(name)
        for row in rows[1:]:
            row[place] = value

    return change


def test_one_class_only(train: Callable[..., Any]):
    refused(
        train(in_every_row("bought", "yes")),
        3,
        "shop.csv: the target 'bought' is 'yes' in every row: one class only, nothing to predict",
    )


def test_a_target_without_values(train: Callable[..., Any]):
    refused(train(in_every_row("bought", "")), 3, "shop.csv: the target 'bought' has no value in any row")


def test_a_constant_column_is_left_out_with_a_notice(train: Callable[..., Any]):
    ended = train(in_every_row("city", "Oslo"))
    assert ended.code == 0
    assert ended.err.splitlines()[0] == "city is Oslo in every row: left out"
    assert "city is Oslo in every row: left out" in ended.out


def slips(*numbers: int) -> Callable[[list[list[str]]], None]:
    def change(rows: list[list[str]]) -> None:
        for number in numbers:
            rows[number][0] = "forty"

    return change


def test_text_where_numbers_are_due(train: Callable[..., Any]):
    ended = train(slips(*range(1, 240, 20)))
    assert ended.code == 3
    assert re.fullmatch(
        r"error: shop.csv: cannot be learnt from as it is:\n  column 'age' holds numbers, but not in \d+ of its rows,"
        r" such as 'forty': put them right, name what means 'no value' in data.missing, or say data.kinds:"
        r" {age: category}\n",
        ended.err,
    )


def test_text_where_the_recipe_says_that_numbers_are_due(train: Callable[..., Any]):
    ended = train(slips(5, 6), data={"kinds": {"age": "number"}, "split": {"test": 0.01, "validation": 0.01}})
    refused(
        ended,
        3,
        "shop.csv: 2 rows cannot be learnt from\n  row 5, column 'age': 'forty' is no number\n  row 6, column 'age':"
        f" 'forty' is no number\n{ADVICE}",
    )


def test_too_few_rows(train: Callable[..., Any]):
    def cut(rows: list[list[str]]) -> None:
        del rows[3:]

    ended = train(cut)
    assert ended.code == 3
    assert ended.err.startswith("error: shop.csv: ")


def test_a_recipe_with_a_typo(train: Callable[..., Any]):
    refused(
        train(lambda rows: None, model={"hiden": [8]}),
        2,
        "shop.yaml: unknown key 'model.hiden'; did you mean 'hidden'?",
    )


@pytest.mark.parametrize("key", ["target", "drop"])
def test_a_recipe_that_names_no_column(train: Callable[..., Any], key: str):
    value = {"target": "bougth", "drop": ["bougth"]}[key]
    refused(
        train(lambda rows: None, data={key: value}),
        3,
        f"shop.csv: data.{key}: no column 'bougth'; did you mean 'bought'?",
    )


# --- the disk


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond `size` bytes: to a program, as good as a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    "fault",
    [
        ([], 5, "run/checkpoint: the checkpoint cannot be written: File too large"),
        (["checkpoint"], 4, "cannot save the bundle: File too large"),
        (["checkpoint", "shop.treadle"], 5, "run/report.html: cannot be written: File too large"),
    ],
)
def test_a_disk_that_is_full(shop: Any, folder: Path, run: Callable[..., Any], fault: tuple[Any, ...]):
    fits, code, message = fault
    Path("shop.yaml").write_text(yaml.safe_dump(shop.recipe()))
    assert run("train", "shop.yaml", "--out", "run").code == 0
    before = {path.name: path.read_bytes() for path in Path("run").iterdir()}
    with largest_file(max((len(before[name]) + 500 for name in fits), default=1000)):
        ended = run("train", "shop.yaml", "--out", "run", "--set", "training.seed=1")
    assert ended.code == code
    assert message in ended.err.splitlines()[-1]
    after = {path.name: path.read_bytes() for path in Path("run").iterdir()}
    assert after.keys() <= before.keys(), "nothing half-written is left"
    assert after["report.html"] == before["report.html"]
    assert (after["shop.treadle"] == before["shop.treadle"]) == ("shop.treadle" not in fits)
    assert treadle.load("run/shop.treadle").predict({name: cells[:1] for name, cells in shop.columns.items()})


def test_a_disk_that_is_full_while_predicting(shop: Any, bundle: Path, run: Callable[..., Any]):
    assert run("predict", bundle, shop.csv, "--out", "answers.csv").code == 0
    before = Path("answers.csv").read_bytes()
    with largest_file(1000):
        ended = run("predict", bundle, shop.csv, "--out", "answers.csv")
    refused(ended, 3, "answers.csv: cannot write the answers: File too large")
    assert Path("answers.csv").read_bytes() == before
    assert sorted(path.name for path in Path().iterdir()) == ["answers.csv", "shop.treadle"]


# --- bundles


def test_a_bundle_that_was_cut_short(bundle: Path, run: Callable[..., Any]):
    content = bundle.read_bytes()
    for length in (len(content) - 1, len(content) // 2, 100):
        bundle.write_bytes(content[:length])
        refused(
            run("predict", bundle, "rows.csv"),
            4,
            "shop.treadle: truncated, or not written by Treadle: its closing SHA-256 is missing; copy it again",
        )
    bundle.write_bytes(b"")
    refused(run("predict", bundle, "rows.csv"), 4, "shop.treadle: not a Treadle bundle (the file is empty)")


def test_a_bundle_with_one_flipped_bit(bundle: Path, run: Callable[..., Any]):
    content = bundle.read_bytes()
    for place in range(10, len(content) - 71, len(content) // 20):
        altered = bytearray(content)
        altered[place] ^= 1
        bundle.write_bytes(altered)
        refused(
            run("predict", bundle, "rows.csv"),
            4,
            "shop.treadle: altered or damaged: its bytes do not match their SHA-256",
        )


def test_a_bundle_whose_members_lead_out_of_it(bundle: Path, run: Callable[..., Any]):
    forged = io.BytesIO()
    with zipfile.ZipFile(forged, "w") as archive:
        archive.writestr("../../etc/cron.d/evil", "* * * * * root true")
    # With the right digest at its end, as a forger would write it.
    body = forged.getvalue()[:-2] + struct.pack("<H", 71)
    bundle.write_bytes(body + b"sha256:" + hashlib.sha256(body).hexdigest().encode())
    refused(
        run("predict", bundle, "rows.csv"),
        4,
        "shop.treadle: refused: member '../../etc/cron.d/evil' has a name that leads out of the bundle or is no plain"
        " file name; Treadle writes no such bundle",
    )


def test_a_bundle_of_a_future_format(bundle: Path, run: Callable[..., Any]):
    members = read_archive(bundle)
    members["manifest.json"] = re.sub(rb'"format": 1\b', b'"format": 2', members["manifest.json"])
    members["manifest.json"] = re.sub(rb'"treadle": "[^"]*"', b'"treadle": "9.1"', members["manifest.json"])
    write_archive(bundle, members)
    refused(
        run("predict", bundle, "rows.csv"),
        4,
        f"shop.treadle: made by Treadle 9.1 in bundle format 2; this is Treadle {treadle.__version__}, which reads"
        " formats up to 1. Install a newer one: python -m pip install --upgrade 'treadle>=9.1'",
    )


def test_something_else_in_place_of_a_bundle(folder: Path, run: Callable[..., Any]):
    Path("shop.csv").write_text(f"{HEADER}\n{ROW}\n")
    refused(run("predict", "shop.csv", "shop.csv"), 4, "shop.csv: not a Treadle bundle")
    refused(run("predict", ".", "shop.csv"), 4, ".: cannot read the bundle: Is a directory")


# --- ports


@pytest.mark.parametrize("command", ["serve", "app"])
def test_a_port_in_use(bundle: Path, run: Callable[..., Any], command: str):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run(command, bundle, "--port", port)
    assert ended.code == 7
    assert re.fullmatch(rf"error: port {port} on 127\.0\.0\.1 is in use[^\n]*; [^\n]+: --port \d+\n", ended.err)
