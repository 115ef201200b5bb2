"""A stand-in for `cloudflared`: real flags, real lines, its own endpoint, and failures as the real one has.

What it shall do stands in the file `behaviour` beside it and is read anew all the time; how it was started is added
to `starts`. It asks nobody for anything.
"""

from __future__ import annotations

import contextlib
import json
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

QUICK_NAME = "four-dashed-word-url.trycloudflare.com"

PROGRAM = r"""#!{python}
import argparse, http.server, json, os, pathlib, signal, sys, threading, time
here = pathlib.Path(__file__).resolve().parent

def behaviour():
    return (here / "behaviour").read_text().split()

def say(level, text):
    print(f"2026-11-01T10:00:00Z {{level}} {{text}}", file=sys.stderr, flush=True)

def end(text, code=1):
    print(text, file=sys.stderr, flush=True)
    sys.exit(code)

class Strict(argparse.ArgumentParser):
    def error(self, message):
        end("Incorrect Usage: flag provided but not defined: " + message)

parser = Strict(add_help=False)
parser.add_argument("--config", required=True)
parser.add_argument("--no-autoupdate", action="store_true")
parser.add_argument("--loglevel")
parser.add_argument("--metrics")
parser.add_argument("--grace-period")
parser.add_argument("--protocol")
parser.add_argument("--url", default=os.environ.get("TUNNEL_URL"))
runs = sys.argv[-1] == "run"
flags = parser.parse_args(sys.argv[2:-1] if runs else sys.argv[2:])
if sys.argv[1] != "tunnel":
    end("No such command")
with (here / "starts").open("a") as starts:
    starts.write(json.dumps({{"argv": sys.argv[1:], "environment": dict(os.environ), "pid": os.getpid()}}) + "\n")
does = behaviour()
token = os.environ.get("TUNNEL_TOKEN", "")
if "unknown-flag" in does:
    end("Incorrect Usage: flag provided but not defined: -grace-period")
if runs:
    if not token or "bad-token" in does:
        end("Provided Tunnel token is not valid.\nSee 'cloudflared tunnel run --help'.", 255)
    say("INF", "Starting tunnel tunnelID=c1744f8b-faa1-48a4-9e5c-02ac921467fa")
    name = ""
else:
    say("INF", "Thank you for trying Cloudflare Tunnel. Doing so, without a Cloudflare account, is a quick way to "
        "experiment and try it out.")
    say("INF", "Requesting new quick Tunnel on trycloudflare.com...")
    if "limited" in does:
        say("ERR", 'Error unmarshaling QuickTunnel response: error code: 1015 error="invalid character \'e\' '
            'looking for beginning of value" status_code="429 Too Many Requests"')
        end("failed to unmarshal quick Tunnel: invalid character 'e' looking for beginning of value")
    if "broken-service" in does:
        say("ERR", 'Error unmarshaling QuickTunnel response: error code: 1101 error="invalid character \'e\' '
            'looking for beginning of value" status_code="500 Internal Server Error"')
        end("failed to unmarshal quick Tunnel: invalid character 'e' looking for beginning of value")
    if "no-dns" in does:
        end('failed to request quick Tunnel: Post "https://api.trycloudflare.com/tunnel": dial tcp: lookup '
            "api.trycloudflare.com on 127.0.0.53:53: no such host")
    name = "{name}"
    if "no-box" not in does:
        say("INF", "+" + "-" * 92 + "+")
        say("INF", "|  Your quick Tunnel has been created! Visit it at (it may take some time to be reachable):  |")
        say("INF", f"|  https://{{name}}" + " " * 40 + "|")
        say("INF", "+" + "-" * 92 + "+")
say("INF", "Version 2026.9.3 (Checksum 77e26d8d900e0b8469f416239d14b5f296525fdf79fee6f511ef55609e3fbac2)")
say("INF", "Settings: map[no-autoupdate:true token:*****]")
if "leaks" in does:
    end("something is wrong with " + token)

def connected():
    if "never" in behaviour() or "down" in behaviour():
        return 0
    return 1 if flags.protocol == "http2" or "no-udp" not in behaviour() else 0

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ready = connected()
        rules = json.loads((here / "rules").read_text()) if (here / "rules").exists() else []
        answers = {{
            "/ready": (200 if ready else 503, {{"status": 200 if ready else 503, "readyConnections": ready,
                       "connectorId": "00000000-0000-0000-0000-000000000000"}}),
            "/quicktunnel": (200, {{"hostname": name}}),
            "/config": (200, {{"version": 1, "config": {{"ingress": rules, "originRequest": {{}}}}}}),
        }}
        status, document = answers.get(self.path, (404, {{}}))
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass

host, _, port = flags.metrics.rpartition(":")
server = http.server.ThreadingHTTPServer((host, int(port)), Handler)
threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
say("INF", f"Starting metrics server on {{host}}:{{server.server_port}}/metrics")
ended = threading.Event()
if "deaf" in does:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
said = False
while not ended.wait(0.02):
    if connected() and not said:
        said = True
        protocol = "http2" if flags.protocol == "http2" else "quic"
        say("INF", "Registered tunnel connection connIndex=0 connection=5c94b68c-6732-40c1-9b49-9f8f6c23521d "
            f"event=0 ip=198.51.100.67 location=lhr01 protocol={{protocol}}")
    if not connected() and not said and "no-udp" in behaviour() and flags.protocol != "http2":
        said = True
        say("ERR", 'Failed to dial a quic connection error="failed to dial to edge with quic: timeout: no recent '
            'network activity" connIndex=0 event=0 ip=198.51.100.67')
    if "crash" in behaviour():
        end("panic: runtime error: invalid memory address or nil pointer dereference", 2)
say("INF", "Initiating graceful shutdown due to signal terminated ...")
say("INF", "Tunnel server stopped")
"""


@dataclass(frozen=True)
class Standin:
    """The program in a folder of its own."""

    path: Path

    def does(self, *words: str) -> None:
        """Have it behave so from now on: limited, broken-service, no-dns, bad-token, never, down, no-udp, ..."""
        (self.path.parent / "behaviour").write_text(" ".join(words))

    def leads(self, hostname: str, service: str) -> None:
        """Have its tunnel's configuration, made elsewhere, send a name's requests to a service."""
        rules = [{"hostname": hostname, "path": "", "service": service, "originRequest": {}}]
        (self.path.parent / "rules").write_text(json.dumps([*rules, {"service": "http_status:404"}]))

    @property
    def running(self) -> list[int]:
        """The numbers of its processes."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if str(self.path) in process.cmdline():
                    found.append(process.pid)
        return found

    @property
    def starts(self) -> list[dict[str, Any]]:
        """How it was started so far: argv, environment and pid."""
        file = self.path.parent / "starts"
        whole = file.read_text().splitlines() if file.exists() else []
        return [json.loads(line) for line in whole]


def make_standin(folder: Path) -> Standin:
    """Put the program into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "cloudflared"
    path.write_text(PROGRAM.format(python=sys.executable, name=QUICK_NAME))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    (folder / "behaviour").write_text("")
    return Standin(path)
