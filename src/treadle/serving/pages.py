"""Pages that stand alone: no script, no font, no picture from anywhere."""

from __future__ import annotations

from html import escape

HTML = "text/html; charset=utf-8"

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
table { border-collapse: collapse; }
th, td { border: 1px solid #8886; padding: .2rem .6rem; text-align: left; vertical-align: top; }
th { position: sticky; top: 0; background: Canvas; }
pre { border: 1px solid #8886; border-radius: 4px; overflow: auto; padding: .6rem; }
details { border-top: 1px solid #8886; padding: .4rem 0; }
summary { cursor: pointer; }
code.verb { display: inline-block; font-weight: bold; min-width: 4em; }
"""


def page(title: str, body: str) -> str:
    """A whole page around `body`, which is HTML already."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n'
        f"<body><h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )
