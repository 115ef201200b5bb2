"""A real nginx of its own on loopback, as a reverse proxy: its configuration, its life and its version."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

DEADLINE = 30.0
CONFIG = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  {http}
}}
"""


@contextlib.contextmanager
def nginx(folder: Path, http: str) -> Iterator[int]:
    """Run nginx with this in its `http` block, where {port} is the port that it listens on; yield the port.

    The socket is bound here and inherited (that is how nginx replaces itself), so that nobody can take the port.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        port: int = listener.getsockname()[1]
        config = folder / "nginx.conf"
        config.write_text(CONFIG.format(folder=folder, http=http.replace("{port}", str(port))))
        environment = {**os.environ, "NGINX": f"{listener.fileno()};"}
        process = subprocess.Popen(
            ["nginx", "-c", str(config), "-e", str(folder / "start.log")],
            env=environment,
            pass_fds=[listener.fileno()],
            stderr=subprocess.PIPE,
        )
    try:
        wait_until_it_answers(process, port)
        yield port
    finally:
        process.terminate()
        try:
            process.communicate(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def wait_until_it_answers(process: subprocess.Popen[bytes], port: int) -> None:
    """Send something that it refuses by itself."""
    end = time.monotonic() + DEADLINE
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), DEADLINE) as client:
            client.settimeout(DEADLINE)
            client.sendall(b"NOTHING\r\n\r\n")
            if client.recv(1024):
                return
    raise RuntimeError(f"nginx does not run: {process.communicate(timeout=DEADLINE)[1].decode()}")


def version() -> str:
    """Return its version up to the second number."""
    told = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True, timeout=DEADLINE).stderr
    found = re.search(r"nginx/(\d+\.\d+)", told)
    assert found is not None, told
    return found[1]
