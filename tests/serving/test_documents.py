import pytest

from treadle.serving.documents import parse_json
from treadle.serving.refusals import RequestError


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not JSON"),
        (b"{", "line 1, column 2"),
        (b"{'rows': 1}", "not JSON"),
        (b'{"a": NaN}', "NaN is not JSON; send null"),
        (b'{"a": Infinity}', "Infinity is not JSON"),
        (b'{"a": -Infinity}', "-Infinity is not JSON"),
        (b'{"rows": [{"age": 1, "age": 2}]}', "key 'age' twice"),
        (b'{"a": "\xff"}', "not UTF-8: byte 7"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too many digits"),
        (b"{} {}", "Extra data"),
    ],
)
def test_what_is_no_strict_json(body: bytes, message: str) -> None:
    with pytest.raises(RequestError, match=message) as refused:
        parse_json(body)
    assert (refused.value.status, refused.value.code) == (400, "bad_json")


def test_json() -> None:
    assert parse_json('{"a": [1, 2.5, null, "\\u00e9é"]}'.encode()) == {"a": [1, 2.5, None, "éé"]}
