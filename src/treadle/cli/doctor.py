"""`treadle doctor`: what this installation has, and the command that adds what it lacks.

It also compiles what reads sequences, where that is still to be done, so that no training waits for it and prediction,
which compiles nothing, has it.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer
from rich.table import Table as Grid
from rich.text import Text

from treadle.cli.console import print_json, results, say
from treadle.cli.data import here
from treadle.data import catalogue
from treadle.errors import install_command
from treadle.native import engine
from treadle.native.build import find_compiler, find_headers

EXTRAS = {
    "train": (
        "jax",
        "equinox",
        "optax",
        "onnx",
        "scikit-learn",
        "polars",
        "sqlalchemy",
        "psycopg",
        "matplotlib",
        "tensorboardX",
        "threadpoolctl",
    ),
    "app": ("streamlit",),
    "demo": ("river",),
}
BASE = ("treadle", "numpy", "onnxruntime", "pydantic", "fastapi", "uvicorn", "safetensors")


def doctor(json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show versions, engine, cores and data folders, what is missing, and the command that fixes it."""
    findings = examine()
    if json_:
        print_json(findings)
        return
    grid = Grid(box=None, show_header=False)
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("Python", f"{findings['python']} on {findings['platform']}")
    grid.add_row("cores", str(findings["cores"]))
    for package, number in findings["versions"].items():
        grid.add_row(package, number or "not installed")
    grid.add_row("prediction engine", findings["engine"]["prediction"])
    grid.add_row("training engine", findings["engine"]["training"])
    grid.add_row("recurrent networks", findings["engine"]["recurrent"])
    for folder, state in findings["folders"].items():
        grid.add_row(folder, state)
    grid.add_row("data sets here", ", ".join(findings["datasets"]) or "none")
    results.print(grid)
    for advice in findings["advice"]:
        # Never as markup, which would swallow the extra's brackets.
        results.print(Text.assemble(("! ", "yellow"), advice), soft_wrap=True)
    if not findings["advice"]:
        results.print(Text("nothing is missing", "green"))


def examine() -> dict[str, Any]:
    """What `treadle doctor --json` prints."""
    versions = {name: _version(name) for name in (*BASE, *(name for extra in EXTRAS.values() for name in extra))}
    advice = [
        f"{', '.join(absent)} not installed: {install_command(extra)}"
        for extra, names in EXTRAS.items()
        if (absent := [name for name in names if versions[name] is None])
    ]
    folders = {}
    own = os.environ.get("TREADLE_DATA")
    if own is None:
        folders["TREADLE_DATA"] = "not set (a folder with local copies of data sets, laid out as NAME/FILE)"
    else:
        folders["TREADLE_DATA"] = own
        if not os.path.isdir(own):  # noqa: PTH112 - the text is the user's own
            advice.append(f"TREADLE_DATA names {own}, which is no folder: correct or unset it")
    folders["cache"] = str(catalogue.cache_folder())
    if shutil.disk_usage("/").free < 1 << 30:
        advice.append("less than 1 GiB of disk is free: bundles and reports may not fit")
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "versions": versions,
        "engine": {
            "prediction": _prediction_engine(),
            "training": _training_engine(),
            "recurrent": _recurrent_engine(),
        },
        "folders": folders,
        "datasets": [name for name in catalogue.datasets() if here(name)],
        "advice": advice,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _prediction_engine() -> str:
    import onnxruntime

    return f"ONNX Runtime {onnxruntime.__version__} ({', '.join(onnxruntime.get_available_providers())})"


def _training_engine() -> str:
    if importlib.util.find_spec("jax") is None:
        return "none (prediction and serving only)"
    import jax

    devices = jax.devices()
    return f"JAX {jax.__version__} on {len(devices)} x {devices[0].device_kind}"


def _recurrent_engine() -> str:
    training = "none"
    trains = importlib.util.find_spec("jax") is not None
    if trains:
        from treadle import kernels

        kernels.prepare(say)
        training = kernels.engine()
    found = engine.load()
    wanted = engine.wanted() in engine.INSTRUCTION_SETS and engine.find("engine") is None
    # What trains has just tried, where it can use them.
    if wanted and find_compiler() and not (trains and find_headers()):
        say("compiling the engine that reads sequences, for this machine: half a minute, once")
        found = engine.load(compiling=True)
    if found.library is None:
        return f"training: {training}; prediction: ONNX Runtime ({found.sentence})"
    return f"training: {training}; prediction: C++ with {found.sentence}"
