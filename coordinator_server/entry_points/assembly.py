"""Makes the parts of this room for a coordinator, and runs the copy at Cloudflare's where it is set."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import aiohttp

from coordinator_server.application import Coordinator
from coordinator_server.entry_points.cloudflare_kv import CloudflareKv
from coordinator_server.entry_points.kv_sync import KvStanding, KvSync
from coordinator_server.entry_points.office import EntryPointOffice, Listed
from coordinator_server.entry_points.prober import Prober
from node.program.proxies import open_session
from node.program.tasks import TaskSet

LOOK = 1.0  # seconds


def make_office(coordinator: Coordinator) -> EntryPointOffice:
    config = coordinator.config
    return EntryPointOffice(
        workers=coordinator.workers,
        registry=coordinator.registry,
        audit=coordinator.audit,
        prober=Prober(config.probe_timeout),
        stale=config.entry_point_stale,
        clock=coordinator.clock,
        origins=config.cors_origins,
    )


class EntryPointCopy:
    """The list at Cloudflare's, kept up from `start` to `stop`; nothing where it is not set."""

    def __init__(self, coordinator: Coordinator, listed: Callable[[], Sequence[Listed]]) -> None:
        self._coordinator = coordinator
        self._listed = listed
        self._tasks = TaskSet("entry-point-copy")
        self._session: aiohttp.ClientSession | None = None
        self._sync: KvSync | None = None

    @property
    def writes(self) -> int | None:
        return self._sync.writes if self._sync is not None else None

    @property
    def failures(self) -> int:
        return self._sync.failures if self._sync is not None else 0

    def standing(self) -> KvStanding | None:
        return self._sync.standing() if self._sync is not None else None

    def start(self) -> None:
        config = self._coordinator.config
        if not config.cf_api_token:
            return
        self._session = open_session()  # never with what ~/.netrc holds in place of the token
        kv = CloudflareKv(
            self._session,
            api=config.cf_api,
            account=config.cf_account_id,
            namespace=config.cf_kv_namespace_id,
            token=config.cf_api_token,
        )
        self._sync = KvSync(
            kv=kv,
            key=config.cf_kv_key,
            listed=self._listed,
            store=self._coordinator.store,
            clock=self._coordinator.clock,
            per_day=config.cf_kv_writes_per_day,
            settle=config.entry_point_stale,
            coordinator_id=self._coordinator.coordinator_id,
        )
        self._tasks.every(LOOK, self._sync.tick, "copy")

    async def stop(self) -> None:
        await self._tasks.stop()
        session, self._session = self._session, None
        if session is not None:
            await session.close()
