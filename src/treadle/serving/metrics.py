"""What a server counts, in Prometheus' text format."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096, 16_384, 65_536)


class Metrics:
    """The counters of one application, in a registry of their own so that two applications share nothing."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "treadle_requests", "Requests answered.", ["endpoint", "model", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "treadle_request_seconds",
            "Seconds from a request's headers to its answer.",
            ["endpoint", "model"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._rows = Counter("treadle_rows", "Rows received for prediction.", ["model"], registry=self._registry)
        self._faults = Counter(
            "treadle_faults", "Cells and rows that broke the contract.", ["model"], registry=self._registry
        )
        self._batches = Histogram(
            "treadle_batch_rows",
            "Rows that the network answered together.",
            ["model"],
            buckets=_ROWS,
            registry=self._registry,
        )
        self._words = Counter("treadle_words", "Words written.", ["model"], registry=self._registry)
        self.sessions = Gauge("treadle_sessions", "Texts that are kept to be gone on with.", registry=self._registry)
        self.in_progress = Gauge("treadle_requests_in_progress", "Requests in progress.", registry=self._registry)
        # Looking a labelled child up costs more than counting with it.
        self._finished: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def count_request(self, endpoint: str, model: str, status: int, seconds: float) -> None:
        """A request was answered."""
        key = (endpoint, model, status)
        if key not in self._finished:
            self._finished[key] = (
                self._requests.labels(endpoint, model, str(status)),
                self._seconds.labels(endpoint, model),
            )
        requests, durations = self._finished[key]
        requests.inc()
        durations.observe(seconds)

    def of_model(self, model: str) -> ModelMetrics:
        """The counters of one model."""
        rows, faults, words = (counter.labels(model) for counter in (self._rows, self._faults, self._words))
        return ModelMetrics(rows, faults, words, self._batches.labels(model))

    def render(self) -> bytes:
        """All counters as text."""
        return generate_latest(self._registry)


class ModelMetrics:
    """What is counted for each model."""

    def __init__(self, rows: Counter, faults: Counter, words: Counter, batches: Histogram) -> None:
        self._rows, self._faults, self._words, self._batches = rows, faults, words, batches

    def count_rows(self, rows: int, faults: int) -> None:
        """A request's rows were answered, with this many faults."""
        self._rows.inc(rows)
        if faults:
            self._faults.inc(faults)

    def count_batch(self, rows: int) -> None:
        """The network answered this many rows together."""
        self._batches.observe(rows)

    def count_words(self, words: int) -> None:
        """This many words were written."""
        self._words.inc(words)
