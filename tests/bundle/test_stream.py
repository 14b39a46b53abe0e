"""Streams of predictions: any size, in order, whole files or none."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from treadle.bundle.bundle import Bundle
from treadle.bundle.predictor import Predictor
from treadle.bundle.stream import Summary, predict_file
from treadle.data.sources import read_chunks
from treadle.data.table import Table
from treadle.errors import ContractError, DataError

Customers = Callable[..., Table]


@pytest.fixture(scope="module")
def predictor(bundle: Bundle) -> Predictor:
    return Predictor(bundle)


def write_csv(path: Path, table: Table) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table.columns)
        writer.writerows(zip(*table.columns.values(), strict=True))
    return path


def read_csv(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


@pytest.fixture
def source(tmp_path: Path, make_customers: Customers) -> Path:
    return write_csv(tmp_path / "in.csv", make_customers(1000))


def chunks(source: Path, rows: int = 64) -> Iterator[Table]:
    return read_chunks(str(source), chunk_rows=rows)


def test_every_row_is_answered_in_order(
    predictor: Predictor, source: Path, make_customers: Customers, tmp_path: Path
) -> None:
    summary = predict_file(predictor, chunks(source), tmp_path / "out.csv")
    assert summary == Summary(rows=1000, answered=1000, notices=summary.notices)
    written = read_csv(tmp_path / "out.csv")
    given = read_csv(source)
    answers = predictor.predict_table(make_customers(1000)).records()
    assert len(written) == 1000
    for line, row, answer in zip(written, given, answers, strict=True):
        assert list(line)[:5] == list(row)
        assert {name: line[name] for name in row} == row
        assert line["label"] == str(answer["label"])
        assert float(line["probability_1"]) == pytest.approx(answer["probabilities"][1], abs=1e-6)


def test_the_size_of_the_chunks_changes_nothing(predictor: Predictor, source: Path, tmp_path: Path) -> None:
    outputs = []
    for rows in (1, 7, 999, 5000):
        predict_file(predictor, chunks(source, rows), tmp_path / "out.csv")
        outputs.append((tmp_path / "out.csv").read_bytes())
    assert len(set(outputs)) == 1


def test_the_name_says_the_form(predictor: Predictor, source: Path, tmp_path: Path) -> None:
    predict_file(predictor, chunks(source), tmp_path / "a.csv")
    predict_file(predictor, chunks(source), tmp_path / "a.CSV.gz")
    predict_file(predictor, chunks(source), tmp_path / "b.CSV.gz")
    plain = (tmp_path / "a.csv").read_bytes()
    assert gzip.decompress((tmp_path / "a.CSV.gz").read_bytes()) == plain
    assert (tmp_path / "a.CSV.gz").read_bytes() == (tmp_path / "b.CSV.gz").read_bytes()
    for name in ("a.jsonl", "a.ndjson"):
        predict_file(predictor, chunks(source), tmp_path / name)
        lines = (tmp_path / name).read_text().splitlines()
        assert len(lines) == 1000
        assert json.loads(lines[0]).keys() >= {"age", "label", "probability_0"}
    predict_file(predictor, chunks(source), tmp_path / "a.out", form="csv")
    assert (tmp_path / "a.out").read_bytes() == plain
    with pytest.raises(DataError, match=r"a\.txt: the name must end in \.csv, \.jsonl, \.ndjson"):
        predict_file(predictor, chunks(source), tmp_path / "a.txt")


def test_json_lines_are_answered_as_json_lines(predictor: Predictor, source: Path, tmp_path: Path) -> None:
    rows = read_csv(source)
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    predict_file(predictor, chunks(tmp_path / "in.jsonl"), tmp_path / "from_json.csv")
    predict_file(predictor, chunks(source), tmp_path / "from_csv.csv")
    assert (tmp_path / "from_json.csv").read_bytes() == (tmp_path / "from_csv.csv").read_bytes()


def test_a_broken_row_fails_and_leaves_no_file(predictor: Predictor, make_customers: Customers, tmp_path: Path) -> None:
    table = make_customers(500)
    table.columns["age"][300] = "old"
    source = write_csv(tmp_path / "in.csv", table)
    (tmp_path / "out.csv").write_text("what was there\n")
    with pytest.raises(ContractError, match="row 301, column 'age': 'old' is no number"):
        predict_file(predictor, chunks(source), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "what was there\n"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_broken_rows_are_skipped_or_reported(predictor: Predictor, make_customers: Customers, tmp_path: Path) -> None:
    table = make_customers(500)
    for row in (0, 100, 499):
        table.columns["age"][row] = "old"
    source = write_csv(tmp_path / "in.csv", table)
    skipped = predict_file(predictor, chunks(source), tmp_path / "out.csv", "skip")
    assert (skipped.rows, skipped.answered, skipped.unanswered) == (500, 497, 3)
    assert [fault.row for fault in skipped.faults] == [1, 101, 500]
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 498
    predict_file(predictor, chunks(source), tmp_path / "out.csv", "report")
    lines = read_csv(tmp_path / "out.csv")
    assert len(lines) == 500
    assert [row for row, line in enumerate(lines) if line["fault"]] == [0, 100, 499]
    assert lines[100]["fault"] == "row 101, column 'age': 'old' is no number"
    assert lines[100]["label"] == lines[100]["probability"] == ""


def test_a_missing_column_and_a_missing_file_are_named(predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("age,balance\n1,2\n")
    with pytest.raises(ContractError, match=r"in\.csv: no column 'country', 'active'"):
        predict_file(predictor, chunks(tmp_path / "in.csv"), tmp_path / "out.csv")
    with pytest.raises(DataError):
        predict_file(predictor, chunks(tmp_path / "gone.csv"), tmp_path / "out.csv")
    assert [entry.name for entry in tmp_path.iterdir()] == ["in.csv"]


def test_an_output_that_cannot_be_written_is_named(predictor: Predictor, source: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"out\.csv: cannot write the answers: No such file or directory"):
        predict_file(predictor, chunks(source), tmp_path / "gone" / "out.csv")


def test_a_full_disk_leaves_no_file(bundle: Bundle, source: Path, tmp_path: Path) -> None:
    bundle.save(tmp_path / "a.treadle")
    script = (
        "import resource, sys\n"
        "from treadle import TreadleError, load\n"
        "from treadle.bundle.stream import predict_file\n"
        "from treadle.data.sources import read_chunks\n"
        "predictor, chunks = load(sys.argv[1]), read_chunks(sys.argv[2], chunk_rows=64)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))\n"
        "try: predict_file(predictor, chunks, sys.argv[3])\n"
        "except TreadleError as error: print(error)"
    )
    paths = [str(tmp_path / "a.treadle"), str(source), str(tmp_path / "out.csv")]
    done = subprocess.run([sys.executable, "-c", script, *paths], capture_output=True, text=True, check=True)
    assert done.stdout == f"{paths[2]}: cannot write the answers: File too large\n"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.treadle", "in.csv"]


def test_no_chunks_give_a_header(predictor: Predictor, tmp_path: Path) -> None:
    assert predict_file(predictor, [], tmp_path / "out.csv").rows == 0
    header = "age,balance,country,active,label,probability,probability_0,probability_1\n"
    assert (tmp_path / "out.csv").read_text() == header


def test_standard_output(predictor: Predictor, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stdout = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", stdout)
    predict_file(predictor, chunks(source), "-")
    predict_file(predictor, chunks(source), tmp_path / "out.csv")
    assert stdout.buffer.getvalue() == (tmp_path / "out.csv").read_bytes()  # type: ignore[attr-defined]


def test_a_regression_streams_values(bundle_of: Callable[..., Bundle], source: Path, tmp_path: Path) -> None:
    predictor = Predictor(replace(bundle_of("regression"), name="values"))
    predict_file(predictor, chunks(source), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines()[0] == "age,balance,country,active,left,value"


def test_progress_is_told_and_memory_does_not_grow(
    predictor: Predictor, make_customers: Customers, tmp_path: Path
) -> None:
    table = make_customers(512)
    peaks = []

    def endless(count: int) -> Iterator[Table]:
        for start in range(count):
            yield Table.of({name: cells.copy() for name, cells in table.columns.items()}, first=1 + 512 * start)

    told: list[int] = []
    for count in (20, 200):
        tracemalloc.start()
        summary = predict_file(
            predictor, endless(count), tmp_path / "out.csv", progress=lambda summary: told.append(summary.rows)
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert summary.rows == 512 * count
    assert told[20:] == list(range(512, 512 * 200 + 1, 512))
    assert peaks[1] < 1.2 * peaks[0]
