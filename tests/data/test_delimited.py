import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.data.delimited import CELL_LIMIT, read_delimited
from treadle.data.files import LINE_LIMIT
from treadle.data.table import Table
from treadle.errors import DataError


def read(content: bytes | str, **options) -> Table:
    content = content.encode() if isinstance(content, str) else content
    return Table.concatenate(list(read_delimited(io.BytesIO(content), "t.csv", **options)))


def cells(table):
    return {name: column.tolist() for name, column in table.columns.items()}


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_line_ends_marks_and_delimiters(line_end, mark, delimiter):
    lines = ["name,age", '"Zoë",40', ",NA", ""]
    table = read(mark + line_end.join(lines).replace(",", delimiter))
    assert cells(table) == {"name": ["Zoë", ""], "age": ["40", "NA"]}
    assert table.numbers.tolist() == [1, 2]
    assert table.source == "t.csv"


def test_the_delimiter_is_seen_outside_quotes():
    assert cells(read('"a;b;c",d\n1,2\n')) == {"a;b;c": ["1"], "d": ["2"]}
    assert cells(read("only\n1\n")) == {"only": ["1"]}
    assert cells(read("a,b\tc\n1,2\t3\n", delimiter="\t")) == {"a,b": ["1,2"], "c": ["3"]}


def test_a_header_longer_than_a_cell_may_be():
    names = [f"column{number}" for number in range(150_000)]
    content = f"{','.join(names)}\n{','.join('1' for _ in names)}\n".encode()
    assert len(content) > CELL_LIMIT
    assert list(read(content).columns) == names


def test_blank_lines_are_no_rows_and_names_lose_their_blanks():
    table = read(" a , b\n\n1, 2\n\n3,4\n\n")
    assert cells(table) == {"a": ["1", "3"], "b": [" 2", "4"]}
    assert table.numbers.tolist() == [1, 2]


def test_other_encodings():
    assert cells(read("stadt\nKöln\n".encode("cp1252"), encoding="cp1252")) == {"stadt": ["Köln"]}
    assert cells(read("stadt,n\nKöln,1\n".encode("utf-16"), encoding="utf-16")) == {"stadt": ["Köln"], "n": ["1"]}


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)


@settings(max_examples=60)
@given(
    names=st.lists(st.text("abcxyz é;|\t\",'", min_size=1, max_size=5), min_size=2, max_size=4, unique_by=str.strip),
    data=st.data(),
    chunk_rows=st.integers(1, 5),
)
def test_what_the_csv_module_writes_is_read_back(names, data, chunk_rows):
    names = [f"n{name}" for name in names]
    rows = data.draw(st.lists(st.lists(CELL, min_size=len(names), max_size=len(names)), min_size=1, max_size=8))
    written = io.StringIO(newline="")
    writer = csv.writer(written, quoting=csv.QUOTE_ALL)
    writer.writerows([names, *rows])
    chunks = list(
        read_delimited(io.BytesIO(written.getvalue().encode()), "t.csv", delimiter=",", chunk_rows=chunk_rows)
    )
    assert all(len(chunk) == chunk_rows for chunk in chunks[:-1])
    table = Table.concatenate(chunks)
    assert list(table.columns) == [name.strip() for name in names]
    assert [list(row) for row in zip(*table.columns.values(), strict=True)] == rows
    assert table.numbers.tolist() == list(range(1, len(rows) + 1))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "t.csv: the file is empty"),
        (b"\n1,2\n", "t.csv: the first line is blank; it must name the columns"),
        (b"a,b,a\n1,2,3\n", "t.csv: columns 1, 3 are all named 'a': give each its own name"),
        (b"1,1,0\n1,0,1\n", "columns 1, 2 are all named '1': give each its own name; does the first line hold data"),
        (b"5.1,3.5,1.4\n4.9,3.0,1.3\n", "the first line holds numbers (5.1, 3.5, 1.4); it must name the columns"),
        (b"a,b\n1,2\n1,2,3\n", "row 2 has 3 cells where the header has 2: '1, 2, 3'; look for a stray delimiter"),
        (b"a,b\n1,2\n1\n", "row 2 has 1 cells where the header has 2"),
        (b'a,b\n1,"2\n3,4\n', "t.csv: line 3: the text ends inside a quoted cell; a quote is left open"),
        (b'a,b\n1,"x"y\n', "t.csv: line 2: ',' expected after '\"'; inside a quoted cell a quote is written twice"),
        (b"PK\x03\x04rest", "not a table of text but a ZIP archive (perhaps an Excel workbook: export it as CSV)"),
        (b"<!DOCTYPE HTML><html>", "not a table of text but an HTML page"),
        (b"\x1f\x8b\x08", "not a table of text but compressed with gzip: name it .gz"),
        (b"a\0b\0c\0", "not a table of text; if it is UTF-16, set data.encoding (--encoding): utf-16-le or utf-16-be"),
        (
            "a,b\n1,2\n".encode("utf-16"),
            "not utf-8 at byte 0 (line 1); it begins like UTF-16: set data.encoding (--encoding): utf-16",
        ),
        ("stadt\nKöln\n".encode("cp1252"), "not utf-8 at byte 7 (line 2); if 'stadt\\nKöln' looks right, set data.enc"),
    ],
)
def test_what_is_no_table_is_named(content, message):
    with pytest.raises(DataError) as raised:
        read(content)
    assert message in str(raised.value)
    assert str(raised.value).startswith("t.csv: ")


def test_a_wrong_byte_far_down_is_placed():
    content = b"a,b\n" + b"1,2\n" * 200_000 + "ä".encode("latin-1") + b",2\n"
    with pytest.raises(DataError, match=r"t.csv: not utf-8 at byte 800,004 \(line 200,002\)"):
        read(content)
    with pytest.raises(
        DataError, match=r"t.csv: not utf-8 at byte 800,004 \(line 200,002\); set data.encoding \(--encoding\) to"
    ):
        read(content.replace(b"\xe4", b"\xff\x81"))


def test_an_unknown_encoding_is_named():
    with pytest.raises(DataError, match=r"data.encoding: unknown encoding 'utf9'; try utf-8, cp1252 or utf-16"):
        read("a\n1\n", encoding="utf9")


class Endless(io.RawIOBase):
    """Two gigabytes that begin like a table and are then one cell."""

    def __init__(self, start: bytes, rest: bytes) -> None:
        self.pending = start
        self.rest = rest
        self.given = 0

    def read(self, size: int = -1) -> bytes:
        assert self.given < 2**31, "all of it was read"
        block = (self.pending + self.rest * (size // len(self.rest) + 1))[:size]
        self.pending = b""
        self.given += len(block)
        return block


@pytest.mark.parametrize(
    ("start", "rest", "message"),
    [
        (b"a,b\n1,", b"x", "a line is longer than 16 MiB: this is no table"),
        (b"a,b\n1,", b"x,", "a line is longer than 16 MiB: this is no table"),
        (b'a,b\n1,"', b"x\n", "a cell has more than 1,048,576 characters; is a quote left open"),
    ],
)
def test_two_gigabytes_in_a_cell_are_refused_unread(start, rest, message):
    stream = Endless(start, rest)
    with pytest.raises(DataError, match=message):
        list(read_delimited(stream, "t.csv"))
    assert stream.given < 2 * LINE_LIMIT


def test_a_long_cell_below_the_limit_is_read():
    long = "x" * (CELL_LIMIT - 1)
    assert read(f"a,b\n{long},2\n").columns["a"][0] == long
