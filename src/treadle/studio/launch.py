"""`treadle app`: check the bundles and the port first, then run Streamlit on the screens until it is stopped."""

from __future__ import annotations

import errno
import importlib
import importlib.util
import logging
import socket
from collections.abc import Callable
from pathlib import Path

from treadle.bundle.bundle import Bundle
from treadle.errors import BundleError, MissingExtraError, ServingError

LOOPBACK = ("127.0.0.1", "::1", "localhost")
UPLOAD_MEGABYTES = 50
"""Largest file that the table tab takes; `treadle predict` streams files of any size."""

log = logging.getLogger(__name__)


def launch(
    bundles: list[Path],
    host: str = "127.0.0.1",
    port: int = 8501,
    browser: bool = True,
    announce: Callable[[str], None] = log.info,
) -> None:
    """Show the screens of `bundles` at http://host:port until Ctrl-C or SIGTERM.

    Args:
        bundles: files to show; none: every one found under ./runs.
        host: address to listen on.
        port: port to listen on.
        browser: open the page in a browser, where the machine has a display.
        announce: told the address, once bundles and port have been found sound.

    Raises:
        MissingExtraError: Streamlit is not installed.
        BundleError: a bundle cannot be read, or none was named and none was found.
        ServingError: the address cannot be listened on, or the port is in use.
    """
    if importlib.util.find_spec("streamlit") is None:
        raise MissingExtraError("treadle app", "app")
    paths = bundles or found_bundles(Path("runs"))
    for path in paths:
        Bundle.load(path)
    _check_address(host, port)
    if host not in LOOPBACK:
        log.warning("anyone who reaches %s:%d can use this screen: it asks for no password", host, port)

    announce(f"the screen is at http://{host}:{port} (Ctrl-C ends it)")
    from streamlit.web import bootstrap

    # Before any session: of two threads that import at once, Altair has met the other's half-made pandas.
    for name in ("pandas", "treadle.studio.screens"):
        importlib.import_module(name)
    settings = _settings(host, port, browser)
    bootstrap.load_config_options(settings)
    screens = Path(__file__).with_name("screens.py")
    bootstrap.run(str(screens), False, [str(path) for path in paths], settings)


def found_bundles(folder: Path) -> list[Path]:
    """The bundles under `folder`, the newest first.

    Raises:
        BundleError: there is none.
    """
    found = sorted(folder.glob("**/*.treadle"), key=lambda path: path.stat().st_mtime, reverse=True)
    if not found:
        raise BundleError(
            f"no bundle named and none found under {folder}/; train one (treadle train churn) "
            "or name one (treadle app PATH/NAME.treadle)"
        )
    return found


def _settings(host: str, port: int, browser: bool) -> dict[str, object]:
    settings: dict[str, object] = {
        "server.address": host,
        "server.port": port,
        "server.fileWatcherType": "none",
        "server.maxUploadSize": UPLOAD_MEGABYTES,
        "server.showEmailPrompt": False,
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "none",
        "client.toolbarMode": "minimal",
        "logger.hideWelcomeMessage": True,
        "theme.light.primaryColor": "#2f6f9f",
        "theme.light.paddingTop": "1rem",
        "theme.dark.primaryColor": "#4a92c8",
        "theme.dark.paddingTop": "1rem",
        # The answers are downloaded through the table tab alone, which takes the formulas out of cells.
        "client.disableDataExport": True,
    }
    # Left alone otherwise: Streamlit itself knows machines without a display.
    return settings if browser else {**settings, "server.headless": True}


def _check_address(host: str, port: int) -> None:
    """Refuse a taken port before Streamlit starts, which would say so in its log only."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As the server itself binds: a port in TIME_WAIT is free, one that is listened on is not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ServingError(
                    f"port {port} on {host} is in use; end what runs there or take another: --port {_free_port(host)}"
                ) from None
            raise ServingError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
