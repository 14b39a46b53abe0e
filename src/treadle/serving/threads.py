"""Threads for work that would keep the loop from other requests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

LARGE_BODY = 64 << 10
"""Bytes of a body above which reading it is worth a thread."""

LARGE_ANSWER = 512
"""Rows above which writing their answers is."""

Result = TypeVar("Result")


async def run(pool: ThreadPoolExecutor, work: Callable[[], Result], *, large: bool) -> Result:
    """The result of `work`, done in a thread of the pool if it is large, else at once."""
    if large:
        return await asyncio.get_running_loop().run_in_executor(pool, work)
    return work()
