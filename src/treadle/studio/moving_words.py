"""Beside the answer to a text: the words that moved it, coloured, where the network can be differentiated."""

from __future__ import annotations

import streamlit as st

from treadle.bundle.predictor import Predictor
from treadle.errors import TreadleError
from treadle.inspection.opened import Opened, open_bundle
from treadle.studio.text import plain
from treadle.studio.words import coloured_words


def show(predictor: Predictor, row: dict[str, object], key: str, kept: str) -> None:
    """Draw the words of `row`, or the line that says why they cannot be told.

    Args:
        predictor: what answered.
        row: what it was asked.
        key: tells one bundle from another.
        kept: where in the session the words stay until another row is asked.
    """
    st.markdown("**The words that moved the answer**")
    if kept not in st.session_state:
        try:
            with st.spinner("Asking the network which words moved it"):
                st.session_state[kept] = _words(predictor, row, key)
        except TreadleError as error:
            st.caption(plain(error))
            return
    st.html(st.session_state[kept])
    st.caption("Each word's share in the difference from a text without words (integrated gradients).")


def _words(predictor: Predictor, row: dict[str, object], key: str) -> str:
    opened = _open(key, predictor)
    # It needs JAX, which is there once the bundle is open.
    from treadle.inspection.why import why

    return coloured_words(why(opened, row))


@st.cache_resource(show_spinner=False, max_entries=4)
def _open(key: str, _predictor: Predictor) -> Opened:  # noqa: ARG001 - a new key means a new file
    return open_bundle(_predictor)
