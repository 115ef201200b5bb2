"""The overlay of one node or coordinator: carries out what `machine` decides, and feeds back what happens.

For its owner this is all there is:

    vpn = Vpn(ThisComputer(data_dir / "vpn"), on_signal=...)
    async with vpn:
        vpn.apply(settings)
        vpn.view, vpn.peers(), await vpn.measure()

Its signals say what the owner has to do: OverlayUp(ip), bind services and DHT to the address, then publish them;
PathsChanged, join the DHT anew and publish anew; OverlayDown, withdraw what was published with the address.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Literal, Self

import msgspec

from node.program.tasks import TaskSet
from node.vpn.computer import Computer
from node.vpn.engine import Engine
from node.vpn.events import (
    CertificateRevoked,
    CheckMachine,
    Command,
    Event,
    Exited,
    HealthMeasured,
    InterfaceCameUp,
    LighthousesMoved,
    NebulaExited,
    NebulaUpdated,
    NetworkChanged,
    OutsideSeen,
    OverlayDown,
    OverlayUp,
    PathsChanged,
    PeerMoved,
    RestartNebula,
    Resumed,
    RetryDue,
    ScheduleHealth,
    ScheduleRetry,
    SettingsApplied,
    SettingsRefused,
    Signal,
    StartNebula,
    StopNebula,
    Told,
    TunnelLost,
    TunnelMade,
    UpdateNebula,
    WayDoubted,
)
from node.vpn.health import KNOCKS, Probe, ask_all, ask_coordinator, knock
from node.vpn.machine import handle
from node.vpn.names import Names
from node.vpn.settings import SERVICE_PORT, FoundLighthouse, Plan, SettingsError, VpnSettings, facts_of
from node.vpn.shown import Shown
from node.vpn.state import VpnPeer, VpnState, VpnView

DOUBT_EVERY = 2.0  # seconds: so often at most a doubt is looked into
MEASURED = 64  # peers at most whose round trip is measured at once
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Times:
    """How often the manager looks; seconds."""

    watch: float = 2.0  # at the machine's own addresses and the clock
    names: float = 30.0  # at the lighthouses' names
    asleep: float = 5.0  # a longer gap between two looks is sleep


@dataclass(frozen=True, slots=True)
class Probes:
    """How coordinators and peers are asked over the overlay."""

    coordinator: Probe = ask_coordinator
    peer: Probe = knock


class Vpn:
    """Keeps the overlay as it is wanted; `on_change` and `on_signal` are called in the loop's thread."""

    def __init__(
        self,
        computer: Computer,
        *,
        mode: Literal["auto", "off"] = "auto",
        on_change: Callable[[VpnView], None] = lambda _: None,
        on_signal: Callable[[Signal], None] = lambda _: None,
        probes: Probes = Probes(),  # immutable
        names: Names | None = None,
        times: Times = Times(),  # immutable
        ports: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        """`ports` tells at which port a peer's services are, by its address here, where that is known."""
        self._computer = computer
        self._mode = mode
        self._on_signal = on_signal
        self._probes = probes
        self._names = names or Names()
        self._times = times
        self._ports = ports
        self._state = VpnState()
        self._shown = Shown(on_change)
        self._found: tuple[FoundLighthouse, ...] = ()
        self._engine: Engine | None = None
        self._knock_at: tuple[IPv4Address, ...] = ()
        self._given: VpnSettings | None = None  # to the engine, the last time
        self._in_use: VpnSettings | None = None
        self._tasks = TaskSet("vpn")
        self._commands: asyncio.Queue[Command] = asyncio.Queue()
        self._retry: asyncio.TimerHandle | None = None
        self._health: asyncio.TimerHandle | None = None
        self._measuring = False
        self._outlook: str | None = None  # as it was seen last
        self._watched_at = self._named_at = 0.0
        self._doubted_at = -DOUBT_EVERY
        self._running = False

    # --- for the owner --------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def start(self) -> None:
        self._running = True
        self._tasks.start(self._obey(), "commands")
        self._watched_at, self._named_at = time.time(), time.monotonic()
        self._tasks.every(self._times.watch, self._watch, "watch")
        self._tasks.every(self._times.names / 6, self._watch_names, "names")

    async def stop(self) -> None:
        """End Nebula and everything else; may be called again."""
        if self._running and self._state.announced is not None:
            self._on_signal(OverlayDown())
        self._running, self._in_use = False, None
        self._shown.stop()
        for timer in (self._retry, self._health):
            if timer is not None:
                timer.cancel()
        await self._tasks.stop()
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.stop()
        self._state = VpnState()
        self._show()

    def apply(self, settings: VpnSettings | None) -> None:
        """Want the overlay to be like this from now on; None: no overlay, as outside of a mesh."""
        now = time.time()
        if settings is None or self._mode == "off":
            self._happened(SettingsApplied(None, None, now))
            return
        try:
            facts = facts_of(settings)
        except SettingsError as error:
            log.error("the private network's settings cannot be used: %s", error)
            self._happened(SettingsRefused(f"Its settings cannot be used: {error}."))
            return
        self._happened(SettingsApplied(settings, facts, now))

    def revoke(self) -> None:
        """Give up: the mesh does not want us any more, as a coordinator has said."""
        self._happened(CertificateRevoked())

    def see_outside(self, reached: bool) -> None:
        """Note whether a coordinator answers by other ways: that tells blocked UDP from no network at all."""
        self._happened(OutsideSeen(reached))

    def doubt(self) -> None:
        """Look soon whether the overlay still leads somewhere: a request has found nobody at an address there."""
        now = time.monotonic()
        if now - self._doubted_at >= DOUBT_EVERY:
            self._doubted_at = now
            self._happened(WayDoubted())

    @property
    def view(self) -> VpnView:
        return self._shown.view

    @property
    def in_use(self) -> VpnSettings | None:
        """The settings that Nebula has said it runs with; None while it does not run."""
        return self._in_use

    def peers(self) -> tuple[VpnPeer, ...]:
        """Return whom tunnels lead to, and how; round trips as they were measured last."""
        return self.view.peers

    async def measure(self) -> tuple[VpnPeer, ...]:
        """Measure the round trips to the peers now, of the first 64, and return all of them."""
        self._shown.note_round_trips(await self._ask(self._probes.peer, list(self._state.tunnels)[:MEASURED]))
        self._show()
        return self.view.peers

    # --- what happens ---------------------------------------------------------------------------------------------

    def _happened(self, event: Event) -> None:
        if not self._running:
            return
        before = self._state
        self._state, commands = handle(before, event)
        for command in commands:
            self._commands.put_nowait(command)
        if isinstance(event, TunnelMade | PeerMoved | TunnelLost):
            if self._state is not before:
                self._shown.show_soon(lambda: self._state)
        else:
            self._show()

    def _show(self) -> None:
        self._shown.show(self._state)

    def _told(self, told: Told) -> None:
        if not self._running:
            return
        if isinstance(told, InterfaceCameUp) or (isinstance(told, NebulaUpdated) and not told.restarted):
            self._in_use = self._given
        match told:
            case NebulaExited():
                self._in_use = None
                log.warning("Nebula has ended: %s", told.text)
                self._happened(Exited(told, random.random()))  # noqa: S311  # spreads retries
            case InterfaceCameUp():
                self._happened(told)
                self._tasks.start(self._knock(), "knock")
            case TunnelMade() | PeerMoved() | TunnelLost() | NebulaUpdated():
                self._happened(told)
            case _:
                log.debug("Nebula: %s", told)

    # --- what is to be done ---------------------------------------------------------------------------------------

    async def _obey(self) -> None:
        while True:
            command = await self._commands.get()
            try:
                await self._execute(command)
            except Exception as error:
                log.exception("the private network: %s failed", type(command).__name__)
                self._happened(Exited(NebulaExited("crashed", f"{error}"), random.random()))  # noqa: S311

    async def _execute(self, command: Command) -> None:
        match command:
            case CheckMachine():
                await self._check()
            case StartNebula(settings, port):
                self._engine = self._engine or self._computer.engine(self._told)
                await self._engine.start(await self._plan(settings, port))
            case UpdateNebula(settings, port):
                if self._engine is not None:
                    await self._engine.update(await self._plan(settings, port))
            case RestartNebula(settings, port, peers):
                self._knock_at = peers
                if self._engine is not None:
                    await self._engine.start(await self._plan(settings, port))
            case StopNebula():
                await self._end()
            case ScheduleRetry() | ScheduleHealth():
                self._schedule(command)
            case OverlayUp() | OverlayDown() | PathsChanged():
                self._on_signal(command)

    def _schedule(self, command: ScheduleRetry | ScheduleHealth) -> None:
        if isinstance(command, ScheduleRetry):
            self._retry = self._later(self._retry, command.after, self._retry_now)
        else:
            self._health = self._later(self._health, command.after, self._measure_health)

    async def _check(self) -> None:
        facts = self._state.facts
        if facts is not None:
            # Another way may be open now, as when a helper was installed: an engine that runs nothing is let go.
            if self._state.process == "checking":
                await self._end()
            self._happened(await asyncio.to_thread(self._computer.check, facts.interface.network))

    async def _end(self) -> None:
        self._in_use = None
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.stop()

    async def _plan(self, settings: VpnSettings, port: int) -> Plan:
        self._found = await self._names.find(settings.lighthouses, facts_of(settings).interface.network)
        self._given = settings
        return make_plan(settings, self._found, port)

    def _later(
        self, timer: asyncio.TimerHandle | None, after: float, do: Callable[[], None]
    ) -> asyncio.TimerHandle:
        if timer is not None:
            timer.cancel()
        return asyncio.get_running_loop().call_later(after, do)

    def _retry_now(self) -> None:
        self._happened(RetryDue(time.time()))

    # --- health ---------------------------------------------------------------------------------------------------

    def _measure_health(self) -> None:
        if not self._measuring:
            self._measuring = True
            self._tasks.start(self._measured_health(), "health")

    async def _measured_health(self) -> None:
        found: dict[IPv4Address, float] = {}
        peers: dict[IPv4Address, float] = {}
        try:
            found = await self._ask(self._probes.coordinator, self._state.lighthouses, {})
            if not found:
                peers = await self._ask(self._probes.peer, list(self._state.peers)[:KNOCKS])
            self._shown.note_round_trips(found | peers)
        except Exception:  # the next measurement is arranged by what is told of this one
            log.exception("the private network's health could not be measured")
        finally:
            self._measuring = False
        best = min(found.values(), default=None)
        silent = frozenset(self._state.lighthouses) - set(found) if found else frozenset()
        self._happened(HealthMeasured(time.time(), best, frozenset(peers), silent))

    async def _knock(self) -> None:
        """Make our old peers know our new address: what they send to the old one is lost, and they notice late."""
        peers, self._knock_at = self._knock_at, ()
        await self._ask(self._probes.peer, peers)

    async def _ask(
        self, probe: Probe, ips: Sequence[IPv4Address], ports: Mapping[str, int] | None = None
    ) -> dict[IPv4Address, float]:
        """Ask over the overlay, where it is up; return the round trips in seconds.

        Others' firewalls open the port of their own services only: silence at another one would mean nothing.
        """
        source = self._state.announced
        if source is None or self._state.process != "up":
            return {}
        known = self._ports() if ports is None else ports
        return await ask_all(probe, {ip: known.get(str(ip), SERVICE_PORT) for ip in ips}, source)

    # --- the world around -----------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Look at the clock and at the machine's own addresses."""
        gap, self._watched_at = time.time() - self._watched_at - self._times.watch, time.time()
        if gap > self._times.asleep:
            log.info("this program did not run for %.0f s", gap)
            self._happened(Resumed(gap))
        before, self._outlook = self._outlook, await asyncio.to_thread(self._computer.outlook)
        if before is not None and self._outlook != before:
            log.info("this machine's network changed: %s", self._outlook or "none")
            self._happened(NetworkChanged())

    async def _watch_names(self) -> None:
        # While nothing answers, a coordinator that moved is the likelier.
        due = not self._state.good or time.monotonic() - self._named_at >= self._times.names
        settings, facts = self._state.settings, self._state.facts
        if not due or settings is None or facts is None or self._state.process != "up":
            return
        self._named_at = time.monotonic()
        found = await self._names.find(settings.lighthouses, facts.interface.network)
        if found != self._found and settings is self._state.settings:
            self._happened(LighthousesMoved(time.time()))


def make_plan(settings: VpnSettings, found: tuple[FoundLighthouse, ...], port: int) -> Plan:
    """Put looked-up names and the port in the place of what was wished."""
    values = msgspec.structs.asdict(settings)
    return Plan(**(values | {"lighthouses": found, "listen_port": port}))
