"""What is imported when: the runtime without JAX and scikit-learn, and nothing heavy before it is needed."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import treadle
from treadle.errors import install_command

HEAVY = (
    *("jax", "equinox", "optax", "sklearn", "scipy", "polars", "pandas", "pyarrow", "matplotlib", "onnx", "streamlit"),
    *("sqlalchemy", "tensorboardX"),
)


def python(program: str, *arguments: object) -> str:
    """What a program prints in a clean interpreter in which warnings are errors."""
    command = [sys.executable, "-W", "error", "-c", program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "module",
    [
        "treadle",
        "treadle.recipe",
        "treadle.data.sources",
        "treadle.data.contract",
        "treadle.features",
        "treadle.bundle.predictor",
        "treadle.bundle.stream",
        "treadle.bundle.verify",
        "treadle.serving.app",
        "treadle.serving.server",
        "treadle.cli",
    ],
)
def test_the_runtime_imports_nothing_heavy(module: str):
    program = f"import sys, {module}; print(*sorted(set({HEAVY}) & set(sys.modules)))"
    assert python(program).split() == []


def test_the_bare_package_imports_nothing_but_itself():
    program = "import sys; before = set(sys.modules); import treadle; print(*sorted(set(sys.modules) - before))"
    loaded = {name.partition(".")[0] for name in python(program).split()}
    assert loaded - set(sys.stdlib_module_names) == {"treadle"}


def test_every_public_name_is_there():
    for name in treadle.__all__:
        assert getattr(treadle, name) is not None
    assert set(treadle.__all__) <= set(dir(treadle))
    with pytest.raises(AttributeError, match="module 'treadle' has no attribute 'fitt'"):
        treadle.fitt  # noqa: B018 - looking it up is the point


WITHOUT = f"""
import sys
for name in {HEAVY}:
    sys.modules[name] = None
"""
"""An installation without any extra: importing one of these fails."""


def test_a_bundle_predicts_on_the_base_install(trained: treadle.Run):
    program = WITHOUT + "import treadle; print(treadle.load(sys.argv[1]).predict(eval(sys.argv[2])).records())"
    row = {"age": 30, "income": None, "city": "Oslo", "member": True, "since": "2020-01-01"}
    (expected,) = trained.predictor.predict(row).records()
    (answer,) = eval(python(program, trained.bundle, repr(row)))
    assert answer == expected


COMMAND = WITHOUT + "from treadle import cli; sys.exit(cli.run(sys.argv[1:]))"


def test_the_commands_of_the_base_install(shop: Any, trained: treadle.Run, tmp_path: Path, run: Callable[..., Any]):
    assert python(COMMAND, "predict", trained.bundle, shop.csv) == run("predict", trained.bundle, shop.csv).out
    assert '"passed": true' in python(COMMAND, "verify", trained.bundle, "--json")
    assert '"accuracy"' in python(COMMAND, "evaluate", trained.bundle, shop.csv, "--json")
    assert "phishing_small" in python(COMMAND, "datasets", "list")
    assert "properties" in python(COMMAND, "schema")
    assert python(COMMAND, "init", shop.csv, "--target", "bought", "--out", tmp_path / "shop.yaml") == ""
    assert "ONNX Runtime" in python(COMMAND, "doctor")


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (("train", "phishing_small"), "train"),
        (("predict", "{bundle}", "rows.parquet"), "train"),
        (("predict", "{bundle}", "sqlite:///shop.db", "--query", "SELECT 1"), "train"),
        (("app", "{bundle}"), "app"),
    ],
)
def test_a_command_that_needs_an_extra_says_which(
    trained: treadle.Run, tmp_path: Path, arguments: tuple[str, ...], extra: str
):
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    words = [word.format(bundle=trained.bundle) for word in arguments]
    command = [sys.executable, "-c", COMMAND, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=tmp_path)
    assert done.returncode == 6
    assert done.stderr.endswith(f"needs the optional dependencies of Treadle: {install_command(extra)}\n")
    assert "Traceback" not in done.stderr


def test_the_floors_are_kept():
    root = Path(__file__).parents[1]
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter], cwd=root, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout
