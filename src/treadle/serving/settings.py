"""How a server is set up: address, keys, limits, batching."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from treadle.errors import ServingError
from treadle.faults import faults

SHORTEST_KEY = 16
"""Characters an API key must have, so that it cannot be guessed."""

_KEY = re.compile(r"[!-~]+")
_ORIGIN = re.compile(r"https?://[^/\s*?#@]+|\*")

Limit = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0.0)]


class Settings(BaseModel):
    """Settings of one server; unknown names and values out of range are a `ServingError`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    host: str = "127.0.0.1"
    """Address to listen on. Beyond this machine it needs `api_keys` or `allow_anonymous`."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """Port to listen on; 0 takes a free one."""
    api_keys: tuple[SecretStr, ...] = ()
    """Keys, one of which every request must show; none: everyone is answered. Health checks need no key."""
    allow_anonymous: bool = False
    """Listen beyond this machine without keys."""
    cors_origins: tuple[str, ...] = ()
    """Origins (`https://example.org`) whose pages may call this server; `*` for all, which needs no keys. Browsers are
    never told to send cookies or other credentials."""
    docs: bool = True
    """Serve /docs and /openapi.json."""
    access_log: bool = True
    """Write a line to stderr for every request."""
    max_body_bytes: Limit = 16 << 20
    """Largest request body."""
    max_rows: Limit = 100_000
    """Most rows in a request."""
    max_requests: Limit = 512
    """Most requests in progress; more are told to come back later."""
    max_head_bytes: Limit = 64 << 10
    """Largest request line and headers."""
    timeout_s: Seconds = 30.0
    """Seconds in which a request's headers must arrive, then its body, and then be answered."""
    max_batch: Limit = 256
    """Most rows of different requests that are answered together."""
    batch_wait_s: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """Seconds that a request waits for others to join it; 0 joins those that arrived together."""
    max_words: Limit = 2000
    """Most words that a request may ask to be written, times its beams."""
    max_prompt: Limit = 1_000_000
    """Most characters of a prompt; they are cut and read in slices, all but a line, which is cut as one."""
    max_sessions: Annotated[int, Field(ge=0)] = 1000
    """Texts that are kept to be gone on with; the one that waited longest makes room for another. 0 keeps none."""
    max_session_bytes: Limit = 64 << 20
    """Memory that they may take together."""
    session_idle_s: Seconds = 900.0
    """Seconds after which a text that nobody goes on with is forgotten."""
    drain_s: Annotated[float, Field(ge=0.0)] = 0.5
    """Seconds between SIGTERM and the closing of the port, in which /health/ready says no and requests still pass."""

    @model_validator(mode="wrap")
    @classmethod
    def _explain(cls, values: object, build: Callable[[object], Self]) -> Self:
        document = values if isinstance(values, dict) else {}
        try:
            return build(values)
        except ValidationError as error:
            raise ServingError("\n".join(f"settings: {fault}" for fault in faults(error, document, cls))) from None

    @field_validator("api_keys")
    @classmethod
    def _refuse_weak_keys(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for number, key in enumerate(keys, start=1):
            text = key.get_secret_value()
            if len(text) < SHORTEST_KEY or not _KEY.fullmatch(text):
                raise ServingError(
                    f"API key {number} must be {SHORTEST_KEY} or more visible ASCII characters without spaces; make "
                    'one: python -c "import secrets; print(secrets.token_urlsafe())"'
                )
        return keys

    @model_validator(mode="after")
    def _check_origins(self) -> Self:
        for origin in self.cors_origins:
            if not _ORIGIN.fullmatch(origin):
                raise ServingError(f"cors_origins: {origin!r} is no origin; write it as https://example.org")
        if "*" in self.cors_origins and self.api_keys:
            raise ServingError("cors_origins: '*' cannot be combined with API keys; name the origins")
        return self

    @property
    def exposed(self) -> bool:
        """Whether other machines could reach the server."""
        if self.host == "localhost":
            return False
        try:
            return not ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return True


def read_api_keys(file: Path | None = None) -> tuple[str, ...]:
    """The keys in `file` (one a line, # comments), or without one those in TREADLE_API_KEYS (separated by commas).

    Raises:
        ServingError: the file cannot be read or holds no key.
    """
    if file is None:
        keys = os.environ.get("TREADLE_API_KEYS", "").split(",")
        return tuple(key.strip() for key in keys if key.strip())
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ServingError(f"{file}: the API keys cannot be read: {error}") from None
    read = tuple(line.strip() for line in lines if line.strip() and not line.strip().startswith("#"))
    if not read:
        raise ServingError(f"{file}: no API key in it; write one a line")
    return read
