"""Keeps a tunnel open: has Cloudflare make it, finds, starts and watches cloudflared, and starts it again."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from node.program.errors import UserFacingError
from node.program.orphans import end_orphan
from node.state import TunnelStatus
from node.tunnel.cloudflared import sentences
from node.tunnel.cloudflared.api import CloudflareApi, CloudflareError
from node.tunnel.cloudflared.arguments import CONFIG, command_of, environment_of
from node.tunnel.cloudflared.binary import Binary
from node.tunnel.cloudflared.connector import Connector
from node.tunnel.cloudflared.leads_here import Ask, LeadsHere
from node.tunnel.cloudflared.lines import Trouble, without
from node.tunnel.cloudflared.managed import ManagedTunnel, hostname_of
from node.tunnel.cloudflared.metrics import Metrics
from node.tunnel.cloudflared.pauses import Pauses
from node.tunnel.cloudflared.platforms import VERSION
from node.tunnel.cloudflared.sentences import Ending
from node.tunnel.cloudflared.wish import HOSTNAME, Wish

NOTE, CONFIG_FILE = "run.json", "config.yml"  # who runs, and what its process is known by
QUICK = ".trycloudflare.com"
MISSES = 2  # answers without a connection in a row after which others are told
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timings:
    """How often it is looked, and for how long it may be without a connection; seconds."""

    poll: float = 5.0
    first_poll: float = 0.5  # until it is connected for the first time
    connect: float = 90.0  # cloudflared itself needs a minute to turn from UDP to TCP
    quic: float = 60.0  # where it complains about UDP meanwhile: then it is started with TCP
    lost: float = 180.0
    pauses: float = 1.0  # a factor, for tests


class TunnelKeeper:
    """Runs cloudflared for one wish; `run` never returns."""

    def __init__(
        self,
        *,
        wish: Wish,
        folder: Path,
        session: aiohttp.ClientSession,
        on_change: Callable[[TunnelStatus], None],
        binary: Binary,
        api: CloudflareApi | None,
        timings: Timings = Timings(),
        chance: Callable[[], float] = random.random,
        leads_here: Ask | None = None,
    ) -> None:
        self._wish = wish
        self._leads_here = leads_here  # asked before a token's address is told
        self._folder = folder
        self._session = session  # without a proxy: it asks cloudflared on this machine
        self._on_change = on_change
        self._binary = binary
        self._api = api
        self._timings = timings
        self._chance = chance
        self._note = folder / NOTE
        self._config = folder / CONFIG_FILE

    async def run(self, origin: str, worker_id: str) -> None:
        """Keep a tunnel to `origin` (http://HOST:PORT) open."""
        await asyncio.to_thread(self._make_room)
        pauses, protocol = Pauses(), "auto"
        while True:
            self._on_change(sentences.starting(self._wish.kind))
            carried, ending = await self._once(origin, worker_id, protocol)
            protocol = "http2" if ending.kind == "quic" or (carried and protocol == "http2") else "auto"
            pauses, pause = pauses.after(carried, ending.kind, self._chance(), ending.wait)
            self._on_change(sentences.ended(self._wish.kind, ending, pause))
            log.warning("tunnel: %s", sentences.ended(self._wish.kind, ending, pause).text)
            await asyncio.sleep(pause * self._timings.pauses)

    def managed(self, worker_id: str) -> ManagedTunnel:
        assert self._api is not None, "a managed tunnel has an API"
        return ManagedTunnel(self._api, self._wish.account_id, worker_id, self._folder / "managed.json")

    def _make_room(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._config.write_text(CONFIG, "utf-8")
        end_orphan(self._note, self._config, "cloudflared")

    async def _once(self, origin: str, worker_id: str, protocol: str) -> tuple[float, Ending]:
        """Open the tunnel once; return for how many seconds it carried, and why it does not any more."""
        try:
            program = await asyncio.to_thread(self._binary.find)
            if program is None:
                self._on_change(sentences.fetching(self._wish.kind, VERSION))
                program = await asyncio.to_thread(self._binary.fetch)
            url, token = await self._prepared(origin, worker_id)
            return await self._carry(program, origin, url, token, protocol)
        except UserFacingError as error:
            return 0.0, Ending("failed", f"{error.title} {error.message}", error.hint)
        except CloudflareError as error:
            phase = sentences.phase_of_refusal(is_limit=error.is_limit, is_refusal=error.is_refusal)
            text = without(str(error), self._wish.secrets)
            return 0.0, Ending(phase, text, error.hint, "token" if error.is_refusal else "other", error.wait)
        except OSError as error:
            return 0.0, Ending("failed", f"cloudflared cannot be started: {error.strerror or error}.")

    async def _prepared(self, origin: str, worker_id: str) -> tuple[str, str]:
        """Return the address where it is known before, and the token for a tunnel that has one."""
        wish = self._wish
        if wish.kind != "managed":
            return wish.url.rstrip("/"), wish.token
        try:
            prepared = await self.managed(worker_id).prepare(origin, hostname_of(wish.hostname, wish.url))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CloudflareError(
                f"Cloudflare's API answers otherwise than is known of it: {error!r:.80}."
            ) from None
        return prepared.url, prepared.token

    async def _carry(self, program: Path, origin: str, url: str, token: str, protocol: str) -> tuple[float, Ending]:
        command = command_of(program, self._config, origin, named=bool(token), protocol=protocol)
        connector = Connector((*self._wish.secrets, *((token,) if token else ())))
        try:
            await connector.start(command, self._folder, environment_of(self._folder, token), self._note)
            return await self._watch(connector, origin, url)
        finally:
            await connector.stop()

    async def _watch(self, connector: Connector, origin: str, url: str) -> tuple[float, Ending]:
        """Tell others while it carries; return when it has ended, or has been without a connection for too long."""
        loop, timings, leads = asyncio.get_running_loop(), self._timings, LeadsHere(self._leads_here)
        silent_since, up_since, misses = loop.time(), 0.0, 0
        while not await connector.ends_within(timings.poll if up_since else timings.first_poll):
            now = loop.time()
            if await self._is_connected(connector):
                misses, silent_since, up_since = 0, now, up_since or now
                url = url or await self._find_url(connector, origin)
                self._tell(connector, origin, url, await leads.why_not(url, now))
                continue
            misses += 1
            if up_since and misses >= MISSES:
                self._on_change(sentences.interrupted(self._wish.kind))
            if now - silent_since > self._patience(connector, was_up=bool(up_since)):
                trouble = connector.trouble or Trouble("blocked", "There was no connection in time.")
                return (now - up_since if up_since else 0.0), sentences.ending_of(trouble)
        return (loop.time() - up_since if up_since else 0.0), sentences.ending_of(connector.trouble)

    def _patience(self, connector: Connector, *, was_up: bool) -> float:
        """Return for how many seconds it may be without a connection."""
        if was_up:
            return self._timings.lost
        over_udp = connector.trouble is not None and connector.trouble.kind == "quic"
        return self._timings.quic if over_udp else self._timings.connect

    async def _is_connected(self, connector: Connector) -> bool:
        return bool(connector.address) and await Metrics(self._session, connector.address).connections() > 0

    def _tell(self, connector: Connector, origin: str, url: str, why_not: str) -> None:
        kind = self._wish.kind
        if why_not:
            self._on_change(sentences.unreached(url, why_not, kind))
            return
        self._on_change(sentences.up(kind, url, connector.protocol) if url else sentences.nameless(kind, origin))

    async def _find_url(self, connector: Connector, origin: str) -> str:
        """Return the address that the tunnel has by cloudflared's own word, or ""."""
        if self._wish.kind == "quick" and connector.url:
            return connector.url
        metrics = Metrics(self._session, connector.address)
        quick = self._wish.kind == "quick"
        name = await (metrics.quick_hostname() if quick else metrics.hostname_for(origin))
        is_one = HOSTNAME.fullmatch(name) and (not quick or name.endswith(QUICK))
        return f"https://{name}" if is_one else ""
