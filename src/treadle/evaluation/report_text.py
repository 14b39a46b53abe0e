"""The report in a terminal."""

from __future__ import annotations

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from treadle.evaluation.evaluation import Difference, Evaluation
from treadle.evaluation.report import Report, about_sentence, counted, leakage_sentences, printable, subject
from treadle.evaluation.terms import METRICS, TRIVIAL, change, figure, opponent_over_column, span
from treadle.evaluation.verdict import Outcome

STYLES: dict[Outcome, str] = {
    "worth_it": "bold green",
    "no_difference": "bold yellow",
    "not_worth_it": "bold red",
    "no_signal": "bold magenta",
}
CURVE_WIDTH = 30
FOREST_WIDTH = 25


def print_report(report: Report, console: Console) -> None:
    """Print what training has come to: rows, leakage, metrics beside the opponents', verdict, and what to do next."""
    evaluation = report.evaluation
    what = f"{subject(evaluation)}, from {printable(report.source)}"
    _block(console, Text.assemble((printable(report.name), "bold"), "  ", (what, "dim")))
    _block(console, _facts(report, plain=console.options.ascii_only))
    print_evaluation(evaluation, console)
    _print_commands(report, console)
    console.print()


def print_evaluation(evaluation: Evaluation, console: Console) -> None:
    """Print the metrics with their intervals, the opponents where there are any, and the verdict."""
    _block(console, _heading(evaluation))
    console.print(Padding(_metrics(evaluation), (0, 0, 0, 2)))
    sentence = about_sentence(evaluation)
    if sentence:
        console.print(Padding(Text(printable(sentence), "dim"), (0, 0, 0, 2)))
    if evaluation.differences:
        _block(console, _forest(evaluation, plain=console.options.ascii_only))
    if evaluation.verdict and evaluation.outcome:
        # In two columns, so that the word stands alone at the margin where the sentence wraps.
        line = Grid.grid(padding=(0, 2))
        line.add_row(Text("verdict", "bold"), Text(evaluation.verdict, STYLES[evaluation.outcome]))
        _block(console, line)


def _block(console: Console, content: RenderableType) -> None:
    console.print(Padding(content, (1, 0, 0, 2)))


def _facts(report: Report, *, plain: bool) -> Grid:
    rows, curve = report.rows, report.curve
    facts = Grid.grid(padding=(0, 2))
    facts.add_column(style="dim")
    facts.add_row("rows", f"{rows['train']:,} to train, {rows['validation']:,} to validate, {rows['test']:,} to judge")
    facts.add_row("leakage", Text("; ".join(leakage_sentences(report.leakage))))
    for notice in report.notices:
        facts.add_row("notice", Text(printable(notice)))
    epochs = f"{len(curve.validation)} epochs, best {curve.best_epoch}"
    if plain:
        facts.add_row("training", epochs)
    else:
        facts.add_row("training", Text.assemble(epochs, ", validation loss ", (_spark(curve.validation), "cyan")))
    facts.add_row("time", ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in report.seconds.items()))
    facts.add_row("bundle", Text(printable(report.bundle)))
    facts.add_row("report", Text(printable(report.page)))
    return facts


def _spark(losses: tuple[float, ...]) -> str:
    """The losses as a row of bars, the highest loss the tallest."""
    bars = "▁▂▃▄▅▆▇█"
    count = min(len(losses), CURVE_WIDTH)
    picked = [losses[index * (len(losses) - 1) // max(count - 1, 1)] for index in range(count)]
    low, high = min(picked), max(picked)
    scale = (len(bars) - 1) / (high - low) if high > low else 0.0
    return "".join(bars[round((loss - low) * scale)] for loss in picked)


def _heading(evaluation: Evaluation) -> Text:
    distinct = f" ({evaluation.distinct_rows:,} distinct)" if evaluation.distinct_rows < evaluation.rows else ""
    skipped = f", {evaluation.skipped:,} left out" if evaluation.skipped else ""
    return Text(f"judged on {counted(evaluation)}{distinct}{skipped}", "bold")


def _metrics(evaluation: Evaluation) -> Grid:
    table = _grid()
    table.add_column("")
    table.add_column("network", justify="right")
    table.add_column(f"{100 * evaluation.confidence:g} % interval", no_wrap=True)
    for name in evaluation.opponents:
        table.add_column(opponent_over_column(name, evaluation.task).replace(" ", "\n"), justify="right")
    for metric, value in evaluation.metrics.items():
        others = [found.get(metric) for found in evaluation.opponents.values()]
        defined = [other for other in others if other is not None]
        best = max([value, *defined]) if METRICS[metric].higher_is_better else min([value, *defined])
        interval = evaluation.intervals.get(metric)
        table.add_row(
            METRICS[metric].title,
            _cell(metric, value, best, "bold"),
            Text("" if interval is None else span(metric, interval, value), "dim"),
            *(Text("") if other is None else _cell(metric, other, best, "") for other in others),
        )
    return table


def _grid() -> Grid:
    return Grid(box=None, padding=(0, 1), pad_edge=False, header_style="dim")


def _cell(metric: str, value: float, best: float, style: str) -> Text:
    return Text(figure(metric, value), "bold green" if value == best else style)


def _forest(evaluation: Evaluation, *, plain: bool) -> Grid:
    """The difference from every opponent as an interval on a line, the network's side to the right."""
    beside = evaluation.metrics[evaluation.primary]
    forest = _grid()
    forest.add_column(f"{METRICS[evaluation.primary].title} less that of")
    forest.add_column("", justify="right")
    forest.add_column(f"{100 * evaluation.confidence:g} % interval", no_wrap=True)
    forest.add_column(f"{'worse':>{FOREST_WIDTH // 2 - 1}} {'|' if plain else '┊'} better", no_wrap=True)
    reach = _reach(evaluation)
    for name, difference in evaluation.differences.items():
        forest.add_row(
            opponent_over_column(name, evaluation.task),
            change(evaluation.primary, difference.difference, beside),
            Text(span(evaluation.primary, (difference.low, difference.high), beside), "dim"),
            _line(difference, reach, plain=plain),
        )
    return forest


def _reach(evaluation: Evaluation) -> float:
    """How far the line goes to either side: the trivial opponents, far behind as a rule, may run out of it."""
    differences = evaluation.differences
    shown = [differences[name] for name in differences if name not in TRIVIAL] or list(differences.values())
    return max(max(abs(difference.low), abs(difference.high)) for difference in shown) or 1.0


def _line(difference: Difference, reach: float, *, plain: bool) -> Text:
    sign = 1.0 if METRICS[difference.metric].higher_is_better else -1.0
    dash, dot, zero, left, right = ("-", "o", "|", "<", ">") if plain else ("─", "●", "┊", "◀", "▶")
    middle = FOREST_WIDTH // 2

    def place(value: float) -> int:
        return round(middle + sign * value / reach * middle)

    first, last = sorted((place(difference.low), place(difference.high)))
    point = place(difference.difference)
    cells = [dash if first <= cell <= last else " " for cell in range(FOREST_WIDTH)]
    cells[middle] = zero
    if 0 <= point < FOREST_WIDTH:
        cells[point] = dot
    if first < 0:
        cells[0] = left
    if last >= FOREST_WIDTH:
        cells[-1] = right
    styles = {"network": "green", "opponent": "red", None: "yellow"}
    return Text("".join(cells), styles[difference.better])


def _print_commands(report: Report, console: Console) -> None:
    """Each command on a line of its own that is never broken, so that it can be copied."""
    _block(console, Text("try next", "bold"))
    for line, purpose in report.commands:
        console.print(Text.assemble("  ", (f"# {purpose}", "dim")))
        console.print(Text.assemble("  ", (printable(line), "cyan")), soft_wrap=True)
