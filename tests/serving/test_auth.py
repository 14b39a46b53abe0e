import pytest

from treadle.serving.auth import ApiKeys

FIRST, SECOND = "first-key-0123456789", "second-key-0123456789"


@pytest.mark.parametrize(
    "headers",
    [
        [(b"x-api-key", FIRST.encode())],
        [(b"x-api-key", SECOND.encode())],
        [(b"authorization", b"Bearer " + FIRST.encode())],
        [(b"authorization", b"bearer  " + FIRST.encode())],
        [(b"authorization", b"Basic abc"), (b"x-api-key", FIRST.encode())],
    ],
)
def test_a_key_that_is_known(headers: list[tuple[bytes, bytes]]) -> None:
    assert ApiKeys((FIRST, SECOND)).admit(headers)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"x-api-key", b"")],
        [(b"x-api-key", FIRST[:-1].encode())],
        [(b"x-api-key", FIRST.upper().encode())],
        [(b"authorization", FIRST.encode())],
        [(b"authorization", b"Basic " + FIRST.encode())],
        [(b"cookie", FIRST.encode())],
        [(b"x-api-key", "ключ-ключ-ключ".encode())],
    ],
)
def test_no_key_or_another(headers: list[tuple[bytes, bytes]]) -> None:
    assert not ApiKeys((FIRST, SECOND)).admit(headers)


def test_without_keys_everyone_is_admitted() -> None:
    assert ApiKeys(()).admit([])
