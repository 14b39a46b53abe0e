"""Texts a line: plain, and several side by side."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.data.lines import read_lines, read_texts_side_by_side
from treadle.data.table import Table
from treadle.errors import DataError


def read(text: str | bytes, chunk_rows: int = 65536) -> list[Table]:
    content = text.encode("utf-8") if isinstance(text, str) else text
    return list(read_lines(io.BytesIO(content), "t.txt", chunk_rows=chunk_rows))


def test_a_row_for_every_line_that_is_not_blank() -> None:
    [table] = read("\ufeff  To be,\r\n\n\t\nor \u00a0not \u00a0\nNA")
    assert table.columns["text"].tolist() == ["To be,", "or \u00a0not", "NA"]
    assert table.numbers.tolist() == [1, 4, 5]


def test_one_line_is_a_row() -> None:
    [table] = read("To be")
    assert (table.columns["text"].tolist(), table.numbers.tolist()) == (["To be"], [1])


@given(lines=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"))), chunk_rows=st.integers(1, 4))
def test_lines_come_back_with_their_numbers(lines: list[str], chunk_rows: int) -> None:
    expected = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip().strip("\ufeff")]
    if not expected or "\ufeff" in lines[0] or "\0" in "".join(lines):
        return
    tables = read("\n".join(lines), chunk_rows)
    assert all(0 < len(table) <= chunk_rows for table in tables)
    found = [
        pair for table in tables for pair in zip(table.numbers.tolist(), table.columns["text"].tolist(), strict=True)
    ]
    assert [pair for pair in found if pair[1].strip("\ufeff")] == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "t.txt: the file is empty"),
        (b"\n  \n\t\r\n", "t.txt: no text is in it: every line is blank"),
        (b"To be\ncaf\xe9 or not\n", r"t.txt: not utf-8 at byte 9 \(line 2\); if '.*' looks right, set data.encoding"),
        ("To be".encode("utf-16"), "t.txt: not utf-8 at byte 0"),
        (b"PK\x03\x04", "t.txt: not a table of text but a ZIP archive"),
    ],
    ids=["empty", "blank", "latin", "utf-16", "zip"],
)
def test_what_is_no_text(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(content)


def test_texts_side_by_side_are_read_as_they_are() -> None:
    stream = io.BytesIO('"Look," she said.\t« Regarde », dit-elle.\nGo.\tVa\u202f!'.encode())
    [table] = read_texts_side_by_side(stream, "t.txt", ("english", "french"))
    assert {name: cells.tolist() for name, cells in table.columns.items()} == {
        "english": ['"Look," she said.', "Go."],
        "french": ["« Regarde », dit-elle.", "Va\u202f!"],
    }
    with pytest.raises(DataError, match=r"t\.txt: line 2 has 1 text where 2 are due: 'Hi\.'"):
        list(read_texts_side_by_side(io.BytesIO(b"Go.\tVa !\nHi."), "t.txt", ("english", "french")))
    with pytest.raises(DataError, match=r"t.txt: not utf-8 at byte 4 \(line 1\)"):
        list(read_texts_side_by_side(io.BytesIO(b"Go.\t\xc7a !"), "t.txt", ("english", "french")))
