"""Who may pass: decides from address, key and service, the cheap checks first, and says what the limits are.

`--anonymous` opens the door only for what really comes from this machine: not for what a proxy
brings, and not for a web page of somebody else that a browser here has open.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from coordinator_server.gateway.keys import ApiKey, ApiKeys
from coordinator_server.gateway.rates import Buckets, Rate, Verdict, address_key, parse_rate
from coordinator_server.gateway.shared_rates import SharedBuckets
from node.forwarding.cors import host_name, origin_allowed
from node.wire.problems import Problem

Kind = Literal["address", "wrong", "key"]  # of token buckets
WRONG_KEYS = Rate(20, 300.0)  # wrong keys that one address may show
LONGEST_KEY = 200  # characters
PROXY_HEADERS = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "CF-Connecting-IP")
STRANGE_SITES = frozenset({"cross-site", "same-site"})  # of Sec-Fetch-Site: a page of another origin asks
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="rma-mesh"'}


@dataclass(frozen=True, slots=True)
class Visit:
    """What access must know of a request: who is at the other end, for whom, and what it shows."""

    peer: str
    address: str  # the client's, which a reverse proxy on this machine may have named
    headers: Mapping[str, str]

    @property
    def from_this_machine(self) -> bool:
        """True when the peer is on this machine and does not bring somebody else's request."""
        return _is_loopback(self.peer) and not any(name in self.headers for name in PROXY_HEADERS)

    @property
    def key(self) -> str:
        """Return the API key that is shown in Authorization or X-API-Key, or an empty string."""
        scheme, _, shown = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and shown:
            return shown.strip()
        return self.headers.get("X-API-Key", "").strip()


class Caller(msgspec.Struct, frozen=True):
    """Somebody who may pass; the verdict tells them what is left of their rate."""

    id: str
    verdict: Verdict


class Access:
    """Admits requests to services; keeps token buckets for addresses, wrong keys and keys."""

    def __init__(
        self,
        keys: ApiKeys,
        clock: Callable[[], float],
        *,
        address_rate: Rate,
        anonymous: bool = False,
        forced: bool = False,
        origins: Sequence[str] = (),
        buckets: Callable[[Kind], Buckets] = lambda _kind: Buckets(),
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._address_rate = address_rate
        self._anonymous = anonymous
        self._forced = forced
        self._origins = tuple(origins)
        self._addresses = buckets("address")
        self._wrong = buckets("wrong")
        self._callers = buckets("key")

    @property
    def buckets(self) -> Mapping[Kind, Buckets]:
        """The token buckets, for processes that share them."""
        return {"address": self._addresses, "wrong": self._wrong, "key": self._callers}

    def knock(self, visit: Visit) -> Verdict:
        """Count a request against its address; raise Problem when it comes too often."""
        verdict = self._addresses.take(address_key(visit.address), self._address_rate, self._clock())
        if not verdict.allowed:
            raise _too_many("This address sends requests too fast", verdict)
        return verdict

    def recall(self, shown: str, proved: ApiKey | None = None) -> ApiKey | None:
        """Return the valid key that is shown where it can be told without the store, else None.

        `proved` is what came of it the last time: it needs no other proof while the record is the same.
        """
        key = self._keys.still(proved) if proved is not None else None
        if key is None and len(shown) <= LONGEST_KEY:
            key = self._keys.recall(shown)
        return key if key is not None and not key.expired(self._clock()) else None

    async def identify(self, visit: Visit) -> ApiKey | None:
        """Return the valid key that is shown, or None for an anonymous visit that may pass; raise Problem."""
        if visit.key:
            return await self._recognise(visit)
        self.check_anonymous(visit)
        return None

    def check_anonymous(self, visit: Visit) -> None:
        """Raise Problem where somebody who shows no key may not pass."""
        if self._forced or (self._anonymous and self._is_own(visit)):
            self._keys.uses.came(visit.peer, visit.headers.get("Host", ""))
            return
        detail = "Show an API key as `Authorization: Bearer KEY` or `X-API-Key: KEY`. The operator makes keys."
        raise Problem("unauthorized", detail, headers=CHALLENGE)

    def permit(self, key: ApiKey | None, service: str, knock: Verdict) -> Caller:
        """Check what the key may do and how often; return the caller, or raise Problem.

        Lacking is raised where only the store knows whether the key has a token: then `count` it, and go on.
        """
        if key is None:
            return Caller("anonymous", knock)
        if not key.allows(service):
            raise Problem("forbidden", f"This API key is not for the service {service}.")
        return _caller(key, self._callers.take(key.id, parse_rate(key.rate), self._clock()))

    async def count(self, key: ApiKey) -> Caller:
        """Count a request against its key, and wait for the store where that is needed; raise Problem."""
        rate, now = parse_rate(key.rate), self._clock()
        if isinstance(self._callers, SharedBuckets):
            return _caller(key, await self._callers.obtain(key.id, rate, now))
        return _caller(key, self._callers.take(key.id, rate, now))

    def used(self, key: ApiKey, visit: Visit) -> None:
        """Note that a key has let somebody in."""
        self._keys.uses.used(key.id, self._clock(), visit.address)
        self._keys.uses.came(visit.peer, visit.headers.get("Host", ""))

    async def _recognise(self, visit: Visit) -> ApiKey:
        """Right keys pass whatever their neighbours do; who shows wrong ones is told so only so often."""
        key = await self._keys.find(visit.key) if len(visit.key) <= LONGEST_KEY else None
        if key is not None and not key.expired(self._clock()):
            return key
        verdict = await self.count_wrong(visit)
        if not verdict.allowed:
            raise _too_many("Too many wrong API keys came from this address", verdict)
        detail = (
            "This API key has expired." if key is not None else "This API key is not known here, or was revoked."
        )
        raise Problem("unauthorized", detail, headers=CHALLENGE)

    async def count_wrong(self, visit: Visit) -> Verdict:
        """Count a wrong key against the address that showed it."""
        return self._wrong.take(address_key(visit.address), WRONG_KEYS, self._clock())

    def _is_own(self, visit: Visit) -> bool:
        """Shut out other people's web pages in a browser here, by their origin and by DNS names that lead here.

        A page that only wants an image, or leads the browser here, tells no origin, but what site it is of.
        """
        host = visit.headers.get("Host", "")
        origin = visit.headers.get("Origin")
        return (
            visit.from_this_machine
            and _is_loopback(host_name(host))
            and (
                visit.headers.get("Sec-Fetch-Site") not in STRANGE_SITES
                if origin is None
                else origin_allowed(origin, host, self._origins)
            )
        )


def _caller(key: ApiKey, verdict: Verdict) -> Caller:
    if not verdict.allowed:
        raise _too_many(f"This API key may make {key.rate} requests", verdict)
    return Caller(key.id, verdict)


def _too_many(what: str, verdict: Verdict) -> Problem:
    detail = f"{what}. Try again in {verdict.retry_after} s."
    return Problem("rate-limited", detail, headers=verdict.headers)


def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address == "localhost"
    mapped = getattr(parsed, "ipv4_mapped", None)
    return bool((mapped or parsed).is_loopback)
