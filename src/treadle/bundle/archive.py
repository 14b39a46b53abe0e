"""A zip file with one form only: the same members give the same bytes, and any other byte is refused.

Members are stored uncompressed, in the order of their names, with one fixed date; the archive's comment is the SHA-256
of every byte before it. Reading rebuilds every header from the members' names, sizes and checksums and compares, so
there is no room for tricks of the zip format (PKWARE APPNOTE 6.3, sections 4.3 to 4.5): hidden or overlapping members,
zip64 sizes, links, encryption, data in front. Any zip tool opens the file.
"""

from __future__ import annotations

import hashlib
import re
import stat
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from treadle.bundle.atomic import replacing
from treadle.errors import BundleError

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_DATE, _TIME = 0x0021, 0  # 1 January 1980, the first date of the format
_VERSION, _MADE_ON_UNIX = 20, 3 << 8
_MODE = (stat.S_IFREG | 0o644) << 16
_COMMENT = b"sha256:"
_COMMENT_LENGTH = len(_COMMENT) + 64
_LARGEST = 2**31
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")


@dataclass(frozen=True)
class _Entry:
    """One member as the central directory lists it."""

    name: str
    size: int
    start: int
    flags: int
    method: int
    stored: int
    attributes: int


def write_archive(path: str | Path, members: Mapping[str, bytes]) -> None:
    """Write `members` as one file at `path`, wholly or not at all; an older file stays until the new one is complete.

    Raises:
        BundleError: the folder is missing or not writable, the disk is full, or the members exceed 2 GiB.
    """
    path = Path(path)
    data = encode(members)
    try:
        with replacing(path) as file:
            file.write(data)
    except OSError as error:
        kept = "; the bundle that stood there is unchanged" if path.exists() else ""
        raise BundleError(f"{path}: cannot save the bundle: {error.strerror or error}{kept}") from None


def read_archive(path: str | Path) -> dict[str, bytes]:
    """The members of the archive at `path`, after every byte of it has been checked.

    Raises:
        BundleError: no such file, not a bundle, truncated, altered, or a zip that Treadle would not have written.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise BundleError(f"{path}: no such bundle") from None
    except OSError as error:
        raise BundleError(f"{path}: cannot read the bundle: {error.strerror or error}") from None
    return decode(data, str(path))


def digest_of(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def encode(members: Mapping[str, bytes]) -> bytes:
    """The bytes of the archive.

    Raises:
        BundleError: the members exceed 2 GiB.
    """
    if sum(map(len, members.values())) >= _LARGEST:
        raise BundleError("a bundle holds at most 2 GiB; this network is too large")
    body = _encode_body(members)
    return body + _COMMENT + digest_of(body).encode()


def _encode_body(members: Mapping[str, bytes]) -> bytes:
    locals_, centrals, start = [], [], 0
    for name in sorted(members):
        content = members[name]
        local, central = _headers(name, zlib.crc32(content), len(content), start)
        locals_ += [local, content]
        centrals.append(central)
        start += len(local) + len(content)
    directory = b"".join(centrals)
    return b"".join([*locals_, directory, _end(len(members), len(directory), start)])


def decode(data: bytes, where: str) -> dict[str, bytes]:
    """The members of an archive's bytes; `where` is what error messages call it.

    Raises:
        BundleError: see `read_archive`.
    """
    body = _checked_body(data, where)
    members: dict[str, bytes] = {}
    unread = len(body)
    for entry in _directory(body, where):
        _refuse_foreign(entry, members, where)
        unread -= entry.size
        if unread < 0:
            raise BundleError(f"{where}: refused: its members overlap; Treadle writes no such bundle")
        content_start = entry.start + _LOCAL.size + len(entry.name)
        members[entry.name] = body[content_start : content_start + entry.size]
    if _encode_body(members) != body:
        raise BundleError(
            f"{where}: not in the form that Treadle writes: the zip was made or changed by another program"
        )
    return members


def _checked_body(data: bytes, where: str) -> bytes:
    """What stands before the comment, once its digest has been compared."""
    if not data.startswith(b"PK\x03\x04"):
        raise BundleError(f"{where}: not a Treadle bundle{' (the file is empty)' if not data else ''}")
    body, comment = data[:-_COMMENT_LENGTH], data[-_COMMENT_LENGTH:]
    if not comment.startswith(_COMMENT):
        raise BundleError(
            f"{where}: truncated, or not written by Treadle: its closing SHA-256 is missing; copy it again"
        )
    if comment[len(_COMMENT) :] != digest_of(body).encode():
        raise BundleError(f"{where}: altered or damaged: its bytes do not match their SHA-256")
    return body


def _directory(body: bytes, where: str) -> list[_Entry]:
    strange = BundleError(f"{where}: not a zip that Treadle wrote: its directory cannot be read")
    if len(body) < _END.size:
        raise strange
    signature, _, _, _, count, size, start, comment = _END.unpack(body[-_END.size :])
    if count == 0xFFFF or 0xFFFFFFFF in (size, start):
        raise BundleError(f"{where}: a zip64 archive; a bundle is never one")
    if signature != b"PK\x05\x06" or comment != _COMMENT_LENGTH or start + size + _END.size != len(body):
        raise strange
    entries, place = [], start
    for _ in range(count):
        if body[place : place + 4] != b"PK\x01\x02" or place + _CENTRAL.size > len(body):
            raise strange
        fields = _CENTRAL.unpack_from(body, place)
        flags, method, stored, length, name_length, extra, note = fields[3], fields[4], *fields[8:13]
        name_start = place + _CENTRAL.size
        name = body[name_start : name_start + name_length].decode("utf-8", "replace")
        entries.append(_Entry(name, length, fields[16], flags, method, stored, fields[15]))
        place += _CENTRAL.size + name_length + extra + note
    return entries


def _refuse_foreign(entry: _Entry, members: Mapping[str, bytes], where: str) -> None:
    fault = None
    if not _NAME.fullmatch(entry.name):
        fault = "has a name that leads out of the bundle or is no plain file name"
    elif entry.name in members:
        fault = "stands in it twice"
    elif entry.flags & 1:
        fault = "is encrypted"
    elif 0xFFFFFFFF in (entry.size, entry.stored, entry.start):
        fault = "has zip64 sizes"
    elif entry.method:
        fault = "is compressed"
    elif stat.S_IFMT(entry.attributes >> 16) not in (0, stat.S_IFREG):
        fault = "is a link or another special file"
    if fault:
        raise BundleError(f"{where}: refused: member {entry.name!r} {fault}; Treadle writes no such bundle")


def _headers(name: str, crc: int, size: int, start: int) -> tuple[bytes, bytes]:
    encoded = name.encode("ascii")
    common = (0, 0, _TIME, _DATE, crc, size, size, len(encoded), 0)
    local = _LOCAL.pack(b"PK\x03\x04", _VERSION, *common)
    central = _CENTRAL.pack(b"PK\x01\x02", _MADE_ON_UNIX | _VERSION, _VERSION, *common, 0, 0, 0, _MODE, start)
    return local + encoded, central + encoded


def _end(count: int, size: int, start: int) -> bytes:
    return _END.pack(b"PK\x05\x06", 0, 0, count, count, size, start, _COMMENT_LENGTH)
