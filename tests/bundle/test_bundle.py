"""The bundle: the same contents give the same file, and a file that is not whole is refused with a reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save as save_arrays

from treadle.bundle.archive import digest_of, read_archive, write_archive
from treadle.bundle.bundle import MEMBERS, Bundle, to_json
from treadle.bundle.golden import record
from treadle.bundle.predictor import Predictor
from treadle.data.table import Table
from treadle.errors import BundleError

Customers = Callable[..., Table]


@pytest.fixture
def whole(bundle: Bundle, make_customers: Customers) -> Bundle:
    return replace(bundle, golden=record(Predictor(bundle), make_customers(10)))


def forge(path: Path, members: dict[str, bytes], **changes: bytes | object) -> None:
    """Write `members` with some changed, hashes and all put right; a member given as None is left out."""
    members = dict(members)
    manifest = json.loads(members["manifest.json"])
    for name, content in changes.items():
        if name == "manifest":
            assert isinstance(content, dict)
            manifest |= content
        elif content is None:
            del members[name]
        else:
            assert isinstance(content, bytes)
            members[name] = content
            if name != "manifest.json":
                manifest["members"][name] = digest_of(content)
    if "manifest.json" not in changes:
        members["manifest.json"] = to_json(manifest, "manifest.json")
    write_archive(path, members)


def test_what_was_saved_is_loaded_and_saves_the_same_bytes(whole: Bundle, tmp_path: Path) -> None:
    evaluation = {"metrics": {"roc_auc": 0.1 + 0.2}, "rows": 60, "verdict": "größer"}
    whole = replace(whole, evaluation=evaluation)
    whole.save(tmp_path / "a.treadle")
    again = Bundle.load(tmp_path / "a.treadle")
    again.save(tmp_path / "b.treadle")
    whole.save(tmp_path / "c.treadle")
    first = (tmp_path / "a.treadle").read_bytes()
    assert first == (tmp_path / "b.treadle").read_bytes() == (tmp_path / "c.treadle").read_bytes()
    assert (again.name, again.task, again.recipe, again.contract) == (
        whole.name,
        whole.task,
        whole.recipe,
        whole.contract,
    )
    assert (again.answers, again.golden, again.evaluation) == (whole.answers, whole.golden, evaluation)
    assert (again.leakage, again.split, again.onnx) == (whole.leakage, whole.split, whole.onnx)
    assert again.weights.keys() == whole.weights.keys()
    for name, array in whole.weights.items():
        np.testing.assert_array_equal(again.weights[name], array)


def test_weights_of_any_layout_are_saved_as_they_are(whole: Bundle, tmp_path: Path) -> None:
    weights = {
        "turned": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "scalar": np.array(2.5, np.float32),
        "none": np.empty((0, 3), np.float32),
        "codes": np.arange(4)[::2],
    }
    replace(whole, weights=weights).save(tmp_path / "a.treadle")
    again = Bundle.load(tmp_path / "a.treadle").weights
    for name, array in weights.items():
        assert again[name].dtype == array.dtype
        assert again[name].shape == array.shape
        np.testing.assert_array_equal(again[name], array)


def test_the_manifest_describes_every_other_member(whole: Bundle) -> None:
    members = whole.members()
    assert members.keys() == MEMBERS
    manifest = json.loads(members["manifest.json"])
    assert manifest["format"] == 1
    assert manifest["members"] == {name: digest_of(members[name]) for name in MEMBERS - {"manifest.json"}}
    assert not any(b"\x80\x04" in content[:2] for content in members.values())


def test_any_flipped_byte_of_a_bundle_is_noticed(whole: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "a.treadle"
    whole.save(path)
    data = path.read_bytes()
    places = {*range(0, len(data), 37), *range(200), *range(len(data) - 600, len(data))}
    for place in sorted(places):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :])
        with pytest.raises(BundleError, match=r"a\.treadle: "):
            Bundle.load(path)


def test_a_bundle_of_a_future_format_names_the_version_to_install(whole: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "a.treadle"
    forge(path, whole.members(), manifest={"format": 2, "treadle": "7.3", "novelty": 1}, **{"tokenizer.json": b"{}"})
    with pytest.raises(BundleError, match=r"made by Treadle 7\.3 in bundle format 2; .* --upgrade 'treadle>=7\.3'"):
        Bundle.load(path)


def test_members_that_are_not_those_of_a_bundle_are_refused(whole: Bundle, tmp_path: Path) -> None:
    path, members = tmp_path / "a.treadle", whole.members()
    forge(path, members, **{"evil.pkl": b"x"})
    with pytest.raises(BundleError, match=r"unknown member 'evil\.pkl'; a bundle holds only CARD\.md, golden\.json"):
        Bundle.load(path)
    forge(path, members, **{"golden.json": None})
    with pytest.raises(BundleError, match=r"member 'golden\.json' is missing"):
        Bundle.load(path)
    write_archive(path, {name: content for name, content in members.items() if name != "manifest.json"})
    with pytest.raises(BundleError, match=r"not a Treadle bundle: it has no manifest\.json"):
        Bundle.load(path)
    write_archive(path, {**members, "CARD.md": b"# better"})
    with pytest.raises(BundleError, match=r"member 'CARD\.md' is not the one that manifest\.json describes"):
        Bundle.load(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"manifest.json": b"{"}, r"manifest\.json is not JSON"),
        ({"manifest.json": b"[1]"}, r"manifest\.json is not a JSON object"),
        ({"manifest.json": b"\xff"}, r"manifest\.json is not JSON"),
        ({"manifest.json": b'{"format": NaN}'}, "NaN is not a JSON number"),
        ({"manifest.json": b"[" * 100_000}, r"manifest\.json is not JSON"),
        ({"manifest": {"format": 0}}, "names no bundle format that exists: 0"),
        ({"manifest": {"format": "1"}}, "names no bundle format that exists: '1'"),
        ({"manifest": {"format": True}}, "names no bundle format that exists: True"),
        ({"manifest": {"surprise": 1}}, r"manifest\.json: surprise: Extra inputs"),
        ({"manifest": {"answers": {"task": "magic"}}}, r"manifest\.json: answers"),
        ({"manifest": {"task": "regression"}}, "regression, but its answers are of classification"),
        ({"golden.json": b'{"rows": 3}'}, r"golden\.json: rows"),
        ({"weights.safetensors": b"\x80\x04pickle"}, r"weights\.safetensors cannot be read"),
        ({"weights.safetensors": save_arrays({})}, "mean|missing|restored"),
        ({"model.onnx": b"not a model"}, r"model\.onnx is not an ONNX model"),
    ],
)
def test_broken_members_are_named(whole: Bundle, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    forge(tmp_path / "a.treadle", whole.members(), **changes)
    with pytest.raises(BundleError, match=message):
        Bundle.load(tmp_path / "a.treadle")


def test_a_network_with_numbers_in_another_file_is_refused(whole: Bundle, tmp_path: Path) -> None:
    tensor = numpy_helper.from_array(np.zeros(3, np.float32), "w")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    model = helper.make_model(helper.make_graph([], "g", [], [], [tensor])).SerializeToString()
    forge(tmp_path / "a.treadle", whole.members(), **{"model.onnx": model})
    with pytest.raises(BundleError, match=r"constant 'w' of model\.onnx lies in another file"):
        Bundle.load(tmp_path / "a.treadle")


def test_a_number_that_json_cannot_hold_is_not_saved(whole: Bundle, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"manifest\.json cannot be written: .*not JSON compliant"):
        replace(whole, evaluation={"metrics": {"f1": float("nan")}}).save(tmp_path / "a.treadle")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("source", "stored"),
    [
        ("postgresql://me:s3c/ret@host:5432/db", "postgresql://me:***@host:5432/db"),
        (
            "postgresql://me@host/db?password=s3cret&sslmode=require",
            "postgresql://me@host/db?password=***&sslmode=require",
        ),
        ("postgresql://host:5432/db", "postgresql://host:5432/db"),
        ("data/customers.csv", "data/customers.csv"),
    ],
)
def test_no_password_is_saved(whole: Bundle, source: str, stored: str) -> None:
    members = replace(whole, recipe={"data": {"source": source}}).members()
    assert json.loads(members["manifest.json"])["recipe"]["data"]["source"] == stored
    assert not any(b"s3c" in content for content in members.values())


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_forged_manifest_gives_a_bundle_or_a_bundle_error(whole: Bundle, tmp_path: Path, data: st.DataObject) -> None:
    members = whole.members()
    manifest = json.loads(members["manifest.json"])
    place: Any = manifest
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(JSON)
    with suppress(BundleError):
        write_archive(tmp_path / "a.treadle", {**members, "manifest.json": to_json(manifest, "manifest.json")})
        Predictor.load(tmp_path / "a.treadle")


def test_read_archive_gives_the_members(whole: Bundle, tmp_path: Path) -> None:
    whole.save(tmp_path / "a.treadle")
    assert read_archive(tmp_path / "a.treadle") == whole.members()
