import sqlite3
from datetime import date

import numpy as np
import pytest

from treadle.data.infer import learn
from treadle.data.sources import read_chunks, read_table
from treadle.errors import DataError, RecipeError
from treadle.recipe import DataRecipe

SQLITE = "CREATE TABLE people (id INTEGER, age REAL, city TEXT, since TEXT)"


@pytest.fixture
def sqlite(tmp_path):
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute(SQLITE)
        rows = [(n, n / 2 if n % 10 else None, "Köln: 50%", "2024-05-31") for n in range(1, 251)]
        connection.executemany("INSERT INTO people VALUES (?, ?, ?, ?)", rows)
    connection.close()
    return f"sqlite:///{path}"


@pytest.fixture(scope="module")
def people(postgresql):
    import psycopg

    with psycopg.connect(postgresql) as connection:
        connection.execute("DROP TABLE IF EXISTS people")
        connection.execute("CREATE TABLE people (id int, age numeric(6, 2), city text, since date, paid boolean)")
        connection.execute(
            "INSERT INTO people SELECT n, CASE WHEN n % 10 = 0 THEN NULL ELSE n / 2.0 END,"
            " CASE WHEN n % 3 = 0 THEN 'Köln: 50%' ELSE 'Aix' END, date '2024-01-01' + n, n % 2 = 0"
            " FROM generate_series(1, 5000) AS n"
        )
    return postgresql


def test_sqlite_is_read_in_chunks(sqlite):
    chunks = list(read_chunks(sqlite, query="SELECT * FROM people ORDER BY id", chunk_rows=100))
    assert [len(chunk) for chunk in chunks] == [100, 100, 50]
    assert list(chunks[0].columns) == ["id", "age", "city", "since"]
    assert chunks[2].numbers[0] == 201
    assert chunks[0].columns["age"][9] is None
    assert chunks[0].columns["city"][0] == "Köln: 50%"


def test_postgresql_is_read_in_chunks(people):
    chunks = list(read_chunks(people, query="SELECT * FROM people ORDER BY id", chunk_rows=2000))
    assert [len(chunk) for chunk in chunks] == [2000, 2000, 1000]
    assert chunks[0].columns["since"][0] == date(2024, 1, 2)
    assert chunks[0].columns["paid"][1] is True


def test_postgresql_types_make_a_contract(people):
    table = read_table(people, query="SELECT age, city, since, paid, id % 2 AS odd FROM people ORDER BY id")
    recipe = DataRecipe(source=people, query="", target="odd")
    contract, _ = learn(table, recipe, None)
    assert [field.kind for field in contract.fields] == ["number", "category", "date", "boolean", "category"]
    assert contract.fields[0].nullable
    checked = contract.check(table, with_target=True)
    assert checked.good.all()
    assert checked.columns["age"][0] == 0.5
    assert checked.columns["since"][0] == (date(2024, 1, 2) - date(1970, 1, 1)).days
    np.testing.assert_array_equal(checked.columns["paid"], 1.0 - checked.columns["odd"])


def test_colons_and_percent_signs_mean_themselves(people):
    query = "SELECT id, since::text AS day, 'at 10:30 :x' AS at FROM people WHERE city LIKE 'Köln: 50\\%%' ORDER BY id"
    table = read_table(people, query=query)
    assert table.columns["id"][0] == 3
    assert table.columns["day"][0] == "2024-01-04"
    assert table.columns["at"][0] == "at 10:30 :x"


def test_nothing_is_written(people, sqlite):
    with pytest.raises(DataError, match='syntax error at or near "DELETE"'):
        read_table(people, query="DELETE FROM people")
    assert len(read_table(people, query="SELECT id FROM people")) == 5000
    writing = (
        "DROP TABLE people",
        "DELETE FROM people",
        "DELETE FROM people RETURNING id",
        "CREATE TABLE more (id INT)",
    )
    for query in writing:
        with pytest.raises(DataError, match="attempt to write a readonly database"):
            read_table(sqlite, query=query)
    with pytest.raises(DataError, match=r"data.query returns no rows; it must be a SELECT"):
        read_table(sqlite, query="BEGIN")
    assert len(read_table(sqlite, query="SELECT id FROM people")) == 250


def test_an_encoding_that_nothing_would_use_is_refused(sqlite):
    with pytest.raises(RecipeError, match=r"data.encoding would not be used: sqlite:.*shop.db is no text file"):
        read_table(sqlite, query="SELECT id FROM people", encoding="cp1252")


def test_errors_never_show_the_password(people):
    with pytest.raises(DataError, match=r'relation "peple" does not exist') as raised:
        read_table(people, query="SELECT * FROM peple")
    assert "shuttle" not in str(raised.value)
    assert "weaver:***@127.0.0.1" in str(raised.value)
    with pytest.raises(DataError, match="password authentication failed") as raised:
        read_table(people.replace("shuttle-4711", "hunter-2222"), query="SELECT 1")
    assert "hunter" not in str(raised.value)


def test_a_server_that_is_not_there():
    with pytest.raises(DataError, match=r"postgresql\+psycopg://u:\*\*\*@127.0.0.1:1/x: connection failed"):
        read_table("postgres://u:secret@127.0.0.1:1/x", query="SELECT 1")


def test_without_a_query_the_tables_are_named(sqlite):
    with pytest.raises(DataError, match=r"set data.query: which rows to select; tables: people"):
        read_table(sqlite)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT id FROM people WHERE id < 0", "data.query selects no rows"),
        ("SELECT id, id FROM people", "data.query: columns 1, 2 are all named 'id'"),
        ("SELEC id", 'near "SELEC": syntax error'),
    ],
)
def test_queries_that_give_no_table(sqlite, query, message):
    with pytest.raises(DataError, match=message):
        read_table(sqlite, query=query)


def test_a_slip_in_the_path_makes_no_empty_database(tmp_path):
    with pytest.raises(DataError, match=r"sqlite:///.*/shp.db: no such file"):
        read_table(f"sqlite:///{tmp_path}/shp.db", query="SELECT 1")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("https://host/data.csv", "https://...: not read over the network; fetch the file and give its path"),
        ("oracel://u:secret@host/x", "no SQLAlchemy dialect 'oracel' is installed"),
        ("mysql+pymysql://u:secret@host/x", "its driver is not installed: pip install pymysql"),
        ("postgresql://u:secret@host:port/x", "postgresql://...: no database address; write it as postgresql://USER:"),
    ],
)
def test_addresses_that_cannot_be_used(address, message):
    with pytest.raises(DataError) as raised:
        read_table(address, query="SELECT 1")
    assert message in str(raised.value)
    assert "secret" not in str(raised.value)
