"""What the overlay is to be: values that enrolment and the operator give, checked once, before anything is started.

`VpnSettings` is what a node wants; a lighthouse's endpoints may have names there. `Plan` is what is started: names
are looked up, the port is chosen. A plan also crosses the border to the privileged helper, which believes nobody,
so nothing in a plan is free text, a path, a route or a piece of configuration.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Annotated, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node.wire.messages import MTU
from node.wire.nebula_certificates import (
    CertificateError,
    NebulaCertificate,
    check_authority,
    check_limits,
    check_member_key,
    check_signature,
)
from node.wire.nebula_pem import PRIVATE_KEY, certificate_pem, key_pem, read_bundle, read_certificate, read_key

DEFAULT_PORT = 4242
SERVICE_PORT = 8000
DHT_PORT = 8468
MAX_BLOCKED = 10_000

Role = Literal["worker", "lighthouse"]
Pem = Annotated[str, msgspec.Meta(min_length=1, max_length=65_536)]
HostName = Annotated[
    str, msgspec.Meta(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$(?!\n)")
]
Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]
ListenPort = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Fingerprint = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
Blocklist = Annotated[tuple[Fingerprint, ...], msgspec.Meta(max_length=MAX_BLOCKED)]


PRIVATE = tuple(IPv4Network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))  # RFC 1918


class SettingsError(ValueError):
    """Settings that cannot be started; the text says which and why."""


class Endpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a lighthouse can be reached from the internet: a name or an IPv4 address, and a UDP port."""

    host: HostName
    port: Port = DEFAULT_PORT


class Lighthouse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A coordinator's address inside the overlay, and where it is outside."""

    ip: IPv4Address
    endpoints: Annotated[tuple[Endpoint, ...], msgspec.Meta(min_length=1, max_length=8)]


class Outside(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A UDP address in the network below the overlay."""

    ip: IPv4Address
    port: Port = DEFAULT_PORT


class FoundLighthouse(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A lighthouse whose names were looked up; without addresses it cannot be reached now."""

    ip: IPv4Address
    addresses: Annotated[tuple[Outside, ...], msgspec.Meta(max_length=16)] = ()


class _Common(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What settings and plan share."""

    certificate: Pem
    private_key: Pem
    ca: Pem
    role: Role = "worker"
    relays: Annotated[tuple[IPv4Address, ...], msgspec.Meta(max_length=16)] = ()
    blocklist: Blocklist = ()
    cipher: Literal["aes", "chachapoly"] = "aes"  # the whole mesh has one
    mtu: Annotated[int, msgspec.Meta(ge=576, le=9000)] = MTU
    service_port: Port = SERVICE_PORT  # TCP, of workers and coordinators alike
    dht_port: Port = DHT_PORT  # UDP


class VpnSettings(_Common, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a node or coordinator wants of the overlay; keys and certificates are Nebula's PEM."""

    lighthouses: Annotated[tuple[Lighthouse, ...], msgspec.Meta(max_length=16)] = ()
    listen_port: ListenPort = DEFAULT_PORT  # where it begins to look for a free one; 0 takes any


class Plan(_Common, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one run of Nebula gets."""

    lighthouses: Annotated[tuple[FoundLighthouse, ...], msgspec.Meta(max_length=16)] = ()
    listen_port: ListenPort = DEFAULT_PORT


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the own certificate says; times are Unix seconds."""

    interface: IPv4Interface
    fingerprint: str
    not_before: float
    not_after: float
    name: str = ""


def facts_of(settings: VpnSettings | Plan) -> Facts:
    """Check that certificate, key, authority and addresses fit one another; raise SettingsError.

    Whether the certificate's time has come is not asked: that changes while the program runs.
    """
    try:
        own = read_certificate(settings.certificate)
        _check_trust(own, read_bundle(settings.ca), read_key(PRIVATE_KEY, settings.private_key))
        interface = _interface(own)
    except CertificateError as error:
        raise SettingsError(str(error)) from None
    _check_addresses(settings, interface)
    return Facts(
        interface=interface,
        fingerprint=own.fingerprint,
        not_before=own.not_before,
        not_after=own.not_after,
        name=own.name,
    )


def normal_pem(plan: Plan) -> Plan:
    """Return the plan with its PEM written anew: what is read back is what was checked, and nothing beside it."""
    return msgspec.structs.replace(
        plan,
        certificate=certificate_pem(read_certificate(plan.certificate)),
        ca="".join(certificate_pem(one) for one in read_bundle(plan.ca)),
        private_key=key_pem(PRIVATE_KEY, read_key(PRIVATE_KEY, plan.private_key)),
    )


def _check_trust(own: NebulaCertificate, authorities: Sequence[NebulaCertificate], key: bytes) -> None:
    if X25519PrivateKey.from_private_bytes(key).public_key().public_bytes_raw() != own.public_key:
        raise CertificateError("the certificate belongs to another key")
    check_member_key(own.public_key)
    for authority in authorities:
        check_authority(authority)
    issuer = next((one for one in authorities if one.fingerprint == own.issuer), None)
    if issuer is None or own.is_ca:
        raise CertificateError("the certificate was not signed by an authority of this mesh")
    check_signature(own, issuer.public_key)
    check_limits(own, issuer)


def _interface(own: NebulaCertificate) -> IPv4Interface:
    if len(own.ips) != 1:
        raise SettingsError(f"the certificate has {len(own.ips)} addresses in place of one")
    if own.subnets:
        raise SettingsError("the certificate claims routes to other networks, which nobody here is given")
    interface = own.ips[0]
    network = interface.network
    check_network(network)
    if interface.ip in (network.network_address, network.broadcast_address):
        raise SettingsError(f"{interface.ip} is not an address for a machine in {network}")
    return interface


def check_network(network: IPv4Network) -> None:
    """Raise SettingsError for a network that an overlay may not take: public, far too large or too small."""
    if not 8 <= network.prefixlen <= 28:
        raise SettingsError(f"the overlay's network {network} has not a prefix from /8 to /28")
    if not any(network.subnet_of(private) for private in PRIVATE):
        raise SettingsError(f"the overlay's network {network} is not a private one")


def _check_addresses(settings: VpnSettings | Plan, interface: IPv4Interface) -> None:
    hosts = [one.ip for one in settings.lighthouses]
    for ip in (*hosts, *settings.relays):
        if ip not in interface.network:
            raise SettingsError(f"{ip} is outside of the overlay's network {interface.network}")
    if len(set(hosts)) != len(hosts):
        raise SettingsError("two lighthouses have one address")
    if interface.ip in hosts:
        raise SettingsError("the machine is its own lighthouse")
    if not hosts and settings.role == "worker":
        raise SettingsError("a worker needs a lighthouse")
    for lighthouse in settings.lighthouses:
        for at in lighthouse.addresses if isinstance(lighthouse, FoundLighthouse) else ():
            if not is_outside(at.ip, interface.network):
                raise SettingsError(f"{at.ip} is not an address of another machine outside of the overlay")


def is_outside(ip: IPv4Address, network: IPv4Network) -> bool:
    """Say whether another machine could be at an address below an overlay with this network."""
    ours = ip.is_unspecified or ip.is_loopback or ip.is_link_local
    return not (ours or ip.is_multicast or ip.is_reserved or ip in network)
