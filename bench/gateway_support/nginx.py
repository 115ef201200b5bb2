"""nginx as the workers, and as the proxy to compare with: it does no more and no less than ours does."""

from __future__ import annotations

from collections.abc import Sequence

from bench.gateway_support.processes import Bench, Program, free_port

MAIN = """
worker_processes 1; daemon off; pid {dir}/{name}.pid; error_log {dir}/{name}.log crit;
events {{ worker_connections 16384; }}
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


def workers(bench: Bench, sizes: Sequence[int], count: int) -> list[int]:
    """Start an nginx that serves a file of each size under so many ports; return these."""
    for size in sizes:
        (bench.folder / f"{size}.bin").write_bytes(b"x" * size)
    ports = [free_port() for _ in range(count)]
    listens = " ".join(f"listen 127.0.0.1:{port};" for port in ports)
    _start(bench, "workers", f"server {{ {listens} root {bench.folder}; }}", bench.others, ports[-1])
    return ports


def proxy(bench: Bench, workers: Sequence[int]) -> Program:
    port = free_port()
    servers = " ".join(f"server 127.0.0.1:{worker};" for worker in workers)
    return _start(bench, "nginx", PROXY.format(servers=servers, port=port), bench.measured, port)


def _start(bench: Bench, name: str, rest: str, cores: Sequence[int], port: int) -> Program:
    config = bench.folder / f"{name}.conf"
    config.write_text(MAIN.format(dir=bench.folder, name=name, rest=rest))
    return bench.start(name, ["nginx", "-c", str(config)], cores, port)
