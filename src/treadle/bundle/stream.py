"""Predictions for sources of any size: chunks in, lines out, in constant memory."""

from __future__ import annotations

import gzip
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from treadle.bundle.atomic import replacing
from treadle.bundle.cores import MOST_NETWORKS, available_cores
from treadle.bundle.forms import Columns, Form, FormName, form_of
from treadle.bundle.predictor import OnBadRow, Predictions, Predictor, Readied
from treadle.data.contract import Fault
from treadle.data.table import Table
from treadle.errors import DataError

CHUNK_ROWS = 1024
"""Rows to read at a time: enough to be worth starting NumPy for, few enough to stay in the processor's cache."""

STDOUT = "-"
_KEPT = 20
_SUFFIXES: dict[str, FormName] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


@dataclass
class Summary:
    """What became of the rows."""

    rows: int = 0
    """Rows read."""
    answered: int = 0
    """Rows that got an answer."""
    faults: list[Fault] = field(default_factory=list)
    """The first few."""
    notices: list[str] = field(default_factory=list)
    """The first few, by chunk."""

    @property
    def unanswered(self) -> int:
        """Rows that break the contract."""
        return self.rows - self.answered

    def add(self, readied: Readied, predictions: Predictions) -> None:
        """Count a chunk."""
        self.rows += len(readied.table)
        self.answered += len(readied.table) - len({fault.row for fault in predictions.faults})
        self.faults += predictions.faults[: _KEPT - len(self.faults)]
        self.notices += predictions.notices[: _KEPT - len(self.notices)]


def predict_file(
    predictor: Predictor,
    chunks: Iterable[Table],
    output: str | Path,
    on_bad_row: OnBadRow = "fail",
    *,
    form: FormName | None = None,
    safe: bool = True,
    progress: Callable[[Summary], None] | None = None,
) -> Summary:
    """Answer every row of `chunks` into the file `output`, which appears when it is complete.

    Args:
        predictor: what answers.
        chunks: the rows, as a reader gives them.
        output: a file named *.csv or *.jsonl (or either with .gz after it), or `-` for standard output.
        on_bad_row: what becomes of a row that breaks the contract; `report` adds the column `fault`.
        form: how to write, where the name does not say it; standard output is CSV by default.
        safe: CSV without cells that a spreadsheet would run as formulas, see `CsvForm`.
        progress: told after every chunk.

    Raises:
        ContractError: a column is missing, or a row breaks the contract and `on_bad_row` is `fail`.
        DataError: the output has no known suffix, cannot be written, or shares column names with the input.
    """
    form = form or form_of_path(output)
    chunks = iter(chunks)
    first = next(chunks, None)
    passed = list(first.columns) if first is not None else [each.name for each in predictor.contract.features]
    columns = Columns.of(predictor.answers, passed, on_bad_row == "report")
    whole = chain([first], chunks) if first is not None else iter(())
    written = form_of(form, columns, safe=safe)
    try:
        with _opened(output) as file:
            return predict_stream(predictor, whole, written, file.write, on_bad_row, progress=progress)
    except BrokenPipeError:
        raise
    except OSError as error:
        where = "standard output" if str(output) == STDOUT else output
        raise DataError(f"{where}: cannot write the answers: {error.strerror or error}") from None


def predict_stream(
    predictor: Predictor,
    chunks: Iterable[Table],
    form: Form,
    write: Callable[[bytes], object],
    on_bad_row: OnBadRow = "fail",
    *,
    progress: Callable[[Summary], None] | None = None,
) -> Summary:
    """Answer every row of `chunks` through `write`, in order; a few chunks are in memory at a time.

    The network runs in threads of its own, outside Python, while this one reads, checks and writes other chunks.

    Raises:
        ContractError, DataError: see `predict_file`; chunks before the faulty one have been written.
    """
    summary = Summary()
    write(_encoded(form.head()))

    def finish(readied: Readied, outputs: Future[NDArray[np.float32]]) -> None:
        predictions = predictor.answer(readied, outputs.result(), on_bad_row)
        write(_encoded(form.body(readied.table, predictions)))
        summary.add(readied, predictions)
        if progress is not None:
            progress(summary)

    underway: deque[tuple[Readied, Future[NDArray[np.float32]]]] = deque()
    # Of a table, reading takes longer than the network; of texts, the network does.
    networks = 1 if predictor.bundle.features.text is None else min(available_cores(), MOST_NETWORKS)
    with ThreadPoolExecutor(networks, thread_name_prefix="treadle-network") as threads:
        for chunk in chunks:
            readied = predictor.ready(chunk, on_bad_row)
            underway.append((readied, threads.submit(predictor.run, readied.inputs)))
            if len(underway) > networks + 1:
                finish(*underway.popleft())
        while underway:
            finish(*underway.popleft())
    return summary


def form_of_path(output: str | Path) -> FormName:
    """The form that the output's name asks for.

    Raises:
        DataError: it names none.
    """
    if str(output) == STDOUT:
        return "csv"
    suffixes = [suffix.lower() for suffix in Path(output).suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    if not suffixes or suffixes[-1] not in _SUFFIXES:
        raise DataError(f"{output}: the name must end in {', '.join(_SUFFIXES)}, or one of these with .gz after it")
    return _SUFFIXES[suffixes[-1]]


def _encoded(text: str) -> bytes:
    # JSON can hold halves of a surrogate pair, which no encoding can.
    return text.encode("utf-8", "replace")


def _opened(output: str | Path) -> AbstractContextManager[BinaryIO]:
    if str(output) == STDOUT:
        return nullcontext(sys.stdout.buffer)
    path = Path(output)
    return _compressing(path) if path.suffix.lower() == ".gz" else replacing(path)


@contextmanager
def _compressing(path: Path) -> Iterator[BinaryIO]:
    # Without the name and the time of day, the same answers give the same bytes.
    with (
        replacing(path) as file,
        gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as packed,
    ):
        yield packed  # type: ignore[misc]
