"""Rows of a database query, by any address that SQLAlchemy reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from treadle.data.delimited import require_distinct
from treadle.data.table import Column, Table
from treadle.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.engine import URL

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+]*://")
_PASSWORD = re.compile(r"(?<=://)(?P<user>[^:/@?]*:)[^@]*(?=@)|(?<=[?&;])(?P<key>(?i:password|passwd|pwd)=)[^&;]*")
_NOT_DATABASES = {"http", "https", "ftp", "s3", "gs", "az", "abfs", "file", "hdfs"}


def is_address(source: str) -> bool:
    return _ADDRESS.match(source) is not None


def without_password(source: str) -> str:
    """A source as it may be shown and stored: the password of a database address as ***."""
    if not is_address(source):
        return source
    return _PASSWORD.sub(lambda found: f"{found['user'] or found['key']}***", source)


def read_database(address: str, query: str | None, chunk_rows: int) -> Iterator[Table]:
    """The rows that `query` selects, as tables of at most `chunk_rows` rows; nothing is ever committed.

    Without ORDER BY a database may give the rows in another order each time, and a seeded split then differs.

    Raises:
        DataError: no query, an address that leads nowhere, or a query that fails; the password is never shown.
        MissingExtraError: SQLAlchemy is not installed.
    """
    scheme = address.partition("://")[0].lower()
    if scheme in _NOT_DATABASES:
        raise DataError(f"{scheme}://...: not read over the network; fetch the file and give its path")
    try:
        import sqlalchemy
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
    except ModuleNotFoundError:
        raise MissingExtraError("Reading a database", "train") from None
    try:
        url = _with_driver(sqlalchemy.make_url(address))
    except (ArgumentError, ValueError):
        raise DataError(
            f"{scheme}://...: no database address; write it as {scheme}://USER:PASSWORD@HOST/DATABASE"
        ) from None
    shown = url.render_as_string(hide_password=True)
    _require_file(url, shown)
    try:
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    except NoSuchModuleError:
        raise DataError(f"{shown}: no SQLAlchemy dialect {url.drivername!r} is installed") from None
    except ModuleNotFoundError as error:
        raise DataError(f"{shown}: its driver is not installed: pip install {error.name}") from None
    try:
        with engine.connect() as connection:
            if url.get_backend_name() == "sqlite":
                # It commits a DROP TABLE at once, whatever becomes of the transaction.
                connection.exec_driver_sql("PRAGMA query_only = ON")
            if query is None:
                raise DataError(f"{shown}: set data.query: which rows to select; {_tables(connection)}")
            yield from _read(connection, query, shown, chunk_rows)
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).strip()
        hidden = said.replace(str(url.password), "***") if url.password else said
        raise DataError(f"{shown}: {hidden}") from None


def _with_driver(url: URL) -> URL:
    return url.set(drivername="postgresql+psycopg") if url.drivername in {"postgres", "postgresql"} else url


def _require_file(url: URL, shown: str) -> None:
    # SQLite would make an empty database of a slip in the path.
    if url.get_backend_name() == "sqlite" and url.database not in {None, "", ":memory:"}:
        path = Path(str(url.database))
        if not path.name.startswith("file:") and not path.is_file():
            raise DataError(f"{shown}: no such file")


def _tables(connection: Connection) -> str:
    import sqlalchemy

    names = sqlalchemy.inspect(connection).get_table_names()
    return f"tables: {', '.join(names[:10]) or 'none'}"


def _read(connection: Connection, query: str, source: str, chunk_rows: int) -> Iterator[Table]:
    import sqlalchemy

    streaming = connection.execution_options(stream_results=True, yield_per=chunk_rows)
    # A colon begins a parameter to SQLAlchemy, but the query has none: 'at 10:30' and ::date mean themselves.
    result = streaming.execute(sqlalchemy.text(query.replace(":", r"\:")))
    if not result.returns_rows:
        raise DataError(f"{source}: data.query returns no rows; it must be a SELECT")
    names = [str(name) for name in result.keys()]  # noqa: SIM118 - a Result is no mapping
    require_distinct(names, f"{source}: data.query")
    read = 0
    for rows in result.partitions(chunk_rows):
        yield Table.of(_columns(names, rows), source, read + 1)
        read += len(rows)
    if read == 0:
        raise DataError(f"{source}: data.query selects no rows")


def _columns(names: list[str], rows: Any) -> dict[str, Column]:
    columns: dict[str, Column] = {}
    for name, cells in zip(names, zip(*rows, strict=True), strict=True):
        column = np.empty(len(rows), dtype=object)
        column[:] = cells
        columns[name] = column
    return columns
