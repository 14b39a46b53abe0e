import gzip
import lzma

import polars as pl
import pytest

from treadle.data.sources import read_chunks, read_table
from treadle.errors import DataError, RecipeError

CSV = b"age,city\n40,Aix\n50,Bonn\n"
JSON_LINES = b'{"age": "40", "city": "Aix"}\n{"age": "50", "city": "Bonn"}\n'
CELLS = {"age": ["40", "50"], "city": ["Aix", "Bonn"]}


def cells(table):
    return {name: column.tolist() for name, column in table.columns.items()}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", CSV),
        ("T.CSV", CSV),
        ("t.txt", CSV.replace(b",", b"|")),
        ("t.tsv", CSV.replace(b",", b"\t")),
        ("t.tab", CSV.replace(b",", b"\t")),
        ("t.jsonl", JSON_LINES),
        ("t.ndjson", JSON_LINES),
        ("t.csv.gz", gzip.compress(CSV, mtime=0)),
        ("t.csv.xz", lzma.compress(CSV)),
        ("t.jsonl.gz", gzip.compress(JSON_LINES, mtime=0)),
        ("t.jsonl.xz", lzma.compress(JSON_LINES)),
    ],
)
def test_every_kind_of_file(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    table = read_table(str(path))
    assert cells(table) == CELLS
    assert table.source == str(path)


@pytest.mark.parametrize("suffix", ["parquet", "pq"])
def test_parquet(tmp_path, suffix):
    path = tmp_path / f"t.{suffix}"
    pl.DataFrame(CELLS).write_parquet(path)
    assert cells(read_table(str(path))) == CELLS


def test_the_files_of_a_glob_are_read_in_sorted_order(tmp_path):
    for month, age in (("03", 30), ("01", 10), ("02", 20)):
        (tmp_path / f"{month}.csv").write_text(f"age,city\n{age},x\n{age + 1},y\n")
    (tmp_path / "02.csv").write_text("city,age\nx,20\ny,21\n")
    pattern = str(tmp_path / "*.csv")
    table = read_table(pattern)
    assert table.columns["age"].tolist() == ["10", "11", "20", "21", "30", "31"]
    assert table.numbers.tolist() == [1, 2, 3, 4, 5, 6]
    assert table.source == pattern
    chunks = list(read_chunks(pattern))
    assert [chunk.source for chunk in chunks] == [str(tmp_path / f"{month}.csv") for month in ("01", "02", "03")]
    assert chunks[2].numbers.tolist() == [1, 2]


def test_the_files_of_a_glob_have_the_same_columns(tmp_path):
    (tmp_path / "1.csv").write_text("age,city\n1,x\n")
    (tmp_path / "2.csv").write_text("age,town\n1,x\n")
    with pytest.raises(DataError, match=r"2.csv: not the columns of .*1.csv: they differ in 'city', 'town'"):
        read_table(str(tmp_path / "*.csv"))


def test_a_key_that_comes_late_is_none_before(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"a": 1}\n' * 65536 + '{"a": 2, "b": 3}\n')
    table = read_table(str(path))
    assert table.columns["b"].tolist()[-2:] == [None, 3]


def test_chunks_have_the_asked_size(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("n\n" + "".join(f"{n}\n" for n in range(1, 5001)))
    chunks = list(read_chunks(str(path), chunk_rows=2100))
    assert [len(chunk) for chunk in chunks] == [2100, 2100, 800]
    for chunk in chunks:
        assert chunk.columns["n"].tolist() == [str(number) for number in chunk.numbers]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{folder}/shp.csv", r"shp.csv: no such file; did you mean 'shop.csv'\?"),
        ("{folder}/zzz.csv", r"zzz.csv: no such file$"),
        ("{folder}", r"is a folder: name a file in it, or all of a kind as .*\*.csv"),
        ("{folder}/*.tsv", r"\*.tsv: no file matches"),
        ("bank_chrun", r"bank_chrun: no such file and no data set of that name; did you mean 'bank_churn'\?"),
        ("{folder}/none.csv", "none.csv: column names but no rows"),
        ("{folder}/broken.csv.gz", "broken.csv.gz: the compressed file is broken or cut short"),
        ("{folder}/broken.csv.xz", "broken.csv.xz: the compressed file is broken or cut short"),
        ("{folder}/not.csv.gz", "not.csv.gz: the compressed file is broken or cut short: Not a gzipped file"),
        ("{folder}/t.xlsx", "t.xlsx: unknown kind of file '.xlsx'; known: .csv, .txt, .tsv, .tab, .jsonl, .ndjson"),
        ("{folder}/t.parquet.gz", "t.parquet.gz: unknown kind of file '.parquet'"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, source, message):
    (tmp_path / "shop.csv").write_bytes(CSV)
    (tmp_path / "none.csv").write_text("age,city\n")
    (tmp_path / "broken.csv.gz").write_bytes(gzip.compress(CSV * 1000, mtime=0)[:-20])
    (tmp_path / "broken.csv.xz").write_bytes(lzma.compress(CSV * 1000)[:-20])
    (tmp_path / "not.csv.gz").write_bytes(CSV)
    (tmp_path / "t.xlsx").write_bytes(b"PK")
    (tmp_path / "t.parquet.gz").write_bytes(b"PK")
    with pytest.raises(DataError, match=message):
        read_table(source.format(folder=tmp_path))


def test_a_query_needs_a_database(tmp_path):
    (tmp_path / "shop.csv").write_bytes(CSV)
    with pytest.raises(RecipeError, match=r"data.query would not be used: .*shop.csv is no database address"):
        read_table(str(tmp_path / "shop.csv"), query="SELECT 1")


def test_a_sparse_gigabyte_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    with path.open("wb") as stream:
        stream.write(b"a,b\n" + b"1,2\n" * 1000)
        stream.truncate(2**31)
    with pytest.raises(DataError, match="a line is longer than 16 MiB"):
        read_table(str(path))
