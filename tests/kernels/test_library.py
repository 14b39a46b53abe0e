import os
import stat

import jax.numpy as jnp
import numpy as np
import pytest

from treadle import kernels
from treadle.kernels import library
from treadle.native import build, engine
from treadle.nn.recurrent import LSTM


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """No library is installed beside the package, and none was compiled before."""
    monkeypatch.setenv("TREADLE_CACHE", str(tmp_path / "cache"))
    for module in (build, engine):
        monkeypatch.setattr(module, "library_name", lambda part: f"{part}-new.so")
    monkeypatch.delenv("TREADLE_KERNELS", raising=False)
    return tmp_path


load = library.load.__wrapped__


def command(folder, script):
    path = folder / "compiler"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_machine_without_compiler_runs_the_scan_and_says_so(empty_cache, monkeypatch):
    monkeypatch.setenv("PATH", str(empty_cache))
    monkeypatch.delenv("CXX", raising=False)
    engine = load()
    assert not engine.fused
    assert "no C++ compiler was found" in engine.sentence


def test_a_jaxlib_without_headers_is_named(empty_cache, monkeypatch):
    monkeypatch.setattr(library, "find_headers", lambda: None)
    monkeypatch.setattr(build, "find_compiler", lambda: pytest.fail("compiled in vain"))
    assert "jaxlib" in load().sentence


def test_a_compiler_that_fails_is_quoted_in_one_line(empty_cache, monkeypatch):
    monkeypatch.setenv("CXX", command(empty_cache, "echo 'x.cpp: error: no such thing' >&2; echo more >&2; exit 1"))
    engine = load()
    assert not engine.fused
    assert "error: no such thing" in engine.sentence
    assert "\n" not in engine.sentence
    assert not list((empty_cache / "cache").rglob("*.so"))


def test_a_compiler_that_makes_rubbish_is_survived(empty_cache, monkeypatch):
    script = 'while [ $# -gt 0 ]; do [ "$1" = -o ] && echo rubbish > "$2"; shift; done'
    monkeypatch.setenv("CXX", command(empty_cache, script))
    assert not load().fused


def test_a_cache_that_cannot_be_written_is_named(empty_cache, monkeypatch):
    occupied = empty_cache / "file"
    occupied.write_text("")
    monkeypatch.setenv("TREADLE_CACHE", str(occupied))
    monkeypatch.setattr(build, "find_compiler", lambda: "c++")
    assert "cannot be kept in" in load().sentence


def test_people_are_told_of_the_wait_and_why_it_was_in_vain(empty_cache, monkeypatch):
    monkeypatch.setattr(library, "load", load)
    told = []
    monkeypatch.setenv("CXX", command(empty_cache, "echo 'x.cpp: error: no such thing' >&2; exit 1"))
    kernels.prepare(told.append)
    assert len(told) == 2
    assert told[0].startswith("compiling the kernels")
    assert "error: no such thing" in told[1]


def test_nobody_waits_for_kernels_that_are_there_or_not_wanted(empty_cache, monkeypatch):
    monkeypatch.setattr(library, "load", lambda: library.Engine(True, "fused"))
    told = []
    (empty_cache / "cache" / "kernels").mkdir(parents=True)
    for part in ("engine", "handlers"):
        (empty_cache / "cache" / "kernels" / f"{part}-new.so").touch()
    kernels.prepare(told.append)
    assert told == []
    monkeypatch.setattr(library, "load", load)
    monkeypatch.setenv("TREADLE_KERNELS", "scan")
    kernels.prepare(told.append)
    assert told == ["sequences are read by plain JAX scans, as TREADLE_KERNELS asks"]


def test_nobody_is_told_to_wait_where_nothing_will_be_compiled(empty_cache, monkeypatch):
    monkeypatch.setattr(library, "load", load)
    monkeypatch.setenv("CXX", command(empty_cache, "exit 1"))
    monkeypatch.setenv("TREADLE_KERNELS", "garbage")
    told = []
    kernels.prepare(told.append)
    assert len(told) == 1
    assert "TREADLE_KERNELS=garbage is none of scan" in told[0]


@pytest.mark.parametrize(("wanted", "told"), [("scan", "as TREADLE_KERNELS asks"), ("sse", "TREADLE_KERNELS=sse")])
def test_the_environment_chooses(wanted, told, monkeypatch):
    monkeypatch.setenv("TREADLE_KERNELS", wanted)
    engine = load()
    assert not engine.fused
    assert told in engine.sentence


def test_the_same_answers_without_the_fused_kernels(kernels_ready, monkeypatch, make):
    given = make.layer(LSTM, 5, 3, 2, 4)
    table, codes = jnp.asarray(np.eye(4, 3, dtype=np.float32)), jnp.array([[1, -1], [7, 3]])
    outputs, _ = kernels.unroll(LSTM, given.weights, given.xs, given.lengths, given.initial)
    rows = kernels.lookup(table, codes)
    monkeypatch.setattr(library, "load", lambda: library.Engine(False, "none"))
    scanned, _ = kernels.unroll(LSTM, given.weights, given.xs, given.lengths, given.initial)
    np.testing.assert_allclose(scanned, outputs, atol=1e-6)
    np.testing.assert_array_equal(kernels.lookup(table, codes), rows)
    with pytest.raises(ValueError, match="no fused kernels to choose from: none"):
        library.choose("plain")


def test_the_engine_is_one_sentence(kernels_ready):
    assert "\n" not in kernels.engine()
    assert kernels.engine().startswith(("fused C++ kernels with", "plain JAX scans"))


@pytest.mark.parametrize("part", ["engine", "handlers"])
def test_a_library_is_named_after_what_it_was_made_of(part, tmp_path, monkeypatch):
    name = build.library_name(part)
    assert name == build.library_name(part)
    sources = tmp_path / "cpp"
    sources.mkdir()
    for source in build.SOURCES.iterdir():
        (sources / source.name).write_bytes(source.read_bytes() + b"\n")
    monkeypatch.setattr(build, "SOURCES", sources)
    assert build.library_name(part) != name
    assert os.path.basename(name) == name  # noqa: PTH119 - a bare file name is what is asked for
