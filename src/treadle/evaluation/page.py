"""The frame of an HTML file that loads nothing and runs no script."""

from __future__ import annotations

from collections.abc import Iterable

from treadle.evaluation.style import CSS


def page(title: str, body: Iterable[str], css: str = "") -> str:
    """An HTML document.

    Args:
        title: escaped already.
        body: what stands in it, escaped already.
        css: rules beside those of the report.
    """
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            # Even what escaping might miss could not load or run anything.
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{title}</title>",
            f"<style>{CSS}{css}</style>",
            "</head>",
            "<body>",
            "<main>",
            *body,
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )
