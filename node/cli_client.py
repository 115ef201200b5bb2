"""What the command `rma-mesh-node` does with a running node: ask, tell, call. One JSON document with --json."""

from __future__ import annotations

import argparse
import mimetypes
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from node import cli_contribution, cli_rules
from node.cli_doctor import doctor_lines
from node.cli_explain import lines_of
from node.config import default_data_dir
from node.control_client import ControlClient
from node.doctor import Diagnosis
from node.program.errors import EXIT_FAILED, EXIT_USAGE, UserFacingError
from node.program.lifetime import print_json
from node.state import BetterWay, ChannelStatus, Explanation, NodeState, NodeStats, Peer, View
from node.vitals.values import Contribution
from node.wire import headers

TRYING: Mapping[BetterWay, str] = {
    "vpn": "the private network is being tried",
    "vpn-direct": "a direct way is being tried",
    "direct": "the local network is tried again soon",
    "relay": "the way through the coordinator is tried again soon",
    "tunnel": "its public address is tried again soon",
}
LONGEST_NAME = 64  # characters of a service's name or alias


def execute(arguments: argparse.Namespace) -> int:
    """Do one command; return its exit code or raise UserFacingError."""
    data_dir = Path(arguments.data_dir or default_data_dir()).expanduser().absolute()
    if arguments.command == "diagnostics":  # which is of use where no node runs, too
        from node import cli_diagnostics  # it takes as long to load as all the others

        return cli_diagnostics.diagnostics(data_dir, arguments)
    return COMMANDS[arguments.command](ControlClient(data_dir), arguments)


def status_document(state: NodeState) -> dict[str, Any]:
    """Return what `status --json` prints (SPEC §4)."""
    return {
        "phase": state.phase,
        "reasons": [msgspec.structs.asdict(reason) for reason in state.reasons],
        "rest": state.verdict.rest,
        "untold": [msgspec.structs.asdict(one) for one in state.verdict.untold],
        "caps": [msgspec.structs.asdict(one) for one in state.caps],
        "worker_id": state.worker_id,
        "name": state.name,
        "coordinator": state.coordinator,
        "coordinator_ok": state.coordinator_ok,
        "channel": {"open": state.channel.open, "detail": state.channel.detail},
        "channels": _channels(state),
        "url": state.url,
        "dht_port": state.endpoints.dht_port if state.endpoints else None,
        "dht_contacts": state.dht_contacts,
        "vpn": {"state": state.vpn.state, "ip": state.vpn.ip},
        "tunnel": msgspec.structs.asdict(state.tunnel),
        "services": [msgspec.structs.asdict(report) for report in state.services],
        "load": state.load,
        "in_flight": state.in_flight,
        "version": state.version,
    }


def _channels(state: NodeState) -> list[dict[str, Any]]:
    """Return both channels, the one to the coordinator in use first."""
    first = msgspec.structs.replace(state.channel, url=state.coordinator or "")
    found = [first] if state.membership is not None else []
    if state.second_channel is not None:
        found.append(state.second_channel)
    return [
        {"coordinator": one.url, "for": "all" if one is first else "relay", "open": one.open, "detail": one.detail}
        for one in found
    ]


def _status(client: ControlClient, arguments: argparse.Namespace) -> int:
    state = client.get("/view", View).state
    if arguments.json:
        print_json(status_document(state))
        return 0
    waits = any(reason.code == "waiting-for-approval" for reason in state.reasons)
    _say(f"{state.name or 'This machine'} is {'waiting to be let in' if waits else state.phase}.")
    for reason in state.reasons:
        _say(f"  {reason.text}{cli_rules.until(reason, time.time())}")
    _say(f"worker       {state.worker_id or '-'}")
    _say(f"coordinator  {coordinator_line(state)}")
    if state.second_channel is not None:
        _say(f"second       {second_line(state.second_channel)}")
    _say(f"address      {state.url}")
    _say(f"private net  {vpn_line(state)}")
    if state.tunnel.kind != "none":
        _say(f"tunnel       {state.tunnel.url or state.tunnel.state}. {state.tunnel.text}")
    _say(f"peers        {state.dht_contacts} in the DHT")
    _say(f"load         {state.load:.0%}, {state.in_flight} requests in flight")
    _print_services(state)
    return 0


def coordinator_line(state: NodeState) -> str:
    """Say in one line which coordinator is in use, and where it cannot be heard just now, for people."""
    if state.membership is None or not state.coordinator or state.channel.open or not state.channel.detail:
        return state.coordinator or "-"
    return f"{state.coordinator}, not connected. {state.channel.detail}"


def second_line(second: ChannelStatus) -> str:
    """Say in one line how the channel to another coordinator is, for people."""
    if second.open:
        return f"{second.url}, connected for requests through it"
    return f"{second.url}, not connected. {second.detail}".strip()


def vpn_line(state: NodeState) -> str:
    """Say in one line how the private network is, for people; what is a reason already is not said twice."""
    where = f"{state.vpn.state}, {state.vpn.ip}. " if state.vpn.ip else f"{state.vpn.state}. "
    if any(reason.text == state.vpn.text for reason in state.reasons):
        return where.strip()
    more = f" {state.vpn_renewal_error}" if state.vpn.state == "off" else ""
    return f"{where}{state.vpn.text}{more}".strip()


def _services(client: ControlClient, arguments: argparse.Namespace) -> int:
    state = client.get("/view", View).state
    if arguments.json:
        print_json(list(state.services))
    else:
        _print_services(state)
    return 0


def _print_services(state: NodeState) -> None:
    if not state.services:
        _say("services     none")
    for report in state.services:
        _say(f"service      {report.name:<24} {report.state:<10} {report.detail}")


def _stats(client: ControlClient, arguments: argparse.Namespace) -> int:
    stats = client.get("/stats", NodeStats)
    if arguments.json:
        print_json(stats)
        return 0
    routing = msgspec.structs.asdict(stats)
    dht = routing.pop("dht")
    _print_numbers(routing)
    if dht is not None:
        _say("\nDHT")
        _print_numbers(dht)
    return 0


def _print_numbers(numbers: Mapping[str, Any]) -> None:
    for name, value in numbers.items():
        shown = ", ".join(f"{key} {part:g}" for key, part in value.items()) if isinstance(value, dict) else value
        _say(f"{name:<20} {shown if shown != '' else '-'}")


def _peers(client: ControlClient, arguments: argparse.Namespace) -> int:
    peers = client.get("/peers", tuple[Peer, ...])
    if arguments.json:
        print_json(list(peers))
    elif not peers:
        _say("None yet: the node meets other workers in the DHT, and looks for them when a request needs one.")
    width = max((len(peer.worker_id) for peer in peers), default=0)
    for peer in () if arguments.json else peers:
        trip = "-" if peer.rtt_ms is None else f"{peer.rtt_ms:.1f} ms"
        offers = f"load {peer.load:.0%}  {', '.join(peer.services)}" if peer.services else "met in the DHT"
        way = f"{peer.route} ({peer.tunnel})" if peer.tunnel and peer.route == "vpn" else peer.route
        better = f"  ({TRYING.get(peer.trying, peer.trying)})" if peer.trying is not None else ""
        _say(f"{peer.worker_id:<{width}} {way:<13} {trip:>9}  {offers}{better}")
    return 0


def _explain(client: ControlClient, arguments: argparse.Namespace) -> int:
    path = f"/explain/{_in_address(arguments.service)}" + ("?personal=1" if arguments.personal else "")
    found = client.get(path, Explanation)
    if arguments.json:
        print_json(found)
    for line in () if arguments.json else lines_of(found):
        _say(line)
    return 0


def _in_address(service: str) -> str:
    """Return a service's name as it stands in an address; raise UserFacingError for what can be no name."""
    if not 0 < len(service) <= LONGEST_NAME:
        title = f"A service's name has 1 to {LONGEST_NAME} characters, this one {len(service)}."
        raise UserFacingError(title, exit_code=EXIT_USAGE)
    return quote(service, safe="")


def _contribution(client: ControlClient, arguments: argparse.Namespace) -> int:
    told = client.get("/contribution", Contribution)
    if arguments.json:
        print_json(told)
    for line in () if arguments.json else cli_contribution.lines_of(told):
        _say(line)
    return 0


def _doctor(client: ControlClient, arguments: argparse.Namespace) -> int:
    found = client.get("/doctor", Diagnosis)
    if arguments.json:
        print_json(found)
    for line in () if arguments.json else doctor_lines(found):
        _say(line)
    return 0 if all(check.ok for check in found.checks) else EXIT_FAILED


def _enroll(client: ControlClient, arguments: argparse.Namespace) -> int:
    key = "link" if "://" in arguments.invite else "invite"
    answer = client.post("/enroll", {key: arguments.invite, "coordinator": arguments.coordinator})
    _done(arguments, f"This machine is a member now, as {answer['worker_id']}.", **answer)
    return 0


def _leave(client: ControlClient, arguments: argparse.Namespace) -> int:
    if not arguments.yes:
        if not sys.stdin.isatty():
            raise UserFacingError("Leaving deletes this machine's key.", "", "Add --yes to do it.", EXIT_USAGE)
        if input("Leave the mesh and delete this machine's key? [y/N] ").strip().lower() not in ("y", "yes"):
            _say("Nothing was changed.")
            return EXIT_FAILED
    client.post("/leave")
    _done(arguments, "The node finishes its requests and leaves the mesh.")
    return 0


def _call(client: ControlClient, arguments: argparse.Namespace) -> int:
    service, _, path = arguments.target.strip("/").partition("/")
    body, content_type = _body(arguments)
    method = (arguments.method or ("GET" if body is None else "POST")).upper()
    target = f"/call/{_in_address(service)}" + (f"/{path}" if path else "")
    sent = {"Content-Type": arguments.content_type or content_type} if body is not None else {}
    with client.open(method, target, body, sent) as answer:
        if arguments.verbose:
            told = {
                name: answer.headers.get(name, "-") for name in (headers.WORKER, headers.ROUTE, headers.ATTEMPTS)
            }
            worker, route, attempts = told.values()
            print(f"worker={worker} route={route} attempts={attempts}", file=sys.stderr)  # noqa: T201
        shutil.copyfileobj(answer, sys.stdout.buffer)
        sys.stdout.flush()
    return 0


def _body(arguments: argparse.Namespace) -> tuple[bytes | None, str]:
    if arguments.data is not None:
        try:
            msgspec.json.decode(arguments.data.encode())
        except msgspec.DecodeError as error:
            raise UserFacingError(f"--data is not valid JSON: {error}.", exit_code=EXIT_USAGE) from None
        return arguments.data.encode(), "application/json"
    if arguments.file is None:
        return None, ""
    if arguments.file == "-":
        return sys.stdin.buffer.read(), "application/octet-stream"
    try:
        data = Path(arguments.file).read_bytes()
    except OSError as error:
        title = f"The file {arguments.file} cannot be read ({error.strerror})."
        raise UserFacingError(title, exit_code=EXIT_USAGE) from None
    return data, mimetypes.guess_type(arguments.file)[0] or "application/octet-stream"


def _done(arguments: argparse.Namespace, text: str, **document: Any) -> None:
    if arguments.json:
        print_json(document or {"done": True})
    else:
        _say(text)


def _say(text: str) -> None:
    print(text)  # noqa: T201 - this is the program speaking


COMMANDS: dict[str, Callable[[ControlClient, argparse.Namespace], int]] = {
    "status": _status,
    "services": _services,
    "stats": _stats,
    "peers": _peers,
    "explain": _explain,
    "contribution": _contribution,
    "doctor": _doctor,
    "pause": cli_rules.pause,
    "resume": cli_rules.resume,
    "snooze": cli_rules.snooze,
    "rules": cli_rules.rules,
    "enroll": _enroll,
    "leave": _leave,
    "call": _call,
}
