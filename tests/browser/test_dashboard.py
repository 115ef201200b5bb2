"""The dashboard in a real browser: what it shows of a real mesh, live, and that no name in it is ever run."""

from __future__ import annotations

import asyncio
import contextlib
import html
import os
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from coordinator_server.api.shapes import Topology, TopologyCoordinator, TopologyService, TopologyWorker
from coordinator_server.front import FRONT
from tests.support.front import Front, running_front

pytestmark = pytest.mark.needs("chromium")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--remote-debugging-port=0",
)  # fmt: skip
# The next connection comes within half a second: a slow machine could look away for longer.
REMEMBER = """
    window.seen = [];
    new MutationObserver(() => seen.push(document.body.innerText))
        .observe(document.body, {subtree: true, childList: true, characterData: true, attributes: true});
"""
HOSTILE = '<img src=x onerror="document.title=`owned`"><script>document.title="owned"</script>'


class Page:
    """A page in a running browser, spoken to over the DevTools protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self.errors: list[str] = []

    async def call(self, method: str, **params: Any) -> Any:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        while True:
            message = await self._socket.receive_json(timeout=60)
            if message.get("method") == "Runtime.exceptionThrown":
                self.errors.append(str(message["params"]["exceptionDetails"]))
            if message.get("method") == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
                self.errors.append(message["params"]["entry"]["text"])
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]

    async def open(self, url: str) -> None:
        for domain in ("Page", "Runtime", "Log"):
            await self.call(f"{domain}.enable")
        await self.call("Page.navigate", url=url)

    async def js(self, expression: str) -> Any:
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return found["result"].get("value")

    async def text(self) -> str:
        return str(await self.js("document.body.innerText"))

    async def until(self, expression: str, seconds: float = 90.0) -> None:
        deadline = time.monotonic() + seconds
        while not await self.js(expression):
            assert time.monotonic() < deadline, (
                f"{expression} did not come true; the page says:\n{await self.text()}"
            )
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def browsing(profile: Path, url: str) -> AsyncIterator[Page]:
    scratch = Path(tempfile.mkdtemp())  # it leaves a folder with a socket there, whose path must be short
    process = await asyncio.create_subprocess_exec(
        "chromium", *FLAGS, f"--user-data-dir={profile}", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(scratch)},
    )  # fmt: skip
    try:
        async with aiohttp.ClientSession() as session:
            port = await asyncio.wait_for(debugging_port(process), 120)
            async with session.ws_connect(await first_page(session, port), max_msg_size=2**26) as socket:
                page = Page(socket)
                await page.open(url)
                yield page
    finally:
        if process.returncode is None:
            process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 15)
        if process.returncode is None:
            process.kill()
            await process.wait()
        shutil.rmtree(scratch, ignore_errors=True)  # it may be taking the folder away itself


async def first_page(session: aiohttp.ClientSession, port: int) -> str:
    """Return where the first page is spoken to; it may come a moment after the browser listens."""
    async with asyncio.timeout(90):
        while True:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                for item in await answer.json(content_type=None):
                    if item["type"] == "page":
                        return str(item["webSocketDebuggerUrl"])
            await asyncio.sleep(0.05)


async def debugging_port(process: asyncio.subprocess.Process) -> int:
    assert process.stderr is not None
    while line := await process.stderr.readline():
        match = re.search(rb"DevTools listening on ws://127\.0\.0\.1:(\d+)/", line)
        if match:
            return int(match[1])
    raise AssertionError("the browser did not start")


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    (tmp_path / "mesh").mkdir()
    async with running_front(tmp_path / "mesh") as made:
        yield made


async def test_an_empty_mesh_says_what_to_do_and_then_shows_who_joins_and_leaves(
    front: Front, tmp_path: Path
) -> None:
    async with browsing(tmp_path / "profile", front.url) as page:
        await page.until("document.getElementById('connection').textContent === 'live'")
        text = await page.text()
        assert "No machine has joined yet" in text
        assert "rma-mesh-coordinator invite create" in text
        assert front.coordinator.coordinator_id in text

        worker = await front.join("Mary's laptop", load=0.42)
        await page.until(f"document.getElementById('workers').innerText.includes({worker.worker_id!r})")
        await page.until("document.getElementById('workers').innerText.includes('42 %')")
        text = await page.text()
        assert "No machine has joined yet" not in text
        assert "1 healthy worker, 1 wanted" in text
        row = await page.js("document.getElementById('workers').innerText")
        assert all(part in row for part in ("cpu", "echo", "active"))
        assert await page.js("document.querySelector('[role=meter] i').style.width") == "42%"

        await front.ask("POST", f"/api/admin/workers/{worker.worker_id}/drain")
        await page.until("document.getElementById('workers').innerText.includes('draining')")
        await front.ask("POST", f"/api/admin/workers/{worker.worker_id}/revoke")
        await page.until("document.getElementById('workers').children.length === 0")
        assert page.errors == []


async def test_a_lost_coordinator_is_said_and_found_again(front: Front, tmp_path: Path) -> None:
    async with browsing(tmp_path / "profile", front.url) as page:
        await page.until("document.getElementById('connection').textContent === 'live'")
        await page.js(REMEMBER)
        await front.site.app[FRONT].stream.stop()
        await page.until("seen.some(text => text.includes('reconnecting') && text.includes('does not answer'))")
        await page.until("document.getElementById('connection').textContent === 'live'")
        assert "does not answer" not in await page.text()


async def test_hostile_names_are_shown_as_text_and_never_run(
    front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids cannot look like this today; the page must not rely on it."""
    hostile = Topology(
        coordinator=HOSTILE,
        version=HOSTILE,
        sequence=0,
        timestamp=time.time(),
        coordinators=(TopologyCoordinator(id=HOSTILE, url=f"javascript:{HOSTILE}", location=HOSTILE),),
        workers=(
            TopologyWorker(id=HOSTILE, type=HOSTILE, coordinator=HOSTILE, services=(HOSTILE,), status=HOSTILE),  # type: ignore[arg-type]
            TopologyWorker(id="__proto__", type="cpu", coordinator="c", last_seen=time.time()),
        ),
        services=(TopologyService(name=HOSTILE, title=HOSTILE, aliases=(HOSTILE,), tier=HOSTILE, reason=HOSTILE),),
    )
    monkeypatch.setattr(front.site.app[FRONT].stream._drawing, "topology", lambda: hostile)
    async with browsing(tmp_path / "profile", front.url) as page:
        await page.until("document.getElementById('workers').children.length === 2")
        assert await page.js("document.title") == "RMA Mesh"
        assert await page.js("document.querySelectorAll('main img, main script, main a').length") == 0
        shown = await page.js("document.querySelector('#workers td.id').textContent")
        assert HOSTILE in (shown, await page.js("document.querySelectorAll('#workers td.id')[1].textContent"))
        assert html.escape(HOSTILE, quote=False) in await page.js("document.getElementById('services').innerHTML")
        assert page.errors == []


async def test_names_that_volunteers_gave_do_not_reach_the_page(front: Front, tmp_path: Path) -> None:
    await front.join(HOSTILE)
    async with browsing(tmp_path / "profile", front.url) as page:
        await page.until("document.getElementById('workers').children.length === 1")
        assert await page.js("document.title") == "RMA Mesh"
        assert HOSTILE not in await page.text()
        assert await page.js("document.querySelectorAll('main img, main script').length") == 0
        assert page.errors == []


@pytest.mark.parametrize("width", [360, 1280])
async def test_nothing_sticks_out_on_small_and_large_screens(front: Front, tmp_path: Path, width: int) -> None:
    await front.join("w" * 64)
    await front.join("another-machine-with-a-rather-long-name-indeed-yes")
    async with browsing(tmp_path / "profile", front.url) as page:
        await page.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 500
        )
        await page.until("document.getElementById('workers').children.length === 2")
        assert await page.js("document.documentElement.scrollWidth <= window.innerWidth")


async def test_the_filter_finds_workers_by_id_and_service(front: Front, tmp_path: Path) -> None:
    alpha = await front.join("alpha")
    await front.join("beta", services=("ner-extraction",))
    visible = "[...document.querySelectorAll('#workers tr')].filter((row) => !row.hidden).length"
    async with browsing(tmp_path / "profile", front.url) as page:
        await page.until("document.getElementById('workers').children.length === 2")
        for typed, count in ((alpha.worker_id, 1), ("ner-extr", 1), ("nobody", 0), ("", 2)):
            await page.js(
                f"(() => {{ const f = document.getElementById('filter'); f.value = {typed!r};"
                " f.dispatchEvent(new Event('input')); })()"
            )
            await page.until(f"{visible} === {count}")
