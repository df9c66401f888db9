"""All counters in one place; one registry per application, so that two in a process do not add up."""

from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the request histogram: a health check takes milliseconds, an inspection on two cores a second."""


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "shingan_http_requests",
            "Answers by route and status.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "shingan_http_seconds", "Time to answer.", ["method", "route"], buckets=SECONDS, registry=self.registry
        )
        self.in_flight = Gauge("shingan_http_in_flight", "Requests in work.", registry=self.registry)
        self.products = Counter(
            "shingan_answers", "Answers by product and outcome code.", ["product", "outcome"], registry=self.registry
        )
        self.log_size = Gauge("shingan_audit_entries", "Entries in the audit log.", registry=self.registry)
        self.ready = Gauge(
            "shingan_ready", "Whether a part worked when it was last tried.", ["part"], registry=self.registry
        )
        self.queue_depth = Gauge("shingan_queue_depth", "Jobs that wait, by queue.", ["queue"], registry=self.registry)
        self._queues: dict[str, Callable[[], Awaitable[int]]] = {}

    def watch(self, *, kills: Callable[[], Mapping[str, int]], appended: Callable[[], Mapping[str, int]]) -> None:
        """Exports what other parts count themselves: `kills` by error code, audit entries `appended` by kind."""
        self.registry.register(_Counted("shingan_sandbox_kills", "Sandbox children that a file ended.", "code", kills))
        self.registry.register(
            _Counted("shingan_audit_appends", "Audit entries that this process committed.", "kind", appended)
        )

    def watch_queue(self, name: str, depth: Callable[[], Awaitable[int]]) -> None:
        """Exports `depth`, the number of jobs that wait in the queue `name`, asked anew for each scrape."""
        self._queues[name] = depth

    async def refresh(self) -> None:
        """Asks every queue for its depth."""
        for name, depth in self._queues.items():
            self.queue_depth.labels(name).set(await depth())

    def text(self) -> bytes:
        """Everything in the Prometheus text format."""
        return generate_latest(self.registry)


class _Counted(Collector):
    """A counter whose values lie elsewhere."""

    def __init__(self, name: str, text: str, label: str, read: Callable[[], Mapping[str, int]]) -> None:
        self._name, self._text, self._label, self._read = name, text, label, read

    def collect(self) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily(self._name, self._text, labels=[self._label])
        for key, value in sorted(self._read().items()):
            family.add_metric([key], value)
        yield family


def summed(*tallies: Mapping[str, int]) -> Mapping[str, int]:
    """The counts of all `tallies` together."""
    total: Tally[str] = Tally()
    for tally in tallies:
        total.update(tally)
    return total
