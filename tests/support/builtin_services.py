"""Starts a builtin service as the real process that it is, and talks to it over real HTTP."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "token-of-the-test"
DEMO = ROOT / "resources" / "demo"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, read whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> str:
        assert self.headers["Content-Type"].startswith("application/problem+json"), self.body
        kind: str = self.json["type"].rpartition("/")[2]
        return kind


@dataclass(frozen=True, slots=True)
class RunningService:
    """A service that is ready."""

    popen: subprocess.Popen[bytes]
    url: str
    data_dir: Path

    async def call(self, method: str, path: str, token: str | None = TOKEN, **options: Any) -> Answer:
        headers = dict(options.pop("headers", {}))
        if token is not None:
            headers["X-RMA-Service-Token"] = token
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.url + path, headers=headers, **options) as answer,
        ):
            return Answer(answer.status, dict(answer.headers), await answer.read())

    async def post(self, path: str, document: Any = None, **options: Any) -> Answer:
        if document is not None:
            options["json"] = document
        return await self.call("POST", path, **options)


def service_environment(data_dir: Path, node_url: str = "", **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RMA_")}
    return kept | {
        "PYTHONPATH": str(ROOT),
        "RMA_SERVICE_DATA_DIR": str(data_dir),
        "RMA_SERVICE_TOKEN": TOKEN,
        "RMA_NODE_URL": node_url,
        "RMA_NODE_TOKEN": "token-of-the-node",
        **more,
    }


@contextlib.contextmanager
def running_service(name: str, data_dir: Path, node_url: str = "", **more: str) -> Iterator[RunningService]:
    """Run a service until the block ends; end it the way a node's death does, by closing its stdin."""
    popen = subprocess.Popen(
        [sys.executable, "-m", "node.services.builtin", name],
        env=service_environment(data_dir, node_url, **more),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=data_dir,
    )
    assert popen.stdin is not None and popen.stdout is not None
    try:
        ready = json.loads(popen.stdout.readline())
        assert ready["event"] == "ready"
        yield RunningService(popen, f"http://127.0.0.1:{ready['port']}", data_dir)
    finally:
        popen.stdin.close()
        try:
            popen.wait(60)
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.wait()
            raise
        finally:
            popen.stdout.close()


def make_pdf(*pages: str) -> bytes:
    """Write a small valid PDF with one line of text a page."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(pages):
        content = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET" if text else ""
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> "
            f"/Contents {5 + 2 * number} 0 R >>"
        )
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
    out = b"%PDF-1.4\n"
    offsets = []
    for number, text in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{text}\nendobj\n".encode("latin-1")
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    tail = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    tail += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    return out + tail.encode("latin-1")
