"""Word vectors from a file, as others have published them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from treadle.data.files import as_text, open_bytes
from treadle.errors import DataError, RecipeError


def read_vectors(
    path: str | Path, tokens: tuple[str, ...], width: int, section: str = "model.text"
) -> NDArray[np.float32]:
    """The vectors of a file in the text format of GloVe or of word2vec (which begins with a line of two counts).

    Args:
        path: the file, also .gz or .xz; each line is a word and its numbers, parted by blanks.
        tokens: words to look for.
        width: numbers of a vector.
        section: of the recipe, for errors.

    Returns:
        Shape (tokens, width); NaN for a word that the file does not hold, the first line for one that it holds twice.

    Raises:
        DataError: no such file, no text, or a line that is no word with numbers.
        RecipeError: vectors of another width.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise DataError(f"{section}.vectors: {path}: no such file")
    places = {token: place for place, token in enumerate(tokens)}
    vectors = np.full((len(tokens), width), np.nan, np.float32)
    for number, word, numbers in _lines(path):
        place = places.pop(word, None)
        if number == 1 or place is not None:
            vector = _vector(numbers, path, number)
            if len(vector) != width:
                raise RecipeError(
                    f"{section}.vectors: {path} holds vectors of {len(vector)} numbers:"
                    f" set {section}.embedding_width: {len(vector)}"
                )
            if place is not None:
                vectors[place] = vector
    return vectors


def _lines(path: Path) -> Iterator[tuple[int, str, str]]:
    """Number, word and the rest of every line, numbered from 1 without the line of counts."""
    with open_bytes(path) as stream:
        text = as_text(stream, str(path), "utf-8")
        try:
            first = text.readline()
            counted = len(first.split()) == 2 and all(part.isdigit() for part in first.split())
            for number, line in enumerate(text if counted else chain([first], text), start=1):
                word, _, numbers = line.strip().partition(" ")
                if word:
                    yield number, word, numbers
        except UnicodeDecodeError:
            raise DataError(f"{path}: not UTF-8 text; word2vec's binary format is not read: save it as text") from None


def _vector(numbers: str, path: Path, line: int) -> NDArray[np.float32]:
    try:
        vector = np.array(numbers.split(), np.float32)
    except ValueError:
        raise DataError(f"{path}: line {line:,}: {numbers[:40]!r} are not the numbers of a word's vector") from None
    if not len(vector) or not np.isfinite(vector).all():
        raise DataError(f"{path}: line {line:,}: no vector of finite numbers")
    return vector
