"""The page: bundles to choose from on the left, and what one can do with the chosen one. Streamlit runs this file."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image

from treadle.bundle.predictor import Predictor
from treadle.data.contract import Contract
from treadle.errors import BundleError
from treadle.recipe import Task
from treadle.studio import desk, facts, inspect_tab, prediction, report_tab, table_tab
from treadle.studio.text import plain, plain_lines

# A plain weave, made here: Streamlit would fetch an icon named by its letters from another server.
THREADS = np.array([[[47, 111, 159], [222, 233, 242]], [[222, 233, 242], [194, 87, 43]]], np.uint8)
# A paragraph of Arabic or Hebrew runs from the right, one of English from the left, whatever the page does.
DIRECTION = "<style>textarea { unicode-bidi: plaintext; }</style>"
ICON = Image.fromarray(np.tile(THREADS, (2, 2, 1)).repeat(16, axis=0).repeat(16, axis=1))


def show(paths: list[Path]) -> None:
    """Draw the page for the bundles at `paths`; the first one is chosen at the start."""
    st.set_page_config(page_title="Treadle", page_icon=ICON, layout="wide")
    st.html(DIRECTION)
    with st.sidebar:
        path = _choose(paths)
    predictor = _read(path)
    if predictor is None:
        return
    key = f"{path}/{path.stat().st_mtime_ns}"
    with st.sidebar:
        facts.show(predictor.bundle, path)
    st.header(plain(predictor.name), anchor=False)
    st.caption(_purpose(predictor.contract, predictor.task))
    at_tokens = predictor.bundle.features.sequence is not None
    writes = predictor.task == "next_word"
    first = "Write" if writes else "One sentence" if at_tokens else "One row"
    names = [first, "A CSV file", *([] if at_tokens else ["Inspect"]), "Report"]
    tabs = dict(zip(names, st.tabs(names), strict=True))
    with tabs["A CSV file"]:
        table_tab.show(predictor, key)
    with tabs["Report"]:
        report_tab.show(predictor.bundle)
    if not at_tokens:
        with tabs["Inspect"]:
            inspect_tab.show(predictor, key)
    with tabs[first]:
        (desk if writes else prediction).show(predictor, key)


def _purpose(contract: Contract, task: Task) -> str:
    """What the bundle answers, and from what."""
    fields = contract.features
    columns = f"{len(fields)} columns" if len(fields) > 1 else f"the column **{plain(fields[0].name)}**"
    if not contract.has_target:
        return f"{'Next word' if task == 'next_word' else 'Missing word'} of texts like those of {columns}"
    return f"{task.capitalize()} of **{plain(contract.target.name)}** from {columns}"


def _choose(paths: list[Path]) -> Path:
    if len(paths) == 1:
        return paths[0]
    chosen: Path = st.selectbox("Bundle", paths, format_func=lambda path: _short(path, paths))
    return chosen


def _short(path: Path, paths: list[Path]) -> str:
    """The bundle's name, with its folder where two bundles have one name."""
    alike = [other for other in paths if other.name == path.name]
    return path.stem if len(alike) == 1 else f"{path.stem} ({path.parent})"


def _read(path: Path) -> Predictor | None:
    """The predictor, or none after an error message."""
    try:
        return _load(str(path), path.stat().st_mtime_ns)
    except BundleError as error:
        st.error(plain_lines(error), icon=":material/error:")
    except OSError as error:
        st.error(plain(f"{path}: {error.strerror}"), icon=":material/error:")
    return None


@st.cache_resource(show_spinner="Reading the bundle", max_entries=16)
def _load(path: str, modified_ns: int) -> Predictor:  # noqa: ARG001 - a new time means a new file
    return Predictor.load(path)


if __name__ == "__main__":
    show([Path(argument) for argument in sys.argv[1:]])
