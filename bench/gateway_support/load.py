"""Requests as fast as they are answered, from wrk; what a program did with them as figures."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil

from bench.gateway_support.nginx import FOLDER
from bench.gateway_support.processes import Bench, Program

# wrk says what it measured as JSON; with VARY every request has a head of its own.
SCRIPT = """
local vary, count, seed = {vary}, 0, os.time()
if vary then
  request = function()
    count = count + 1
    wrk.headers["X-Request-ID"] = seed .. "-" .. count
    return wrk.format()
  end
end
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format('\\n{{"requests":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f,"errors":%d}}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""
SETTLE = 20.0  # seconds that a proxy gets to be idle again
FULL = 0.9  # of a core's time: who used as much had no more to give


@dataclass(frozen=True, slots=True)
class Peer:
    """A proxy that is measured, and the key that it wants to see."""

    program: Program
    key: str = ""

    @property
    def name(self) -> str:
        return self.program.name


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked for: so many bytes over so many connections for so long."""

    size: int
    connections: int
    seconds: float
    vary: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """What one proxy did with one kind of load; shares are of one core's time."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float  # of the proxy, for one request
    errors: int
    proxy_share: float
    generator_share: float
    workers_share: float
    strangers_share: float  # of the proxy's core, by whatever else runs on this machine

    def limit(self, other_cores: int) -> str:
        """Tell who had no more to give; empty where nobody was at an end: requests waited in turn, or for a core.

        With no other cores all share one, and what that means cannot be told apart.
        """
        if not other_cores:
            return "the one core that all share"
        if self.proxy_share >= FULL:
            return "proxy"
        if self.proxy_share + self.strangers_share >= FULL:
            return "other programs on the proxy's core"
        if self.generator_share >= FULL:
            return "load generator"
        if self.workers_share >= FULL:
            return "workers"
        if self.generator_share + self.workers_share >= FULL * other_cores:
            return "load generator and workers"
        return ""


Round = Mapping[str, Figures]  # by the name of the proxy


def rounds_of(bench: Bench, workers: Program, peers: Sequence[Peer], load: Load, count: int) -> list[Round]:
    """Put this load on every proxy in turn, so often; each round begins with another one."""
    return [
        {peer.name: put(bench, workers, peer, load) for peer in (*peers[begin:], *peers[:begin])}
        for begin in (number % len(peers) for number in range(count))
    ]


def put(bench: Bench, workers: Program, peer: Peer, load: Load) -> Figures:
    """Put this load on a proxy."""
    script = bench.folder / "wrk.lua"
    script.write_text(SCRIPT.format(vary=str(load.vary).lower()))
    shown = ["-H", f"Authorization: Bearer {peer.key}"] if peer.key else []
    url = f"http://127.0.0.1:{peer.program.port}{FOLDER}{load.size}.bin"
    duration = f"{max(1, round(load.seconds))}s"
    command = [
        "wrk",
        "-t1",
        f"-c{load.connections}",
        f"-d{duration}",
        "--timeout=30",
        *shown,
        "-s",
        str(script),
        url,
    ]
    before = _used(bench, workers, peer.program)
    said = bench.run(command, load.seconds + 60)
    wall, proxy, served, generated, core = (
        after - earlier for after, earlier in zip(_used(bench, workers, peer.program), before, strict=True)
    )
    told = json.loads(said.splitlines()[-1])
    _settle(peer.program)
    return Figures(
        requests_per_second=told["requests"] / told["seconds"],
        p50_ms=told["p50_ms"],
        p99_ms=told["p99_ms"],
        cpu_us=proxy / max(1, told["requests"]) * 1e6,
        errors=told["errors"],
        proxy_share=proxy / wall,
        generator_share=generated / wall,
        workers_share=served / wall,
        strangers_share=max(0.0, core - proxy) / wall,
    )


def _settle(proxy: Program) -> None:
    """Wait until a proxy has done with requests whose clients are gone, or the next one would share its core."""
    limit = time.monotonic() + SETTLE
    before = -1.0
    while time.monotonic() < limit and (now := proxy.cpu_seconds()) - before > 0.02:
        before = now
        time.sleep(0.1)


def _used(bench: Bench, workers: Program, proxy: Program) -> Sequence[float]:
    """Return seconds: the time, and the CPU time of proxy, workers, ended children and the proxy's core so far."""
    ended = os.times()
    core = psutil.cpu_times(percpu=True)[bench.measured[0]]
    idle = core.idle + core.iowait
    return (
        time.monotonic(),
        proxy.cpu_seconds(),
        workers.cpu_seconds(),
        ended.children_user + ended.children_system,
        sum(core) - idle - core.guest - core.guest_nice,
    )
