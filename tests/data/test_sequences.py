"""Rows that are answered at every token of one text: how they are learnt, checked and parted."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from treadle.data.contract import Contract, Field
from treadle.data.infer import learn
from treadle.data.split import Split, split
from treadle.data.table import Table
from treadle.data.tokens import as_token, cut_at_blanks
from treadle.errors import ContractError, DataError
from treadle.features.cutting import make_cut
from treadle.recipe import DataRecipe, SplitRecipe, Task
from treadle.text_recipe import TextRecipe

TEXTS = ["the dog barks", "a cat", "the cat sleeps"]
TAGS = ["DET NOUN VERB", "DET NOUN", "DET NOUN VERB"]


def table(source: str = "t.conllu", **columns: Sequence[Any]) -> Table:
    return Table.of({name: np.array(list(cells), dtype=object) for name, cells in columns.items()}, source)


def tagging(**options: Any) -> DataRecipe:
    return DataRecipe(source="t.conllu", target="upos", **options)


def words(**options: Any) -> DataRecipe:
    return DataRecipe(source="t.txt", **options)


SENTENCES = table(text=TEXTS, upos=TAGS)


def test_what_stands_between_blanks_is_a_token() -> None:
    assert cut_at_blanks(" 10\u00a0000  books\n\u00a0 a\u3000b ") == ["10\u00a0000", "books", "a", "b"]


@given(st.lists(st.text(st.characters(codec="utf-8"))))
def test_tokens_can_be_cut_again(forms: list[str]) -> None:
    tokens = [token for token in map(as_token, forms) if token]
    assert cut_at_blanks(" ".join(tokens)) == tokens


@given(st.text(st.characters(codec="utf-8")))
def test_what_is_counted_is_what_is_read(text: str) -> None:
    assert make_cut(TextRecipe(tokens="spaced"))(text) == cut_at_blanks(text)


# --- learnt


@pytest.mark.parametrize("task", ["next_word", "fill_blank"])
def test_a_text_alone_has_no_target(task: Task) -> None:
    contract, notices = learn(table(text=["To be", "or not", "To be"]), words(), task)
    assert not notices
    example = "Some ___ to read." if task == "fill_blank" else None
    field = Field(name="text", kind="text", minimum=5, maximum=6, typical=example)
    assert contract == Contract(fields=(field,), missing=("",))
    assert (contract.has_target, contract.target_name, contract.at_tokens) == (False, "text", True)
    checked = contract.check(table(text=["To be", "NA"]), with_target=True)
    assert checked.columns["text"].tolist() == ["To be", "NA"]
    assert checked.good.all()


def test_the_tags_are_the_target() -> None:
    contract, notices = learn(SENTENCES, tagging(), "tagging")
    assert not notices
    assert [(field.name, field.kind, field.role) for field in contract.fields] == [
        ("text", "text", "feature"),
        ("upos", "tags", "target"),
    ]
    assert contract.target.categories == contract.target.values == ("DET", "NOUN", "VERB")
    assert (contract.target.nullable, contract.target.typical) == (False, "DET")
    assert (contract.has_target, contract.target_name, contract.at_tokens) == (True, "upos", True)
    assert contract.target.describe() == "DET, NOUN, VERB, one at every token"
    assert Contract.model_validate_json(contract.model_dump_json()) == contract
    assert list(contract.json_schema_of_row()["properties"]) == ["text"]


def test_a_contract_of_rows_is_not_of_tokens() -> None:
    contract, _ = learn(table(x=[1, 2] * 10, y=["a", "b"] * 10), DataRecipe(source="t.csv", target="y"), None)
    assert (contract.has_target, contract.target_name, contract.at_tokens) == (True, "y", False)


@pytest.mark.parametrize(
    ("columns", "options", "name"),
    [
        (["line"], {}, "line"),
        (["text", "by"], {}, "text"),
        (["line", "by"], {"drop": ("by",)}, "line"),
        (["text", "line"], {"kinds": {"line": "text"}}, "line"),
    ],
)
def test_one_text_is_read(columns: list[str], options: dict[str, Any], name: str) -> None:
    contract, notices = learn(table(**dict.fromkeys(columns, TEXTS)), words(**options), "next_word")
    assert [field.name for field in contract.fields] == [name]
    others = [column for column in columns if column != name and column not in options.get("drop", ())]
    assert notices == [f"{column} is not read: next_word reads {name}" for column in others]


@pytest.mark.parametrize(
    ("columns", "recipe", "message"),
    [
        (
            ["line", "by"],
            words(),
            r"next_word reads one text, and the columns are 'line', 'by': say which one by data.kinds: {COLUMN: text}",
        ),
        (
            ["line", "by"],
            words(kinds={"line": "text", "by": "text"}),
            "next_word reads one text, and data.kinds names 2: 'line', 'by'",
        ),
        (["line"], words(drop=("line",)), "one text, and no column is left beside the target and data.drop"),
        (["text", "by"], words(kinds={"by": "category"}), r"data.kinds: {by: category} would not be used by next_word"),
        (
            ["text"],
            words(kinds={"text": "category"}),
            r"{text: category} would not be used .*: it reads 'text' as text",
        ),
        (["line"], words(kinds={"text": "text"}), r"data.kinds: no column 'text'; known: line"),
        (["line"], words(kinds={"line": "text"}, drop=("line",)), "data.kinds: 'line' is dropped"),
    ],
)
def test_another_than_one_text(columns: list[str], recipe: DataRecipe, message: str) -> None:
    with pytest.raises(DataError, match=message):
        learn(table(**dict.fromkeys(columns, TEXTS)), recipe, "next_word")


def test_the_target_of_tagging_holds_tags() -> None:
    contract, _ = learn(SENTENCES, tagging(kinds={"text": "text", "upos": "tags"}), "tagging")
    assert contract.target.kind == "tags"
    with pytest.raises(DataError, match=r"{upos: category} would not be used by tagging: its target is read as tags"):
        learn(SENTENCES, tagging(kinds={"upos": "category"}), "tagging")
    with pytest.raises(DataError, match=r"the target 'upos': data.kinds says text, but tagging needs tags"):
        learn(SENTENCES, tagging(kinds={"upos": "text"}), "tagging")
    with pytest.raises(DataError, match=r"column 'x': data.kinds says tags, which only the target of task:"):
        learn(table(x=TEXTS, upos=["a", "b", "a"]), tagging(kinds={"x": "tags"}), "classification")
    with pytest.raises(DataError, match=r"data.target: no column 'upos'; did you mean 'xpos'\?"):
        learn(table(text=TEXTS, xpos=TAGS), tagging(), "tagging")


@pytest.mark.parametrize(
    ("texts", "tags", "message"),
    [
        (["", None], ["", ""], "the text 'text' has no value in any row"),
        (["a b", 5], ["X Y", "X"], "column 'text': data.kinds says text, but 5 is no text"),
        (["a b"], [["X", "Y"]], r"the target 'upos': row 1: \"\['X', 'Y'\]\" is no text: tags stand with blanks"),
        (["a b", "c"], ["", None], "the target 'upos' has no value in any row"),
        (["a b", "c"], ["X X", "X"], "the target 'upos' is 'X' at every token: one tag only, nothing to predict"),
        (["don't", "a"], ["X Y", "X Y"], "has in no row as many tags as .*: row 1 has 2 tags for 1 token of 'text'"),
        (["a b"] * 30, [f"{n} {n}x" for n in range(30)], "has 60 different tags at 60 tokens: these are no tags"),
    ],
    ids=["no text", "no string", "a list", "no tags", "one tag", "other counts", "free text"],
)
def test_tags_that_cannot_be_learnt(texts: list[Any], tags: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        learn(table(text=texts, upos=tags), tagging(), "tagging")


def test_tags_of_faulty_rows_are_not_learnt() -> None:
    contract, _ = learn(table(text=[*TEXTS, "one two"], upos=[*TAGS, "NUM"]), tagging(), "tagging")
    assert "NUM" not in contract.target.categories


def test_columns_that_say_nothing_of_a_table_are_fine_here() -> None:
    contract, notices = learn(table(text=["all work and no play"] * 60), words(), "next_word")
    assert (len(contract.fields), notices) == (1, [])
    contract, notices = learn(table(text=[str(number) for number in range(60)]), words(), "next_word")
    assert (contract.features[0].kind, notices) == ("text", [])


def test_words_for_none_are_words_unless_the_recipe_has_its_own() -> None:
    lines = table(text=["NA", "null", "-"])
    contract, _ = learn(lines, words(), "next_word")
    assert contract.check(lines).good.all()
    contract, _ = learn(lines, words(missing=("-",)), "next_word")
    assert contract.check(lines).good.tolist() == [True, True, False]


# --- checked


def checked(texts: list[Any], tags: list[Any]) -> tuple[list[str], tuple[str, ...]]:
    contract, _ = learn(SENTENCES, tagging(), "tagging")
    found = contract.check(table(text=texts, upos=tags), with_target=True)
    faulty = {fault.row - 1 for fault in found.faults}
    assert np.flatnonzero(~found.good).tolist() == sorted(faulty)
    return list(map(str, found.faults)), found.notices


def test_every_token_needs_its_tag() -> None:
    faults, notices = checked(
        ["the dog", "the dog", "10\u00a0000 dogs", "dog"], ["DET NOUN", "DET", "NOUN NOUN", "NOUN  VERB "]
    )
    assert faults == [
        "row 2, column 'upos': 'DET' has 1 tag, but 'text' has 2 tokens",
        "row 4, column 'upos': 'NOUN  VERB ' has 2 tags, but 'text' has 1 token",
    ]
    assert not notices


@pytest.mark.parametrize("times", [1, 40])
def test_what_is_missing_or_no_text_is_one_fault(times: int) -> None:
    faults, _ = checked(
        ["", "a cat", None, 5, "a cat", " \n"] * times, ["DET", "", "", "DET", ["DET", "NOUN"], "DET"] * times
    )
    assert faults[:7] == [
        "row 1, column 'text': '' is empty: there is nothing to read",
        "row 2, column 'upos': '' is missing: there is nothing to learn",
        "row 3, column 'text': '' is empty: there is nothing to read",
        "row 3, column 'upos': '' is missing: there is nothing to learn",
        "row 4, column 'text': '5' is no text; it must be a string",
        "row 5, column 'upos': \"['DET', 'NOUN']\" is no text; it must be a string",
        "row 6, column 'text': ' \\n' is empty: there is nothing to read",
    ]
    assert len(faults) == 7 * times


def test_a_tag_that_training_did_not_see_is_no_fault() -> None:
    faults, notices = checked(["the dog", "a b c"], ["DET NOUN", "X VERB Y"])
    assert not faults
    assert notices == (
        "upos: 2 tokens with a tag that training did not see, such as 'X' in row 2: no answer there is right",
    )


def test_without_the_target_only_the_text_is_checked() -> None:
    contract, _ = learn(SENTENCES, tagging(), "tagging")
    found = contract.check(table(text=["the dog"]))
    assert (list(found.columns), found.faults) == (["text"], ())
    with pytest.raises(ContractError, match="no column 'upos'; known: text"):
        contract.check(table(text=["the dog"]), with_target=True)


# --- parted


def parted(lines: list[str], task: Task = "next_word", tags: list[str] | None = None, **options: Any) -> Split:
    recipe = words(split=SplitRecipe(**options)) if tags is None else tagging(split=SplitRecipe(**options))
    columns = {"text": lines} if tags is None else {"text": lines, "upos": tags}
    return split(table(**columns), recipe, task)


def sets(found: Split) -> list[list[int]]:
    return [rows.tolist() for rows in (found.train, found.validation, found.test)]


@given(rows=st.integers(3, 300), validation=st.floats(0.05, 0.45), test=st.floats(0.05, 0.45))
def test_the_last_rows_of_a_sequential_split_test(rows: int, validation: float, test: float) -> None:
    least = 0.5 / rows
    if min(validation, test) < least:
        return
    found = parted(["the same line"] * rows, sequential=True, validation=validation, test=test)
    train, stopping, last = sets(found)
    assert train + stopping + last == list(range(rows))
    assert len(train) >= 1
    if rows > 20:
        assert (len(stopping), len(last)) == (int(validation * rows + 0.5), int(test * rows + 0.5))


def test_a_sequential_split_of_other_tasks() -> None:
    recipe = DataRecipe(source="t.csv", target="y", split=SplitRecipe(sequential=True, validation=0.2, test=0.1))
    found = split(table(x=range(20), y=["a", "b"] * 10), recipe, "classification")
    assert sets(found) == [list(range(14)), [14, 15, 16, 17], [18, 19]]
    with pytest.raises(DataError, match=r"training would see no row of the class 'c' \(row 20\)"):
        split(table(x=range(20), y=["a", "b"] * 9 + ["a", "c"]), recipe, "classification")


def test_equal_texts_stay_together_whatever_stands_beside_them() -> None:
    lines = [f"line {number // 3}" for number in range(120)]
    recipe = words(split=SplitRecipe(seed=3))
    found = split(table(text=lines, number=range(120)), recipe, "next_word")
    sides = [{lines[row] for row in rows} for rows in sets(found)]
    assert len(set.union(*sides)) == sum(map(len, sides)) == 40
    assert found.leakage.model_dump() == {
        "rows": 120,
        "distinct_rows": 40,
        "contradictory_rows": 0,
        "contradictory_distinct_rows": 0,
        "ceiling": None,
        "test_rows_seen": 0,
        "share": 0.0,
        "group": "distinct",
        "left_out": 0,
    }


def test_lines_that_training_saw_are_counted() -> None:
    found = parted(["Enter Hamlet."] * 5 + ["To be", "or not", "Enter Hamlet.", "To sleep", "Exit"], sequential=True)
    assert sets(found)[2] == [8, 9]
    assert (found.leakage.test_rows_seen, found.leakage.group) == (0, None)
    found = parted(["Enter Hamlet."] * 5 + ["To be", "or not", "To die", "Enter Hamlet.", "Exit"], sequential=True)
    assert (found.leakage.test_rows_seen, found.leakage.share) == (1, 0.5)


def test_sentences_of_several_taggings_contradict_each_other() -> None:
    lines = ["they fish", "they fish", "they fish", *(f"word {number}" for number in range(57))]
    tags = ["PRON VERB", "PRON NOUN", "PRON VERB", *["NOUN NUM"] * 57]
    found = parted(lines, "tagging", tags)
    assert (found.leakage.contradictory_rows, found.leakage.contradictory_distinct_rows) == (3, 1)
    assert found.leakage.ceiling is None
    assert sum(map(len, sets(found))) == 60


def test_rows_of_their_own_follow_the_table() -> None:
    own, stopping, last = (
        table(source, text=lines, by=["x"] * len(lines))
        for source, lines in (
            ("train", ["a", "b", "c", "d", "b"]),
            ("dev", ["e", "c", "f"]),
            ("test", ["b", "f"]),
        )
    )
    recipe = words(test="test", validation="dev")
    found = split(own, recipe, "next_word", last, stopping)
    # b stands in the test rows and c in the validation rows, where f goes for standing in the test rows.
    assert sets(found) == [[0, 3], [5, 6], [8, 9]]
    assert (found.leakage.left_out, found.leakage.test_rows_seen, found.leakage.rows) == (4, 0, 10)
    parts = found.tables(own, last, stopping)
    assert [part.columns["text"].tolist() for part in parts] == [["a", "d"], ["e", "c"], ["b", "f"]]
    assert [part.source for part in parts] == ["train", "dev", "test"]
    whole = split(own, words(test="test", validation="dev", split=SplitRecipe(group=None)), "next_word", last, stopping)
    assert sets(whole) == [[0, 1, 2, 3, 4], [5, 6, 7], [8, 9]]
    assert (whole.leakage.left_out, whole.leakage.test_rows_seen, whole.leakage.share) == (0, 1, 0.5)


def test_the_last_rows_validate_beside_test_rows_of_their_own() -> None:
    own, last = table(text=list("abcdefghij")), table(text=["j", "z"])
    recipe = words(test="test", split=SplitRecipe(sequential=True, validation=0.3))
    found = split(own, recipe, "next_word", last)
    assert sets(found) == [[0, 1, 2, 3, 4, 5, 6], [7, 8, 9], [10, 11]]
    parts = found.tables(own, last)
    assert [part.columns["text"].tolist() for part in parts] == [list("abcdefg"), list("hij"), ["j", "z"]]
    assert [len(part) for part in split(own, words(), "next_word").tables(own)] == [6, 2, 2]


def test_rows_of_their_own_without_the_columns_are_refused() -> None:
    recipe = tagging(test="test", validation="dev")
    with pytest.raises(DataError, match=r"dev: data.validation: no column 'upos'; known: text"):
        split(SENTENCES, recipe, "tagging", SENTENCES, table("dev", text=TEXTS))
    with pytest.raises(DataError, match=r"test: data.test: no column 'text'; did you mean 'texts'\?"):
        split(SENTENCES, recipe, "tagging", table("test", texts=TEXTS, upos=TAGS), SENTENCES)
    with pytest.raises(DataError, match=r"dev: data.validation: no rows"):
        split(SENTENCES, recipe, "tagging", SENTENCES, table("dev", text=[], upos=[]))


@pytest.mark.parametrize(
    ("lines", "options", "message"),
    [
        (["To be"], {}, "t.conllu: no row is left for validation: 1 row; bring more rows, or change data.split"),
        (["To be"], {"sequential": True}, "no row is left for validation: 1 row; bring more rows"),
        (["To be"] * 9, {}, "no row is left for validation: 9 rows in 1 group that must stay together; bring more"),
        (["a", "b", "c", "d"], {"sequential": True, "test": 0.1}, "no row is left for test: 4 rows; bring more"),
    ],
)
def test_texts_too_few_to_part(lines: list[str], options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        parted(lines, **options)
