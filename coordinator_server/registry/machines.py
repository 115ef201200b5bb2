"""A worker as assignment sees it: what it has, what it was given, whose it is and where it stands."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from coordinator_server.enrolment.workers import Enrolment
from coordinator_server.gateway.rates import address_key
from coordinator_server.registry.membership import Member
from node.wire.credentials import Trust
from node.wire.messages import Capabilities

OVERLAY = "10.42.0.0/16"  # unless the operator chose another
MOST_OF_ONE_OWNER = 10  # machines: an invite that let more in was given to the public


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A worker as assignment sees it."""

    worker_id: str
    capabilities: Capabilities
    trust: Trust = "volunteer"
    covered: tuple[str, ...] = ()  # services that its invite covers; none means all
    current: tuple[str, ...] = ()  # what it was told to run last, with what it was handing over
    running: tuple[str, ...] | None = None  # what it says it runs; None believes that it runs what it was told
    load: float = 0.0
    memory_free: float = 1.0  # share of its memory; 1 where it does not say
    unwanted: tuple[str, ...] = ()  # services that its volunteer does not want to run now
    resting: str = ""  # why it gets nothing, in words that follow "it"; empty when it may work
    draining: bool = False  # it rests because the operator says so, and can serve until others do
    expected: bool = False  # not back yet after our restart: keeps what it has and gets nothing new
    owner: str = ""  # who brought it in; empty where that is not known, which nobody shares
    site: str = ""  # the household that it is in; empty where that is not known, which nobody shares

    @property
    def awake(self) -> bool:
        """Whether it may be given something new."""
        return not self.resting and not self.expected

    def runs(self, service: str) -> bool:
        """Say whether it serves this now, as far as we know."""
        return service in (self.current if self.running is None or self.expected else self.running)


def machine_of(
    member: Member, enrolment: Enrolment, *, current: tuple[str, ...], stale: bool, brought_in: int
) -> Machine:
    """Return an enrolled worker as assignment sees it; its invite has brought in so many machines."""
    return Machine(
        worker_id=member.worker_id,
        capabilities=member.capabilities,
        trust=enrolment.trust,
        covered=enrolment.services,
        current=current,
        running=member.running,
        load=member.load,
        memory_free=member.memory_free,
        unwanted=member.unwanted,
        resting=resting(member, enrolment, stale=stale),
        draining=enrolment.draining and not (stale or enrolment.revoked or member.paused),
        owner=owner_of(enrolment.invite_id, brought_in),
        site=member.site,
    )


def resting(member: Member, enrolment: Enrolment, *, stale: bool) -> str:
    """Return why a worker gets nothing, in words that follow "the machine", or an empty string."""
    if stale:
        return "is not heard of"
    if enrolment.revoked:
        return "was revoked"
    if enrolment.pending:
        return "waits for the operator's approval"
    if enrolment.draining:
        return "is being drained by the operator"
    return "is paused or closing" if member.paused else ""


def site_of(address: str, overlay: str = OVERLAY) -> str:
    """Return the household of the address that a worker speaks from, or an empty string where that says nothing.

    One public IPv4 address, one /64 of IPv6, one /24 of a private network is one household. On loopback and in the
    overlay everybody may be anywhere.
    """
    try:
        parsed = ipaddress.ip_address(address_key(address).partition("/")[0])
    except ValueError:
        return ""
    if parsed.is_loopback or parsed.is_unspecified or parsed in ipaddress.ip_network(overlay):
        return ""
    if isinstance(parsed, ipaddress.IPv4Address) and parsed.is_private:
        return str(ipaddress.ip_network((parsed, 24), strict=False))
    return address_key(address)


def owner_of(invite_id: str, machines: int) -> str:
    """Return whose a machine is by the invite that let it in, and `machines` in all.

    An invite goes to one person, who brings in what stands at home; one that brought in many was given to the
    public, and tells of nobody.
    """
    return invite_id if machines <= MOST_OF_ONE_OWNER else ""
