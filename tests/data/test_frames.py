from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from treadle.data.frames import from_frame, from_rows, read_parquet
from treadle.data.infer import learn
from treadle.data.sources import read_table
from treadle.data.table import Table
from treadle.errors import DataError, RecipeError
from treadle.recipe import DataRecipe

COLUMNS = {
    "whole": [1, 2, 3],
    "gap": [1.5, None, 2.5],
    "flag": [True, False, True],
    "maybe": [True, None, False],
    "word": ["x", None, "y"],
    "day": [date(2024, 5, 31), None, date(1969, 12, 31)],
    "moment": [datetime(2024, 5, 31, 12), None, datetime(1970, 1, 1)],
}
KINDS = ["number", "number", "boolean", "boolean", "category", "date", "date"]


def values(table):
    recipe = DataRecipe(source="", target="y")
    table = Table.of({**table.columns, "y": np.array([0, 1, 1])})
    contract, _ = learn(table, recipe, "classification")
    checked = contract.check(table)
    assert checked.good.all()
    return [field.kind for field in contract.features], checked.columns


def test_frames_of_every_library_read_as_rows_do():
    polars_frame = pl.DataFrame(COLUMNS)
    pandas_frame = pd.DataFrame(COLUMNS)
    rows = [{name: cells[row] for name, cells in COLUMNS.items()} for row in range(3)]
    kinds, expected = values(from_rows(rows))
    assert kinds == KINDS
    for frame in (
        polars_frame,
        polars_frame.lazy(),
        pandas_frame,
        pandas_frame.convert_dtypes(),
        pandas_frame.astype({"word": "category", "moment": "datetime64[ns]"}),
        COLUMNS,
        {name: np.array(cells, dtype=object) for name, cells in COLUMNS.items()},
        {name: polars_frame[name] for name in polars_frame.columns},
        {name: pandas_frame[name] for name in pandas_frame.columns},
    ):
        table = from_frame(frame)
        assert len(table) == 3
        found_kinds, found = values(table)
        assert found_kinds == KINDS
        for name, column in expected.items():
            np.testing.assert_array_equal(found[name], column, err_msg=f"{type(frame)} {name}")


def test_an_arrow_table_is_read():
    class Stream:
        def __arrow_c_stream__(self, requested_schema=None):
            return pl.DataFrame(COLUMNS).__arrow_c_stream__(requested_schema)

    assert values(from_frame(Stream()))[0] == KINDS


def test_times_with_a_zone_are_read_in_utc():
    moments = [datetime(2024, 5, 31, 12, tzinfo=UTC)] * 3
    for frame in (
        pl.DataFrame({"at": moments}).with_columns(pl.col("at").dt.convert_time_zone("Asia/Tokyo")),
        pd.DataFrame({"at": pd.Series(moments).dt.tz_convert("Asia/Tokyo")}),
    ):
        recipe = DataRecipe(source="", target="y")
        table = Table.of({**from_frame(frame).columns, "n": np.arange(3), "y": np.array([0, 1, 1])})
        _, notices = learn(table, recipe, "classification")
        assert notices == ["at is 2024-05-31T12:00:00 in every row: left out"]


def test_decimals_and_categories_of_polars():
    frame = pl.DataFrame({"money": [Decimal("1.25"), None], "kind": ["a", "b"]})
    table = from_frame(frame.with_columns(pl.col("kind").cast(pl.Categorical)))
    assert table.columns["money"].tolist()[0] == 1.25
    assert table.columns["kind"].tolist() == ["a", "b"]


def test_a_table_is_its_own_frame():
    table = from_rows([{"a": 1}])
    assert from_frame(table) is table


def test_numbered_columns_of_pandas_are_named_by_their_number():
    assert list(from_frame(pd.DataFrame([[1, 2]])).columns) == ["0", "1"]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ([1, 2], "frame: a list is no table; give a Polars or pandas frame, an Arrow table, or a dict of columns"),
        ({"a": [1], "b": [1, 2]}, "frame: columns of different lengths: 1, 2"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "frame: columns 1, 2 are all named 'a'"),
    ],
)
def test_what_is_no_frame_is_refused(frame, message):
    with pytest.raises(DataError, match=message):
        from_frame(frame)


def test_rows_take_every_key_in_order():
    table = from_rows([{"a": 1}, {"b": [2], "a": None}])
    assert {name: cells.tolist() for name, cells in table.columns.items()} == {"a": [1, None], "b": [None, [2]]}
    assert (table.source, table.numbers.tolist()) == ("request", [1, 2])
    assert len(from_rows([])) == 0


def test_parquet_is_read_in_chunks(tmp_path):
    path = tmp_path / "t.parquet"
    pl.DataFrame({"n": range(2500), "word": ["x"] * 2500}).write_parquet(path, row_group_size=700)
    chunks = list(read_parquet(path, 1000))
    assert [len(chunk) for chunk in chunks] == [1000, 1000, 500]
    assert chunks[2].columns["n"][0] == 2000
    assert chunks[2].numbers[-1] == 2500


def test_an_encoding_is_of_no_use_to_parquet(tmp_path):
    path = tmp_path / "t.parquet"
    pl.DataFrame({"n": range(3)}).write_parquet(path)
    with pytest.raises(RecipeError, match=r"data.encoding would not be used: .*t.parquet is no text file"):
        read_table(str(path), encoding="cp1252")


def test_a_broken_parquet_file_is_named(tmp_path):
    path = tmp_path / "t.parquet"
    pl.DataFrame({"n": range(2500)}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"t.parquet: cannot be read as Parquet"):
        list(read_parquet(path))
    path.write_bytes(b"a,b\n1,2\n")
    with pytest.raises(DataError, match=r"t.parquet: cannot be read as Parquet"):
        list(read_parquet(path))
