import dataclasses
import hashlib
import lzma
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from treadle.data import catalogue
from treadle.data.catalogue import Dataset, File, datasets, fetch, find
from treadle.data.sources import read_table
from treadle.errors import DataError

CSV = b"a,b\n1,2\n"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A catalogue of one data set that a server on this machine offers, and empty folders to look for it in."""
    served = tmp_path / "served"
    served.mkdir()
    (served / "loom.csv").write_bytes(CSV)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    entry = Dataset(
        name="loom",
        description="Two numbers.",
        files=(File("loom.csv", hashlib.sha256(CSV).hexdigest(), f"http://127.0.0.1:{server.server_port}/loom.csv"),),
        licence="CC0",
        citation="none",
        rows=1,
        target="b",
    )
    monkeypatch.setattr(catalogue, "_ALL", (entry,))
    monkeypatch.setenv("TREADLE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TREADLE_CACHE", str(tmp_path / "cache"))
    yield tmp_path
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_entries_are_whole():
    assert set(datasets()) >= {"bank_churn", "phishing_uci", "phishing_small", "california_housing"}
    for name, entry in datasets().items():
        assert entry.name == name
        assert all(len(file.sha256) == 64 for file in entry.files)
        assert entry.licence
        assert entry.rows > 0
        ways = [bool(entry.package), all(file.address for file in entry.files), bool(entry.advice)]
        assert sum(ways) == 1
        assert all(other is None or other in datasets() for other in (entry.test, entry.validation))


def test_the_data_set_that_a_package_ships(monkeypatch, tmp_path):
    monkeypatch.delenv("TREADLE_DATA", raising=False)
    monkeypatch.setenv("TREADLE_CACHE", str(tmp_path))
    entry = datasets()["phishing_small"]
    [path] = find("phishing_small")
    assert fetch("phishing_small") == [path]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == entry.files[0].sha256
    table = read_table("phishing_small")
    assert len(table) == entry.rows
    assert entry.target in table.columns


def test_the_package_is_not_imported():
    code = "from treadle.data.sources import read_table; read_table('phishing_small'); import sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"river", "pandas", "polars", "sqlalchemy", "jax"} & set(loaded)


def test_a_data_set_is_fetched_once(shelf):
    with pytest.raises(
        DataError, match=r"no copy of loom is here: run `treadle datasets fetch loom`, or put it at .*data/loom"
    ):
        find("loom")
    [path] = fetch("loom")
    assert [path] == find("loom")
    assert path == shelf / "cache" / "loom" / "loom.csv"
    (shelf / "served" / "loom.csv").unlink()
    assert fetch("loom") == [path]
    assert [entry.name for entry in path.parent.iterdir()] == ["loom.csv"]
    assert read_table("loom").columns["b"].tolist() == ["2"]


def test_the_given_folder_comes_first(shelf):
    fetch("loom")
    path = shelf / "data" / "loom" / "loom.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(CSV)
    assert find("loom") == [path]


def test_an_altered_copy_is_refused(shelf):
    [path] = fetch("loom")
    path.write_bytes(CSV + b"3,4\n")
    with pytest.raises(DataError, match=r"loom.csv is not loom as catalogued .*: delete it and fetch it again"):
        find("loom")


def test_a_copy_may_be_compressed(shelf):
    path = shelf / "data" / "loom" / "loom.csv.xz"
    path.parent.mkdir(parents=True)
    for preset in (0, 9):
        path.write_bytes(lzma.compress(CSV, preset=preset))
        assert find("loom") == fetch("loom") == [path]
        assert read_table("loom").columns["b"].tolist() == ["2"]
    path.write_bytes(lzma.compress(CSV + b"3,4\n"))
    with pytest.raises(DataError, match=r"loom.csv.xz is not loom as catalogued \(sha256 .*\): delete it"):
        find("loom")
    for broken in (b"no xz", lzma.compress(CSV)[:-8]):
        path.write_bytes(broken)
        with pytest.raises(DataError, match=r"is not loom as catalogued \(it is no xz, or cut short\)"):
            find("loom")


def test_texts_are_read_as_the_entry_says(shelf, monkeypatch):
    lines, pairs, treebank = b"To be,\n\nor not\n", b'"Go."\tVa !\n', b"1\ta\t_\tX\tx\t_\t0\troot\t_\t_\n"
    changes = (
        ("hamlet", "t.txt", lines, {"format": "lines"}, {}, {"text": ["To be,", "or not"]}),
        ("pairs", "t.txt", pairs, {}, {"columns": ("english", "french")}, {"english": ['"Go."'], "french": ["Va !"]}),
        ("trees", "t.dat", treebank, {"format": "conllu"}, {}, {"text": ["a"], "upos": ["X"], "xpos": ["x"]}),
    )
    for name, stored, content, of_set, of_file, cells in changes:
        file = File(stored, hashlib.sha256(content).hexdigest(), "http://127.0.0.1/", **of_file)
        entry = dataclasses.replace(datasets()["loom"], name=name, files=(file,), target=None, **of_set)
        monkeypatch.setattr(catalogue, "_ALL", (*catalogue._ALL, entry))
        path = shelf / "data" / name / stored
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        assert {column: found.tolist() for column, found in read_table(name).columns.items()} == cells
        assert len(read_table(name, format=entry.format)) == len(read_table(name))


def test_other_bytes_than_expected_are_not_kept(shelf):
    (shelf / "served" / "loom.csv").write_bytes(b"<html>")
    with pytest.raises(DataError, match="is not loom as catalogued"):
        fetch("loom")
    assert list((shelf / "cache" / "loom").iterdir()) == []


def test_an_address_that_answers_nothing(shelf):
    (shelf / "served" / "loom.csv").unlink()
    with pytest.raises(
        DataError, match=r"http://.*/loom.csv: HTTP Error 404: File not found; or put the file at .*loom.csv"
    ):
        fetch("loom")


def test_unknown_names_and_absent_packages(shelf, monkeypatch):
    with pytest.raises(DataError, match=r"no data set 'lom'; did you mean 'loom'\?"):
        find("lom")
    shipped = dataclasses.replace(
        datasets()["loom"], files=(File("loom.csv", "0" * 64),), package=("no_such_package", "loom.csv")
    )
    monkeypatch.setattr(catalogue, "_ALL", (shipped,))
    with pytest.raises(DataError, match="loom comes with the package no_such_package: pip install no_such_package"):
        fetch("loom")
