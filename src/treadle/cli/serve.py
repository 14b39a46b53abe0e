"""`treadle serve` and `treadle app`: a bundle over REST, and on a screen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treadle.cli.console import say

Bundles = Annotated[list[Path], typer.Argument(help="Bundles to serve.", metavar="BUNDLE")]


def serve(
    bundles: Bundles,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 8000,
    api_keys: Annotated[
        Path | None, typer.Option(help="File with one API key a line (or set TREADLE_API_KEYS).")
    ] = None,
    allow_anonymous: Annotated[
        bool, typer.Option("--allow-anonymous", help="Listen beyond this machine without API keys.")
    ] = False,
    cors_origin: Annotated[
        list[str] | None, typer.Option(help="A web page's origin that may call this server (repeatable).")
    ] = None,
    max_body_bytes: Annotated[int, typer.Option(help="Largest request body.", min=1)] = 16 << 20,
    max_rows: Annotated[int, typer.Option(help="Most rows in a request.", min=1)] = 100_000,
    max_words: Annotated[int, typer.Option(help="Most words to write in a request, times its beams.", min=1)] = 2000,
    max_prompt: Annotated[int, typer.Option(help="Most characters of a prompt.", min=1)] = 1_000_000,
    max_sessions: Annotated[int, typer.Option(help="Most texts kept to be gone on with; 0 keeps none.", min=0)] = 1000,
    max_session_bytes: Annotated[int, typer.Option(help="Memory that they may take.", min=1)] = 64 << 20,
    session_minutes: Annotated[
        float, typer.Option(help="Minutes after which a text that nobody goes on with is forgotten.", min=0.01)
    ] = 15.0,
    timeout: Annotated[float, typer.Option(help="Seconds a request may take.", min=0.1)] = 30.0,
) -> None:
    """Serve bundles over REST: /predict, /generate, /v2 (Open Inference Protocol), /schema, /metrics, /docs."""
    from treadle.serving.server import serve as run_server
    from treadle.serving.settings import Settings, read_api_keys

    settings = Settings(
        host=host,
        port=port,
        api_keys=read_api_keys(api_keys),
        allow_anonymous=allow_anonymous,
        cors_origins=tuple(cors_origin or ()),
        max_body_bytes=max_body_bytes,
        max_rows=max_rows,
        max_words=max_words,
        max_prompt=max_prompt,
        max_sessions=max_sessions,
        max_session_bytes=max_session_bytes,
        session_idle_s=60 * session_minutes,
        timeout_s=timeout,
    )
    run_server(bundles, settings)


def studio(
    bundles: Annotated[list[Path] | None, typer.Argument(help="Bundles to show.", metavar="BUNDLE")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8501,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
) -> None:
    """Open a screen drawn from the bundles' contracts: try rows, see why, answer a CSV, read the report."""
    from treadle.studio.launch import launch

    launch(bundles or [], host=host, port=port, browser=browser, announce=say)
