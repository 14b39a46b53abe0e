"""CARD.md: what a bundle is, in the form of a model card."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from treadle.bundle.bundle import Bundle


def render_card(bundle: Bundle) -> str:
    """The model card of `bundle` as Markdown (Mitchell et al. 2019, Model Cards for Model Reporting)."""
    return f"# {bundle.name}\n"
