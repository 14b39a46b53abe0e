from typing import Any

import pytest

from treadle.serving.options import Options, negotiate, read_options
from treadle.serving.refusals import RequestError


def scope(query: str = "", accept: str | None = None) -> dict[str, Any]:
    headers = [] if accept is None else [(b"accept", accept.encode())]
    return {"query_string": query.encode(), "headers": headers}


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("*/*", "json"),
        ("application/json", "json"),
        ("application/*", "json"),
        ("text/csv", "csv"),
        ("text/*", "csv"),
        ("TEXT/CSV; charset=utf-8", "csv"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "html"),
        ("text/csv;q=0.5, text/html;q=0.9", "html"),
        ("application/json;q=0, */*", "csv"),
        ("application/json;q=nonsense, text/html", "html"),
    ],
)
def test_the_format_that_accept_likes_best(accept: str, chosen: str) -> None:
    assert negotiate(accept) == chosen


@pytest.mark.parametrize("accept", ["image/png", "*/*;q=0", "", ";;,,"])
def test_no_format_that_accept_allows(accept: str) -> None:
    with pytest.raises(RequestError) as refused:
        negotiate(accept)
    assert refused.value.status == 406


def test_the_query_wins_over_accept() -> None:
    assert read_options(scope("format=csv&on_bad_row=skip", "text/html")) == Options("csv", "skip")
    assert read_options(scope("format=csv", "image/png")) == Options("csv")
    assert read_options(scope()) == Options("json", "fail")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("formt=csv", "did you mean 'format'"),
        ("format=xml", "json, csv, html"),
        ("format=", "json, csv, html"),
        ("format=csv&format=json", "twice"),
        ("on_bad_row=ignore", "fail, skip, report"),
        ("&".join("format=csv" for _ in range(50)), "query string"),
        ("%ff%00=1", "unknown option"),
    ],
)
def test_wrong_options_are_explained(query: str, message: str) -> None:
    with pytest.raises(RequestError, match=message) as refused:
        read_options(scope(query))
    assert refused.value.status == 400
