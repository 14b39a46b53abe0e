"""Rows that cannot be answered, in words."""

from __future__ import annotations

from treadle.data.contract import Fault

FAULTS_SHOWN = 5
UNANSWERED = "cannot be answered"


def describe_faults(faults: tuple[Fault, ...], source: str, fate: str = UNANSWERED) -> str:
    """What is wrong with the first few faulty rows, how many there are, and what therefore cannot be done."""
    lines = [f"{source}: {count_faulty(faults, fate)}"]
    lines += [f"  {describe_fault(fault)}" for fault in faults[:FAULTS_SHOWN]]
    if len(faults) > FAULTS_SHOWN:
        lines.append(f"  and {len(faults) - FAULTS_SHOWN} more")
    lines.append("Correct them, or go on without them: on_bad_row 'skip' leaves them out, 'report' lists them.")
    return "\n".join(lines)


def count_faulty(faults: tuple[Fault, ...], fate: str = UNANSWERED) -> str:
    """How many rows have faults, in words."""
    rows = len({fault.row for fault in faults})
    return f"{rows} row{'s' if rows > 1 else ''} {fate}"


def describe_fault(fault: Fault) -> str:
    """A fault as a person reads it: row, column, value, reason."""
    return str(fault) if fault.column else f"row {fault.row}: {fault.reason}"
