"""Named data sets: where each comes from, its hash and licence, and where a copy of it lies."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from treadle.errors import DataError, did_you_mean

_GITHUB = "https://raw.githubusercontent.com"
_TIMEOUT_SECONDS = 60.0
_BLOCK = 2**20


@dataclass(frozen=True)
class Dataset:
    """One entry of the catalogue."""

    name: str
    description: str
    file: str
    sha256: str
    """Of the stored file."""
    licence: str
    citation: str
    rows: int
    target: str
    """The column that is usually predicted."""
    address: str | None = None
    package: tuple[str, str] | None = None
    """An installed package that ships the file, and its path in there."""
    drop: tuple[str, ...] = ()
    """Columns that are no features."""


_ALL = (
    Dataset(
        name="bank_churn",
        description="Bank customers, and whether they left (Exited).",
        file="Churn_Modelling.csv",
        sha256="3996cd1fa372e0db0cd9c0ebac35bbd4e8e3c65fb942bb010c826e7b1eeef0a0",
        licence="none stated for the data: for tests and study, not for redistribution",
        citation="Teaching table of the SuperDataScience deep-learning course (Churn Modelling); probably fictional",
        rows=10_000,
        target="Exited",
        address=f"{_GITHUB}/krishnaik06/ANN-CLassification-Churn/6ac351aa3533f5cde56926032fb479a4e9c4d2ab/Churn_Modelling.csv",
        drop=("RowNumber", "CustomerId", "Surname"),
    ),
    Dataset(
        name="phishing_uci",
        description="Features of web sites in -1, 0, 1, and whether one is phishing (Result: -1) or legitimate (1).",
        file="phisingData.csv",
        sha256="e20bf913b6c2e669f4e875e5d223be2542cc7c79a7b62d284ae9d9627c3d9678",
        licence="CC BY 4.0",
        citation="Mohammad, Thabtah, McCluskey (2012-2015), Phishing Websites, UCI Machine Learning Repository 327",
        rows=11_055,
        target="Result",
        address=f"{_GITHUB}/4ashutosh98/end-to-end-ml-project-mlflow-aws/0a9f75e96fb1843a03a95ebc9be972892b3001f1/Network_Data/phisingData.csv",
    ),
    Dataset(
        name="phishing_small",
        description="Features of 1,250 web sites, and whether one is phishing (is_phishing: 1). Its source counts 702 "
        "phishing sites, the file 548: the label may be the wrong way round.",
        file="phishing.csv.gz",
        sha256="d8a6d44bd9672e852b8a53ad2c64229f81972158a77d981073a98b17c27af7a9",
        licence="CC BY 4.0 (data), BSD-3-Clause (the package river that ships it)",
        citation="Abdelhamid, Ayesh, Thabtah (2014), Website Phishing, UCI Machine Learning Repository 379",
        rows=1_250,
        target="is_phishing",
        package=("river", "datasets/phishing.csv.gz"),
    ),
    Dataset(
        name="california_housing",
        description="Districts of the 1990 census of California, and their median house value in dollars.",
        file="housing.csv",
        sha256="8a3727f4cf54ac1a327f69b1d5b4db54c5834ea81c6e4efc0d163300022a685e",
        licence="Apache-2.0 (repository); the census data is public",
        citation="Pace and Barry (1997), Sparse Spatial Autoregressions; StatLib, with the changes of handson-ml2",
        rows=20_640,
        target="median_house_value",
        address=f"{_GITHUB}/ageron/handson-ml2/1e2115277b50f6c584cd668fa30e3af309a5b136/datasets/housing/housing.csv",
    ),
)


def datasets() -> dict[str, Dataset]:
    """Every entry by name."""
    return {dataset.name: dataset for dataset in _ALL}


def find(name: str) -> Path:
    """Where a copy of the data set lies: the folder of TREADLE_DATA, the cache, or the package that ships it.

    Raises:
        DataError: no such data set, no copy of it, or an altered one; says how to get it.
    """
    dataset = _entry(name)
    for path in _places(dataset):
        if path.is_file():
            _require_hash(path, dataset)
            return path
    if dataset.package is None:
        raise DataError(
            f"no copy of {name} is here: run `treadle datasets fetch {name}`, or put it at {_places(dataset)[0]}"
        )
    packaged = _packaged(*dataset.package)
    if packaged is None:
        raise DataError(f"{name} comes with the package {dataset.package[0]}: pip install {dataset.package[0]}")
    return packaged


def fetch(name: str) -> Path:
    """A copy of the data set, downloaded into the cache unless one is here already.

    Raises:
        DataError: no such data set, no way to its address, or other bytes than expected (then nothing is kept).
    """
    # Its import takes longer than all of the rest, and serving never fetches.
    import urllib.request

    dataset = _entry(name)
    if dataset.address is None or any(path.is_file() for path in _places(dataset)):
        return find(name)
    path = cache_folder() / dataset.name / dataset.file
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
        try:
            # The address is an entry of this file, never a user's.
            with urllib.request.urlopen(dataset.address, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
                while block := answer.read(_BLOCK):
                    part.write(block)
            part.flush()
            _require_hash(Path(part.name), dataset)
            Path(part.name).replace(path)
        except OSError as error:
            raise DataError(f"{dataset.address}: {error}; or put the file at {_places(dataset)[0]}") from None
        finally:
            Path(part.name).unlink(missing_ok=True)
    return path


def cache_folder() -> Path:
    """The folder of fetched data sets: TREADLE_CACHE, or ~/.cache/treadle."""
    return Path(os.environ.get("TREADLE_CACHE") or Path.home() / ".cache" / "treadle")


def _entry(name: str) -> Dataset:
    if name not in datasets():
        raise DataError(f"no data set {name!r}{did_you_mean(name, datasets())}")
    return datasets()[name]


def _places(dataset: Dataset) -> list[Path]:
    given = os.environ.get("TREADLE_DATA")
    folders = [Path(given)] if given else []
    return [folder / dataset.name / dataset.file for folder in (*folders, cache_folder())]


def _packaged(package: str, member: str) -> Path | None:
    # find_spec looks for the package without running any of it.
    found = importlib.util.find_spec(package)
    for folder in (found.submodule_search_locations or []) if found else []:
        if (Path(folder) / member).is_file():
            return Path(folder) / member
    return None


def _require_hash(path: Path, dataset: Dataset) -> None:
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != dataset.sha256:
        raise DataError(
            f"{path} is not {dataset.name} as catalogued (sha256 {found[:12]}..., expected {dataset.sha256[:12]}...):"
            " delete it and fetch it again, or use your own version by its path"
        )
