"""The public address of this node: opened with a membership, by what the settings say, and given up with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import aiohttp

from node.config import NodeConfig
from node.program.download import RoomFor
from node.program.orphans import end_orphan
from node.program.tasks import TaskSet
from node.state import TunnelStatus
from node.tunnel.cloudflared import sentences
from node.tunnel.cloudflared.api import CloudflareApi, CloudflareError
from node.tunnel.cloudflared.binary import Binary
from node.tunnel.cloudflared.keeper import CONFIG_FILE, NOTE, Timings, TunnelKeeper
from node.tunnel.cloudflared.leads_here import EVERY
from node.tunnel.outside import Outside
from node.tunnel.own_address import OwnAddress

log = logging.getLogger(__name__)


class PublicTunnel:
    """Runs the tunnel that is wished for; `start`, then `stop`, or `leave` for good."""

    def __init__(
        self,
        config: NodeConfig,
        data_dir: Path,
        on_change: Callable[[TunnelStatus], None],
        timings: Timings | None = None,
        room_for: RoomFor = lambda _size: "",
    ) -> None:
        """`room_for` says why so many bytes may not be stored, before a program is fetched; from any thread."""
        self._config = config
        self._folder = data_dir / "cloudflared"
        self._on_change = on_change
        self._timings = timings or Timings()
        self._room_for = room_for
        self._told = TunnelStatus()
        self._tasks = TaskSet("tunnel")
        self._here: aiohttp.ClientSession | None = None  # for cloudflared's own endpoint
        self._binary: Binary | None = None
        self._keeper: TunnelKeeper | None = None
        self._worker_id = ""
        self.outside = Outside()
        self.wish = config.tunnel_wish

    async def start(self, origin: str, worker_id: str, http: aiohttp.ClientSession) -> None:
        """Open it; returns at once. `origin` is where requests shall come to."""
        await self.stop()
        self._worker_id = worker_id
        if self.wish.kind in ("none", "own"):
            self._tasks.start(asyncio.to_thread(self._end_orphan), "earlier cloudflared")
        if self.wish.kind == "none":
            self._tell(sentences.off(self.wish.text))
        elif self.wish.kind == "own":
            every = min(EVERY, self._timings.connect)
            self._tasks.start(OwnAddress(self.wish.url, self.outside, http, self._tell, every).run(), "own address")
        else:
            self._here = aiohttp.ClientSession(trust_env=False)
            self._keeper = self._make_keeper(self._here, http)
            self._tasks.start(self._keep(self._keeper, origin), "cloudflared")

    def _end_orphan(self) -> None:
        """End what a killed run with other settings left: it leads strangers here, and nobody wants it."""
        if (self._folder / NOTE).exists():
            end_orphan(self._folder / NOTE, self._folder / CONFIG_FILE, "cloudflared")

    def _make_keeper(self, here: aiohttp.ClientSession, http: aiohttp.ClientSession) -> TunnelKeeper:
        config = self._config
        self._binary = Binary(
            self._folder,
            setting=config.cloudflared,
            may_fetch=config.cloudflared_fetch,
            room_for=self._room_for,
        )
        api = CloudflareApi(http, self.wish.api_token, config.cloudflare_api) if self.wish.api_token else None
        return TunnelKeeper(
            wish=self.wish,
            folder=self._folder,
            session=here,
            on_change=self._tell,
            binary=self._binary,
            api=api,
            timings=self._timings,
            leads_here=(lambda url: self.outside.why_not(http, url)) if self.wish.kind == "token" else None,
        )

    async def _keep(self, keeper: TunnelKeeper, origin: str) -> None:
        try:
            await keeper.run(origin, self._worker_id)
        except Exception as error:  # as where there is no room on the disk, or no right to it
            log.exception("the tunnel ended")
            text = f"The tunnel cannot be opened: {error}."
            hint = "Mend that, and start the node anew."
            self._tell(TunnelStatus(kind=self.wish.kind, state="failed", text=text, hint=hint))

    async def stop(self) -> None:
        """Close it; what was made at Cloudflare's stays for the next time."""
        if self._binary is not None:
            self._binary.stop()
        await self._tasks.stop()
        if self._here is not None:
            await self._here.close()
        self._here = self._binary = None
        self._tell(TunnelStatus())

    async def leave(self) -> None:
        """Close it, and delete what was made at Cloudflare's."""
        keeper, self._keeper = self._keeper, None
        await self.stop()
        if keeper is None or self.wish.kind != "managed":
            if (self._folder / "managed.json").exists():
                log.warning("the tunnel rma-mesh-%s stays in your Cloudflare account", self._worker_id)
            return
        try:
            await keeper.managed(self._worker_id).delete()
        except (CloudflareError, OSError) as error:
            log.warning("the tunnel rma-mesh-%s stays in your Cloudflare account: %s", self._worker_id, error)

    def _tell(self, status: TunnelStatus) -> None:
        if status != self._told:
            self._told = status
            self._on_change(status)
