"""Categories against scikit-learn's OneHotEncoder, and the codes of embeddings."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import OneHotEncoder

from treadle.data.contract import Field
from treadle.features.categories import Codes, OneHot

NAMES = ("a", "b", "c", "d")
MISSING, UNSEEN = -1, 4


def field(name: str = "letter", *, nullable: bool = False) -> Field:
    return Field(name=name, kind="category", role="feature", nullable=nullable, categories=NAMES)


def column(*codes: int) -> dict[str, np.ndarray]:
    return {"letter": np.array(codes, dtype=np.int32)}


def hot(block: OneHot, columns: dict[str, np.ndarray]) -> list[list[float]]:
    out = np.zeros((len(columns["letter"]), len(block.names)), dtype=np.float32)
    block.write(columns, out)
    return out.tolist()


@pytest.mark.parametrize("min_count", [1, 2, 5, 9])
def test_one_hot_equals_scikit_learn(min_count):
    counts = [1, 8, 3, 5]
    train = np.repeat(np.arange(4), counts)
    block = OneHot.fit((field(),), column(*train), min_count)
    encoder = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=min_count, sparse_output=False, categories=[list(NAMES)]
    )
    encoder.fit(np.array(NAMES)[train][:, None])
    rows = encoder.transform(np.array([*NAMES, "z"])[:, None])
    assert hot(block, column(0, 1, 2, 3, UNSEEN)) == rows.tolist()


def test_one_hot_marks_what_is_missing():
    block = OneHot.fit((field(nullable=True),), column(0, 0, 1, 1, 2, 2, 3, MISSING), 2)
    assert block.names == ("letter = a", "letter = b", "letter = c", "letter (rare or unseen)", "letter (missing)")
    assert hot(block, column(0, 3, UNSEEN, MISSING)) == [
        [1.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 1.0, 0.0],
        [0.0, 0.0, 0.0, 1.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 1.0],
    ]


def test_a_code_that_turns_nothing_on_leaves_other_fields_alone():
    fields = (field("x"), field("letter"), field("y"))
    train = {name: np.arange(4, dtype=np.int32) for name in ("x", "letter", "y")}
    block = OneHot.fit(fields, train, 1)
    assert hot(block, {"x": np.array([3]), "letter": np.array([UNSEEN]), "y": np.array([0])}) == [
        [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    ]


def test_codes_end_with_the_unseen():
    block = Codes.fit((field(),), column(0, 1, 2, 3), 1)
    assert block.cardinalities == (5,)
    assert block.transform(column(0, 1, 2, 3, UNSEEN)).tolist() == [[0], [1], [2], [3], [4]]


def test_codes_of_missing_and_rare_categories():
    block = Codes.fit((field(nullable=True),), column(0, 1, 1, 2, 3, 3, MISSING), 2)
    assert block.cardinalities == (4,)
    assert block.transform(column(0, 1, 2, 3, UNSEEN, MISSING)).ravel().tolist() == [3, 0, 3, 1, 3, 2]


def test_codes_are_contiguous_int32():
    fields = (field("x"), field("letter"))
    columns = {"x": np.arange(4, dtype=np.int32), **column(3, 2, 1, 0)}
    codes = Codes.fit(fields, columns, 1).transform(columns)
    assert codes.dtype == np.int32
    assert codes.flags.c_contiguous
    assert codes.tolist() == [[0, 3], [1, 2], [2, 1], [3, 0]]
