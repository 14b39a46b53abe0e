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
from typing import BinaryIO, TextIO, cast

from treadle.errors import DataError, did_you_mean

LINE_LIMIT = 16 * 2**20
"""Most bytes of a line; what is longer is no table."""
_BUFFER = 2**18
_LOOK = 1024
_MOST_NULS = 0.05
"""Share of NUL bytes at the beginning: a text may hold one, UTF-16 has one for every ASCII letter."""
_MAGIC = {
    b"pk\x03\x04": "a ZIP archive (perhaps an Excel workbook: export it as CSV)",
    b"\xd0\xcf\x11\xe0": "an Excel workbook: export it as CSV",
    b"%pdf": "a PDF document",
    b"\x89png": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"sqlite format 3": "an SQLite database: give its address, sqlite:///PATH, and a query",
    b"par1": "a Parquet file: name it .parquet",
    b"\x1f\x8b": "compressed with gzip: name it .gz",
    b"\xfd7zxz": "compressed with xz: name it .xz",
    b"bzh": "compressed with bzip2, which is not read: compress it with gzip or xz",
    b"<!doctype html": "an HTML page",
    b"<html": "an HTML page",
}
"""First bytes (in lower case) of files that are often taken for tables."""


def find_files(source: str, also: tuple[str, ...] = ()) -> list[Path]:
    """The file of this path, or the files of this glob in sorted order.

    Raises:
        DataError: there is none; names a near one, among the names of data sets in `also` too.
    """
    path = Path(source).expanduser()
    if path.is_file():
        return [path]
    if path.is_dir():
        raise DataError(f"{source} is a folder: name a file in it, or all of a kind as {path / '*.csv'}")
    if glob.has_magic(source):
        # Path.glob takes no absolute pattern.
        names = glob.glob(str(path), recursive=True)  # noqa: PTH207
        files = sorted(file for file in map(Path, names) if file.is_file())
        if files:
            return files
        raise DataError(f"{source}: no file matches")
    raise DataError(f"{source}: no such file{_nearest(path, also)}")


def _nearest(path: Path, also: tuple[str, ...]) -> str:
    with contextlib.suppress(OSError):
        hint = did_you_mean(path.name, [entry.name for entry in path.parent.iterdir() if entry.is_file()])
        if hint.startswith("; did you mean"):
            return hint
    # Only a bare word can have been meant for a data set.
    return f" and no data set of that name{did_you_mean(path.name, also)}" if also and str(path).isidentifier() else ""


class _Guard(io.RawIOBase):
    """A stream of bytes that refuses endless lines and says when the compression is broken."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream = stream
        self._name = name
        self._since_line_end = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
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


@contextlib.contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, uncompressed when its name ends in .gz or .xz.

    Raises:
        DataError: it cannot be opened.
    """
    try:
        stream = _open(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be opened: {error.strerror or error}") from None
    with stream:
        yield stream


def _open(path: Path) -> BinaryIO:
    if path.suffix == ".gz":
        return cast("BinaryIO", gzip.open(path, "rb"))
    if path.suffix == ".xz":
        return cast("BinaryIO", lzma.open(path, "rb"))
    return path.open("rb")


def as_text(stream: BinaryIO, name: str, encoding: str) -> TextIO:
    """The text of a stream, without a byte order mark, its line ends as they are.

    Raises:
        DataError: an unknown encoding, an empty stream, or bytes that are no text.
    """
    try:
        codec = codecs.lookup(encoding)
    except LookupError:
        raise DataError(f"data.encoding: unknown encoding {encoding!r}; try utf-8, cp1252 or utf-16") from None
    guarded = io.BufferedReader(_Guard(stream, name), _BUFFER)
    first = guarded.peek(_LOOK)[:_LOOK].lower()
    if not first:
        raise DataError(f"{name}: the file is empty")
    for magic, what in _MAGIC.items():
        if first.startswith(magic):
            raise DataError(f"{name}: not a table of text but {what}")
    wide = codec.name.startswith(("utf-16", "utf-32")) or first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if first.count(0) > len(first) * _MOST_NULS and not wide:
        raise DataError(
            f"{name}: not a table of text; if it is UTF-16, set data.encoding (--encoding): utf-16-le or utf-16-be"
        )
    return io.TextIOWrapper(guarded, "utf-8-sig" if codec.name == "utf-8" else encoding, newline="")


def explain_undecodable(stream: BinaryIO, name: str, encoding: str) -> DataError:
    """What to say of a stream with bytes that are not in the encoding: where they stand, and what would read them."""
    if not stream.seekable():
        return DataError(f"{name}: not {encoding}; give the encoding it was written in, such as cp1252")
    stream.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    offset, line, first = 0, 1, b""
    while True:
        block = stream.read(_BUFFER)
        first = first or block[:4]
        pending = decoder.getstate()[0]
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            place = offset - len(pending) + error.start
            line += error.object[: error.start].count(b"\n")
            return DataError(
                f"{name}: not {encoding} at byte {place:,} (line {line:,}); {_likely(error.object, error.start, first)}"
            )
        except UnicodeError as error:
            return DataError(f"{name}: not {encoding}: {error}")
        offset += len(block)
        line += block.count(b"\n")


def _likely(block: bytes, start: int, first: bytes) -> str:
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "it begins like UTF-16: set data.encoding (--encoding): utf-16"
    try:
        read = block[max(start - 20, 0) : start + 20].decode("cp1252")
    except UnicodeDecodeError:
        return "set data.encoding (--encoding) to the encoding it was written in"
    return f"if {read.strip()!r} looks right, set data.encoding (--encoding): cp1252"
