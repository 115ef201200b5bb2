"""What it costs to observe a request: metrics, routing figures, and the access log off, sampled and whole.

Requests end as fast as they can, through the real door, in a real process: CPU time of all its threads is counted,
so that the lines' encoding and writing behind the requests' back is in it too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from coordinator_server.metrics import Metrics, Reading
from node.forwarding.access_log import open_access_log
from node.forwarding.door import Door
from node.forwarding.http1.client import ClientConnection
from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.head import HeadLimits, parse_request
from node.routing.stats import Outcome, RoutingCounters

HEAD = b"POST /service/ner-extraction/extract?lang=en HTTP/1.1\r\nHost: mesh.example\r\nContent-Length: 200\r\n\r\n"
SAMPLES = (0.0, 0.01, 0.1, 1.0)
ROUND = 2_500  # requests that end while the log's thread pauses: 10,000 a second

End = Callable[[int], None]


class Exit(Door):
    """A door through which requests only leave."""

    def enter(self, exchange: Exchange) -> None:
        raise NotImplementedError


def carried() -> Any:
    """Stand in for what carried a request."""
    manifest = SimpleNamespace(name="ner-extraction")
    made = SimpleNamespace(worker="w-7f7683c95c", route="vpn", attempts=1, caller="43108416db9d", manifest=manifest)
    made.started, made.ended = time.monotonic(), lambda: None
    return made


def ended() -> Exchange:
    client = cast("ClientConnection", SimpleNamespace(peer="192.0.2.77"))
    exchange = Exchange(client, parse_request(HEAD, HeadLimits()), time.monotonic())
    exchange.status, exchange.bytes_in, exchange.bytes_out = 200, 200, 431
    exchange.request_id, exchange.ended_at = "4334f9a6306bd18d", time.monotonic()
    exchange.lines = b"X-Request-ID: 4334f9a6306bd18d\r\n"
    return exchange


def cost_of(end: End, requests: int) -> float:
    """Return microseconds of CPU time for one request."""
    began = time.process_time()
    for number in range(requests):
        end(number)
    return (time.process_time() - began) / requests * 1e6


def metrics_cost(requests: int) -> float:
    metrics = Metrics(Reading, coordinator="c", version="0")
    workers = [f"worker-{number}" for number in range(3)]
    return cost_of(
        lambda number: metrics.ended(Outcome("ner-extraction", workers[number % 3], "vpn", 200, 0.003, 1)), requests
    )


def figures_cost(requests: int) -> float:
    counters = RoutingCounters()
    outcome = Outcome("ner-extraction", "worker-1", "vpn", 200, 0.003, 1)
    return cost_of(lambda _: counters.finished(outcome, failed=False), requests)


def log_cost(requests: int, sample: float | None, path: Path) -> float:
    """Measure the end of requests at a door with the access log off (None) or on, until all lines are written."""
    door, exchange, context = Exit(), ended(), carried()
    door.access_log = log = open_access_log("off" if sample is None else str(path), sample or 0.0)

    def end(_: int) -> None:
        exchange.context = context
        door.finished(exchange)

    rounds = max(1, requests // ROUND)
    began = time.process_time()
    for _ in range(rounds):
        cost_of(end, ROUND)
        while log is not None and log.waiting:
            time.sleep(0.1)
    if log is not None:
        log.close()
        assert log.lost == 0
    return (time.process_time() - began) / (rounds * ROUND) * 1e6


def measure(requests: int, rounds: int) -> Mapping[str, float]:
    """Return the median microseconds of CPU time that each part costs a request."""
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(rounds):
            found.setdefault("metrics", []).append(metrics_cost(requests))
            found.setdefault("routing figures", []).append(figures_cost(requests))
            off = log_cost(requests, None, Path(folder))
            found.setdefault("access log off", []).append(off)
            for sample in SAMPLES:
                path = Path(folder) / f"{turn}-{sample}.log"
                cost = log_cost(requests, sample, path)
                found.setdefault(f"access log, {sample:.0%} of requests", []).append(cost)
    return {name: statistics.median(costs) for name, costs in found.items()}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=25_000, help="of each measurement (25000)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts (3)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args(argv)
    found = measure(options.requests, options.rounds)
    if options.json:
        print(json.dumps({name: round(cost, 3) for name, cost in found.items()}))
        return
    print("CPU time for each request, in microseconds (all threads):")
    for name, cost in found.items():
        print(f"{name:36} {cost:6.2f}")


if __name__ == "__main__":
    main()
