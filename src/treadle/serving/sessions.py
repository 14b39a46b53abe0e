"""Texts that are kept between requests, so that a caller can go on without sending all of one again."""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from treadle.bundle.generation import Continuation
from treadle.serving.refusals import RequestError

_BYTES = 16
"""Of a session's own number, and of what proves that it was given out here."""
_CHARACTERS = 43


@dataclass(frozen=True)
class Opened:
    """A text to go on with."""

    key: bytes
    kept: Continuation
    """As it was when it was opened; what goes on is a fork of it."""


@dataclass
class _Kept:
    text: Continuation
    size: int
    used: float


class Sessions:
    """Texts by ids that nobody can guess; not for several threads.

    A request that fails leaves its text as it was, since what is kept is replaced only once all is written.

    Args:
        most: texts that are kept.
        most_bytes: memory that they take.
        idle_s: seconds after which one that nobody asks for is forgotten.
        clock: tells seconds.
    """

    def __init__(self, most: int, most_bytes: int, idle_s: float, clock: Callable[[], float] = monotonic) -> None:
        self._most, self._most_bytes, self._idle_s, self._clock = most, most_bytes, idle_s, clock
        self._secret = secrets.token_bytes(32)
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        """The one that waited longest first."""
        self._bytes = 0

    def __len__(self) -> int:
        self._forget_idle()
        return len(self._kept)

    def open(self, session: str, model: str) -> Opened:
        """The text of an id.

        Raises:
            RequestError: it was not given out here for this model (404), or is kept no more (410).
        """
        key = self._key(session, model)
        if key is None:
            message = f"no session of model {model!r} has this id; leave session out to begin one, and send back its id"
            raise RequestError(404, "unknown_session", message)
        self._forget_idle()
        if key not in self._kept:
            message = (
                f"this session is over: one is kept for {self._idle_s / 60:g} minutes after its last request, if newer "
                "ones leave room; leave session out and send the whole text as the prompt to begin another"
            )
            raise RequestError(410, "session_over", message)
        self._kept[key].used = self._clock()
        self._kept.move_to_end(key)
        return Opened(key, self._kept[key].text)

    def keep(self, text: Continuation, model: str, opened: Opened | None = None) -> str | None:
        """Keep `text` in the place of the one that was opened, or as a new one; its id, None where none is kept.

        Raises:
            RequestError: another request went on with the text in the meantime (409).
        """
        self._forget_idle()
        key = secrets.token_bytes(_BYTES) if opened is None else opened.key
        before = self._kept.get(key)
        if before is not None and opened is not None and before.text is not opened.kept:
            message = "another request went on with this session in the meantime; send one after the other"
            raise RequestError(409, "session_conflict", message)
        self._drop(key)
        self._kept[key] = _Kept(text, text.size, self._clock())
        self._bytes += text.size
        while len(self._kept) > self._most or self._bytes > self._most_bytes:
            self._drop(next(iter(self._kept)))
        return self._id(key, model) if key in self._kept else None

    def _forget_idle(self) -> None:
        before = self._clock() - self._idle_s
        while self._kept and next(iter(self._kept.values())).used < before:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: bytes) -> None:
        kept = self._kept.pop(key, None)
        self._bytes -= 0 if kept is None else kept.size

    def _id(self, key: bytes, model: str) -> str:
        return urlsafe_b64encode(key + self._proof(key, model)).decode().rstrip("=")

    def _key(self, session: str, model: str) -> bytes | None:
        """The key in an id, if the id was given out by this server for this model."""
        if len(session) != _CHARACTERS or not session.isascii():
            return None
        try:
            whole = urlsafe_b64decode(session + "=")
        except Error:
            return None
        key, proof = whole[:_BYTES], whole[_BYTES:]
        return key if hmac.compare_digest(proof, self._proof(key, model)) else None

    def _proof(self, key: bytes, model: str) -> bytes:
        return hmac.digest(self._secret, key + model.encode(), "sha256")[:_BYTES]
