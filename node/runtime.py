"""Runs a node: puts its parts together, lets the machine handle what happens, and owns every task.

Only `dispatch` changes the state. What the machine orders `command_executor` carries out, one after the other; what
takes long (talking to the coordinator, draining) runs beside and reports back with an event.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import time
from collections.abc import Callable
from ipaddress import IPv4Network
from pathlib import Path

import aiohttp

from node import __version__
from node import events as e
from node.caps_kept import CapsKept
from node.client_access import ClientAccess
from node.command_executor import CommandExecutor
from node.config import NodeConfig
from node.contact import CoordinatorContact
from node.control import ControlApi, ViewFeed
from node.coordinator_looks import CoordinatorLooks
from node.coordinator_talk import CoordinatorTalk
from node.entry_point import Contact, EntryPoint
from node.forwarding.access_log import AccessLog, open_access_log
from node.forwarding.http1.limits import ServerLimits
from node.forwarding.members_only import MembersOnly
from node.forwarding.plane import DataPlane
from node.front_desk import FrontDesk
from node.hardware.detect import detect_async
from node.hardware.load import LoadSampler
from node.http_api import HttpApi, ServiceDoor
from node.kept_files import KeptFiles
from node.local_services import LocalServices
from node.machine import handle
from node.member import Member
from node.mesh_session import MeshSession
from node.overlay import MakeKeeper, Overlay, keeper_of_this_computer
from node.overlay_door import OverlayDoor
from node.overlay_presence import OverlayPresence
from node.own_vitals import OwnVitals
from node.program.proxies import ThroughProxies, open_session
from node.program.tasks import TaskSet
from node.program.web import bind
from node.public_tunnel import PublicTunnel
from node.rules.keeper import RulesKeeper
from node.rules.sensed import NoSensors, Sensors
from node.services.limits.enforcer import Means
from node.services.local_tokens import LocalTokens
from node.services.supervisor import ServiceSupervisor
from node.snoozes import Snoozes
from node.standing_connections import StandingConnections, Way
from node.state import NodeState
from node.survey import Survey
from node.surveyor import take_survey
from node.tunnel.cloudflared.arguments import KEEPS_IDLE
from node.wire.manifests import SignedCatalogue
from node.wire.messages import Assignment, Capabilities, HeartbeatRequest

log = logging.getLogger(__name__)

LOAD_INTERVAL = 2.0  # seconds
FIRST_LOOK = 1.0  # seconds that the sensors have before services are started
RENEW_CHECK = 3600.0  # seconds
RENEWAL_SPREAD = 10.0  # seconds over which nodes ask for another place in the overlay when that is pushed
GOODBYE = 2.0  # seconds that the last word of answers may take
KEEPALIVE = KEEPS_IDLE + 10.0  # seconds: cloudflared shall not ask on a connection that we have just closed
GRACE = 0.1  # seconds in which whoever is connected may still ask, to be sent elsewhere
MakeSensors = Callable[[Callable[[], None]], Sensors]  # they call what they are given when the computer has slept


class NodeRuntime:
    """One running node. `start`, then `wait`, then `stop`."""

    def __init__(
        self,
        config: NodeConfig,
        data_dir: Path,
        make_keeper: MakeKeeper = keeper_of_this_computer,
        make_sensors: MakeSensors = lambda _woke_up: NoSensors(),
        means: Means | None = None,
    ) -> None:
        self.config = config
        self.local_tokens = LocalTokens()
        self.state = NodeState()
        self._data_dir = data_dir
        self._files = KeptFiles(data_dir)
        self.desk = FrontDesk(self, data_dir)
        self._feed = ViewFeed(self.desk.view)
        self._control = ControlApi(self.desk, self._feed, data_dir)
        self._contact = CoordinatorContact(self._contact_due)
        self.rules = RulesKeeper(
            data_dir,
            make_sensors(self._woke_up),
            lambda rules: self.dispatch(e.RulesChanged(rules)),
            lambda verdict: self.dispatch(e.RulesDecided(verdict)),
        )
        self.overlay = Overlay(config, data_dir, self.dispatch, make_keeper)
        self.caps = CapsKept(data_dir, means, lambda reports: self.dispatch(e.CapsPlanned(reports)))
        room_for = self.caps.services.room_for
        self.tunnel = PublicTunnel(
            config, data_dir, lambda status: self.dispatch(e.TunnelChanged(status)), room_for=room_for
        )
        self.entry_point = EntryPoint(config, lambda: self.state, lambda: self.port, self._entry_contact)
        self._clients = ClientAccess(
            lambda: self.session.client_tokens if self.session is not None else None,
            lambda: self.entry_point.wished,
            time.time,
            lambda: self.entry_point.origins,
        )
        self._overlay_door = OverlayDoor(self._make_server, config.drain_deadline)
        self._presence = OverlayPresence(
            self.overlay, self._overlay_door, self.dispatch, lambda: self.member, lambda: self._server
        )
        self.talk = CoordinatorTalk(
            lambda: self.state, self.dispatch, self._keep_catalogue, self.overlay, self._relays
        )
        self.standing = StandingConnections(
            config, self._way_to, self._take_push, self._serve_relayed, self.dispatch
        )
        self.talk.by_channel = self.standing.beat
        self.standing.when_late(self._heard_late)
        self._looks = CoordinatorLooks(
            lambda: self.state, lambda: self.session, self.dispatch, config.probe_timeout
        )
        self._tasks = TaskSet("node")
        self._snoozes = Snoozes(lambda: self.state, self.dispatch)
        self.proxies = ThroughProxies()
        self._http: aiohttp.ClientSession | None = None
        self._server: DataPlane | None = None
        self._access_log: AccessLog | None = None
        self._member: Member | None = None
        self._load = LoadSampler()
        self.supervisor = ServiceSupervisor(
            data_dir=data_dir,
            node_url=lambda: self.url,
            local_token=self.local_tokens.of,
            on_change=lambda reports: self.dispatch(e.ServicesChanged(reports)),
            limits=self.caps.services,
        )
        self._local = LocalServices(self.supervisor, config.drain_deadline)
        self._executor = CommandExecutor(
            self,
            tasks=self._tasks,
            contact=self._contact,
            local=self._local,
            files=self._files,
            presence=self._presence,
            snoozes=self._snoozes,
        )
        self.vitals = OwnVitals(config, data_dir, self.supervisor, self._local, lambda: self.state)

    # --- life ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the doors and come to life; raise UserFacingError for what a person must mend."""
        listener = bind(self.config.host, self.config.port)
        try:
            self._access_log = open_access_log(self.config.access_log, self.config.access_log_sample)
        except BaseException:
            listener.close()
            raise
        self._server = self._make_server(listener)
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    def _make_server(self, listener: socket.socket, members_of: IPv4Network | None = None) -> DataPlane:
        """Put our doors behind a socket; for everybody, or for those only who come from an overlay."""
        patience = self.config.idle_timeout
        limits = ServerLimits(body_idle=patience, write_stall=patience, drain_grace=GRACE, keepalive=KEEPALIVE)
        door = ServiceDoor(self.desk, self._clients)
        door.access_log = self._access_log
        handler = door if members_of is None else MembersOnly(door, members_of)
        api = HttpApi(self.desk, self.tunnel.outside.answer_to, self.entry_point.prove)
        return DataPlane(handler, api.application(), listener, limits=limits, meter=self.caps.meter)

    async def _start(self) -> None:
        assert self._server is not None
        self._http = open_session(self.proxies, timeout=aiohttp.ClientTimeout(total=self.config.register_timeout))
        self._member = Member(
            self.config,
            self._data_dir,
            http=self._http,
            proxies=self.proxies,
            local=self._local,
            talk=self.talk,
            state=lambda: self.state,
            overlay=self.overlay,
            meter=self.caps.meter,
        )
        started = await self._started_event()
        await self._server.start()
        await self._control.start()
        self._contact.start()
        self.standing.start(self.proxies)
        self.entry_point.start()
        self._tasks.start(self._executor.run(), "commands")
        self.overlay.start()
        self.dispatch(started)
        self.rules.start()
        self.caps.services.start()
        await self.vitals.start()
        self._tasks.every(LOAD_INTERVAL, self._measure_load, "load")
        self._tasks.every(LOAD_INTERVAL, self._snoozes.look, "snoozes")
        self._tasks.every(LOAD_INTERVAL, self._looks.look, "looks at coordinators")
        self._tasks.every(self.config.hardware_interval, self._detect, "hardware")
        self._tasks.every(RENEW_CHECK, self._renew_when_half, "renewal")
        await self.settle()

    async def settle(self) -> None:
        """Wait until every command so far was executed; raise what a person must mend."""
        await self._executor.settle()
        self._executor.check()

    async def wait(self, stop: asyncio.Event) -> None:
        """Return when `stop` is set or the node was asked to stop, and requests in flight have ended."""
        self._tasks.start(self._stop_on(stop), "signal")
        await self._executor.ended.wait()
        self._executor.check()

    async def stop(self) -> None:
        """Close everything. May be called any number of times."""
        self._snoozes.stop()
        self._presence.cancel()
        await self.rules.stop()
        await self._contact.stop()
        await self.standing.hang_up()
        await self.entry_point.stop()
        await self.tunnel.stop()
        await self._tasks.stop()
        if self._member is not None:
            await self._member.close()
        await self.vitals.stop()
        await self.supervisor.stop()
        await self.caps.services.stop()
        await self._control.stop()
        if self._server is not None:
            # What was answered a moment ago may not have arrived yet.
            await asyncio.gather(self._server.drain(GOODBYE), self._overlay_door.drain(GOODBYE))
            await self.standing.stop()
            await self._server.stop()
        await self.standing.stop()
        await self._overlay_door.stop()
        await self.overlay.stop()  # last: answers go through it
        if self._access_log is not None:
            await asyncio.to_thread(self._access_log.close)
        if self._http is not None:
            await self._http.close()
        await self.desk.insight.stop()

    async def _stop_on(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self.dispatch(e.StopRequested())

    async def _started_event(self) -> e.Started:
        pause = await asyncio.to_thread(self._files.pause)
        (membership, catalogue, assignment), _, _ = await asyncio.gather(
            self.member.load(), self.rules.load(FIRST_LOOK), self.desk.insight.start()
        )
        return e.Started(
            name=self.config.name,
            version=__version__,
            url=self.url,
            capabilities=await self._capabilities(),
            membership=membership,
            key_in_file=self.member.identity.stored == "file",
            paused=pause.paused,
            snoozed_until=pause.until,
            catalogue=catalogue,
            assignment=assignment,
            now=time.time(),
            gpu_paused=pause.gpu_paused,
            gpu_snoozed_until=pause.gpu_until,
            rules=self.rules.rules,
            ruled=self.rules.verdict,
            draw=random.random(),  # noqa: S311 - not for secrets
        )

    # --- what happens --------------------------------------------------------------------------------------------

    def dispatch(self, event: e.Event) -> None:
        """Let the machine handle an event, and queue what it orders."""
        before = self.state
        self.state, commands = handle(before, event)
        self.desk.insight.hear(before, event, self.state)
        if self.state.phase != before.phase:
            reasons = " ".join(reason.text for reason in self.state.reasons)
            log.info("%s -> %s %s", before.phase, self.state.phase, f"({reasons})" if reasons else "")
        self._executor.order(commands)
        self.standing.look(self.state)
        self.entry_point.look(self.state)
        self.caps.look(self.state)
        self._feed.changed()

    async def _contact_due(self) -> None:
        self.dispatch(e.ContactDue())
        await self._executor.settle()  # by then it is known what is to be said

    def _way_to(self, url: str) -> Way | None:
        info = self.talk.coordinator(url)
        return Way(self.session.client, info) if self.session is not None and info is not None else None

    def _relays(self) -> tuple[str, ...]:
        return self.standing.relays(self.state)

    def _entry_contact(self) -> Contact | None:
        """Return through whom frontends are told of us."""
        way = self._way_to(self.state.coordinator or "")
        return Contact(way.client, way.to, self.member.identity.private_key) if way is not None else None

    def _serve_relayed(self) -> asyncio.Protocol | None:
        """Answer on a relay connection as on one that came to our port."""
        closed = self._server is None or self._server.draining or self.state.offline
        return None if closed or self._server is None else self._server.connection()

    def _take_push(self, assignment: Assignment) -> None:
        if self.talk.pushed(assignment):  # all nodes may hear the same at this moment
            self._contact.schedule(RENEWAL_SPREAD * random.random())  # noqa: S311 - not for secrets

    def _heard_late(self, request: HeartbeatRequest) -> None:
        if self.talk.has_said_otherwise(request):
            self._contact.schedule(0.0)

    def _woke_up(self) -> None:
        """See at once what has changed while this computer slept."""
        self.overlay.doubt()
        self._contact.schedule(0.0)
        self._tasks.start(self._snoozes.look(), "woken")

    # --- what is measured from time to time ---------------------------------------------------------------------

    async def _measure_load(self) -> None:
        session = self.session
        in_flight = self._local.in_flight(())
        concurrency = sum(
            manifest.concurrency
            for report in self.state.services
            if report.state == "running" and (manifest := self.state.catalogue.resolve(report.name))
        )
        contacts = len(session.dht.contacts()) if session is not None else 0
        load = self._load.load(in_flight, concurrency)
        self.dispatch(e.LoadMeasured(load, in_flight, contacts, self._load.memory_free()))

    async def _detect(self) -> None:
        self.dispatch(e.CapabilitiesDetected(await self._capabilities()))

    async def _capabilities(self) -> Capabilities:
        found, self._load.gpu = await detect_async(
            self._data_dir,
            wanted_type=self.config.worker_type,
            version=__version__,
            allowed_services=self.config.allow,
        )
        return found

    async def survey(self) -> Survey:
        """Look at this computer as before joining a mesh."""
        return await take_survey(self.config, self._data_dir)

    async def _renew_when_half(self) -> None:
        if self.member.session is not None:
            await self.talk.renew_when_half(self.member.session)

    def _keep_catalogue(self, catalogue: SignedCatalogue) -> None:
        self.member.take_catalogue(catalogue)

    # --- what the front desk needs --------------------------------------------------------------------------------

    @property
    def member(self) -> Member:
        assert self._member is not None, "start() comes first"
        return self._member

    @property
    def session(self) -> MeshSession | None:
        return self._member.session if self._member is not None else None

    @property
    def http(self) -> aiohttp.ClientSession:
        assert self._http is not None, "start() comes first"
        return self._http

    @property
    def url(self) -> str:
        return self._server.url if self._server is not None else ""

    @property
    def port(self) -> int:
        assert self._server is not None
        return self._server.port
