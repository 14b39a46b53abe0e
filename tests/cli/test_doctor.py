import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from treadle import kernels
from treadle.cli import doctor
from treadle.errors import install_command
from treadle.native import engine
from treadle.native.engine import Engine


def test_doctor_says_that_nothing_is_missing(packaged_data_only: None, run: Callable[..., Any]):
    told = run("doctor")
    assert told.code == 0
    for word in ("Python", "cores", "ONNX Runtime", "JAX", "phishing_small", "nothing is missing"):
        assert word in told.out


def test_doctor_prints_json(packaged_data_only: None, run: Callable[..., Any]):
    found = json.loads(run("doctor", "--json").out)
    assert found["cores"] == len(os.sched_getaffinity(0))
    assert found["versions"].keys() >= {"treadle", "numpy", "onnxruntime", "jax", "polars", "streamlit"}
    assert found["engine"].keys() == {"prediction", "training", "recurrent"}
    told = engine.load()
    reads = f"ONNX Runtime ({told.sentence})" if told.library is None else f"C++ with {told.sentence}"
    assert found["engine"]["recurrent"] == f"training: {kernels.engine()}; prediction: {reads}"
    assert found["datasets"] == ["phishing_small"]
    assert found["advice"] == []


def test_without_jax_doctor_says_what_prediction_has(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(doctor.engine, "load", lambda *, compiling=False: Engine(None, "no compiler"))
    found = doctor.examine()["engine"]
    assert found["training"] == "none (prediction and serving only)"
    assert found["recurrent"] == "training: none; prediction: ONNX Runtime (no compiler)"


def test_doctor_names_the_command_that_adds_what_is_missing(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doctor, "EXTRAS", {"train": ("jax", "loom-of-another-world")})
    told = run("doctor")
    assert told.code == 0
    assert f"loom-of-another-world not installed: {install_command('train')}" in " ".join(told.out.split())
    assert "nothing is missing" not in told.out


def test_doctor_sees_a_data_folder_that_is_none(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("TREADLE_DATA", str(tmp_path / "none"))
    found = json.loads(run("doctor", "--json").out)
    assert found["advice"] == [f"TREADLE_DATA names {tmp_path / 'none'}, which is no folder: correct or unset it"]


def test_doctor_sees_an_altered_copy(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "bank_churn").mkdir()
    (tmp_path / "bank_churn" / "Churn_Modelling.csv").write_text("altered")
    monkeypatch.setenv("TREADLE_DATA", str(tmp_path))
    assert "bank_churn" not in json.loads(run("doctor", "--json").out)["datasets"]
