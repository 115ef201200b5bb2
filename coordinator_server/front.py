"""The parts that handlers share of what frontends, browsers, monitors and operators see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from coordinator_server.api.stream import TopologyStream
from coordinator_server.channel.answer import Answers
from coordinator_server.channel.beats import Beats
from coordinator_server.channel.channels import Channels
from coordinator_server.entry_points.assembly import EntryPointCopy
from coordinator_server.entry_points.office import EntryPointOffice
from coordinator_server.fleet.asking import Registries
from coordinator_server.fleet.far import Everywhere, FarWorkers, RelayWays
from coordinator_server.gateway.access import Access
from coordinator_server.gateway.routes import Gateway
from coordinator_server.gateway.shared_rates import SharedBuckets
from coordinator_server.gateway_processes.reports import Elsewhere
from coordinator_server.metrics import Metrics
from coordinator_server.operation.traffic import Traffic
from coordinator_server.relay.hub import RelayHub
from node.routing.router import Router


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """What handlers reach with `request.app[FRONT]`."""

    version: str
    started_at: float  # Unix seconds
    router: Router
    gateway: Gateway
    stream: TopologyStream
    metrics: Metrics
    access: Access
    rates: SharedBuckets  # of API keys
    elsewhere: Elsewhere  # what gateway processes beside this one have in hand
    answers: Answers  # what workers are told
    beats: Beats  # that workers send
    channels: Channels  # on which they hear at once what has changed
    others: Registries  # of other coordinators
    far: FarWorkers  # that are not registered here
    everywhere: Everywhere  # these and those that are
    ways: RelayWays  # by which coordinators each is reached
    hub: RelayHub  # reaches workers by connections that they open to us
    entry_points: EntryPointOffice
    copy: EntryPointCopy  # of the entry points, at Cloudflare's
    traffic: Traffic  # the last minute's


FRONT: Final = web.AppKey("front", Front)
