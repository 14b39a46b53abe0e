"""The reach of networks as curves in one picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from treadle.evaluation.plots import FAIR, GOOD, INK, NETWORK, POOR, SOFT, Draw

if TYPE_CHECKING:
    from treadle.inspection.reach import Reach

COLOURS = (NETWORK, FAIR, GOOD, POOR)
NEAR = 200
"""Ends of the scale that are no further apart have ticks at 2 and 5 times the powers of ten too."""
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
LOWEST = 1e-8
"""Where the scale ends: what is below is drawn there."""


def reach_plot(reaches: tuple[Reach, ...]) -> Draw:
    """Medians by distance with the middle half of the texts, on a logarithmic scale, and a mark at the half-life."""

    def draw(axes: Any) -> None:
        for place, reach in enumerate(reaches):
            colour = COLOURS[place % len(COLOURS)]
            distances = range(len(reach.curve))
            low, curve, high = (
                [max(value, LOWEST) for value in values] for values in (reach.low, reach.curve, reach.high)
            )
            axes.fill_between(distances, low, high, color=colour, alpha=0.14, linewidth=0)
            label = f"{reach.name}, {reach.encoder}: half within {reach.half_life:.1f} {reach.unit}"
            axes.plot(distances, curve, color=colour, linewidth=2.2, linestyle=("-", "--")[place // 4 % 2], label=label)
            axes.axvline(reach.half_life, color=colour, linewidth=1.1, linestyle=":")
        axes.axhline(1, color=SOFT, linewidth=0.8)
        axes.set_yscale("log")
        lowest, highest = axes.get_ylim()
        if highest < NEAR * lowest:
            axes.yaxis.get_major_locator().set_params(subs=(1, 2, 5))
        axes.yaxis.set_major_formatter(lambda value, _: _power(value))
        axes.minorticks_off()
        axes.set(
            xlabel=f"{reaches[0].unit} before the {reaches[0].counted_from}",
            ylabel="gradient, relative to the text's largest",
        )
        axes.set_xlim(0, max(len(reach.curve) for reach in reaches) - 1 or 1)
        axes.legend(loc="lower left", labelcolor=INK)

    return draw


def _power(value: float) -> str:
    """A tick as a person writes it: `0.1`, `10⁻⁵`."""
    if 1e-3 <= value < 1e5:
        return f"{value:,.10g}"
    return "10" + str(round(math.log10(value))).translate(SUPERSCRIPTS)
