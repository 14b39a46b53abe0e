"""Texts of one class, one a line: a form in which several published sets come."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

import numpy as np

from treadle.data.files import as_text, explain_undecodable
from treadle.data.table import Table


def read_labelled_lines(
    stream: BinaryIO, name: str, label: str, *, encoding: str = "utf-8", chunk_rows: int = 65536
) -> Iterator[Table]:
    """Tables of the columns `text` and `label`, of at most `chunk_rows` rows, in constant memory.

    Raises:
        DataError: empty, or bytes that are not in the encoding.
    """
    lines = as_text(stream, name, encoding)
    read = 0
    try:
        while block := list(islice(lines, chunk_rows)):
            texts = np.fromiter((line.strip() for line in block), dtype=object, count=len(block))
            yield Table.of({"text": texts, "label": np.full(len(block), label, dtype=object)}, name, read + 1)
            read += len(block)
    except UnicodeDecodeError:
        raise explain_undecodable(stream, name, encoding) from None
