import gzip
import io
import lzma
import sys
import tracemalloc

import polars as pl
import pytest

from treadle.data.sources import read_chunks, read_table, says_its_format
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
        ("{folder}/t.xlsx", "t.xlsx: unknown kind of file '.xlsx'; known: .txt, .csv, .tsv, .tab, .jsonl, .ndjson"),
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


LINES = b"To be,\n\nor not\n"
CONLLU = b"1\tTo\tto\tPART\tTO\t_\t2\tmark\t_\t_\n2\tbe\tbe\tAUX\tVB\t_\t0\troot\t_\t_\n"
COLUMNS = b"To PART\nbe AUX\n"
TEXTS = {
    "lines": {"text": ["To be,", "or not"]},
    "conllu": {"text": ["To be"], "upos": ["PART AUX"], "xpos": ["TO VB"]},
    "columns": {"text": ["To be"], "tags": ["PART AUX"]},
    "table": CELLS,
}


@pytest.mark.parametrize(
    ("name", "content", "asked", "held"),
    [
        ("t.conllu", CONLLU, None, "conllu"),
        ("t.conllu.xz", lzma.compress(CONLLU), None, "conllu"),
        ("t.conllu.gz", gzip.compress(CONLLU, mtime=0), "conllu", "conllu"),
        ("t.conll", COLUMNS, None, "columns"),
        ("t.iob", COLUMNS, None, "columns"),
        ("T.BIO", COLUMNS, None, "columns"),
        ("t.conll.gz", gzip.compress(COLUMNS, mtime=0), None, "columns"),
        ("t.conll", CONLLU, "conllu", "conllu"),
        ("t.tsv", COLUMNS.replace(b" ", b"\t"), "columns", "columns"),
        ("t.txt", CSV, None, "table"),
        ("t.txt", CSV, "table", "table"),
        ("t.txt", LINES, "lines", "lines"),
        ("t.txt.xz", lzma.compress(LINES), "lines", "lines"),
        ("t.pos", LINES, "lines", "lines"),
        ("corpus", LINES, "lines", "lines"),
        ("t.dat", CSV, "table", "table"),
        ("t.jsonl", JSON_LINES, "table", "table"),
    ],
)
def test_what_the_name_of_a_file_does_not_say_the_format_does(tmp_path, name, content, asked, held):
    path = tmp_path / name
    path.write_bytes(content)
    assert cells(read_table(str(path), format=asked)) == TEXTS[held]


@pytest.mark.parametrize(
    ("name", "content", "asked", "held"),
    [
        ("t.txt", LINES, None, "lines"),
        ("T.TXT.gz", gzip.compress(LINES, mtime=0), None, "lines"),
        ("t.txt", CSV, "table", "table"),
        ("t.csv", CSV, None, "table"),
        ("t.conll", COLUMNS, None, "columns"),
        ("t.conllu", CONLLU, None, "conllu"),
    ],
)
def test_texts_may_be_lines_where_nothing_says_otherwise(tmp_path, name, content, asked, held):
    path = tmp_path / name
    path.write_bytes(content)
    assert cells(read_table(str(path), format=asked, plain="lines")) == TEXTS[held]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("t.csv", True),
        ("t.TSV.xz", True),
        ("some/*.conllu", True),
        ("t.parquet", True),
        ("hamlet", True),
        ("sqlite:///t.db", True),
        ("t.txt", False),
        ("t.txt.gz", False),
        ("t.pos", False),
        ("corpus", False),
        ("-", False),
    ],
)
def test_a_name_may_say_what_a_file_holds(source, says):
    assert says_its_format(source) is says


@pytest.mark.parametrize(
    ("name", "asked", "message"),
    [
        ("t.parquet", "lines", r"lines does not fit: .*t.parquet is Parquet by its name"),
        ("t.jsonl", "lines", r"lines does not fit: .*t.jsonl is JSON Lines by its name"),
        ("t.conllu.xz", "columns", r"columns does not fit: .*t.conllu.xz is CoNLL-U by its name"),
    ],
)
def test_a_format_that_the_name_contradicts(tmp_path, name, asked, message):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(RecipeError, match=rf"^data.format \(--read-as\): {message}"):
        read_table(str(tmp_path / name), format=asked)


def test_a_format_does_not_fit_a_database_or_another_entry_of_the_catalogue():
    with pytest.raises(RecipeError, match=r"lines does not fit: sqlite:///t.db is a database"):
        read_table("sqlite:///t.db", query="SELECT 1", format="lines")
    with pytest.raises(RecipeError, match=r"lines does not fit: bank_churn is catalogued as table"):
        read_table("bank_churn", format="lines")


def test_a_file_of_another_name_asks_for_the_format(tmp_path):
    (tmp_path / "t.pos").write_bytes(LINES)
    with pytest.raises(
        DataError, match=r"unknown kind of file '.pos'; known: .*\.conllu.* \(--read-as\) says what it holds"
    ):
        read_table(str(tmp_path / "t.pos"))


def test_lines_keep_their_numbers_in_one_file_and_are_numbered_on_in_several(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.txt").write_bytes(LINES)
    assert read_table(str(tmp_path / "a.txt"), format="lines").numbers.tolist() == [1, 3]
    assert read_table(str(tmp_path / "*.txt"), format="lines").numbers.tolist() == [1, 2, 3, 4]


class Typed:
    """Standard input that holds these bytes."""

    def __init__(self, content):
        self.buffer = io.BytesIO(content)


@pytest.mark.parametrize(
    ("asked", "content"), [("lines", LINES), ("conllu", CONLLU), ("columns", COLUMNS), (None, CSV)]
)
def test_standard_input_holds_what_the_format_says(monkeypatch, asked, content):
    monkeypatch.setattr(sys, "stdin", Typed(content))
    assert cells(read_table("-", format=asked)) == TEXTS[asked or "table"]


@pytest.mark.parametrize(
    ("asked", "row"),
    [
        ("lines", b"to be or not to be\n\n"),
        ("conllu", CONLLU + b"\n"),
        ("columns", COLUMNS + b"\n"),
    ],
    ids=["lines", "conllu", "columns"],
)
def test_a_long_text_is_read_in_constant_memory(tmp_path, asked, row):
    path = tmp_path / "t.txt.xz"
    with lzma.open(path, "wb", preset=0) as stream:
        for _ in range(20):
            stream.write(row * 1000)
    chunks = read_chunks(str(path), format=asked, chunk_rows=100)
    tracemalloc.start()
    assert sum(map(len, chunks)) == 20_000
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 3 * 2**20
