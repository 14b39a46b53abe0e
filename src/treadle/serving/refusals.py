"""How a request is refused: one small JSON body, whatever went wrong."""

from __future__ import annotations

import json
from typing import Any

from treadle.errors import ContractError, DataError, ServingError, TreadleError


class RequestError(ServingError):
    """A request that is refused.

    Args:
        status: the HTTP status.
        code: a word for programs.
        message: a sentence for people.
        details: what is wrong where, as JSON values.
        headers: headers that the answer needs.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details or []
        self.headers = headers or {}

    def body(self) -> bytes:
        """`{"error": {"code", "message", "details"}}`."""
        error = {"code": self.code, "message": self.message, "details": self.details}
        return json.dumps({"error": error}).encode()


def refusal_of(error: TreadleError) -> RequestError:
    """The refusal that tells `error` to a caller."""
    if isinstance(error, RequestError):
        return error
    if isinstance(error, ContractError):
        return RequestError(422, "contract", str(error))
    if isinstance(error, DataError):
        return RequestError(422, "unreadable_rows", str(error))
    return RequestError(error.status, "refused", str(error))
