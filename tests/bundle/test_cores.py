import multiprocessing
import threading

import pytest

from treadle.bundle.cores import available_cores, side_by_side


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_piece_is_worked_on_once(threads):
    done: list[int] = []
    side_by_side(done.append, range(40), threads)
    assert sorted(done) == list(range(40))
    side_by_side(done.append, (), threads)
    assert len(done) == 40


def test_pieces_are_worked_on_at_the_same_time():
    both, arrived = threading.Barrier(2, timeout=20), list[int]()
    side_by_side(lambda _: arrived.append(both.wait()), range(2), 2)
    assert sorted(arrived) == [0, 1]


@pytest.mark.parametrize("threads", [1, 3])
def test_the_first_failure_is_the_callers(threads):
    def work(piece: int) -> None:
        if piece == 2:
            raise KeyError(piece)

    with pytest.raises(KeyError):
        side_by_side(work, range(6), threads)


def test_cores_are_those_of_this_process():
    assert 1 <= available_cores() <= multiprocessing.cpu_count()
