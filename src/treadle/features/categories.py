"""Categories: one 0/1 column for each, or a code that an embedding looks up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from treadle.data.contract import Field
from treadle.features.block import Arrays, Columns, missing_name

# A checked column's codes are -1 for missing, 0 to n - 1 for the contract's n categories, and n for unseen: shifted by
# one they look up a table of n + 2 places.
_SHIFT = 1


@dataclass(frozen=True)
class OneHot:
    """A 0/1 column for every category, as scikit-learn's OneHotEncoder(handle_unknown="infrequent_if_exist").

    Categories seen in fewer than `min_count` training rows share one column, which unseen ones join; with no rare ones
    an unseen category is all zeros. A missing category is all zeros but for the column that says so, if it may be
    missing.
    """

    columns: tuple[str, ...]
    names: tuple[str, ...]
    """What each 0/1 column is."""
    zero: NDArray[np.int64]
    """Where in the tables the code 0 of each column stands, shape (columns,)."""
    place: NDArray[np.int64]
    """Tables of all columns one after another: the 0/1 column that a code fills, shape (places,)."""
    value: NDArray[np.float32]
    """What the code fills it with, shape (places,): 1, or 0 for a code that turns nothing on."""

    @classmethod
    def fit(cls, fields: tuple[Field, ...], columns: Columns, min_count: int) -> Self:
        """From the category fields of a contract and training columns (int32 codes)."""
        names: list[str] = []
        zero: list[int] = []
        place: list[int] = []
        value: list[int] = []
        for field in fields:
            zero.append(len(place) + _SHIFT)
            own = len(names)
            frequent = _frequent(field, columns, min_count)
            known, used = _numbered(frequent)
            names += [f"{field.name} = {field.categories[index]}" for index in np.flatnonzero(frequent)]
            shared = not frequent.all()
            if shared:
                names.append(f"{field.name} (rare or unseen)")
            # A code that turns nothing on writes its 0 into the first column, which no other code of the row fills.
            missing = len(names) - own if field.nullable else 0
            if field.nullable:
                names.append(missing_name(field.name))
            place += [own + column for column in (missing, *known, used if shared else 0)]
            value += [field.nullable, *[1] * len(known), shared]
        return cls(
            tuple(field.name for field in fields),
            tuple(names),
            np.array(zero, dtype=np.int64),
            np.array(place, dtype=np.int64),
            np.array(value, dtype=np.float32),
        )

    def write(self, columns: Columns, out: NDArray[np.float32]) -> None:
        """Fill `out`, shape (rows, len(names))."""
        places = _codes(columns, self.columns) + self.zero[:, None]
        out[np.arange(len(out)), self.place[places]] = self.value[places]

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """What `restore` needs."""
        document = {"columns": self.columns, "names": self.names}
        return document, {"zero": self.zero, "place": self.place, "value": self.value}

    @classmethod
    def restore(cls, document: dict[str, Any], arrays: Arrays) -> Self:
        """The block that `state` was taken of."""
        columns, names = tuple(document["columns"]), tuple(document["names"])
        return cls(columns, names, arrays["zero"], arrays["place"], arrays["value"])


@dataclass(frozen=True)
class Codes:
    """A code for every category, for an embedding to look up.

    The frequent categories come first, then missing where it may be (it was trained on, and is not the same as unseen),
    and last the one code that rare and unseen categories share. With no rare ones, no training row has the last code.
    """

    columns: tuple[str, ...]
    cardinalities: tuple[int, ...]
    """Codes of each column."""
    zero: NDArray[np.int64]
    """Where in the tables the code 0 of each column stands, shape (columns,)."""
    code: NDArray[np.int32]
    """Tables of all columns one after another: the network's code for the contract's, shape (places,)."""

    @classmethod
    def fit(cls, fields: tuple[Field, ...], columns: Columns, min_count: int) -> Self:
        """From the category fields of a contract and training columns (int32 codes)."""
        cardinalities: list[int] = []
        zero: list[int] = []
        code: list[int] = []
        for field in fields:
            zero.append(len(code) + _SHIFT)
            known, missing = _numbered(_frequent(field, columns, min_count))
            unseen = missing + field.nullable
            code += [missing, *[unseen if index == missing else index for index in known], unseen]
            cardinalities.append(unseen + 1)
        names = tuple(field.name for field in fields)
        return cls(names, tuple(cardinalities), np.array(zero, dtype=np.int64), np.array(code, dtype=np.int32))

    def transform(self, columns: Columns) -> NDArray[np.int32]:
        """Codes of every row, shape (rows, columns)."""
        codes = self.code[_codes(columns, self.columns) + self.zero[:, None]]
        return np.ascontiguousarray(codes.T)

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """What `restore` needs."""
        document = {"columns": self.columns, "cardinalities": self.cardinalities}
        return document, {"zero": self.zero, "code": self.code}

    @classmethod
    def restore(cls, document: dict[str, Any], arrays: Arrays) -> Self:
        """The block that `state` was taken of."""
        columns, cardinalities = tuple(document["columns"]), tuple(document["cardinalities"])
        return cls(columns, cardinalities, arrays["zero"], arrays["code"])


def _codes(columns: Columns, names: tuple[str, ...]) -> NDArray[np.int64]:
    return np.array([columns[name] for name in names], dtype=np.int64)


def _frequent(field: Field, columns: Columns, min_count: int) -> NDArray[np.bool_]:
    """Which of the contract's categories are no rare ones, shape (categories,)."""
    known = len(field.categories)
    codes = columns[field.name]
    counts = np.bincount(codes[(codes >= 0) & (codes < known)], minlength=known)
    return counts >= min_count


def _numbered(frequent: NDArray[np.bool_]) -> tuple[list[int], int]:
    """A number from 0 for each frequent category, one shared by the rare ones, which comes next, and that number."""
    count = int(np.count_nonzero(frequent))
    return np.where(frequent, np.cumsum(frequent) - 1, count).tolist(), count
