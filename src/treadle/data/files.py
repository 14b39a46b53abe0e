"""Finding and opening text files, so that whatever is wrong with one is said in words and in bounded memory."""

from __future__ import annotations

import codecs
import contextlib
import glob
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TextIO

from treadle.errors import DataError, did_you_mean

LINE_LIMIT = 16 * 2**20
"""Most bytes of a line; what is longer is no table."""
_BUFFER = 2**18
_MAGIC = {
    b"PK\x03\x04": "a ZIP archive (perhaps an Excel workbook: export it as CSV)",
    b"\xd0\xcf\x11\xe0": "an Excel workbook: export it as CSV",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"SQLite format 3": "an SQLite database: give its address, sqlite:///PATH, and a query",
    b"PAR1": "a Parquet file: name it .parquet",
    b"\x1f\x8b": "compressed with gzip: name it .gz",
    b"\xfd7zXZ": "compressed with xz: name it .xz",
    b"BZh": "compressed with bzip2, which is not read: compress it with gzip or xz",
    b"<!DOCTYPE html": "an HTML page",
    b"<!doctype html": "an HTML page",
    b"<html": "an HTML page",
}


def find_files(source: str, also: tuple[str, ...] = ()) -> list[Path]:
    """The file of this path, or the files of this glob in sorted order.

    Raises:
        DataError: there is none; names a near one, among `also` too.
    """
    path = Path(source).expanduser()
    if path.is_file():
        return [path]
    if path.is_dir():
        raise DataError(f"{source} is a folder: name a file in it, or all of a kind as {path / '*.csv'}")
    if glob.has_magic(source):
        found = sorted(Path(name) for name in glob.glob(str(path), recursive=True))
        files = [name for name in found if name.is_file()]
        if files:
            return files
        raise DataError(f"{source}: no file matches")
    if path.exists():
        return [path]
    raise DataError(f"{source}: no such file{_nearest(path, also)}")


def _nearest(path: Path, also: tuple[str, ...]) -> str:
    with contextlib.suppress(OSError):
        beside = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
        hint = did_you_mean(path.name, beside)
        if hint.startswith("; did you mean"):
            return hint
    hint = did_you_mean(path.name, also)
    return f" and no data set of that name{hint}" if also and path.name == str(path) else ""


class _Guard(io.RawIOBase):
    """A stream of bytes that refuses endless lines and names a broken compression."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream = stream
        self._name = name
        self._since_line_end = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            block = self._stream.read(len(buffer))
        except (gzip.BadGzipFile, lzma.LZMAError, zlib.error, EOFError) as error:
            raise DataError(f"{self._name}: the compressed file is broken or cut short: {error}") from None
        except OSError as error:
            raise DataError(f"{self._name}: cannot be read: {error.strerror or error}") from None
        end = max(block.rfind(b"\n"), block.rfind(b"\r"))
        self._since_line_end = len(block) - end - 1 if end >= 0 else self._since_line_end + len(block)
        if self._since_line_end > LINE_LIMIT:
            raise DataError(f"{self._name}: a line is longer than {LINE_LIMIT // 2**20} MiB: this is no table")
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        self._stream.close()
        super().close()


@contextlib.contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, uncompressed when its name ends in .gz or .xz.

    Raises:
        DataError: it cannot be opened, or its compression is broken.
    """
    try:
        if path.suffix == ".gz":
            stream: BinaryIO = gzip.open(path, "rb")  # type: ignore[assignment]
        elif path.suffix == ".xz":
            stream = lzma.open(path, "rb")
        else:
            stream = path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: cannot be opened: {error.strerror or error}") from None
    with io.BufferedReader(_Guard(stream, str(path)), _BUFFER) as guarded:
        yield guarded


def as_text(stream: BinaryIO, name: str, encoding: str) -> TextIO:
    """The text of a stream, without a byte order mark, its line ends as they are.

    Raises:
        DataError: an unknown encoding, an empty stream, or bytes that are no text.
    """
    try:
        codec = codecs.lookup(encoding)
    except LookupError:
        raise DataError(f"data.encoding: unknown encoding {encoding!r}; try utf-8, cp1252 or utf-16") from None
    guarded = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(_Guard(stream, name), _BUFFER)
    first = guarded.peek(64)[:64]
    if not first:
        raise DataError(f"{name}: the file is empty")
    for magic, what in _MAGIC.items():
        if first.startswith(magic):
            raise DataError(f"{name}: not a table of text but {what}")
    return io.TextIOWrapper(guarded, "utf-8-sig" if codec.name == "utf-8" else encoding, newline="")


def explain_undecodable(path: Path | None, name: str, encoding: str, error: UnicodeDecodeError) -> DataError:
    """What to say of bytes that are not in the encoding: where they stand, and which encoding would read them."""
    place, sample = "", error.object[error.start : error.start + 64]
    if path is not None:
        with open_bytes(path) as stream:
            offset = 0
            for number, line in enumerate(stream, 1):
                try:
                    line.decode(encoding)
                except UnicodeDecodeError as again:
                    place, sample = f" (byte {offset + again.start:,}, line {number:,})", line
                    break
                offset += len(line)
    return DataError(f"{name}: not {encoding}{place}; {_likely(sample, error.object[:4])}")


def _likely(sample: bytes, first: bytes) -> str:
    if first.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "it begins like UTF-16: set data.encoding: utf-16"
    try:
        read = sample.decode("cp1252").strip()
    except UnicodeDecodeError:
        return "set data.encoding to the encoding it was written in"
    return f"if {read[:60]!r} looks right, set data.encoding: cp1252"
