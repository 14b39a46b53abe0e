"""Where words go: stderr for people, stdout for results alone."""

from __future__ import annotations

import json
import sys

from rich.console import Console
from rich.text import Text

people = Console(stderr=True, highlight=False)
results = Console(highlight=False)


def complain(message: str) -> None:
    """Say on stderr what is wrong; user text is never read as markup."""
    people.print(Text.assemble(("error: ", "bold red"), message), soft_wrap=True)


def say(message: str) -> None:
    """Say a line on stderr."""
    people.print(Text(message), soft_wrap=True)


def print_json(document: object) -> None:
    """Print one JSON document to stdout, in ASCII so that it is the same in every terminal and pipe."""
    sys.stdout.write(json.dumps(document, allow_nan=False) + "\n")
