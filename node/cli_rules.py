"""What the command `rma-mesh-node` does with the volunteer's rules: show them, change one, pause, snooze."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from node.control_client import ControlClient
from node.program.durations import DurationError, parse_duration
from node.program.errors import EXIT_USAGE, UserFacingError
from node.program.lifetime import print_json
from node.rules.caps import CapReport
from node.rules.settings import Rules
from node.rules.verdict import RuleReason
from node.state import Reason, View

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SEVERAL: Mapping[str, Sequence[int]] = {"weekdays": range(5), "weekend": range(5, 7), "everyday": range(7)}
LISTS = frozenset({"services_off", "exclusive_programs"})
WORDS: Mapping[str, Any] = {"on": True, "yes": True, "off": False, "no": False, "none": None}
SIZES: Mapping[str, int] = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
SIZE = re.compile(r"^(\d{1,15}(?:\.\d{1,3})?) ?([kmgt]?)i?b?$")
SPAN = re.compile(r"^(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})$")
NEAR = 20 * 3600.0  # seconds within which the time of day says which day is meant

MEANINGS: Mapping[str, str] = {
    "mesh_on": "be in the mesh; off: leave it alone, but stay a member",
    "services_off": "services that never run here, with commas between them",
    "schedule.enabled": "work only in the hours below",
    **{f"schedule.{day}": "hours, like 0:00-8:00,18:00-24:00, or none" for day in DAYS},
    "on_battery": "rest while the computer runs on its battery",
    "battery_below_percent": "rest then only when the battery holds less than this",
    "metered": "rest while the network counts or costs",
    "user_active_minutes": "minutes that somebody who used the computer counts as here; none: never",
    "user_active_scope": "what rests then: all, gpu or none",
    "exclusive_programs": "programs during which this machine rests, with commas between them",
    "gpu_max_celsius": "temperature above which what uses the GPU rests",
    "gpu_memory_of_others_bytes": "use of the GPU's memory by other programs above which it rests, like 2GB",
    "caps.cpu_percent": "most of all cores together that services may use",
    "caps.ram_bytes": "most memory",
    "caps.gpu_memory_bytes": "most memory of each GPU",
    "caps.disk_bytes": "most disk space",
    "caps.upload_bytes_per_second": "most that is sent each second",
    "caps.download_bytes_per_second": "most that is received each second",
    "grace_seconds": "how long a cause must last before the machine rests",
    "resume_after_seconds": "and how long it must be gone before the machine goes on",
}


def rules(client: ControlClient, arguments: argparse.Namespace) -> int:
    """Show all rules, or set one."""
    if arguments.action == "set":
        return _set(client, arguments)
    if arguments.action == "reset":
        client.send("PUT", "/rules", Rules())
        return _done(arguments, "All rules are as they were at first.")
    if arguments.name is not None:
        raise UserFacingError("Say: rma-mesh-node rules set NAME VALUE.", exit_code=EXIT_USAGE)
    found = client.get("/rules", Rules)
    if arguments.json:
        print_json(found)
        return 0
    shown = shown_rules(found)
    for name, meaning in MEANINGS.items():
        _say(f"{name:<32} {shown[name]:<24} {meaning}")
    state = client.get("/view", View).state
    for one in state.verdict.untold:
        _say(f"\nThe rule {one.code} does not apply: {one.text}")
    _say("\nHow the caps are kept on this machine:")
    for cap in state.caps:
        _say(f"  {cap_line(cap)}")
    return 0


def cap_line(cap: CapReport) -> str:
    """Say in one line how a cap is kept, and since when it is where that is not at once."""
    kept = "" if cap.enforced else " NOT KEPT:"
    later = " A change reaches services that run when they start next." if cap.takes_hold == "next-start" else ""
    return f"{cap.name:<11}{kept} {cap.how} {cap.why_not}".rstrip() + later


def _set(client: ControlClient, arguments: argparse.Namespace) -> int:
    if arguments.name is None or arguments.value is None:
        raise UserFacingError("Say: rma-mesh-node rules set NAME VALUE.", exit_code=EXIT_USAGE)
    changes = changed(client.get("/rules", Rules), arguments.name, arguments.value)
    found = client.send("PATCH", "/rules", changes)
    if arguments.json:
        print_json(found)
    else:
        _say(f"{arguments.name} is {arguments.value} from now on.")
    return 0


def changed(before: Rules, name: str, text: str) -> dict[str, Any]:
    """Return what to send so that a rule has this value; raise UserFacingError where it cannot be meant."""
    first, _, second = name.partition(".")
    if first == "schedule" and (second in DAYS or second in SEVERAL):
        days = list(before.schedule.days)
        for day in SEVERAL.get(second) or (DAYS.index(second),):
            days[day] = spans_of(text)
        return {"schedule": {"days": days}}
    if name not in MEANINGS:
        raise UserFacingError(
            f"There is no rule {name[:64]!r}.", "", f"There are: {', '.join(MEANINGS)}.", EXIT_USAGE
        )
    value = value_of(name, text.strip())
    return {first: {second: value}} if second else {name: value}


def value_of(name: str, text: str) -> Any:
    """Return the value that is written so; what it may be is the node's to say."""
    if name in LISTS:
        return [] if text.lower() in ("", "none") else [one.strip() for one in text.split(",") if one.strip()]
    if text.lower() in WORDS:
        return text.lower() if name == "user_active_scope" else WORDS[text.lower()]
    if "bytes" in name and (match := SIZE.fullmatch(text.lower())):
        return round(float(match[1]) * SIZES[match[2]])
    try:
        return msgspec.json.decode(text.encode())
    except msgspec.DecodeError:
        return text


def spans_of(text: str) -> tuple[tuple[int, int], ...]:
    """Return hours as minutes of the day; those across midnight belong to two days, and so are refused here."""
    if text.strip().lower() in ("", "none"):
        return ()
    spans = []
    for one in text.split(","):
        match = SPAN.fullmatch(one.strip())
        start, end = (int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])) if match else (0, 0)
        if not 0 <= start < end <= 1440:
            hint = "Hours read like 0:00-8:00,18:00-24:00; a night is the end of one day and the start of the next."
            raise UserFacingError(f"{one.strip()[:40]!r} are no hours of a day.", "", hint, EXIT_USAGE)
        spans.append((start, end))
    return tuple(spans)


def shown_rules(found: Rules) -> dict[str, str]:
    """Return every rule's value as `set` takes it."""
    document = msgspec.to_builtins(found)
    flat = {f"{first}.{name}": value for first in ("schedule", "caps") for name, value in document[first].items()}
    flat |= {name: value for name, value in document.items() if name not in ("schedule", "caps")}
    days = flat.pop("schedule.days")
    texts = {f"schedule.{day}": _hours(spans) for day, spans in zip(DAYS, days, strict=True)}
    return texts | {name: _shown(name, value) for name, value in flat.items()}


def _shown(name: str, value: Any) -> str:
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ",".join(value)
    if "bytes" in name:
        size, unit = next((size, unit) for unit, size in reversed(tuple(SIZES.items())) if value % size == 0)
        return f"{value // size}{unit.upper()}B"
    return str(value)


def _hours(spans: Sequence[Sequence[int]]) -> str:
    return ",".join(f"{_clock(start)}-{_clock(end)}" for start, end in spans) or "none"


def _clock(minute: int) -> str:
    return f"{minute // 60}:{minute % 60:02}"


def until(reason: Reason | RuleReason, now: float) -> str:
    """Say when a reason ends, where that is known; with its day where that is not near."""
    if reason.until is None:
        return ""
    form = "%H:%M" if reason.until - now < NEAR else "%A %H:%M"
    return f" (until {time.strftime(form, time.localtime(reason.until))})"


def pause(client: ControlClient, arguments: argparse.Namespace) -> int:
    client.post("/pause", {"scope": "gpu" if arguments.gpu else "all"})
    what = "What uses the GPU finishes its" if arguments.gpu else "The node finishes its"
    return _done(arguments, f"{what} requests and rests until you resume it.")


def snooze(client: ControlClient, arguments: argparse.Namespace) -> int:
    scope = "gpu" if arguments.gpu else "all"
    who = "What uses the GPU" if arguments.gpu else "The node"
    if arguments.duration == "tomorrow":
        client.post("/snooze", {"until": "tomorrow", "scope": scope})
        return _done(arguments, f"{who} rests until tomorrow morning.")
    try:
        seconds = parse_duration(arguments.duration)
    except DurationError as error:
        raise UserFacingError(str(error), exit_code=EXIT_USAGE) from None
    client.post("/snooze", {"seconds": seconds, "scope": scope})
    return _done(arguments, f"{who} rests for {arguments.duration}.")


def resume(client: ControlClient, arguments: argparse.Namespace) -> int:
    """Lift what the volunteer has asked for, and say what rests all the same."""
    client.post("/resume")
    verdict = client.get("/view", View).state.verdict
    if verdict.rest == "none":
        return _done(arguments, "The node works again.")
    now = time.time()
    still = " ".join(f"{one.text} {one.ends}{until(one, now)}" for one in verdict.reasons)
    return _done(arguments, f"You no longer pause it, but your rules do. {still}")


def _done(arguments: argparse.Namespace, text: str) -> int:
    if arguments.json:
        print_json({"done": True})
    else:
        _say(text)
    return 0


def _say(text: str) -> None:
    print(text)  # noqa: T201 - this is the program speaking
