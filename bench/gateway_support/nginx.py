"""nginx as the workers, and as the proxy to compare with: it does no more and no less than the bare core does.

It is set up as one would for speed: connections to the workers are kept, nothing is logged, nothing goes to files,
and its buffers hold as much of an answer as ours do (a quarter MiB).
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from bench.gateway_support.processes import Bench, Program, free_port

FOLDER = "/service/ner-extraction/"  # below which everything is asked for, of whatever proxy
MAIN = """
{user} worker_processes 1; daemon off; pid {dir}/{name}.pid; error_log {dir}/{name}.log crit;
events {{ worker_connections 16384; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600; sendfile on; tcp_nopush on;
  open_file_cache max=16; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f;
  uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s; proxy_max_temp_file_size 0;
  {rest}
}}
"""
# What nodes say with every answer is said here too: their load, and that it took one try.
WORKER = """
  server {{
    listen 127.0.0.1:{port}; root {dir}; add_header X-RMA-Load {load:.3f}; add_header X-RMA-Attempts 1;
    location {folder} {{ alias {dir}/; }}
  }}
"""
PROXY = """
  upstream workers {{ {servers} keepalive 512; keepalive_requests 1000000000; keepalive_timeout 600; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://workers; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header Cookie ""; proxy_set_header Authorization "";
      proxy_buffers 4 64k; proxy_busy_buffers_size 128k;
      add_header X-RMA-Worker w;
    }}
  }}
"""


def workers(bench: Bench, sizes: Sequence[int], count: int) -> tuple[Program, list[int]]:
    """Start an nginx that serves a file of each size under so many ports; return it and the ports."""
    for size in sizes:
        (bench.folder / f"{size}.bin").write_bytes(b"x" * size)
    ports = [free_port() for _ in range(count)]
    servers = "".join(
        WORKER.format(port=port, dir=bench.folder, folder=FOLDER, load=0.1 * number)
        for number, port in enumerate(ports, 1)
    )
    return _start(bench, "workers", servers, bench.others, ports[-1]), ports


def proxy(bench: Bench, workers: Sequence[int]) -> Program:
    port = free_port()
    servers = " ".join(f"server 127.0.0.1:{worker};" for worker in workers)
    return _start(bench, "nginx", PROXY.format(servers=servers, port=port), bench.measured, port)


def _start(bench: Bench, name: str, rest: str, cores: Sequence[int], port: int) -> Program:
    config = bench.folder / f"{name}.conf"
    user = "user root;" if os.geteuid() == 0 else ""  # another one might not read the files
    config.write_text(MAIN.format(user=user, dir=bench.folder, name=name, rest=rest))
    return bench.start(name, ["nginx", "-c", str(config)], cores, port)
