"""How near our data plane comes to nginx: the same requests through both, in turn, one process each.

Needs nginx and wrk (Debian: nginx-light, wrk). Only the ratios mean something: the machine is what it is, and both
are measured in one run, one right after the other, on a core of their own where there are two.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

Row = dict[str, Any]
WORKERS = 3
NGINX = """
worker_processes 1; daemon off; pid {dir}/{name}.pid; error_log {dir}/{name}.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600; sendfile on; tcp_nopush on;
  open_file_cache max=16; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s; proxy_max_temp_file_size 0;
  {rest}
}}
"""
PROXY = """
  upstream workers {{ {servers} keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://workers; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header Cookie ""; proxy_set_header Authorization "";
      add_header X-RMA-Worker w;
    }}
  }}
"""
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


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy."""

    name: str
    port: int
    process: psutil.Process

    def cpu_seconds(self) -> float:
        processes = [self.process, *self.process.children(recursive=True)]
        return sum(sum(process.cpu_times()[:2]) for process in processes)


class Bench:
    """Workers, proxies and load, each started on its core and ended at the end."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        cores = sorted(os.sched_getaffinity(0))
        self._proxy_core, self._other_cores = cores[:1], cores[1:] or cores

    def start(self, name: str, command: list[str], cores: list[int], port: int) -> Proxy:
        process = subprocess.Popen(command, preexec_fn=lambda: os.sched_setaffinity(0, cores))  # noqa: PLW1509
        self._stack.callback(end, process)
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return Proxy(name, port, psutil.Process(process.pid))
            time.sleep(0.05)
        raise SystemExit(f"{name} does not listen on port {port}")

    def nginx(self, name: str, rest: str, cores: list[int], port: int) -> Proxy:
        config = self._folder / f"{name}.conf"
        config.write_text(NGINX.format(dir=self._folder, name=name, rest=rest))
        return self.start(name, ["nginx", "-c", str(config)], cores, port)

    def workers(self, sizes: list[int]) -> list[int]:
        """Start an nginx that stands for the workers; return its ports."""
        for size in sizes:
            (self._folder / f"{size}.bin").write_bytes(b"x" * size)
        ports = [free_port() for _ in range(WORKERS)]
        listens = " ".join(f"listen 127.0.0.1:{port};" for port in ports)
        self.nginx("workers", f"server {{ {listens} root {self._folder}; }}", self._other_cores, ports[-1])
        return ports

    def proxies(self, workers: list[int]) -> list[Proxy]:
        """Start nginx and ours in front of the workers."""
        port, ours = free_port(), free_port()
        servers = " ".join(f"server 127.0.0.1:{worker};" for worker in workers)
        command = [sys.executable, "-m", "bench.core_proxy", "--port", str(ours)]
        command += [part for worker in workers for part in ("--worker", str(worker))]
        return [
            self.nginx("nginx", PROXY.format(servers=servers, port=port), self._proxy_core, port),
            self.start("core", command, self._proxy_core, ours),
        ]

    def load(self, proxy: Proxy, size: int, connections: int, seconds: int, *, vary: bool) -> Figures:
        script = self._folder / "wrk.lua"
        script.write_text(SCRIPT.format(vary=str(vary).lower()))
        url = f"http://127.0.0.1:{proxy.port}/{size}.bin"
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "-s", str(script), url]
        before = proxy.cpu_seconds()
        done = subprocess.run(
            command,
            check=True,
            capture_output=True,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, self._other_cores),
        )
        cpu = proxy.cpu_seconds() - before
        told = json.loads(done.stdout.splitlines()[-1])
        rate = told["requests"] / told["seconds"]
        cost = cpu / max(1, told["requests"]) * 1e6
        return Figures(rate, told["p50_ms"], told["p99_ms"], cost, told["errors"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=numbers, default=[200, 10 * 1024, 2**20], help="bytes of an answer's body")
    parser.add_argument("--connections", type=numbers, default=[1, 32, 256])
    parser.add_argument("--seconds", type=int, default=3, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="of which the middle one counts")
    parser.add_argument("--vary", action="store_true", help="send a different head with every request")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    missing = [program for program in ("nginx", "wrk") if shutil.which(program) is None]
    if missing:
        raise SystemExit(f"These programs are missing: {', '.join(missing)}.")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        folder.chmod(0o755)  # nginx gives up its rights before it reads the files
        bench = Bench(folder, stack)
        proxies = bench.proxies(bench.workers(arguments.sizes))
        rows = []
        for size in arguments.sizes:
            for connections in arguments.connections:
                row = measure(bench, proxies, size, connections, arguments)
                rows.append(row)
                if not arguments.json:
                    print(line(row), flush=True)
        if arguments.json:
            print(json.dumps(rows))


def measure(bench: Bench, proxies: list[Proxy], size: int, connections: int, arguments: argparse.Namespace) -> Row:
    """Measure the proxies in turn; the round whose ratio of rates is in the middle counts."""
    rounds = []
    for _ in range(arguments.rounds):
        figures = {
            proxy.name: bench.load(proxy, size, connections, arguments.seconds, vary=arguments.vary)
            for proxy in proxies
        }
        rounds.append((figures["core"].requests_per_second / figures["nginx"].requests_per_second, figures))
    ratio, figures = sorted(rounds, key=lambda one: one[0])[len(rounds) // 2]
    return {
        "bytes": size,
        "connections": connections,
        "rate_ratio": ratio,
        "p99_ratio": figures["core"].p99_ms / max(0.001, figures["nginx"].p99_ms),
        "cpu_ratio": figures["core"].cpu_us / max(0.001, figures["nginx"].cpu_us),
        **{name: asdict(one) for name, one in figures.items()},
    }


def line(row: Row) -> str:
    parts = [f"{row['bytes']:>8} B {row['connections']:>4} conn"]
    for name in ("nginx", "core"):
        one = row[name]
        parts.append(
            f"{name} {one['requests_per_second']:>8,.0f}/s p50 {one['p50_ms']:.2f} p99 {one['p99_ms']:.2f} ms "
            f"{one['cpu_us']:.1f} us" + (f" {one['errors']} ERRORS" if one["errors"] else "")
        )
    ratios = f"rate x{row['rate_ratio']:.2f} p99 x{row['p99_ratio']:.2f} CPU x{row['cpu_ratio']:.2f}"
    return " | ".join([*parts, ratios])


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
