import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from treadle import kernels
from treadle.cli import doctor
from treadle.errors import install_command


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
    assert found["engine"]["recurrent"] == kernels.engine()
    assert found["datasets"] == ["phishing_small"]
    assert found["advice"] == []


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
