"""Texts that are kept: ids nobody can guess, and a limit to their number, their memory and their age."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import pytest

from treadle.bundle.generation import Continuation
from treadle.serving.refusals import RequestError
from treadle.serving.sessions import Sessions


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def text(toy: Any) -> Any:
    """Makes texts of 8 bytes of state and 8 for every word that waits."""

    def make(words: int = 0) -> Continuation:
        made = Continuation(toy())
        made.feed("to " * words)
        return made

    return make


def refused(sessions: Sessions, session: str, model: str = "bard") -> tuple[int, str]:
    with pytest.raises(RequestError) as caught:
        sessions.open(session, model)
    return caught.value.status, caught.value.code


def test_a_text_is_kept_under_an_id_of_its_own(clock: Clock, text: Any) -> None:
    sessions = Sessions(10, 10_000, 60, clock)
    one, two = text(), text()
    ids = [sessions.keep(each, "bard") for each in (one, two)]
    assert len(set(ids)) == 2
    assert [sessions.open(each or "", "bard").kept for each in ids] == [one, two]


def test_an_id_that_was_not_given_out_is_unknown(clock: Clock, text: Any) -> None:
    sessions, others = Sessions(10, 10_000, 60, clock), Sessions(10, 10_000, 60, clock)
    known = sessions.keep(text(), "bard") or ""
    whole = urlsafe_b64decode(known + "=")
    flipped = [whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :] for place in range(32)]
    forged = [urlsafe_b64encode(each).decode().rstrip("=") for each in flipped]
    for session in ("", "x", known[:-1], known + "A", "é" * 43, "!" * 43, "\0" * 43, *forged):
        assert refused(sessions, session) == (404, "unknown_session")
    assert refused(sessions, known, model="other") == (404, "unknown_session")
    assert refused(others, known) == (404, "unknown_session")
    assert sessions.open(known, "bard")


def test_a_text_that_nobody_asks_for_is_forgotten(clock: Clock, text: Any) -> None:
    sessions = Sessions(10, 10_000, 60, clock)
    one, two = (sessions.keep(text(), "bard") or "" for _ in range(2))
    clock.now = 50
    sessions.open(one, "bard")
    clock.now = 100
    assert len(sessions) == 1
    assert sessions.open(one, "bard")
    assert refused(sessions, two) == (410, "session_over")


def test_the_one_that_waited_longest_makes_room(clock: Clock, text: Any) -> None:
    sessions = Sessions(2, 10_000, 60, clock)
    one, two = (sessions.keep(text(), "bard") or "" for _ in range(2))
    sessions.open(one, "bard")
    three = sessions.keep(text(), "bard") or ""
    assert refused(sessions, two) == (410, "session_over")
    assert all(sessions.open(each, "bard") for each in (one, three))


def test_memory_is_bounded(clock: Clock, text: Any) -> None:
    sessions = Sessions(100, 1000, 60, clock)
    kept = [sessions.keep(text(words=9), "bard") or "" for _ in range(30)]
    assert len(sessions) == 1000 // text(words=9).size
    assert sessions.open(kept[-1], "bard")
    small = sessions.keep(text(), "bard") or ""
    opened = sessions.open(small, "bard")
    assert sessions.keep(text(words=500), "bard", opened) is None
    assert len(sessions) == 0
    assert Sessions(0, 1000, 60, clock).keep(text(), "bard") is None


def test_of_two_that_go_on_at_once_the_second_is_refused(clock: Clock, text: Any) -> None:
    sessions = Sessions(10, 10_000, 60, clock)
    session = sessions.keep(text(), "bard") or ""
    first, second = (sessions.open(session, "bard") for _ in range(2))
    longer = text()
    assert sessions.keep(longer, "bard", first) == session
    with pytest.raises(RequestError) as caught:
        sessions.keep(text(), "bard", second)
    assert (caught.value.status, caught.value.code) == (409, "session_conflict")
    assert sessions.open(session, "bard").kept is longer


def test_one_that_was_forgotten_while_it_was_written_is_kept_again(clock: Clock, text: Any) -> None:
    sessions = Sessions(10, 10_000, 60, clock)
    session = sessions.keep(text(), "bard") or ""
    opened = sessions.open(session, "bard")
    clock.now = 100
    assert len(sessions) == 0
    assert sessions.keep(text(), "bard", opened) == session
    assert sessions.open(session, "bard")
