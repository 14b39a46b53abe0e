"""Named data sets: where each comes from, its hash and licence, and where a copy of it lies."""

from __future__ import annotations

import hashlib
import importlib.util
import lzma
import os
import shutil
import tempfile
from pathlib import Path

from treadle.data.entries import ALL as _ALL
from treadle.data.entries import Dataset, File
from treadle.errors import DataError, did_you_mean

__all__ = ["Dataset", "File", "cache_folder", "datasets", "fetch", "find"]

_TIMEOUT_SECONDS = 60.0
_BLOCK = 2**20
_PACKED = ".xz"
"""What the name of a copy that was compressed ends in."""


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
    roots = [Path(given)] if given else []
    folders = [root / (dataset.folder or dataset.name) for root in (*roots, cache_folder())]
    return [folder / name for folder in folders for name in (file.name, file.name + _PACKED)]


def _packaged(package: str, member: str) -> Path | None:
    # find_spec looks for the package without running any of it.
    found = importlib.util.find_spec(package)
    for folder in (found.submodule_search_locations or []) if found else []:
        if (Path(folder) / member).is_file():
            return Path(folder) / member
    return None


def _require_hash(path: Path, file: File, dataset: Dataset) -> None:
    try:
        # Of a packed copy it is what it holds that counts: its own bytes depend on how it was packed.
        with lzma.open(path) if path.name == file.name + _PACKED else path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found == file.sha256:
            return
        what = f"sha256 {found[:12]}..., expected {file.sha256[:12]}..."
    except (lzma.LZMAError, EOFError):
        what = "it is no xz, or cut short"
    raise DataError(
        f"{path} is not {dataset.name} as catalogued ({what}): delete it and fetch it again, or use your own version"
        " by its path"
    )
