"""Tables from memory: rows as JSON gives them, data frames, and Parquet files."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from treadle.data.delimited import require_distinct
from treadle.data.table import Column, Table
from treadle.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    import polars

PARQUET_ROWS = 65536
"""Rows of a Parquet file read at a time, at least."""


def from_rows(
    rows: Sequence[Mapping[str, object]], source: str = "request", *, names: list[str] | None = None, first: int = 1
) -> Table:
    """The table of rows as JSON gives them, None where a row lacks a key.

    `names` are the columns; without them, every key of every row in order of first appearance.
    """
    if names is None:
        names = list(rows[0]) if len(rows) == 1 else list(dict.fromkeys(key for row in rows for key in row))
    columns: dict[str, Column] = {}
    for name in names:
        cells = np.empty(len(rows), dtype=object)
        cells[:] = [row.get(name) for row in rows]
        columns[name] = cells
    return Table(columns, np.arange(first, first + len(rows)), source)


def from_frame(frame: object, source: str = "frame") -> Table:
    """The table of a Polars or pandas frame, of anything with the Arrow C-stream interface, or of a dict of columns.

    Raises:
        DataError: it is none of these, columns share a name, or their lengths differ.
        MissingExtraError: an Arrow stream without Polars installed.
    """
    library = type(frame).__module__.partition(".")[0]
    if isinstance(frame, Table):
        return frame
    if isinstance(frame, Mapping):
        return _from_columns(frame, source)
    if library == "pandas" and hasattr(frame, "items"):
        return _from_pandas(frame, source)
    if library == "polars" and hasattr(frame, "collect"):
        frame = frame.collect()
    if hasattr(frame, "__arrow_c_stream__"):
        return _from_polars(_polars().DataFrame(frame), source)
    raise DataError(
        f"{source}: a {type(frame).__name__} is no table; give a Polars or pandas frame, an Arrow table,"
        " or a dict of columns"
    )


def read_parquet(path: Path, chunk_rows: int = 65536) -> Iterator[Table]:
    """Tables of at most `chunk_rows` rows of a Parquet file.

    Raises:
        DataError: the file is no Parquet, or cut short.
        MissingExtraError: Polars is not installed.
    """
    polars = _polars()
    frame = polars.scan_parquet(path)
    # Parquet is stored in groups of rows: to ask for few at a time would read each group again and again.
    block_rows = max(chunk_rows, PARQUET_ROWS)
    for first in itertools.count(0, block_rows):
        try:
            block = frame.slice(first, block_rows).collect()
        except polars.exceptions.PolarsError as error:
            raise DataError(f"{path}: cannot be read as Parquet: {error}") from None
        for start in range(0, block.height, chunk_rows):
            yield _from_polars(block.slice(start, chunk_rows), str(path), first + start + 1)
        if block.height < block_rows:
            return


def _polars() -> Any:
    try:
        import polars
    except ModuleNotFoundError:
        raise MissingExtraError("Reading Parquet and Arrow tables", "train") from None
    return polars


def _from_columns(frame: Mapping[Any, Any], source: str) -> Table:
    columns = {str(name): _column(cells) for name, cells in frame.items()}
    lengths = {len(cells) for cells in columns.values()}
    if len(lengths) > 1:
        raise DataError(f"{source}: columns of different lengths: {', '.join(map(str, sorted(lengths)))}")
    return Table.of(columns, source)


def _column(cells: Any) -> Column:
    if isinstance(cells, np.ndarray) and cells.ndim == 1:
        return cells
    if hasattr(cells, "to_numpy"):
        return np.asarray(cells.to_numpy())
    values = list(cells)
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def _from_pandas(frame: Any, source: str) -> Table:
    names = [str(name) for name in frame.columns]
    require_distinct(names, source)
    columns: dict[str, Column] = {}
    for name, (_, series) in zip(names, frame.items(), strict=True):
        if isinstance(series.dtype, np.dtype):
            columns[name] = series.to_numpy()
        else:
            # Extension types have their own "no value"; None is ours.
            columns[name] = series.astype(object).where(series.notna(), None).to_numpy()
    return Table.of(columns, source)


def _from_polars(frame: polars.DataFrame, source: str, first: int = 1) -> Table:
    columns = {name: _from_series(frame[name]) for name in frame.columns}
    return Table(columns, np.arange(first, first + frame.height), source)


def _from_series(series: polars.Series) -> Column:
    kind = series.dtype
    if kind.is_decimal():
        series = series.cast(_polars().Float64)
    elif kind.is_temporal():
        if kind == _polars().Datetime and kind.time_zone is not None:  # type: ignore[attr-defined]
            series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        if kind in (_polars().Date, _polars().Datetime):
            return series.cast(_polars().Datetime("us")).to_numpy()
    if series.dtype.is_numeric() or (kind == _polars().Boolean and series.null_count() == 0):
        return series.to_numpy()
    column = np.empty(len(series), dtype=object)
    column[:] = series.to_list()
    return column
