import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.data.jsonlines import read_json_lines
from treadle.errors import DataError


def read(content: bytes | str, **options):
    content = content.encode() if isinstance(content, str) else content
    return list(read_json_lines(io.BytesIO(content), "t.jsonl", **options))


def test_keys_are_columns_and_absent_keys_are_none():
    (table,) = read('\ufeff{"a": 1, "b": "x"}\r\n\r\n{"b": null, "c": [true]}\n')
    assert {name: cells.tolist() for name, cells in table.columns.items()} == {
        "a": [1, None],
        "b": ["x", None],
        "c": [None, [True]],
    }
    assert table.numbers.tolist() == [1, 2]


def test_a_key_once_seen_stays_a_column():
    chunks = read('{"a": 1}\n{"b": 2}\n{"b": 3}\n', chunk_rows=1)
    assert [list(chunk.columns) for chunk in chunks] == [["a"], ["a", "b"], ["a", "b"]]
    assert chunks[2].numbers.tolist() == [3]


VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)


@settings(max_examples=40)
@given(st.lists(st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1), min_size=1, max_size=8))
def test_rows_are_read_back(rows):
    chunks = read("\n".join(json.dumps(row) for row in rows), chunk_rows=3)
    found = [
        {name: cells[row] for name, cells in chunk.columns.items() if cells[row] is not None}
        for chunk in chunks
        for row in range(len(chunk))
    ]
    assert found == [{name: cell for name, cell in row.items() if cell is not None} for row in rows]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b'{"a": 1}\n{"a": }\n', "line 2 is no JSON: Expecting value at character 7"),
        (
            b'{\n"a": 1}\n',
            "line 1 is no JSON: Expecting property name enclosed in double quotes at character 1 (a JSON file of",
        ),
        (b'{"a": 1}\n[1, 2]\n', "line 2 holds '[1, 2]', not an object such as {\"age\": 40}"),
        (b'{"a": ' + b"9" * 5000 + b"}\n", "line 1 cannot be read as JSON: Exceeds the limit"),
        (b'{"a": ' + b"[" * 200_000 + b"}\n", "line 1 cannot be read as JSON: maximum recursion depth exceeded"),
        (b'{"a": "\xe4"}\n', "not utf-8 at byte 7 (line 1)"),
    ],
)
def test_what_is_no_json_is_named_by_line(content, message):
    with pytest.raises(DataError) as raised:
        read(content)
    assert str(raised.value).startswith(f"t.jsonl: {message}")
