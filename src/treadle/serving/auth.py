"""Who may ask: API keys, compared without telling by the time it takes how much of one was right."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from hmac import compare_digest

Headers = Iterable[tuple[bytes, bytes]]
"""Header names in lower case, with their values, as ASGI gives them."""


class ApiKeys:
    """The keys a server knows; without any, everyone is admitted."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._digests = tuple(sha256(key.encode()).digest() for key in keys)

    def admit(self, headers: Headers) -> bool:
        """Whether the request shows one of the keys, as `Authorization: Bearer KEY` or `X-API-Key: KEY`."""
        if not self._digests:
            return True
        shown = [sha256(key).digest() for key in _shown_keys(headers)]
        # Every pair is compared, and digests have one length: nothing about a key can be read from the time taken.
        matches = [compare_digest(digest, known) for digest in shown for known in self._digests]
        return any(matches)


def _shown_keys(headers: Headers) -> Iterable[bytes]:
    for name, value in headers:
        if name == b"x-api-key":
            yield value.strip()
        elif name == b"authorization":
            scheme, _, key = value.strip().partition(b" ")
            if scheme.lower() == b"bearer":
                yield key.strip()
