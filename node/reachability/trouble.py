"""What is in the way to the coordinator: the one thing to mend first, in words. Pure."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from node.program.loopback import is_this_machine
from node.reachability.failures import Failure
from node.reachability.observations import Observations
from node.wire.credentials import CLOCK_SKEW

Cause = (
    Failure
    | Literal["no-internet", "stranger", "proxy-setting", "clock", "no-tun", "no-udp", "symmetric-nat"]
    | Literal["port-closed", "listens-here-only", "no-websocket", "not-yet"]
)
BY_ITSELF = "The node goes on trying by itself."


class Trouble(msgspec.Struct, frozen=True):
    """Something in the way: a stable code, what is so, why, and what to do."""

    cause: Cause
    why: str
    hint: str

    @property
    def hint_for_once(self) -> str:
        """What to do for who asks once only, such as to be let in: nothing goes on by itself then."""
        return self.hint.replace(BY_ITSELF, "Try again in a moment.")


def trouble_of(seen: Observations, url: str) -> Trouble | None:
    """Return what keeps us from the coordinator at this URL, or None where it answers or nobody has asked."""
    if seen.coordinator is None or seen.coordinator.outcome == "answers":
        return None
    if seen.proxy is not None and seen.proxy.flaw:
        return _unusable_proxy(seen.proxy.shown, seen.proxy.flaw, url)
    host = urlsplit(url).hostname or url
    outcome = seen.coordinator.outcome
    if outcome.startswith("proxy-") or (seen.proxy is not None and outcome in ("timeout", "broken", "stranger")):
        return _at_proxy(seen, url)
    return _without_internet(seen, url) or _direct(seen, host)


def password_hint(url: str) -> str:
    """Say how a proxy's password is given to a program that calls this URL."""
    shape = f"{_variable(url)}=http://user:password@proxy:port"
    return f"Ask whoever runs this network for them, and set {shape} for this program."


def _variable(url: str) -> str:
    """Name the variable of the environment that says through which proxy this URL is called."""
    return "HTTP_PROXY" if urlsplit(url).scheme == "http" else "HTTPS_PROXY"


def _unusable_proxy(shown: str, flaw: str, url: str) -> Trouble:
    if flaw == "unreadable":
        why = "The address of the proxy that this computer is set to use cannot be read."
        hint = (
            "Look at HTTPS_PROXY, HTTP_PROXY and ALL_PROXY. It looks like http://user:password@proxy:3128, and"
            " / # ? @ in a password are written as %2F %23 %3F %40."
        )
        return Trouble("proxy-setting", why, hint)
    why = f"This computer is set to use {shown}, a kind of proxy that this program does not speak."
    hint = f"Give it the address of an HTTP proxy: {_variable(url)}=http://proxy:3128"
    return Trouble("proxy-setting", why, hint)


def _at_proxy(seen: Observations, url: str) -> Trouble:
    assert seen.coordinator is not None
    host = urlsplit(url).hostname or url
    at = seen.proxy.shown if seen.proxy is not None else "of this network"
    status = f" (it answers {seen.coordinator.status})" if seen.coordinator.status else ""
    match seen.coordinator.outcome:
        case "proxy-password":
            given = seen.proxy is not None and seen.proxy.has_password
            why = (
                f"The proxy {at} does not accept the user name and password that are set for it."
                if given
                else f"The proxy {at} wants a user name and a password, and none are set."
            )
            return Trouble("proxy-password", why, f"{password_hint(url)} Then start it again.")
        case "proxy-unreachable":
            why = f"The proxy {at} does not answer."
            hint = (
                "If you are in another network now, take the proxy out of the settings; else ask whoever runs it."
            )
            return Trouble("proxy-unreachable", why, f"{hint} {BY_ITSELF}")
        case "proxy-refuses":
            why = f"The proxy {at} does not let connections to {host} through{status}."
            return Trouble("proxy-refuses", why, f"Ask whoever runs this network to allow {host}.")
        case "stranger":
            why = f"What answers behind the proxy {at} is not the coordinator{status}."
            return Trouble("proxy-refuses", why, f"Ask whoever runs this network to allow {host}.")
        case _:
            why = f"Nothing came back through the proxy {at} in time."
            hint = f"If it stays so, ask whoever runs this network whether the proxy lets {host} through."
            return Trouble("timeout", why, f"{BY_ITSELF} {hint}")


def _without_internet(seen: Observations, url: str) -> Trouble | None:
    """Say so where not the coordinator is missing but everything."""
    if is_this_machine(urlsplit(url).hostname or "") or seen.connected:
        return None
    nobody = not seen.mappings and seen.coordinator is not None and seen.coordinator.outcome != "refused"
    if not seen.own_addresses and nobody:
        why = "This computer is in no network: it has no address in one."
        return Trouble("no-network", why, f"Plug the cable in, or join a wireless network. {BY_ITSELF}")
    assert seen.coordinator is not None
    silent = seen.coordinator.outcome in ("no-network", "no-name-service")
    if silent and not seen.mappings and seen.name != "found":
        why = "Nothing outside answers: the internet seems not to be there at the moment."
        hint = "See whether a web page opens. If not, look at the router or ask whoever runs this network."
        return Trouble("no-internet", why, f"{hint} {BY_ITSELF}")
    return None


def _direct(seen: Observations, host: str) -> Trouble:
    assert seen.coordinator is not None
    outcome = seen.coordinator.outcome
    cause: Cause = outcome if outcome != "answers" and outcome in DIRECT else "timeout"
    why, hint = DIRECT[cause]
    today = time.strftime("%d %B %Y", time.localtime(seen.now))
    return Trouble(cause, why.format(host=host, status=seen.coordinator.status, today=today), hint)


DIRECT: Mapping[Cause, tuple[str, str]] = {
    "name-unknown": (
        "The name servers of this network know no {host}.",
        "Compare the address with the invite's. Some networks hide names on purpose: ask whoever runs this one.",
    ),
    "no-name-service": (
        "The name {host} cannot be looked up: the name server of this network does not answer.",
        f"Start the router anew, or set another name server in this computer's network settings. {BY_ITSELF}",
    ),
    "certificate-time": (
        "The certificate of {host} is not valid on the date that this computer's clock shows ({today}).",
        "Set the clock right. If it is right, tell the operator of the mesh.",
    ),
    "certificate": (
        "The certificate that {host} shows is not one that this computer trusts. Something in between may answer in"
        " its place: a virus scanner, a firewall, or the login page of a wireless network.",
        "Open any web page, to see whether the network wants a login; else ask whoever runs this network. Nothing"
        " is sent before that is right.",
    ),
    "no-tls": (
        "What answers at {host} does not speak the encryption (https) that its address asks for.",
        "Compare the address with the invite's, the http or https at its beginning too. If they agree, something in"
        " between may answer in its place: open any web page, to see whether the network wants a login.",
    ),
    "refused": (
        "{host} is there, but no coordinator runs at that address now.",
        f"It may be restarting. {BY_ITSELF} If it stays so, tell its operator.",
    ),
    "stranger": (
        "What answers at {host} is not a coordinator (status {status}).",
        "Open any web page, to see whether the network wants a login; and compare the address with the invite's.",
    ),
    "no-network": ("No way leads from this computer to {host}.", BY_ITSELF),
    "broken": (
        "The connection to {host} breaks before it answers.",
        f"{BY_ITSELF} If it stays so, a firewall in between may cut it.",
    ),
    "timeout": (
        "{host} does not answer in time.",
        f"See whether a web page opens; if it does, the coordinator may be down. {BY_ITSELF}",
    ),
}


def clock_trouble(offset: float | None, limit: float) -> Trouble | None:
    """Say by how much the clock is wrong, and what that does; `offset` is the coordinator's clock minus ours."""
    if offset is None or abs(offset) <= limit:
        return None
    way = "behind" if offset > 0 else "ahead of"
    why = f"This machine's clock is {_span(abs(offset))} {way} the coordinator's."
    if abs(offset) > CLOCK_SKEW:
        why += " Others refuse what it signs, because it looks too old or not valid yet."
    return Trouble("clock", why, "Set the clock, or switch on setting it from the internet.")


def _span(seconds: float) -> str:
    if seconds < 2 * 60:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"
