"""CoNLL-U: what is read of a treebank, and what is said of a file that is none."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.data.conllu import read_conllu
from treadle.data.sources import read_table
from treadle.data.table import Table
from treadle.data.tokens import cut_at_blanks
from treadle.errors import DataError

SAMPLE = """\
# sent_id = 1
# text = They don't buy 10 000 books.
1\tThey\tthey\tPRON\tPRP\t_\t4\tnsubj\t_\t_
2-3\tdon't\t_\t_\t_\t_\t_\t_\t_\t_
2\tdo\tdo\tAUX\tVBP\t_\t4\taux\t_\t_
3\tn't\tnot\tPART\tRB\t_\t4\tadvmod\t_\t_
4\tbuy\tbuy\tVERB\tVB\t_\t0\troot\t_\t_
5\t10 000\t10000\tNUM\tCD\t_\t6\tnummod\t_\t_
6\tbooks\tbook\tNOUN\t_\t_\t4\tobj\t_\tSpaceAfter=No
6.1\tbought\tbuy\tVERB\tVBN\t_\t_\t_\t4:conj\t_
7\t.\t.\tPUNCT\t.\t_\t4\tpunct\t_\t_

# sent_id = 2
1\tStop\tstop\tVERB\tVB\t_\t0\troot\t_\t_
"""


def word(number: object, form: str = "a", upos: str = "X", xpos: str = "x") -> str:
    return f"{number}\t{form}\t_\t{upos}\t{xpos}\t_\t0\troot\t_\t_\n"


def read(text: str | bytes, chunk_rows: int = 65536) -> list[Table]:
    content = text.encode("utf-8") if isinstance(text, str) else text
    return list(read_conllu(io.BytesIO(content), "t.conllu", chunk_rows=chunk_rows))


def test_words_and_their_tags_are_read() -> None:
    [table] = read(SAMPLE)
    assert {name: cells.tolist() for name, cells in table.columns.items()} == {
        "text": ["They do n't buy 10\u00a0000 books .", "Stop"],
        "upos": ["PRON AUX PART VERB NUM NOUN PUNCT", "VERB"],
        "xpos": ["PRP VBP RB VB CD _ .", "VB"],
    }
    assert table.numbers.tolist() == [1, 2]
    assert cut_at_blanks(table.columns["text"][0])[4] == "10\u00a0000"


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system(ends: str) -> None:
    [table] = read("\ufeff" + SAMPLE.replace("\n", ends))
    assert table.columns["text"].tolist()[1] == "Stop"


def test_a_treebank_without_parts_of_speech() -> None:
    [table] = read(word(1, "He", "_", "_") + word(2, "runs", "_", "_"))
    assert table.columns["upos"].tolist() == ["_ _"]


def test_empty_nodes_before_the_first_word_and_a_form_that_looks_like_a_comment() -> None:
    [table] = read(word("0.1") + word(1, "#") + word(2, "_") + "\n\n \n# the end\n")
    assert table.columns["text"].tolist() == ["# _"]


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1, max_size=8).filter(
    str.strip
)
TAGS = st.text("ABCDEFGHXYZ:-_.$`'|0123456789é", min_size=1, max_size=5).filter(lambda tag: tag != "_")
SENTENCES = st.lists(
    st.lists(st.tuples(WORDS, TAGS, st.one_of(TAGS, st.just("_"))), min_size=1, max_size=6), min_size=1
)


@given(sentences=SENTENCES, chunk_rows=st.integers(1, 4))
def test_sentences_come_back_as_they_were_written(sentences: list[list[tuple[str, ...]]], chunk_rows: int) -> None:
    text = "\n".join("".join(word(n, *each) for n, each in enumerate(words, 1)) for words in sentences)
    tables = read(text, chunk_rows)
    assert all(len(table) <= chunk_rows for table in tables)
    assert [number for table in tables for number in table.numbers] == list(range(1, len(sentences) + 1))
    for place, name in enumerate(("text", "upos", "xpos")):
        cells = [cell for table in tables for cell in table.columns[name].tolist()]
        # Blanks of any kind and number inside a word are one blank that does not break.
        expected = [["\u00a0".join(each[place].split()) for each in words] for words in sentences]
        assert list(map(cut_at_blanks, cells)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "t.conllu: the file is empty"),
        ("\n \n\n", "t.conllu: no sentence is in it: CoNLL-U has a line of 10 fields for every word"),
        ("# only a comment\n", "t.conllu: no sentence is in it: "),
        (word("1.1").replace("1.1", "0.1"), "t.conllu: no sentence is in it: "),
        (
            "1 The the DET\n",
            r"t.conllu: line 1 has 1 field where CoNLL-U has 10, with tabs between them: '1 The the DET'",
        ),
        (word(1) + "2\tb\t_\n", "t.conllu: line 2 has 3 fields where CoNLL-U has 10"),
        (word("one"), "t.conllu: line 1: the id 'one' is no number, nor a range"),
        (word("²"), "t.conllu: line 1: the id '²' is no number"),
        (word("1" * 5000), "t.conllu: line 1: the id '1{40}' is no number"),
        (word(""), "t.conllu: line 1: the id '' is no number"),
        (word(2), "t.conllu: line 1: the id is '2' where 1 is due$"),
        (word(1) + word(3), "t.conllu: line 2: the id is '3' where 2 is due$"),
        (word(1) + word(1), r"line 2: the id is '1' where 2 is due; is the blank line between two sentences missing\?"),
        (word(1, " \u00a0"), r"t.conllu: line 1: the word has no FORM \(field 2\)"),
        (word(1, upos=""), r"t.conllu: line 1: UPOS \(field 4\) is empty; where there is no tag, write _"),
        (word(1, xpos=" "), r"t.conllu: line 1: XPOS \(field 5\) is empty"),
        (word(1, xpos="N N"), r"t.conllu: line 1: XPOS \(field 5\) 'N N' has a blank in it"),
        (
            word(1) + word(2) + "\n" + word(1, upos="_"),
            r"t.conllu: line 4: the word has no UPOS \(field 4\), and the one of line 1 has",
        ),
        (word(1, upos="_") + word(2), "t.conllu: line 1: the word has no UPOS .* and the one of line 2 has"),
        (word("2-3") + word(1), "line 1: the multiword token 2-3 does not begin at word 1, the next one"),
        (word("1-0") + word(1), "line 1: the multiword token 1-0 does not begin at word 1"),
        (word("1-2") + word("1-2"), "line 2: the multiword token 1-2 does not begin at word 1"),
        (word("1-2") + word(1) + word("2-3"), "line 3: the multiword token 2-3 does not begin at word 2"),
        (word("1-2") + word(1) + "\n", "line 3: the sentence ends at word 1, but a multiword token in it goes on to 2"),
        (word("1-2"), "t.conllu: the end: the sentence ends at word 0, but a multiword token in it goes on to 2"),
        (word(1) + word("2.1"), "line 2: the empty node 2.1 does not stand after word 2"),
    ],
    ids=lambda value: "" if "\t" in value else None,
)
def test_what_is_no_treebank_is_said_with_its_line(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(text)


def test_bytes_that_are_no_text_are_placed() -> None:
    with pytest.raises(DataError, match=r"t.conllu: not utf-8 at byte \d+ \(line 2\); if '.*\u00e9"):
        read(word(1).encode() + word(2, "\u00e9").encode("latin-1"))


def test_a_sentence_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("treadle.data.conllu.MOST_TOKENS", 3)
    with pytest.raises(DataError, match="line 4: the sentence has more than 3 words"):
        read("".join(map(word, range(1, 6))))


def test_the_name_of_the_file_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "t.conllu"
    path.write_text(SAMPLE, encoding="utf-8")
    assert list(read_table(str(path)).columns) == ["text", "upos", "xpos"]
