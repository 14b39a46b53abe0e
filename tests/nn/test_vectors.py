"""Published word vectors, read as they come and refused with a reason."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from treadle.errors import DataError, RecipeError
from treadle.nn.vectors import read_vectors

TOKENS = ("[PAD]", "[UNK]", "good", "naïve", "absent")
GLOVE = "the 1 2 3\ngood 0.5 -1 2e-1\nnaïve 4 5 6\ngood 9 9 9\n"


@pytest.mark.parametrize("header", ["", "4 3\n"])
@pytest.mark.parametrize("suffix", [".txt", ".txt.gz"])
def test_the_vectors_of_known_words(tmp_path: Path, header: str, suffix: str) -> None:
    path = tmp_path / f"vectors{suffix}"
    content = (header + GLOVE).encode()
    path.write_bytes(gzip.compress(content) if suffix.endswith(".gz") else content)
    vectors = read_vectors(path, TOKENS, 3)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors[2], [0.5, -1, 0.2])
    np.testing.assert_array_equal(vectors[3], [4, 5, 6])
    assert np.isnan(vectors[[0, 1, 4]]).all()


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"the 1 2\n", RecipeError, r"holds vectors of 2 numbers: set model.text.embedding_width: 2"),
        (b"good 1 2 x\n", DataError, r"line 1: '1 2 x' are not the numbers of a word's vector"),
        (b"the 1 2 3\ngood 1 nan 3\n", DataError, "line 2: no vector of finite numbers"),
        (b"the\n", DataError, "line 1: no vector of finite numbers"),
        (b"400000 300\n\xc3\x28\x01\x02\n", DataError, "word2vec's binary format is not read"),
        (b"", DataError, "the file is empty"),
        (b"PK\x03\x04rest", DataError, "a ZIP archive"),
    ],
)
def test_what_is_no_file_of_vectors(tmp_path: Path, content: bytes, error: type[Exception], message: str) -> None:
    path = tmp_path / "vectors.txt"
    path.write_bytes(content)
    with pytest.raises(error, match=message):
        read_vectors(path, TOKENS, 3)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"model.text.vectors: .*none.txt: no such file"):
        read_vectors(tmp_path / "none.txt", TOKENS, 3)
