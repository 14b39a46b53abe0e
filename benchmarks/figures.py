"""A figure, what it had to reach, and how it is written down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
PARTS = FOLDER / "results"


@dataclass(frozen=True)
class Figure:
    """One measured value. `reached` is None where no goal was set."""

    what: str
    value: str
    goal: str = ""
    reached: bool | None = None


def processor() -> str:
    """The processor's name and the number of cores this process may use."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    name = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines() if sys.platform == "linux" else ():
        if line.startswith("model name"):
            name = line.partition(":")[2].strip()
            break
    return f"{name}, {cores} cores"


def publish(title: str, command: str, figures: list[Figure]) -> None:
    """Keep the part's figures and write RESULTS.md anew from all parts kept so far."""
    PARTS.mkdir(exist_ok=True)
    part = {"title": title, "command": command, "machine": processor(), "figures": [asdict(f) for f in figures]}
    name = command.split()[2].rpartition(".")[2]
    (PARTS / f"{name}.json").write_text(json.dumps(part, indent=1) + "\n")
    write_results()
    for figure in figures:
        print(f"{figure.what}: {figure.value}{f'  (goal: {figure.goal})' if figure.goal else ''}", flush=True)


def write_results() -> None:
    """RESULTS.md: a table per part, each naming its command and machine; goals not reached say so."""
    lines = [
        "# Measured figures",
        "",
        "Every table names the command that made it and the machine it ran on. A ratio compares with a peer that ran",
        "beside it. Goals that were not reached say so.",
    ]
    for path in sorted(PARTS.glob("*.json")):
        part = json.loads(path.read_text())
        lines += ["", f"## {part['title']}", "", f"`{part['command']}` on {part['machine']}", ""]
        lines += ["| what | measured | goal | |", "| --- | --- | --- | --- |"]
        for figure in part["figures"]:
            mark = {True: "reached", False: "**not reached**", None: ""}[figure["reached"]]
            lines.append(f"| {figure['what']} | {figure['value']} | {figure['goal']} | {mark} |")
    (FOLDER / "RESULTS.md").write_text("\n".join(lines) + "\n")


def run_json(arguments: list[str], parse: Callable[[str], object] = json.loads) -> object:
    """The parsed standard output of a command that runs in a process of its own, so that nothing is warm."""
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return parse(done.stdout)
