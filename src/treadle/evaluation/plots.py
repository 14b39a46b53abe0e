"""Plots as SVG elements for a page: no script, no font, no date, and colours that are the page's own."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import StringIO
from typing import Any

from treadle.errors import MissingExtraError
from treadle.evaluation.evaluation import Calibration, Curve, Difference, Residuals
from treadle.evaluation.report import LearningCurve
from treadle.evaluation.terms import METRICS, SHORT, TRIVIAL

INK, SOFT, LINE, NETWORK, OPPONENT = "#010101", "#020202", "#030303", "#040404", "#050505"
GOOD, FAIR, POOR = "#060606", "#070707", "#080808"
_ON_PAGE = {
    INK: "var(--ink)",
    SOFT: "var(--soft)",
    LINE: "var(--line)",
    NETWORK: "var(--network)",
    OPPONENT: "var(--opponent)",
    GOOD: "var(--good)",
    FAIR: "var(--fair)",
    POOR: "var(--poor)",
}
"""What Matplotlib draws in, and the variable of the page's style sheet that takes its place."""

DASHES = ("--", ":", "-.", (0, (1, 3)), (0, (5, 1)))

Draw = Callable[[Any], None]
"""Draws on Matplotlib axes."""


def svg(title: str, draw: Draw, size: tuple[float, float] = (4.6, 3.3)) -> str:
    """What `draw` draws, as an SVG element that a screen reader calls `title`.

    The same figures give the same bytes. `size` is in inches, which the page scales to the room there is.

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("the HTML report", "train") from None

    with mpl.rc_context(_style(title)):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        document = StringIO()
        figure.savefig(document, format="svg", metadata={"Date": None, "Creator": None})
    return _inline(document.getvalue(), title)


def _style(salt: str) -> Any:
    return {
        "svg.fonttype": "none",
        "svg.hashsalt": salt,
        "text.parse_math": False,
        "axes.edgecolor": LINE,
        "axes.labelcolor": SOFT,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.unicode_minus": True,
        "grid.color": LINE,
        "grid.linewidth": 0.6,
        "text.color": INK,
        "xtick.color": LINE,
        "ytick.color": LINE,
        "xtick.labelcolor": SOFT,
        "ytick.labelcolor": SOFT,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "axes.labelsize": 9.5,
        "legend.fontsize": 9,
        "legend.frameon": False,
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
    }


def _inline(document: str, title: str) -> str:
    """The `svg` element of a document, for use among others in one page."""
    element = document[document.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r' (?:width|height)="[\d.]+pt"', "", element, count=2)
    element = re.sub(r' xmlns:\w+="[^"]*"', "", element).replace("xlink:href", "href")
    used = set(re.findall(r"#([\w.-]+)", element))
    # Numbered names such as `axes_1` would stand in the page once for every plot.
    element = re.sub(r' id="([\w.-]+)"', lambda found: found[0] if found[1] in used else "", element)
    for drawn, shown in _ON_PAGE.items():
        element = element.replace(drawn, shown)
    return element.replace("<svg", f'<svg role="img" aria-label="{title}"', 1).strip()


def roc(curves: dict[str, Curve]) -> Draw:
    """ROC curves of the network and its opponents."""

    def draw(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], color=LINE, linewidth=1)
        others = [name for name in curves if name not in TRIVIAL and name != "network"]
        for name, dashes in zip(others, DASHES, strict=False):
            curve = curves[name]
            axes.plot(
                curve.false_positive_rate,
                curve.true_positive_rate,
                linestyle=dashes,
                color=OPPONENT,
                linewidth=1.3,
                label=SHORT[name],
            )
        network = curves["network"]
        axes.plot(
            network.false_positive_rate, network.true_positive_rate, color=NETWORK, linewidth=2.2, label="network"
        )
        axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axes.legend(loc="lower right")

    return draw


def calibration(found: Calibration) -> Draw:
    """Reliability diagram; the larger a dot, the more rows."""

    def draw(axes: Any) -> None:
        rows = max(point.rows for point in found.bins)
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=":")
        axes.plot(
            [point.predicted for point in found.bins],
            [point.observed for point in found.bins],
            color=NETWORK,
            linewidth=1.2,
        )
        axes.scatter(
            [point.predicted for point in found.bins],
            [point.observed for point in found.bins],
            [15 + 130 * point.rows / rows for point in found.bins],
            color=NETWORK,
            zorder=3,
        )
        axes.set(xlabel="probability given", ylabel="share that came true", xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))

    return draw


def learning(curve: LearningCurve) -> Draw:
    """Losses by epoch, with the epoch whose weights were kept."""

    def draw(axes: Any) -> None:
        epochs = range(1, len(curve.validation) + 1)
        axes.plot(epochs, curve.training, color=OPPONENT, linewidth=1.3, linestyle="--", label="training")
        axes.plot(epochs, curve.validation, color=NETWORK, linewidth=2, label="validation")
        best = curve.validation[curve.best_epoch - 1]
        axes.plot([curve.best_epoch], [best], "o", color=NETWORK, label=f"kept: epoch {curve.best_epoch}")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set(xlabel="epoch", ylabel="loss")
        axes.legend()

    return draw


def forest(differences: dict[str, Difference]) -> Draw:
    """The difference from every opponent with its interval; the network's side is to the right."""

    def draw(axes: Any) -> None:
        colours = {"network": GOOD, "opponent": POOR, None: FAIR}
        names = list(differences)[::-1]
        higher_is_better = METRICS[differences[names[0]].metric].higher_is_better
        axes.axvline(0, color=SOFT, linewidth=1)
        for place, name in enumerate(names):
            found = differences[name]
            colour = colours[found.better]
            axes.plot([found.low, found.high], [place, place], color=colour, linewidth=2.4, solid_capstyle="round")
            axes.plot([found.difference], [place], "o", color=colour, markersize=7)
        axes.set_yticks(range(len(names)), [SHORT[name] for name in names], color=INK, fontsize=10)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.set_ylim(-0.6, len(names) - 0.4)
        _thousands(axes.xaxis)
        if not higher_is_better:
            axes.invert_xaxis()
        axes.set_xlabel(f"{METRICS[differences[names[0]].metric].title}, network less opponent   (network better →)")

    return draw


def against_actual(found: Residuals) -> Draw:
    """Predicted beside actual values."""

    def draw(axes: Any) -> None:
        ends = [min(*found.actual, *found.predicted), max(*found.actual, *found.predicted)]
        axes.plot(ends, ends, color=SOFT, linewidth=1, linestyle=":")
        axes.scatter(found.actual, found.predicted, 9, color=NETWORK, alpha=0.45, linewidths=0)
        _thousands(axes.xaxis)
        _thousands(axes.yaxis)
        axes.set(xlabel="actual", ylabel="predicted")

    return draw


def errors(found: Residuals) -> Draw:
    """Histogram of predicted less actual."""

    def draw(axes: Any) -> None:
        axes.stairs(found.errors.rows, found.errors.edges, fill=True, color=NETWORK, alpha=0.85)
        axes.axvline(0, color=INK, linewidth=1)
        _thousands(axes.xaxis)
        axes.set(xlabel="predicted less actual", ylabel="rows")

    return draw


def _thousands(axis: Any) -> None:
    """At most six ticks, written `25,000` or `0.05`."""
    axis.get_major_locator().set_params(nbins=6)
    axis.set_major_formatter(lambda value, _: f"{value:,.10g}".replace("-", "−"))
