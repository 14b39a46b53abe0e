from pathlib import Path

import pytest

from treadle.errors import ServingError
from treadle.serving.settings import Settings, read_api_keys

KEY = "k" * 20


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"prot": 1}, "did you mean 'port'"),
        ({"port": 70_000}, "port"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"timeout_s": float("nan")}, "finite"),
        ({"max_rows": 0}, "max_rows"),
        ({"api_keys": ("short",)}, "16 or more"),
        ({"api_keys": ("with spaces in it, long",)}, "without spaces"),
        ({"cors_origins": ("example.org",)}, "https://example.org"),
        ({"cors_origins": ("https://example.org/path",)}, "no origin"),
        ({"cors_origins": ("*",), "api_keys": (KEY,)}, "cannot be combined"),
    ],
)
def test_wrong_settings_are_explained(values: dict[str, object], message: str) -> None:
    with pytest.raises(ServingError, match=message):
        Settings(**values)  # type: ignore[arg-type]


def test_keys_do_not_show_in_a_representation() -> None:
    assert KEY not in repr(Settings(api_keys=(KEY,)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "exposed"),
    [
        ("127.0.0.1", False),
        ("127.8.8.8", False),
        ("::1", False),
        ("localhost", False),
        ("0.0.0.0", True),
        ("::", True),
        ("10.0.0.5", True),
        ("example.org", True),
        ("", True),
    ],
)
def test_which_hosts_others_reach(host: str, exposed: bool) -> None:
    assert Settings(host=host).exposed is exposed


def test_keys_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# for the shop\n{KEY}\n\n  {KEY}2  \n")
    assert read_api_keys(file) == (KEY, f"{KEY}2")


def test_keys_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREADLE_API_KEYS", f"{KEY}, {KEY}2,")
    assert read_api_keys() == (KEY, f"{KEY}2")
    monkeypatch.delenv("TREADLE_API_KEYS")
    assert read_api_keys() == ()


def test_a_file_without_keys(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("# nothing yet\n")
    with pytest.raises(ServingError, match="no API key in it"):
        read_api_keys(tmp_path / "empty")
    with pytest.raises(ServingError, match="cannot be read"):
        read_api_keys(tmp_path / "absent")
