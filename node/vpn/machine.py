"""The overlay's mind: `handle(state, event)` returns the next state and what to do. Pure: no clock, no I/O."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from ipaddress import IPv4Address
from typing import Any

from node.state import VpnPhase
from node.vpn.events import (
    CertificateRevoked,
    CheckMachine,
    Command,
    Event,
    Exited,
    ExitKind,
    HealthMeasured,
    InterfaceCameUp,
    LighthousesMoved,
    MachineChecked,
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
    StartNebula,
    StopNebula,
    TunnelLost,
    TunnelMade,
    UpdateNebula,
    WayDoubted,
)
from node.vpn.settings import Facts, VpnSettings
from node.vpn.state import BAD_AFTER, Trouble, Tunnel, VpnState

Step = tuple[VpnState, tuple[Command, ...]]

HEALTHY_INTERVAL = 10.0  # seconds between two measurements
SICK_INTERVAL = 1.0
FIRST_RETRY = 1.0  # seconds; doubles with every failure
LONGEST_RETRY = 60.0
BLOCKED_RETRY = 5.0  # until rights or networks are looked at again
RESTART_EVERY = 60.0  # while nothing answers, and for names that stand for something else again and again
MAX_PORTS = 10
MAX_TUNNELS = 4096
KNOCK_AT = 32  # peers
EXPIRED = Trouble("expired")
TOO_EARLY = Trouble("failed", "The certificate's time has not come yet: this computer's clock is wrong.")


def handle(state: VpnState, event: Event) -> Step:
    """Return the state after the event, and the commands to execute in order."""
    handler: Callable[[VpnState, Any], Step] = HANDLERS[type(event)]
    return handler(state, event)


# --- what is wanted -------------------------------------------------------------------------------------------


def _settings_applied(state: VpnState, event: SettingsApplied) -> Step:
    settings, facts = event.settings, event.facts
    if settings is None or facts is None:
        return _end(_with(state, settings=None, facts=None), None)
    if settings == state.settings and state.trouble is None:
        return state, ()
    if _was_put_out(state, facts):
        return state, ()
    moved = state.settings is not None and settings.listen_port != state.settings.listen_port
    elsewhere = state.facts is not None and facts.interface != state.facts.interface
    state = _with(state, settings=settings, facts=facts)
    trouble = _certificate_trouble(settings, facts, event.now)
    if trouble is not None:
        return _end_for_certificate(state, trouble)
    if state.process == "up" and not elsewhere:
        if moved:
            return _restart(_with(state, port=settings.listen_port, ports_tried=0))
        return _with(state, trouble=None), (UpdateNebula(settings, state.port),)
    if state.process in ("checking", "starting", "up"):
        # What is under way was begun with other settings; and another network may be one that this machine has.
        return _check(_with(state, trouble=None, **FRESH), (StopNebula(),))
    return _check(_with(state, trouble=None, port=settings.listen_port, ports_tried=0, failures=0))


def _was_put_out(state: VpnState, facts: Facts) -> bool:
    """Say whether the mesh has put out this very certificate, by more than a blocklist that may name it no more."""
    if state.trouble != Trouble("revoked") or state.facts is None or state.settings is None:
        return False
    same = facts.fingerprint == state.facts.fingerprint
    return same and facts.fingerprint not in state.settings.blocklist


def _settings_refused(state: VpnState, event: SettingsRefused) -> Step:
    return _end(state, Trouble("failed", event.text))


def _revoked(state: VpnState, _event: CertificateRevoked) -> Step:
    return _end(state, Trouble("revoked"))


def _certificate_trouble(settings: VpnSettings, facts: Facts, now: float) -> Trouble | None:
    if facts.fingerprint in settings.blocklist:
        return Trouble("revoked")
    if now >= facts.not_after:
        return EXPIRED
    if now < facts.not_before:
        return TOO_EARLY
    return None


def _end_for_certificate(state: VpnState, trouble: Trouble) -> Step:
    """End; what the time will mend, or a clock that is set right, is looked at again."""
    state, commands = _end(state, trouble)
    if trouble.phase == "revoked":
        return state, commands
    return _with(state, process="waiting"), (*commands, ScheduleRetry(BLOCKED_RETRY))


# --- starting and ending --------------------------------------------------------------------------------------


def _check(state: VpnState, before: tuple[Command, ...] = ()) -> Step:
    return _with(state, process="checking"), (*before, CheckMachine())


def _machine_checked(state: VpnState, event: MachineChecked) -> Step:
    settings = state.settings
    if settings is None:
        return state, ()
    trouble = _machine_trouble(event)
    changed, state = event.network != state.network, _with(state, network=event.network)
    if trouble is not None and (state.process == "checking" or trouble.phase == "conflict"):
        state, commands = _end(state, trouble)
        return _with(state, process="waiting"), (*commands, ScheduleRetry(BLOCKED_RETRY * (0.5 + event.jitter)))
    if state.process == "checking":
        port = state.port or settings.listen_port
        state = _with(state, process="starting", port=port, trouble=None, **FRESH)
        return state, (StartNebula(settings, port),)
    if (
        state.process == "up" and changed and event.network
    ):  # another network: our old tunnels lead from where we are no more
        return _restart(_with(state, misses=0))
    return state, ()


def _machine_trouble(event: MachineChecked) -> Trouble | None:
    if event.overlaps:
        return Trouble("conflict", " ".join(event.overlaps))
    if not event.permitted:
        return Trouble("no-permission", event.text)
    return Trouble("failed", event.lacking) if event.lacking else None


def _end(state: VpnState, trouble: Trouble | None) -> Step:
    """Stop Nebula for a reason that lasts until somebody acts."""
    running = state.process not in ("none", "waiting")
    state, down = _down(state)
    state = _with(state, process="none", trouble=trouble, failures=0, misses=0, last_error="")
    return state, (*down, *((StopNebula(),) if running else ()))


def _down(state: VpnState) -> Step:
    commands: tuple[Command, ...] = () if state.announced is None else (OverlayDown(),)
    return _with(state, announced=None, **FRESH), commands


def _restart(state: VpnState) -> Step:
    settings = state.settings
    if settings is None:
        return state, ()
    peers = tuple(sorted(state.peers))[:KNOCK_AT]
    return _with(state, process="starting", **FRESH), (RestartNebula(settings, state.port, peers),)


FRESH: Mapping[str, Any] = {
    "tunnels": {}, "good": False, "round_trip": None, "answering": frozenset(), "measured": False,
}  # fmt: skip


def _came_up(state: VpnState, event: InterfaceCameUp) -> Step:
    if state.settings is None or state.facts is None or state.process not in ("starting", "up"):
        return state, ()
    ip = state.facts.interface.ip
    told: Command = PathsChanged() if state.announced == ip else OverlayUp(ip)
    gone = (OverlayDown(),) if state.announced not in (None, ip) else ()
    state = _with(state, process="up", port=event.port or state.port, announced=ip)
    # Another node of this computer may have looked at the same moment, and come up as well.
    return state, (*gone, told, ScheduleHealth(0.0), CheckMachine())


def _updated(state: VpnState, _event: NebulaUpdated) -> Step:
    return state, ((ScheduleHealth(0.0),) if state.process == "up" else ())


def _exited(state: VpnState, event: Exited) -> Step:
    if state.settings is None or state.process in ("none", "waiting"):
        return state, ()
    kind = event.told.kind
    if kind == "port-taken" and state.ports_tried < MAX_PORTS:
        port = _next_port(state)
        state = _with(state, process="starting", port=port, ports_tried=state.ports_tried + 1)
        assert state.settings is not None
        return state, (StartNebula(state.settings, port),)
    phase = LASTING.get(kind)
    if phase is not None:
        state, down = _down(state)
        state = _with(state, process="waiting", trouble=Trouble(phase, TEXTS.get(kind, "")))
        return state, (*down, ScheduleRetry(BLOCKED_RETRY))
    return _crashed(state, event)


LASTING: Mapping[ExitKind, VpnPhase] = {
    "permission": "no-permission", "device-busy": "conflict", "expired": "expired",
}  # fmt: skip
TEXTS: Mapping[ExitKind, str] = {
    "device-busy": "Another node of this computer uses the private network already: stop that one first.",
    "permission": "The system keeps Nebula from the network device: it needs the helper service or root's rights,"
    " and in a container --cap-add NET_ADMIN --device /dev/net/tun.",
}


def _crashed(state: VpnState, event: Exited) -> Step:
    """Try again after a pause: the address stays announced at first, as most crashes are mended by then."""
    failures = state.failures + 1
    pause = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(failures - 1, 10)) * (0.5 + event.jitter / 2)
    state = _with(state, process="waiting", failures=failures, last_error=event.told.text, ports_tried=0, **FRESH)
    down: tuple[Command, ...] = ()
    if failures > 1:
        state, down = _down(state)
    return state, (*down, ScheduleRetry(pause))


def _next_port(state: VpnState) -> int:
    """Take the port above: a fixed one keeps its mapping in routers across restarts. At last, any."""
    assert state.settings is not None
    port = state.settings.listen_port + state.ports_tried + 1
    return 0 if port > 65_535 or state.ports_tried + 1 == MAX_PORTS else port


def _retry_due(state: VpnState, event: RetryDue) -> Step:
    if state.process != "waiting" or state.settings is None or state.facts is None:
        return state, ()
    trouble = _certificate_trouble(state.settings, state.facts, event.now)
    return _end_for_certificate(state, trouble) if trouble is not None else _check(state)


# --- tunnels --------------------------------------------------------------------------------------------------


def _tunnel_made(state: VpnState, event: TunnelMade | PeerMoved) -> Step:
    known = state.tunnels.get(event.peer)
    if known == Tunnel(event.address) or (known is None and len(state.tunnels) >= MAX_TUNNELS):
        return state, ()
    return _with(state, tunnels={**state.tunnels, event.peer: Tunnel(event.address)}), ()


def _tunnel_lost(state: VpnState, event: TunnelLost) -> Step:
    left = {ip: tunnel for ip, tunnel in state.tunnels.items() if ip != event.peer}
    soon = (ScheduleHealth(0.0),) if event.peer in state.lighthouses and state.process == "up" else ()
    return _with(state, tunnels=left, answering=state.answering - {event.peer}), soon


# --- health ---------------------------------------------------------------------------------------------------


def _health_measured(state: VpnState, event: HealthMeasured) -> Step:
    settings = state.settings
    if state.process != "up" or settings is None or state.facts is None:
        return state, ()
    trouble = _certificate_trouble(settings, state.facts, event.now)
    if trouble is not None:
        return _end_for_certificate(state, trouble)
    good = event.round_trip is not None
    alive = good or bool(event.peers)
    # A lighthouse may have nobody to ask: that it still runs at its second measurement says enough.
    steady = alive or (settings.role == "lighthouse" and state.measured)
    dead, doubtful = event.silent & state.silent, event.silent - state.silent  # twice in a row, or once
    state = _with(
        state,
        good=good,
        round_trip=event.round_trip,
        answering=event.peers,
        silent=event.silent,
        misses=0 if alive else state.misses + 1,
        failures=0 if steady else state.failures,
        measured=True,
    )
    if dead - state.given_up and any(way.address is None for way in state.peers.values()):
        # Nebula itself takes half a minute to try another relay.
        return _restart(_with(state, given_up=dead))
    if settings.role == "lighthouse" or alive:
        return _with(state, given_up=state.given_up & event.silent), (
            ScheduleHealth(_pause(state, event.now, doubtful)),
        )
    if state.misses > BAD_AFTER and event.now - state.restarted_at >= RESTART_EVERY:
        # Nothing is lost by it, and it mends a Nebula that hangs.
        return _restart(_with(state, restarted_at=event.now))
    return state, (ScheduleHealth(SICK_INTERVAL),)


def _pause(state: VpnState, now: float, doubtful: frozenset[IPv4Address]) -> float:
    """Return when to measure again, seconds from now, after somebody answered."""
    assert state.facts is not None
    if doubtful:
        usual = SICK_INTERVAL
    else:
        usual = HEALTHY_INTERVAL if state.good or not state.lighthouses else 2 * SICK_INTERVAL
    return min(usual, max(0.1, state.facts.not_after - now))  # to see it expire


def _outside_seen(state: VpnState, event: OutsideSeen) -> Step:
    return _with(state, outside=event.reached), ()


# --- the world around -----------------------------------------------------------------------------------------


def _network_changed(state: VpnState, _event: NetworkChanged) -> Step:
    if state.settings is None or (state.trouble is not None and state.process != "waiting"):
        return state, ()
    if state.process == "waiting":
        return (state, ()) if state.trouble in (EXPIRED, TOO_EARLY) else _check(state)
    return state, (CheckMachine(),)


def _lighthouses_moved(state: VpnState, event: LighthousesMoved) -> Step:
    """Look for a lighthouse elsewhere only when it is silent: many names stand for other addresses every time."""
    all_answer = state.good and not state.silent
    if state.process != "up" or all_answer or event.now - state.moved_at < RESTART_EVERY:
        return state, ()
    return _restart(_with(state, moved_at=event.now))


def _resumed(state: VpnState, _event: Resumed) -> Step:
    if state.process != "up":
        return state, ()
    return state, (PathsChanged(), ScheduleHealth(0.0))


def _way_doubted(state: VpnState, _event: WayDoubted) -> Step:
    """Look at once whether the relays are there, and not at the next turn."""
    return state, ((ScheduleHealth(0.0),) if state.process == "up" else ())


HANDLERS: Mapping[type, Callable[[VpnState, Any], Step]] = {
    SettingsApplied: _settings_applied,
    SettingsRefused: _settings_refused,
    CertificateRevoked: _revoked,
    MachineChecked: _machine_checked,
    InterfaceCameUp: _came_up,
    NebulaUpdated: _updated,
    Exited: _exited,
    RetryDue: _retry_due,
    TunnelMade: _tunnel_made,
    PeerMoved: _tunnel_made,
    TunnelLost: _tunnel_lost,
    HealthMeasured: _health_measured,
    OutsideSeen: _outside_seen,
    NetworkChanged: _network_changed,
    LighthousesMoved: _lighthouses_moved,
    Resumed: _resumed,
    WayDoubted: _way_doubted,
}


def _with(state: VpnState, **changes: Any) -> VpnState:
    return dataclasses.replace(state, **changes)
