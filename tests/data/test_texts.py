"""Columns of text: how they are learnt and checked, how their rows are parted, and the forms they come in."""

import dataclasses
import hashlib
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.data import catalogue
from treadle.data.addresses import host_of, is_address, without_scheme
from treadle.data.catalogue import Dataset, File, fetch
from treadle.data.cells import FEW
from treadle.data.contract import Contract, Field
from treadle.data.draft import draft_recipe
from treadle.data.frames import from_rows
from treadle.data.infer import learn
from treadle.data.sources import read_table
from treadle.data.split import split
from treadle.data.table import Table
from treadle.errors import DataError
from treadle.recipe import DataRecipe, SplitRecipe, parse_recipe

RECIPE = DataRecipe(source="t.csv", target="y", kinds={"text": "text"})
CONTRACT = Contract(
    fields=(
        Field(name="text", kind="text", minimum=3, maximum=20),
        Field(name="note", kind="text", nullable=True, minimum=1, maximum=9),
        Field(name="y", kind="category", role="target", categories=("no", "yes")),
    )
)


def table(source: str = "t.csv", **columns: object) -> Table:
    return Table.of({name: np.array(list(cells), dtype=object) for name, cells in columns.items()}, source)


# --- learnt and checked


def test_a_column_of_text_is_learnt_when_the_recipe_says_so() -> None:
    rows = table(text=["good film", "", "no", "fine"], y=["a", "b", "a", "b"])
    contract, notices = learn(rows, RECIPE, None)
    [field] = contract.features
    assert (field.kind, field.nullable, field.minimum, field.maximum) == ("text", True, 2.0, 9.0)
    assert field.describe() == "free text of 2 to 9 characters, may be missing"
    assert not notices


def test_many_texts_are_refused_with_the_way_to_read_them() -> None:
    rows = table(text=[f"review number {number}" for number in range(80)], y="ab" * 40)
    with pytest.raises(DataError, match=r"an identifier or free text: .* or say data.kinds: {text: text} to read it"):
        learn(rows, RECIPE.model_copy(update={"kinds": {}}), None)


def test_a_column_that_holds_no_texts() -> None:
    with pytest.raises(DataError, match=r"column 'text': data.kinds says text, but 5 is no text"):
        learn(table(text=["a", 5], y="ab"), RECIPE, None)
    with pytest.raises(DataError, match=r"t.csv: data.kinds says text, but 'text' has no value in any row"):
        learn(table(text=["", None, "NA"], x=[1, 2, 3], y="aba"), RECIPE, "classification")


def test_a_text_cannot_be_the_target() -> None:
    with pytest.raises(DataError, match=r"data.kinds says text, but classification needs a category"):
        learn(table(x=[1, 2], y="ab"), DataRecipe(source="t.csv", target="y", kinds={"y": "text"}), None)


@pytest.mark.parametrize("times", [1, FEW + 1])
def test_texts_are_checked_cell_by_cell(times: int) -> None:
    rows = [
        {"text": "  kept as it is ", "note": None},
        {"text": "", "note": ""},
        {"text": None, "note": "x"},
        {"text": " \n", "note": "x"},
        {"text": 5, "note": "x"},
        {"text": ["a"], "note": "x"},
    ]
    checked = CONTRACT.check(from_rows(rows * times))
    assert checked.columns["text"][:2].tolist() == ["  kept as it is ", ""]
    assert checked.columns["note"][:3].tolist() == ["", "", "x"]
    assert checked.good[:6].tolist() == [True, False, False, False, False, False]
    empty = "is empty: there is nothing to read, and every training row had a text"
    other = "is no text; it must be a string"
    reasons = [fault.reason for fault in checked.faults][:5]
    assert reasons == [empty, empty, empty, other, other]
    assert len(checked.faults) == 5 * times


def test_a_word_for_no_value_is_said_to_be_one() -> None:
    checked = CONTRACT.check(from_rows([{"text": " null", "note": "NA"}]))
    assert [(fault.value, fault.reason) for fault in checked.faults] == [
        (" null", "means 'no value' here (data.missing): there is nothing to read, and every training row had a text")
    ]


def test_a_long_text_is_named_by_its_beginning() -> None:
    checked = CONTRACT.check(from_rows([{"text": {"a": "b" * 10_000}, "note": "x"}]))
    assert len(checked.faults[0].value) == 200


def test_the_schema_of_a_row_asks_for_text() -> None:
    schema = CONTRACT.json_schema_of_row()["properties"]
    assert schema["text"] == {
        "type": ["string"],
        "description": "text: free text of 3 to 20 characters",
        "examples": ["Some words to read."],
    }
    assert schema["note"]["type"] == ["string", "null"]


# --- parted


@settings(max_examples=40)
@given(
    texts=st.lists(st.integers(0, 40), min_size=60, max_size=120),
    own=st.lists(st.integers(0, 60), min_size=5, max_size=30),
    seed=st.integers(0, 3),
)
def test_test_rows_of_their_own_stay_as_they_are(texts: list[int], own: list[int], seed: int) -> None:
    texts = [*texts, *range(100, 130)]
    rows = table(text=[f"text {number}" for number in texts], y=[str(number % 2) for number in texts])
    test = table("test.csv", text=[f"text {number}" for number in own], y=[str(number % 2) for number in own])
    recipe = RECIPE.model_copy(update={"test": "test.csv", "split": SplitRecipe(validation=0.3, seed=seed)})
    found = split(rows, recipe, "classification", test)
    assert found.test.tolist() == [len(texts) + row for row in range(len(own))]
    train, validation = ({texts[row] for row in part} for part in (found.train, found.validation))
    assert not train & validation
    assert not (train | validation) & set(own)
    twins = [text for text in texts if text in own]
    assert len(found.train) + len(found.validation) + len(twins) == len(texts)
    assert found.leakage.left_out == len(twins)
    assert found.leakage.test_rows_seen == 0
    assert abs(len(found.validation) / (len(texts) - len(twins)) - 0.3) < 0.15


def test_without_groups_twins_stay_and_are_counted() -> None:
    rows = table(text=[f"text {number}" for number in range(40)], y="ab" * 20)
    recipe = RECIPE.model_copy(update={"test": "test.csv", "split": SplitRecipe(group=None, stratify=False)})
    found = split(rows, recipe, "classification", table("test.csv", text=["text 1", "text 3", "new"], y="bba"))
    assert found.leakage.left_out == 0
    assert found.leakage.test_rows_seen == np.isin([1, 3], found.train).sum()


def test_test_rows_need_the_same_columns() -> None:
    rows = table(text=["a", "b", "c"], y="aba")
    recipe = RECIPE.model_copy(update={"test": "test.csv"})
    with pytest.raises(DataError, match=r"test.csv: data.test: no column 'text'; did you mean 'txt'\?"):
        split(rows, recipe, "classification", table("test.csv", txt=["a"], y="a"))
    with pytest.raises(DataError, match=r"test.csv: data.test: no rows"):
        split(rows, recipe, "classification", table("test.csv", text=[], y=[]))


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://www.Shop.example/a?b", "shop.example"),
        ("http://user:secret@shop.example:8080#x", "shop.example"),
        ("shop.example/a:b", "shop.example"),
        (" //shop.example", ""),
        ("ftp://a.b", "a.b"),
        ("10.0.0.1:80/x", "10.0.0.1"),
        ("", ""),
    ],
)
def test_the_host_of_an_address(address: str, host: str) -> None:
    assert host_of(address) == host


def test_an_address_without_its_scheme() -> None:
    assert without_scheme("HTTPS://a.b/http://c") == "a.b/http://c"
    assert without_scheme("a.b/http://c") == "a.b/http://c"


@pytest.mark.parametrize("text", ["https://a.test/b?c=d+e", " www.a.test", "http://10.0.0.1:80/x"])
def test_what_looks_like_an_address(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize(
    "text", ["", "good", "The end.", "end.", "3.5", "a.test is down", "a.test\nb.test", "https://"]
)
def test_what_looks_like_none(text: str) -> None:
    assert not is_address(text)


def test_an_address_is_the_example_where_addresses_were_learnt() -> None:
    contract, _ = learn(table(text=["a.test/b", "c.test", "none here"], y="aba"), RECIPE, None)
    assert contract.example_row() == {"text": "https://www.example.org/"}


def test_addresses_of_one_host_stay_on_one_side() -> None:
    addresses = [f"http{'s' * (page % 2)}://{'www.' * (page % 3 == 0)}host{number}.example/{page}"
                 for number in range(30) for page in range(4)]  # fmt: skip
    rows = table(text=addresses, y="ab" * 60)
    recipe = RECIPE.model_copy(update={"split": SplitRecipe(group="text", group_by="host")})
    found = split(rows, recipe, "classification")
    sides = [{host_of(addresses[row]) for row in part} for part in (found.train, found.validation, found.test)]
    assert sum(map(len, sides)) == 30
    assert all(sides)


# --- forms


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A data set of two files with a text a line, and one of official test rows."""
    folder = tmp_path / "moods"
    folder.mkdir()
    (folder / "glad.txt").write_bytes("what a day!\nlovely 😀\n\ngood\n".encode())
    (folder / "sad.txt").write_bytes("oh no\r\nبئس اليوم\n".encode())
    files = tuple(
        File(name, hashlib.sha256((folder / name).read_bytes()).hexdigest(), label=label)
        for name, label in (("glad.txt", "glad"), ("sad.txt", "sad"))
    )
    moods = Dataset("moods", "Sentences.", files, "CC0", "none", 6, "label", texts=("text",), test="more", advice="ask")
    more = dataclasses.replace(moods, name="more", files=files[:1], test=None, folder="moods")
    monkeypatch.setattr(catalogue, "_ALL", (moods, more))
    monkeypatch.setenv("TREADLE_DATA", str(tmp_path))
    return tmp_path


def test_lines_with_the_label_of_their_file(shelf) -> None:
    rows = read_table("moods")
    assert rows.columns["text"].tolist() == ["what a day!", "lovely 😀", "", "good", "oh no", "بئس اليوم"]
    assert rows.columns["label"].tolist() == ["glad"] * 4 + ["sad"] * 2
    assert rows.numbers.tolist() == [1, 2, 3, 4, 5, 6]
    assert len(read_table("more")) == 4


def test_lines_that_are_not_in_the_encoding(shelf, monkeypatch) -> None:
    path = shelf / "moods" / "sad.txt"
    path.write_bytes(b"fine\nd\xe9j\xe0 vu\n")
    changed = dataclasses.replace(catalogue.datasets()["moods"], files=(
        File("sad.txt", hashlib.sha256(path.read_bytes()).hexdigest(), label="sad"),))  # fmt: skip
    monkeypatch.setattr(catalogue, "_ALL", (changed,))
    with pytest.raises(DataError, match=r"not utf-8 at byte 6 \(line 2\)"):
        read_table("moods")


def test_a_set_without_an_address_says_how_to_get_it(shelf) -> None:
    (shelf / "moods" / "sad.txt").unlink()
    with pytest.raises(DataError, match=r"no copy of moods is here: ask; then put it at .*moods/sad.txt"):
        fetch("moods")


def test_a_member_of_an_archive_is_fetched(tmp_path, monkeypatch) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("inside/glad.txt", "good\n")
    address = f"{(tmp_path / 'all.zip').as_uri()}!inside/glad.txt"
    file = File("glad.txt", hashlib.sha256(b"good\n").hexdigest(), address, label="glad")
    entry = Dataset("moods", "Sentences.", (file,), "CC0", "none", 1, "label")
    monkeypatch.setattr(catalogue, "_ALL", (entry,))
    monkeypatch.delenv("TREADLE_DATA", raising=False)
    monkeypatch.setenv("TREADLE_CACHE", str(tmp_path / "cache"))
    assert [path.read_bytes() for path in fetch("moods")] == [b"good\n"]
    absent = dataclasses.replace(entry, name="none", files=(dataclasses.replace(file, address=address + "x"),))
    monkeypatch.setattr(catalogue, "_ALL", (absent,))
    with pytest.raises(DataError, match=r"all.zip: .*glad.txtx"):
        fetch("none")
    assert not list((tmp_path / "cache" / "none").iterdir())


def test_a_draft_reads_prose_and_official_test_rows(shelf, tmp_path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("id,text,label\n" + "".join(f"x{n},I thought film {n} was fine,{n % 2}\n" for n in range(80)))
    draft = draft_recipe(str(path), "label", "films")
    assert "kinds: {text: text}" in draft
    assert "drop: [id]" in draft
    assert "\n  text:\n    # What a text is cut into" in draft
    assert "\n  test: more" in draft_recipe("moods", "label", "moods")
    # Where no text is read, no key for it would be used.
    path.write_text("x,label\n" + "".join(f"{n % 7},{n % 2}\n" for n in range(80)))
    assert "\n  # text:\n" in draft_recipe(str(path), "label", "films")


def test_several_groups_keep_together_what_shares_any_of_them() -> None:
    films = [number // 3 for number in range(90)]
    texts = [f"text {number % 80}" for number in range(90)]
    rows = table(text=texts, film=films, y="ab" * 45)
    recipe = RECIPE.model_copy(update={"drop": ("film",), "split": SplitRecipe(group=("distinct", "film"))})
    found = split(rows, recipe, "classification")
    for values in (films, texts):
        sides = [{values[row] for row in part} for part in (found.train, found.validation, found.test)]
        assert len(set.union(*sides)) == sum(map(len, sides))
    assert found.leakage.group == "distinct, film"


def test_a_twin_in_the_test_rows_takes_no_group_along() -> None:
    rows = table(
        text=[f"text {number}" for number in range(60)], film=[number // 6 for number in range(60)], y="ab" * 30
    )
    test = table("test.csv", text=["text 7", "new"], film=[99, 98], y="ab")
    recipe = RECIPE.model_copy(update={"drop": ("film",), "split": SplitRecipe(group=("distinct", "film"))})
    assert split(rows, recipe, "classification", test).leakage.left_out == 1
    other = table("test.csv", text=["x", "new"], film=[0, 98], y="ab")
    assert split(rows, recipe, "classification", other).leakage.left_out == 6


def test_the_recipe_refuses_what_no_text_would_use() -> None:
    data = {"source": "a.csv", "target": "y"}
    for section, key in (("features", "length"), ("model", "embedding_width")):
        with pytest.raises(
            Exception, match=rf"{section}.text would not be used: it needs a column of text in data.kinds"
        ):
            parse_recipe({"name": "a", "data": data, section: {"text": {key: 5}}})
