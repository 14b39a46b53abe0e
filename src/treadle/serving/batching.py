"""Requests that arrive together are answered together: one pass through contract, features and network.

Adaptive batching after Crankshaw et al. 2017, Clipper (section 4.3), without a delay by default: what waits is what
arrived while the loop, or the network, was busy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np

from treadle.bundle.predictor import Predictions
from treadle.data.table import Table
from treadle.errors import TreadleError

INLINE_S = 0.003
"""A batch that took at most this long is not worth a thread of its own."""

Predict = Callable[[Table], Predictions]
"""Answers every row of a table; rows that break the contract are empty, and listed as faults."""

_Key = tuple[str, frozenset[str]]
"""What tables must share to be joined: their source and their columns."""


@dataclass(eq=False)
class _Batch:
    """Tables to be answered together, and the requests that wait for it; the first table's request leads."""

    tables: list[Table]
    rows: int
    followers: list[asyncio.Future[Predictions | None]] = field(default_factory=list)


class Batcher:
    """Answers the tables of one model's requests, small ones together, large ones in a thread.

    Args:
        predict: what answers a table.
        max_batch: most rows answered together; a table with more goes alone.
        wait_s: seconds to wait for others.
        pool: threads for what takes long.
        observe: told the rows of every batch.
    """

    def __init__(
        self,
        predict: Predict,
        *,
        max_batch: int,
        wait_s: float,
        pool: ThreadPoolExecutor,
        observe: Callable[[int], None],
    ) -> None:
        self._predict = predict
        self._max_batch = max_batch
        self._wait_s = wait_s
        self._pool = pool
        self._observe = observe
        self._open: dict[_Key, _Batch] = {}
        self._turn = asyncio.Lock()
        self._last_s = 0.0

    async def answer(self, table: Table) -> Predictions:
        """Answers for the rows of `table`, the same as if it had come alone.

        Raises:
            ContractError: a column is missing.
        """
        if len(table) > self._max_batch:
            return await self._in_thread(table)
        # A column that one request lacks must not be lent to it by another: only equal columns are joined.
        key = table.source, frozenset(table.columns)
        batch = self._open.get(key)
        if batch is None or batch.rows + len(table) > self._max_batch:
            return await self._lead(table, key)
        follower: asyncio.Future[Predictions | None] = asyncio.get_running_loop().create_future()
        batch.tables.append(table)
        batch.rows += len(table)
        batch.followers.append(follower)
        answered = await follower
        return await self._in_thread(table) if answered is None else answered

    async def _lead(self, table: Table, key: _Key) -> Predictions:
        batch = _Batch([table], len(table))
        self._open[key] = batch
        parts: list[Predictions | None] = []
        try:
            # Even a wait of nothing lets those that arrived in the same turn of the loop join.
            await asyncio.sleep(self._wait_s)
            if self._last_s <= INLINE_S:
                self._close(batch, key)
                parts.extend(_split(self._timed(_join(batch.tables)), batch.tables))
            else:
                async with self._turn:
                    self._close(batch, key)
                    parts.extend(_split(await self._in_thread(_join(batch.tables)), batch.tables))
        except TreadleError:
            if len(batch.tables) == 1:
                raise
        finally:
            # Followers of a batch that failed, or whose leader went away, are answered alone.
            self._close(batch, key)
            answers = parts[1:] or [None] * len(batch.followers)
            for follower, part in zip(batch.followers, answers, strict=True):
                if not follower.done():
                    follower.set_result(part)
        return parts[0] if parts and parts[0] is not None else await self._in_thread(table)

    def _close(self, batch: _Batch, key: _Key) -> None:
        if self._open.get(key) is batch:
            del self._open[key]

    async def _in_thread(self, table: Table) -> Predictions:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._timed, table)

    def _timed(self, table: Table) -> Predictions:
        start = perf_counter()
        predictions = self._predict(table)
        if len(table) <= self._max_batch:
            self._last_s = perf_counter() - start
        self._observe(len(table))
        return predictions


def _join(tables: list[Table]) -> Table:
    """One table of all rows, numbered from 1 so that a fault tells whose row it is."""
    if len(tables) == 1:
        return tables[0]
    joined = Table.concatenate(tables)
    return Table(joined.columns, np.arange(1, len(joined) + 1), joined.source)


def _split(predictions: Predictions, tables: list[Table]) -> list[Predictions]:
    """Each table's own answers, its rows numbered as it numbered them."""
    if len(tables) == 1:
        return [predictions]
    parts = []
    start = 0
    for table in tables:
        end = start + len(table)
        columns = {name: column[start:end] for name, column in predictions.columns.items()}
        faults = tuple(
            replace(fault, row=int(table.numbers[fault.row - 1 - start]))
            for fault in predictions.faults
            if start < fault.row <= end
        )
        unread = tuple(int(table.numbers[row - 1 - start]) for row in predictions.unread if start < row <= end)
        parts.append(Predictions(columns, table.numbers, faults, unread=unread))
        start = end
    return parts
