"""Decides what the helper does for a client, who may be an attacker with the rights of one user of the group. Pure.

What is at stake is the machine's network. So a client cannot

- name a file, a device, a route or an option: the helper writes the configuration itself, out of checked values,
  and the PEM anew from what was read;
- take another network than the administrator allows (by default 10.42.0.0/16), claim routes to others (no
  configuration of ours has `unsafe_routes`, certificates with subnets are refused), or open a network that this
  machine has already;
- be a lighthouse or relay, unless the administrator allows it;
- listen on a port below 1024, or open one to other members in the overlay's firewall;
- make Nebula send to itself, to multicast or to this machine's own loopback;
- have two networks, or ask without end: one client at a time, one Nebula, a pause after each request.

What a client can do: join any Nebula network in the allowed range. It cannot read what others send.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network

from node.vpn.settings import Plan, SettingsError, facts_of, normal_pem

DEFAULT_NETWORK = IPv4Network("10.42.0.0/16")
FIRST_PORT = 1024


@dataclass(frozen=True, slots=True)
class Policy:
    """What the administrator allows."""

    networks: tuple[IPv4Network, ...] = (DEFAULT_NETWORK,)
    lighthouse: bool = False


def grant(plan: Plan, policy: Policy) -> tuple[Plan, IPv4Network]:
    """Return the plan as it may be run, and its network; raise SettingsError."""
    facts = facts_of(plan)
    network = facts.interface.network
    if not any(network.subnet_of(allowed) for allowed in policy.networks):
        allowed = ", ".join(map(str, policy.networks))
        raise SettingsError(
            f"the network {network} is not one that this machine's administrator allows ({allowed})"
        )
    if plan.role == "lighthouse" and not policy.lighthouse:
        raise SettingsError("this machine's administrator does not allow lighthouses")
    for port, what in (
        (plan.listen_port, "the overlay"),
        (plan.service_port, "this node (--port)"),
        (plan.dht_port, "the DHT (--dht-port)"),
    ):
        if 0 < port < FIRST_PORT:  # 0 is any that is free
            raise SettingsError(
                f"the port {port} of {what} belongs to the system's own programs; only ports from {FIRST_PORT} on"
                " are opened for users"
            )
    return normal_pem(plan), network
