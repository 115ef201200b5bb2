"""What a coordinator grants at enrolment and renewal, as settings of the overlay."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import AddressValueError, IPv4Address, IPv4Interface, IPv4Network

import msgspec

from node.vpn.settings import DEFAULT_PORT, Endpoint, Lighthouse, SettingsError, VpnSettings
from node.wire.messages import Lighthouse as GrantedLighthouse
from node.wire.messages import VpnGrant
from node.wire.nebula_certificates import CertificateError
from node.wire.nebula_pem import read_certificate


def settings_of(
    grant: VpnGrant, private_key: str, *, blocklist: Iterable[str] = (), listen_port: int = DEFAULT_PORT
) -> VpnSettings:
    """Return a worker's settings; raise SettingsError where addresses are none. `Vpn.apply` checks the rest."""
    usable = [one for one in grant.lighthouses if one.endpoints]
    return VpnSettings(
        certificate=grant.certificate,
        private_key=private_key,
        ca=grant.ca,
        cipher=grant.cipher,
        mtu=grant.mtu,
        lighthouses=tuple(_lighthouse(one) for one in usable),
        relays=tuple(_address(one.vpn_ip) for one in usable if one.relay),
        blocklist=tuple(blocklist),
        listen_port=listen_port,
    )


def check_place(grant: VpnGrant) -> None:
    """Raise SettingsError where a grant says something else than its certificate: doors open to what it says.

    Whether the certificate is good, and for our key, `facts_of` says.
    """
    try:
        network = IPv4Network(grant.network)
        place = IPv4Interface((grant.ip, network.prefixlen))
        ips = read_certificate(grant.certificate).ips
    except (CertificateError, ValueError) as error:
        raise SettingsError(str(error)) from None
    if ips != (place,) or place.network != network:
        raise SettingsError(f"its certificate is not for {grant.ip} in {grant.network}")
    for lighthouse in grant.lighthouses:
        if _address(lighthouse.vpn_ip) not in network:
            raise SettingsError(f"{lighthouse.vpn_ip} is outside of the overlay's network {network}")


def _lighthouse(granted: GrantedLighthouse) -> Lighthouse:
    return Lighthouse(_address(granted.vpn_ip), tuple(_endpoint(text) for text in granted.endpoints))


def _endpoint(text: str) -> Endpoint:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit():
        raise SettingsError(f"{text} is not HOST:PORT")
    try:
        return msgspec.convert({"host": host, "port": int(port)}, Endpoint)  # which checks both
    except msgspec.ValidationError:
        raise SettingsError(f"{text} is not HOST:PORT") from None


def _address(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except AddressValueError:
        raise SettingsError(f"{text} is not an IPv4 address of the overlay") from None
