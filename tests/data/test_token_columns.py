"""Files of a token and its tag a line."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.data.table import Table
from treadle.data.token_columns import read_token_columns
from treadle.data.tokens import cut_at_blanks
from treadle.errors import DataError

SAMPLE = """\
-DOCSTART- -X- -X- O

EU NNP I-NP B-ORG
rejects VBZ I-VP O
-DOCSTART- -X- -X- O

German JJ I-NP B-MISC
"""


def read(text: str | bytes, chunk_rows: int = 65536) -> list[Table]:
    content = text.encode("utf-8") if isinstance(text, str) else text
    return list(read_token_columns(io.BytesIO(content), "t.conll", chunk_rows=chunk_rows))


def cells(text: str) -> dict[str, list[str]]:
    [table] = read(text)
    return {name: column.tolist() for name, column in table.columns.items()}


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_the_first_field_is_the_token_and_the_last_its_tag(ends: str) -> None:
    expected = {"text": ["EU rejects", "German"], "tags": ["B-ORG O", "B-MISC"]}
    assert cells(SAMPLE.replace("\n", ends)) == expected


def test_tabs_part_fields_where_there_are_any() -> None:
    text = "New York\tB-LOC\n#\tO \n\n10\u00a0000  O\n"
    assert cells(text) == {"text": ["New\u00a0York #", "10\u00a0000"], "tags": ["B-LOC O", "O"]}


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1, max_size=8).filter(
    lambda word: word.strip() and word.strip() != "-DOCSTART-"
)
TAGS = st.sampled_from(["O", "B-PER", "I-PER", "é", "#", "_"])


@given(
    sentences=st.lists(st.lists(st.tuples(WORDS, TAGS), min_size=1, max_size=6), min_size=1),
    between=st.lists(st.sampled_from(["", "_", "N N"]), max_size=2),
    chunk_rows=st.integers(1, 4),
)
def test_sentences_come_back_as_they_were_written(
    sentences: list[list[tuple[str, str]]], between: list[str], chunk_rows: int
) -> None:
    lines = [["\t".join((word, *between, tag)) for word, tag in words] for words in sentences]
    tables = read("\n\n".join("\n".join(words) for words in lines), chunk_rows)
    texts = [cell for table in tables for cell in table.columns["text"].tolist()]
    tags = [cell for table in tables for cell in table.columns["tags"].tolist()]
    assert [number for table in tables for number in table.numbers] == list(range(1, len(sentences) + 1))
    assert list(map(cut_at_blanks, texts)) == [["\u00a0".join(word.split()) for word, _ in each] for each in sentences]
    assert list(map(cut_at_blanks, tags)) == [[tag for _, tag in each] for each in sentences]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "t.conll: the file is empty"),
        ("\n\t\n \n", "t.conll: no sentence is in it: a line holds a token and its tag"),
        ("-DOCSTART- O\n", "t.conll: no sentence is in it"),
        ("EU B\nrejects\n", "t.conll: line 2: no tag stands after the token 'rejects'"),
        ("New York\t\n", "t.conll: line 1: no tag stands after the token 'New York'"),
        ("EU\tB\n\tO\n", "t.conll: line 2: no token stands before the tag 'O'"),
        ("EU X B\nrejects O\n", "t.conll: line 2 has 2 fields where line 1 has 3: 'rejects O'"),
        ("EU\tB ORG\n", "t.conll: line 1: the tag 'B ORG' has a blank in it"),
        ("# sent_id = 1\n1\tEU\n", "t.conll: line 1: this is CoNLL-U, .*: set data.format: conllu"),
        ("\n1\tEU\t_\tPROPN\t_\t_\t0\troot\t_\t_\n", "t.conll: line 2: this is CoNLL-U"),
        ("1-2\tEU's\t_\t_\t_\t_\t_\t_\t_\t_\n", "t.conll: line 1: this is CoNLL-U"),
    ],
    ids=lambda value: "" if "\n" in value else None,
)
def test_what_is_wrong_is_said_with_its_line(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(text)


def test_bytes_that_are_no_text_are_placed() -> None:
    with pytest.raises(DataError, match=r"t.conll: not utf-8 at byte 8 \(line 2\); if '.*é O' looks right"):
        read("EU B\ncaf\u00e9 O\n".encode("latin-1"))


def test_a_sentence_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("treadle.data.token_columns.MOST_TOKENS", 3)
    with pytest.raises(DataError, match="line 4: more than 3 tokens without a blank line, which ends a sentence"):
        read("a B\n" * 5)
