"""Puts together what counts and tells how this node's own services do, and what they have given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from node.config import NodeConfig
from node.gpu_work import uses_gpu
from node.local_services import LocalServices
from node.services.supervisor import ServiceSupervisor
from node.state import NodeState
from node.vitals.energy import Watts
from node.vitals.feed import VitalsFeed
from node.vitals.gauges import GaugeReader
from node.vitals.keeper import ContributionKeeper, Sources


class OwnVitals:
    """Counts from `start` to `stop`; `feed` measures more while somebody looks."""

    def __init__(
        self,
        config: NodeConfig,
        data_dir: Path,
        supervisor: ServiceSupervisor,
        local: LocalServices,
        state: Callable[[], NodeState],
    ) -> None:
        self._state = state
        sources = Sources(
            roots=supervisor.pids,
            on_gpu=self._on_gpu,
            has_gpu=lambda: self._state().capabilities.has_gpu,
            in_flight=lambda name: local.in_flight((name,)),
        )
        self.keeper = ContributionKeeper(data_dir, sources, Watts(config.watts_per_core, config.watts_per_gpu))
        self.feed = VitalsFeed(self.keeper, GaugeReader(data_dir))
        local.ended = self.keeper.request_ended

    async def start(self) -> None:
        await self.keeper.load()
        self.keeper.start()

    async def stop(self) -> None:
        """Count and save for the last time, while the services still run; may be called any number of times."""
        await self.keeper.stop()

    def _on_gpu(self) -> frozenset[str]:
        """Return the services that run on a GPU here."""
        state = self._state()
        known = state.catalogue.by_name() if state.capabilities.has_gpu else {}
        return frozenset(
            one.name
            for one in state.services
            if one.state == "running" and one.name in known and uses_gpu(known[one.name])
        )
