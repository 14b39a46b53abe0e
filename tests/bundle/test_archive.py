"""The archive: one form, whole or absent, and no other byte accepted."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import struct
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle.bundle.archive import decode, encode, read_archive, write_archive
from treadle.errors import BundleError

MEMBERS = {"manifest.json": b'{"format": 1}', "CARD.md": b"# card\n", "empty": b""}


def sealed(body: bytes) -> bytes:
    """`body`, a zip without a comment, with a correct digest: what a forger would write."""
    body = body[:-2] + struct.pack("<H", 71)
    return body + b"sha256:" + hashlib.sha256(body).hexdigest().encode()


def forged(fill: Callable[[zipfile.ZipFile], None], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of duplicate names
        with zipfile.ZipFile(buffer, "w", compression) as archive:
            fill(archive)
    return sealed(buffer.getvalue())


def test_members_come_back_and_the_same_members_give_the_same_bytes(tmp_path: Path) -> None:
    write_archive(tmp_path / "a.treadle", MEMBERS)
    write_archive(tmp_path / "b.treadle", dict(reversed(MEMBERS.items())))
    assert read_archive(tmp_path / "a.treadle") == MEMBERS
    assert (tmp_path / "a.treadle").read_bytes() == (tmp_path / "b.treadle").read_bytes()


def test_any_zip_tool_opens_it(tmp_path: Path) -> None:
    write_archive(tmp_path / "a.treadle", MEMBERS)
    with zipfile.ZipFile(tmp_path / "a.treadle") as archive:
        assert archive.testzip() is None
        assert {info.filename: archive.read(info) for info in archive.infolist()} == MEMBERS
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}\.[a-z]{1,4}", fullmatch=True), st.binary(max_size=200), max_size=5))
@settings(max_examples=50)
def test_any_members_survive(members: dict[str, bytes]) -> None:
    if members:
        assert decode(encode(members), "x") == members


def test_every_flipped_byte_is_noticed() -> None:
    data = encode(MEMBERS)
    for place in range(len(data)):
        for flip in (0x01, 0x80, 0xFF):
            altered = bytearray(data)
            altered[place] ^= flip
            with pytest.raises(BundleError):
                decode(bytes(altered), "x")


def test_truncation_at_any_length_and_bytes_added_are_noticed() -> None:
    data = encode(MEMBERS)
    for length in range(len(data)):
        with pytest.raises(BundleError):
            decode(data[:length], "x")
    for altered in (data + b"\0", b"\0" + data):
        with pytest.raises(BundleError):
            decode(altered, "x")


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/b", "..", "a\\b", "C:evil", ".hidden", "", "a\nb", "é"])
def test_a_name_that_leads_out_of_the_bundle_is_refused(name: str) -> None:
    data = forged(lambda archive: archive.writestr(zipfile.ZipInfo(name), b"x"))
    with pytest.raises(BundleError, match="leads out of the bundle"):
        decode(data, "x")


def _twice(archive: zipfile.ZipFile) -> None:
    archive.writestr("a", b"1")
    archive.writestr("a", b"2")


def _link(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("a")
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(info, b"/etc/passwd")


def _zip64(archive: zipfile.ZipFile) -> None:
    with archive.open("a", "w", force_zip64=True) as member:
        member.write(b"x")


def test_links_and_duplicates_are_refused() -> None:
    with pytest.raises(BundleError, match="member 'a' stands in it twice"):
        decode(forged(_twice), "x")
    with pytest.raises(BundleError, match="member 'a' is a link"):
        decode(forged(_link), "x")


def test_compressed_and_encrypted_members_are_refused() -> None:
    compressed = forged(lambda archive: archive.writestr("a", b"x" * 100), zipfile.ZIP_DEFLATED)
    with pytest.raises(BundleError, match="member 'a' is compressed"):
        decode(compressed, "x")
    encrypted = bytearray(encode({"a": b"x"})[:-71])
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(BundleError, match="member 'a' is encrypted"):
        decode(sealed(bytes(encrypted)), "x")


def test_zip64_tricks_are_refused() -> None:
    with pytest.raises(BundleError, match="not in the form that Treadle writes"):
        decode(forged(_zip64), "x")
    body = bytearray(encode({"a": b"x"})[:-71])
    central = body.index(b"PK\x01\x02")
    body[central + 24 : central + 28] = b"\xff" * 4
    with pytest.raises(BundleError, match="member 'a' has zip64 sizes"):
        decode(sealed(bytes(body)), "x")
    body = bytearray(encode({"a": b"x"})[:-71])
    body[-6:-2] = b"\xff" * 4
    with pytest.raises(BundleError, match="a zip64 archive"):
        decode(sealed(bytes(body)), "x")


def test_overlapping_members_are_refused_before_they_are_copied() -> None:
    body = bytearray(encode({"a": b"x" * 100, "b": b""})[:-71])
    second = body.rindex(b"PK\x01\x02")
    body[second + 20 : second + 28] = struct.pack("<2I", 200, 200)
    with pytest.raises(BundleError, match="its members overlap"):
        decode(sealed(bytes(body)), "x")


def test_a_sealed_zip_of_another_program_is_refused() -> None:
    with pytest.raises(BundleError, match="not in the form that Treadle writes"):
        decode(forged(lambda archive: archive.writestr("a", b"x")), "x")


@given(st.data())
@settings(max_examples=300)
def test_a_sealed_archive_with_any_byte_changed_is_refused_or_differs(data: st.DataObject) -> None:
    """A forger can reseal what he changed: then he gets an error or other members, never a crash."""
    body = bytearray(encode(MEMBERS)[:-71])
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        members = decode(sealed(bytes(body)), "x")
    except BundleError:
        return
    assert encode(members) == sealed(bytes(body))


def test_a_missing_file_a_folder_and_another_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"gone\.treadle: no such bundle"):
        read_archive(tmp_path / "gone.treadle")
    with pytest.raises(BundleError, match="cannot read the bundle: Is a directory"):
        read_archive(tmp_path)
    (tmp_path / "x").write_bytes(b"a,b\n1,2\n")
    with pytest.raises(BundleError, match="x: not a Treadle bundle"):
        read_archive(tmp_path / "x")
    (tmp_path / "x").write_bytes(b"")
    with pytest.raises(BundleError, match="the file is empty"):
        read_archive(tmp_path / "x")
    (tmp_path / "x").write_bytes(encode(MEMBERS)[:-30])
    with pytest.raises(BundleError, match="truncated"):
        read_archive(tmp_path / "x")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="cannot save the bundle: No such file or directory"):
        write_archive(tmp_path / "absent" / "a.treadle", MEMBERS)


def test_a_full_disk_leaves_the_old_bundle_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.treadle"
    write_archive(path, MEMBERS)
    before = path.read_bytes()
    script = (
        "import resource, sys\n"
        "from treadle.bundle.archive import write_archive\n"
        "from treadle.errors import BundleError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try: write_archive(sys.argv[1], {'a': bytes(100_000)})\n"
        "except BundleError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    assert done.stdout == f"{path}: cannot save the bundle: File too large; the bundle that stood there is unchanged\n"
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.treadle"]


def test_an_interrupted_save_leaves_the_old_bundle_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.treadle"
    write_archive(path, MEMBERS)

    def interrupt(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_archive(path, {"a": b"new"})
    assert read_archive(path) == MEMBERS
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.treadle"]


def test_a_new_bundle_follows_the_umask_and_an_old_one_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "a.treadle"
    before = os.umask(0o027)
    try:
        write_archive(path, MEMBERS)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o600)
        write_archive(path, MEMBERS)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(before)
