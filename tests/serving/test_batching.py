from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from treadle.bundle.predictor import Predictions, Predictor
from treadle.data.frames import from_rows
from treadle.data.table import Table
from treadle.errors import ContractError
from treadle.serving.batching import INLINE_S, Batcher

Rows = list[dict[str, Any]]


class Recorder:
    """A predictor that keeps the sizes of what it was asked."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self.sizes: list[int] = []

    def __call__(self, table: Table) -> Predictions:
        self.sizes.append(len(table))
        return self._predictor.predict_table(table, "report")


def answer_together(
    recorder: Callable[[Table], Predictions], requests: list[Rows], max_batch: int = 64
) -> list[Predictions | BaseException]:
    async def gather() -> list[Predictions | BaseException]:
        with ThreadPoolExecutor(2) as pool:
            batcher = Batcher(recorder, max_batch=max_batch, wait_s=0.0, pool=pool, observe=lambda _: None)
            answers = (batcher.answer(from_rows(rows)) for rows in requests)
            return await asyncio.gather(*answers, return_exceptions=True)

    return asyncio.run(gather())


def same(left: Predictions | BaseException, right: Predictions) -> bool:
    assert isinstance(left, Predictions)
    for name, column in right.columns.items():
        np.testing.assert_array_equal(left.columns[name], column)
    assert left.numbers.tolist() == right.numbers.tolist()
    assert left.faults == right.faults
    return True


def test_requests_that_arrive_together_are_one_batch(predictor: Predictor, make_rows: Callable[..., Rows]) -> None:
    recorder = Recorder(predictor)
    requests = [make_rows(count, seed=count) for count in (1, 3, 2, 1)]
    answers = answer_together(recorder, requests)
    assert recorder.sizes == [7]
    assert all(same(answer, predictor.predict(rows, "report")) for answer, rows in zip(answers, requests, strict=True))


def test_a_bad_row_spoils_no_other_request(predictor: Predictor, make_rows: Callable[..., Rows]) -> None:
    requests = [make_rows(2), make_rows(3, seed=1), make_rows(1, seed=2)]
    requests[1][2]["age"] = "old"
    recorder = Recorder(predictor)
    answers = answer_together(recorder, requests)
    assert recorder.sizes == [6]
    assert all(same(answer, predictor.predict(rows, "report")) for answer, rows in zip(answers, requests, strict=True))
    assert isinstance(answers[1], Predictions)
    assert [fault.row for fault in answers[1].faults] == [3]


def test_a_column_is_not_borrowed_from_another_request(predictor: Predictor, make_rows: Callable[..., Rows]) -> None:
    requests = [make_rows(1), make_rows(1, seed=1), make_rows(1, seed=2)]
    del requests[1][0]["balance"]  # it may be missing in a row, but not as a column
    answers = answer_together(Recorder(predictor), requests)
    assert isinstance(answers[1], ContractError)
    assert "'balance'" in str(answers[1])
    assert same(answers[0], predictor.predict(requests[0], "report"))
    assert same(answers[2], predictor.predict(requests[2], "report"))


def test_a_batch_is_not_larger_than_allowed(predictor: Predictor, make_rows: Callable[..., Rows]) -> None:
    recorder = Recorder(predictor)
    requests = [make_rows(3, seed=seed) for seed in range(5)] + [make_rows(20)]
    answers = answer_together(recorder, requests, max_batch=8)
    assert sorted(recorder.sizes) == [3, 6, 6, 20]
    assert all(same(answer, predictor.predict(rows, "report")) for answer, rows in zip(answers, requests, strict=True))


def test_a_failure_of_the_whole_batch_fails_only_its_cause(
    predictor: Predictor, make_rows: Callable[..., Rows]
) -> None:
    def fail_on_seven(table: Table) -> Predictions:
        if 7 in table.columns["age"].tolist():
            raise ContractError("seven")
        return predictor.predict_table(table, "report")

    requests = [make_rows(1), make_rows(1, seed=1), make_rows(1, seed=2)]
    for leader in range(3):
        tried = [[{**row, "age": 7}] if place == leader else [row] for place, (row,) in enumerate(requests)]
        answers = answer_together(fail_on_seven, tried)
        assert isinstance(answers[leader], ContractError)
        assert all(isinstance(answer, Predictions) for place, answer in enumerate(answers) if place != leader)


def test_an_unforeseen_failure_leaves_nobody_waiting(make_rows: Callable[..., Rows]) -> None:
    def break_down(_table: Table) -> Predictions:
        raise ZeroDivisionError

    answers = answer_together(break_down, [make_rows(1) for _ in range(4)])
    assert [type(answer) for answer in answers] == [ZeroDivisionError] * 4


def test_others_are_answered_when_the_first_goes_away(predictor: Predictor, make_rows: Callable[..., Rows]) -> None:
    async def leave() -> Predictions:
        with ThreadPoolExecutor(2) as pool:
            batcher = Batcher(Recorder(predictor), max_batch=8, wait_s=0.05, pool=pool, observe=lambda _: None)
            first = asyncio.create_task(batcher.answer(from_rows(make_rows(1))))
            second = asyncio.create_task(batcher.answer(from_rows(make_rows(1, seed=1))))
            await asyncio.sleep(0.01)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            return await second

    assert same(asyncio.run(leave()), predictor.predict(make_rows(1, seed=1), "report"))


def test_a_slow_network_runs_beside_the_loop_and_gathers_what_waits(
    predictor: Predictor, make_rows: Callable[..., Rows]
) -> None:
    sizes: list[int] = []
    may_end = threading.Event()

    def predict_slowly(table: Table) -> Predictions:
        time.sleep(2 * INLINE_S)
        assert not sizes or may_end.wait(20), "the network ran in the loop"
        return predictor.predict_table(table, "report")

    async def ask() -> None:
        with ThreadPoolExecutor(2) as pool:
            batcher = Batcher(predict_slowly, max_batch=64, wait_s=0.0, pool=pool, observe=sizes.append)
            await batcher.answer(from_rows(make_rows(1)))
            running = asyncio.create_task(batcher.answer(from_rows(make_rows(1))))
            await asyncio.sleep(INLINE_S)
            waiting = [asyncio.create_task(batcher.answer(from_rows(make_rows(2)))) for _ in range(5)]
            await asyncio.sleep(INLINE_S)
            may_end.set()
            await asyncio.gather(running, *waiting)

    asyncio.run(ask())
    assert sizes == [1, 1, 10]
