"""What others see of a node and ask of it: the one desk behind HTTP endpoints and control API."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from node import enrolment, joining
from node import events as e
from node.config import NodeConfig
from node.control import EnrollIntent
from node.control_rules import Paused
from node.doctor import CLOCK_LIMIT, Check, Diagnosis, examine
from node.forwarding.http1.exchange import Exchange
from node.insight import Insight
from node.mesh_session import MeshSession
from node.mesh_view.feed import MeshFeed
from node.own_vitals import OwnVitals
from node.reachability.probes import Scene, observe
from node.reachability.trouble import clock_trouble, trouble_of
from node.rules.keeper import RulesKeeper
from node.services.local_tokens import LocalTokens
from node.state import Explanation, Membership, NodeState, NodeStats, Peer, RoutingStats, View, VpnPhase
from node.survey import Survey
from node.wire.invites import InviteLink
from node.wire.messages import EnrollAnswer
from node.wire.problems import Problem
from node.wire.tokens import TokenVerifier

if TYPE_CHECKING:
    from node.runtime import NodeRuntime

log = logging.getLogger(__name__)
OPENING: frozenset[VpnPhase] = frozenset({"starting", "no-udp", "failed"})  # and it is tried again by itself


class FrontDesk:
    """Answers from the node's state, and turns what is asked into events."""

    def __init__(self, node: NodeRuntime, data_dir: Path) -> None:
        self._node = node
        self.insight = Insight(data_dir, lambda: self._session.router if self._session is not None else None)
        # Hears why a coordinator lets nobody in for the moment, and in how many seconds it is asked again.
        self.join_delayed: Callable[[str, float], None] = lambda _why, _pause: None
        self._sequence = 0
        self._enrolling = asyncio.Lock()
        self._surveying = asyncio.Lock()
        self.mesh = MeshFeed(
            state=lambda: self._node.state,
            peers=self._peers,
            round_trips=self._round_trips,
            rates=lambda: self._session.traffic.rates(time.monotonic()) if self._session is not None else {},
            measure=self._measure,
            session=lambda: self._node.http,
        )

    @property
    def state(self) -> NodeState:
        return self._node.state

    @property
    def local_tokens(self) -> LocalTokens:
        return self._node.local_tokens

    @property
    def _session(self) -> MeshSession | None:
        return self._node.session

    @property
    def verifier(self) -> TokenVerifier | None:
        return self._session.verifier if self._session is not None else None

    def ready(self) -> dict[str, object]:
        """Return the line that says where we are (SPEC §4)."""
        dht_port = self._session.dht.port if self._session is not None else None
        return {
            "event": "ready",
            "worker_id": self._node.state.worker_id,
            "url": self._node.url,
            "dht_port": dht_port,
        }

    async def peers(self) -> tuple[Peer, ...]:
        """Return the workers that this node knows, after measuring those in the overlay."""
        await self._measure()
        return self._peers()

    async def _measure(self) -> None:
        await self._node.overlay.measure()

    def _peers(self) -> tuple[Peer, ...]:
        overlay = self._node.overlay
        if self._session is None:
            return ()
        wanted = self._node.state.vpn.state in OPENING or self._node.state.vpn.carries
        return self._session.peers(overlay.peers(), overlay.network, vpn_wanted=wanted)

    def _round_trips(self) -> dict[str, float]:
        """Return the round trips to the coordinators that the DHT is in touch with, in ms."""
        met = self._session.dht.peers() if self._session is not None else ()
        return {peer.subject: peer.rtt_ms for peer in met if peer.role == "coordinator" and peer.rtt_ms is not None}

    def stats(self) -> NodeStats:
        """Return what router and DHT have counted since they started."""
        if self._session is None:
            return NodeStats()
        counted = msgspec.structs.asdict(self._session.router.stats())
        return NodeStats(**counted, dht=msgspec.to_builtins(self._session.dht.stats()))

    def view(self) -> View:
        """Return what a person may see of this node now."""
        self._sequence += 1
        stats = self._session.router.stats() if self._session is not None else RoutingStats()
        noted = self.insight.noted
        return View(sequence=self._sequence, state=self._node.state, stats=stats, peers=self._peers(), noted=noted)

    def take(
        self,
        exchange: Exchange,
        service: str,
        path: str | None,
        *,
        forwarded: bool,
        caller: str,
        personal: bool = False,
    ) -> None:
        """Serve a request here or on another worker; `personal` keeps it on vetted machines. Raise Problem."""
        if self._session is None:
            raise Problem("no-worker", self._why_no_mesh(), headers={"Retry-After": "30"})
        self._session.router.take(exchange, service, path, forwarded=forwarded, caller=caller, personal=personal)

    def _why_no_mesh(self) -> str:
        if self._node.state.stopping:
            return "This node is closing. Ask again once it has been started anew."
        if self._node.state.membership is not None and self._node.state.offline:
            return "The mesh is switched off on this machine. Switch it on with: rma-mesh-node rules set mesh_on on"
        return "This machine has not joined a mesh yet. Join one with: rma-mesh-node enroll"

    async def explain(self, service: str, *, personal: bool) -> Explanation:
        """Say who would get the next request for a service, and why; raise a Problem."""
        if self._session is None:
            raise Problem("conflict", f"{self._why_no_mesh()} So it knows of no services.")
        catalogue = self._node.state.catalogue
        if catalogue.resolve(service) is None:
            names = ", ".join(sorted(catalogue.by_name())) or "none yet"
            raise Problem("unknown-service", f"There is no service {service[:64]!r} in this mesh. It has: {names}.")
        return await self._session.router.explain(service, personal=personal)

    async def enroll(self, intent: EnrollIntent) -> str:
        """Join the mesh of an invite; return our worker_id, or raise a Problem."""
        if self._node.state.enrolment_delay:
            raise Problem("conflict", "This machine asks already to be let in, and waits for that now.")
        async with self._enrolling:
            if self._node.state.membership is not None:
                text = f"This machine is a member already, as {self._node.state.worker_id}."
                raise Problem("conflict", f"{text} To join anew, leave first.")
            link = enrolment.parse_invitation(intent.link or intent.invite, intent.coordinator)
            self._node.dispatch(e.EnrolmentRequested())
            try:
                membership, answer = await joining.patiently(
                    lambda: self._ask_to_be_let_in(link, intent.name),
                    intent.patience,
                    self._delayed,
                    now=time.monotonic,
                )
                await self._take_rules(intent)
            except BaseException as error:
                text = error.detail if isinstance(error, Problem) else "Joining was cancelled."
                self._node.dispatch(e.EnrolmentFailed(text))
                if isinstance(error, Problem):
                    raise await self._explained(error, link.coordinator) from None
                raise
            self._node.dispatch(e.Enrolled(membership, answer.dht, answer.vpn, random.random()))  # noqa: S311 - not for secrets
            await self._node.settle()
            return membership.worker_id

    async def _ask_to_be_let_in(self, link: InviteLink, name: str) -> tuple[Membership, EnrollAnswer]:
        return await enrolment.enrol(
            self._node.http,
            link,
            name=name or self._node.config.name,
            public_key=self._node.member.identity.public_key,
            wish=self._node.config.worker_id,
            capabilities=self._node.state.capabilities,
            now=time.time(),
            nebula_public_key=self._node.overlay.public_key,
        )

    def _delayed(self, problem: Problem, pause: float) -> None:
        log.warning("%s It is asked again in %.0f s.", problem.detail, pause)
        self._node.dispatch(e.EnrolmentDelayed(problem.detail, time.time() + pause))
        self.join_delayed(problem.detail, pause)

    async def _take_rules(self, intent: EnrollIntent) -> None:
        """Let the rules hold that came with the intent; raise a Problem where they cannot."""
        if intent.rules is None:
            return
        try:
            await self.rules.put(intent.rules)
        except OSError as error:
            text = f"Your rules cannot be saved ({error.strerror or error}), so this computer has not joined."
            raise Problem("store-unavailable", text) from None

    async def _explained(self, problem: Problem, coordinator: str) -> Problem:
        """Add to a failed enrolment what is in the way to the coordinator, where something is."""
        if problem.kind != "no-coordinator" and problem.extra.get("cause") != "wrong-mesh":
            return problem
        addresses = tuple(one.address for one in self.state.capabilities.addresses if one.scope != "loopback")
        scene, node = Scene(coordinator, addresses), self._node
        seen = await observe(scene, node.http, node.proxies, node.config.probe_timeout)
        offset = seen.coordinator.clock_offset if seen.coordinator is not None else None
        trouble = trouble_of(seen, coordinator) or clock_trouble(offset, CLOCK_LIMIT)
        if trouble is None:
            return problem
        extra = {**problem.extra, "cause": trouble.cause, "why": trouble.why, "hint": trouble.hint_for_once}
        return Problem(problem.kind, problem.detail, status=problem.status, headers=problem.headers, **extra)

    async def survey(self) -> Survey:
        """Look at this computer anew, for who has not joined yet and wants to know what it can do."""
        async with self._surveying:
            found = await self._node.survey()
        self._node.dispatch(e.CapabilitiesDetected(found.capabilities))
        return found

    @property
    def rules(self) -> RulesKeeper:
        return self._node.rules

    @property
    def config(self) -> NodeConfig:
        return self._node.config

    def pause(self, seconds: float | None = None, scope: Paused = "all") -> None:
        self._node.dispatch(e.PauseRequested(None if seconds is None else time.time() + seconds, scope))

    def snooze_until_tomorrow(self, scope: Paused = "all") -> None:
        self._node.dispatch(e.PauseRequested(self.rules.tomorrow_morning(), scope))

    def resume(self) -> None:
        self._node.dispatch(e.ResumeRequested())

    async def leave(self) -> None:
        if self._node.state.membership is None:
            raise Problem("conflict", "This machine is in no mesh.")
        self._node.dispatch(e.LeaveRequested())

    def request_stop(self) -> None:
        self._node.dispatch(e.StopRequested())

    async def restart_service(self, name: str) -> None:
        await self._node.supervisor.restart(name)

    @property
    def vitals(self) -> OwnVitals:
        return self._node.vitals

    def log_of(self, service: str) -> Path:
        """Return where a service's log is; raise a Problem for what is no service of this mesh."""
        state = self._node.state
        if service not in state.catalogue.by_name() and service not in {one.name for one in state.services}:
            raise Problem("unknown-service", f"There is no service {service[:64]!r} in this mesh.")
        return self._node.supervisor.log_of(service)

    async def doctor(self) -> tuple[Check, ...]:
        return (await self.diagnose()).checks

    async def diagnose(self) -> Diagnosis:
        """Look at everything that this node needs, and at each route by which others reach it."""
        node = self._node
        observations = await observe(self._scene(), node.http, node.proxies, node.config.probe_timeout)
        found = examine(node.state, observations, relay_wanted=bool(node.config.relay_offered))
        return Diagnosis((*found.checks, *node.entry_point.checks()), found.routes)

    def _scene(self) -> Scene:
        state, session = self._node.state, self._session
        info = self._node.talk.coordinator(state.coordinator or "")
        addresses = tuple(one.address for one in state.capabilities.addresses if one.scope in ("private", "public"))
        if session is None or info is None:
            return Scene(state.coordinator, addresses)
        client = session.client
        return Scene(
            state.coordinator,
            addresses,
            session.dht_places(),
            session.mesh_tag,
            lambda knock: client.seen(info, knock=knock),
            state.channel.open or (state.second_channel is not None and state.second_channel.open),
        )
