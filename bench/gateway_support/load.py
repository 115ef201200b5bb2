"""Requests as fast as they are answered, from wrk; what a program did with them as figures."""

from __future__ import annotations

import json
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Figures:
    """What one proxy did with one kind of load."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float  # of the proxy, for one request
    errors: int


def load(bench: Bench, proxy: Program, size: int, connections: int, seconds: int, *, vary: bool) -> Figures:
    """Ask for a file of this size over so many connections."""
    script = bench.folder / "wrk.lua"
    script.write_text(SCRIPT.format(vary=str(vary).lower()))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--timeout=30", "-s", str(script)]
    before = proxy.cpu_seconds()
    said = bench.run([*command, f"http://127.0.0.1:{proxy.port}/{size}.bin"], seconds + 60)
    cpu = proxy.cpu_seconds() - before
    told = json.loads(said.splitlines()[-1])
    rate = told["requests"] / told["seconds"]
    return Figures(rate, told["p50_ms"], told["p99_ms"], cpu / max(1, told["requests"]) * 1e6, told["errors"])
