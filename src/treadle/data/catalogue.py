"""Named data sets: where each comes from, its hash and licence, and where a copy of it lies."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from treadle.errors import DataError, did_you_mean

_GITHUB = "https://raw.githubusercontent.com"
_TIMEOUT_SECONDS = 60.0
_BLOCK = 2**20
_POLARITY = f"{_GITHUB}/nltk/nltk_data/5db857e6f7df11eabb5e5665836db9ec8df07e28/packages/corpora/sentence_polarity.zip"
_MAAS = "Maas et al. (2011), Learning Word Vectors for Sentiment Analysis, ACL: Large Movie Review Dataset v1.0"
_IMDB = (
    "write the reviews of aclImdb_v1.tar.gz (ai.stanford.edu/~amaas/data/sentiment) as CSV with the columns text,"
    " label, rating, id, title, the negative before the positive, by id"
)


@dataclass(frozen=True)
class File:
    """A file of a data set."""

    name: str
    sha256: str
    """Of the file as it is stored."""
    address: str | None = None
    """Where it is downloaded from; `ADDRESS!MEMBER` is a member of the ZIP archive at that address."""
    label: str | None = None
    """The class of all its texts, one a line, where the file is no table."""


@dataclass(frozen=True)
class Dataset:
    """One entry of the catalogue."""

    name: str
    description: str
    files: tuple[File, ...]
    licence: str
    citation: str
    rows: int
    target: str
    """The column that is usually predicted."""
    package: tuple[str, str] | None = None
    """An installed package that ships the only file, and its path in there."""
    drop: tuple[str, ...] = ()
    """Columns that are no features."""
    texts: tuple[str, ...] = ()
    """Columns that are read as text."""
    test: str | None = None
    """The data set of its official test rows."""
    folder: str | None = None
    """Where its files lie, if not in a folder of its name."""
    advice: str = ""
    """How to get it, where no address offers it in the form it is read in."""


_ALL = (
    Dataset(
        name="bank_churn",
        description="Bank customers, and whether they left (Exited).",
        files=(
            File(
                "Churn_Modelling.csv",
                "3996cd1fa372e0db0cd9c0ebac35bbd4e8e3c65fb942bb010c826e7b1eeef0a0",
                f"{_GITHUB}/krishnaik06/ANN-CLassification-Churn/6ac351aa3533f5cde56926032fb479a4e9c4d2ab/Churn_Modelling.csv",
            ),
        ),
        licence="none stated for the data: for tests and study, not for redistribution",
        citation="Teaching table of the SuperDataScience deep-learning course (Churn Modelling); probably fictional",
        rows=10_000,
        target="Exited",
        drop=("RowNumber", "CustomerId", "Surname"),
    ),
    Dataset(
        name="phishing_uci",
        description="Features of web sites in -1, 0, 1, and whether one is phishing (Result: -1) or legitimate (1).",
        files=(
            File(
                "phisingData.csv",
                "e20bf913b6c2e669f4e875e5d223be2542cc7c79a7b62d284ae9d9627c3d9678",
                f"{_GITHUB}/4ashutosh98/end-to-end-ml-project-mlflow-aws/0a9f75e96fb1843a03a95ebc9be972892b3001f1/Network_Data/phisingData.csv",
            ),
        ),
        licence="CC BY 4.0",
        citation="Mohammad, Thabtah, McCluskey (2012-2015), Phishing Websites, UCI Machine Learning Repository 327",
        rows=11_055,
        target="Result",
    ),
    Dataset(
        name="phishing_small",
        description="Features of 1,250 web sites, and whether one is phishing (is_phishing: 1). Its source counts 702 "
        "phishing sites, the file 548: the label may be the wrong way round.",
        files=(
            File(
                "phishing.csv.gz",
                "d8a6d44bd9672e852b8a53ad2c64229f81972158a77d981073a98b17c27af7a9",
            ),
        ),
        licence="CC BY 4.0 (data), BSD-3-Clause (the package river that ships it)",
        citation="Abdelhamid, Ayesh, Thabtah (2014), Website Phishing, UCI Machine Learning Repository 379",
        rows=1_250,
        target="is_phishing",
        package=("river", "datasets/phishing.csv.gz"),
    ),
    Dataset(
        name="california_housing",
        description="Districts of the 1990 census of California, and their median house value in dollars.",
        files=(
            File(
                "housing.csv",
                "8a3727f4cf54ac1a327f69b1d5b4db54c5834ea81c6e4efc0d163300022a685e",
                f"{_GITHUB}/ageron/handson-ml2/1e2115277b50f6c584cd668fa30e3af309a5b136/datasets/housing/housing.csv",
            ),
        ),
        licence="Apache-2.0 (repository); the census data is public",
        citation="Pace and Barry (1997), Sparse Spatial Autoregressions; StatLib, with the changes of handson-ml2",
        rows=20_640,
        target="median_house_value",
    ),
    Dataset(
        name="imdb_reviews",
        description="Film reviews, and whether the film was liked (label: 1): the official training half.",
        files=(File("train.csv.xz", "c179554e5bcd6b56a7694dba171e508f608f19bb31e08ea94b565f576013f265"),),
        licence="none stated: for research, its authors ask to be cited",
        citation=_MAAS,
        rows=25_000,
        target="label",
        drop=("rating", "id", "title"),
        texts=("text",),
        test="imdb_reviews_test",
        advice=_IMDB,
    ),
    Dataset(
        name="imdb_reviews_test",
        description="Film reviews, and whether the film was liked (label: 1): the official test half.",
        files=(File("test.csv.xz", "a7bcf4ffa926dfa13f535d8fee297421ee0efe6aa50102c256b2ab86077f58cb"),),
        licence="none stated: for research, its authors ask to be cited",
        citation=_MAAS,
        rows=25_000,
        target="label",
        drop=("rating", "id", "title"),
        texts=("text",),
        folder="imdb_reviews",
        advice=_IMDB,
    ),
    Dataset(
        name="sentence_polarity",
        description="Sentences from film reviews (text), and whether they speak well of the film (label).",
        files=(
            File(
                "rt-polarity.neg",
                "614274f81185a850e5a88d533d4679f916d6f62e9af6f0b4ec71fb94bf466ea5",
                f"{_POLARITY}!sentence_polarity/rt-polarity.neg",
                label="negative",
            ),
            File(
                "rt-polarity.pos",
                "c2dc6b2f55bcf725725372916287cc3f8f9b19402edaa9167de5287cb3ade421",
                f"{_POLARITY}!sentence_polarity/rt-polarity.pos",
                label="positive",
            ),
        ),
        licence="CC BY 4.0",
        citation="Pang and Lee (2005), Seeing Stars, sentence polarity dataset v1.0, by way of NLTK's data",
        rows=10_662,
        target="label",
        texts=("text",),
    ),
    Dataset(
        name="phishing_urls_esdaung",
        description="Web addresses (url), and whether each leads to a phishing site (label: 1).",
        files=(File("imbalanced_55000.csv.xz", "e4b0f6b2671502e443a1d6068f0f5d9887ef653679cae7a979ff8d36f3796b84"),),
        licence="none stated: for tests and study, not for redistribution",
        citation="Aung and Yamana (2021), Segmentation-based Phishing URL Detection, WI-IAT (ESDAUNG/PhishDataset)",
        rows=55_000,
        target="label",
        texts=("url",),
        advice="write sheet 1 of `data_imbal - 55000.xlsx` (github.com/ESDAUNG/PhishDataset) as CSV, url before label",
    ),
)


def datasets() -> dict[str, Dataset]:
    """Every entry by name."""
    return {dataset.name: dataset for dataset in _ALL}


def find(name: str) -> list[Path]:
    """Where the files of a data set lie: the folder of TREADLE_DATA, the cache, or the package that ships them.

    Raises:
        DataError: no such data set, no copy of it, or an altered one; says how to get it.
    """
    dataset = _entry(name)
    return [_find(file, dataset) for file in dataset.files]


def fetch(name: str) -> list[Path]:
    """The files of a data set, downloaded into the cache unless they are here already.

    Raises:
        DataError: no such data set, no way to its address, or other bytes than expected (then nothing is kept).
    """
    dataset = _entry(name)
    for file in dataset.files:
        if file.address is not None and not any(path.is_file() for path in _places(file, dataset)):
            _download(file, file.address, dataset)
    return find(name)


def cache_folder() -> Path:
    """The folder of fetched data sets: TREADLE_CACHE, or ~/.cache/treadle."""
    return Path(os.environ.get("TREADLE_CACHE") or Path.home() / ".cache" / "treadle")


def _find(file: File, dataset: Dataset) -> Path:
    places = _places(file, dataset)
    for path in places:
        if path.is_file():
            _require_hash(path, file, dataset)
            return path
    if dataset.package is not None:
        packaged = _packaged(*dataset.package)
        if packaged is None:
            raise DataError(
                f"{dataset.name} comes with the package {dataset.package[0]}: pip install {dataset.package[0]}"
            )
        return packaged
    way = f"run `treadle datasets fetch {dataset.name}`, or" if file.address else f"{dataset.advice}; then"
    raise DataError(f"no copy of {dataset.name} is here: {way} put it at {places[0]}")


def _download(file: File, address: str, dataset: Dataset) -> None:
    # Its import takes longer than all of the rest, and serving never fetches.
    import urllib.request
    import zipfile

    address, _, member = address.partition("!")
    path = cache_folder() / (dataset.folder or dataset.name) / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
        try:
            # The address is an entry of this file, never a user's.
            with urllib.request.urlopen(address, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
                shutil.copyfileobj(answer, part, _BLOCK)
            part.flush()
            if member:
                _unpack(Path(part.name), member)
            _require_hash(Path(part.name), file, dataset)
            Path(part.name).replace(path)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise DataError(f"{address}: {error}; or put the file at {_places(file, dataset)[0]}") from None
        finally:
            Path(part.name).unlink(missing_ok=True)


def _unpack(path: Path, member: str) -> None:
    """Put a member of the archive at `path` in its place."""
    import zipfile

    with zipfile.ZipFile(path) as archive:
        content = archive.read(member)
    path.write_bytes(content)


def _entry(name: str) -> Dataset:
    if name not in datasets():
        raise DataError(f"no data set {name!r}{did_you_mean(name, datasets())}")
    return datasets()[name]


def _places(file: File, dataset: Dataset) -> list[Path]:
    given = os.environ.get("TREADLE_DATA")
    folders = [Path(given)] if given else []
    return [folder / (dataset.folder or dataset.name) / file.name for folder in (*folders, cache_folder())]


def _packaged(package: str, member: str) -> Path | None:
    # find_spec looks for the package without running any of it.
    found = importlib.util.find_spec(package)
    for folder in (found.submodule_search_locations or []) if found else []:
        if (Path(folder) / member).is_file():
            return Path(folder) / member
    return None


def _require_hash(path: Path, file: File, dataset: Dataset) -> None:
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != file.sha256:
        raise DataError(
            f"{path} is not {dataset.name} as catalogued (sha256 {found[:12]}..., expected {file.sha256[:12]}...):"
            " delete it and fetch it again, or use your own version by its path"
        )
