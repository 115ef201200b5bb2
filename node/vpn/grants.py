"""What a coordinator grants at enrolment and renewal, as settings of the overlay."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import AddressValueError, IPv4Address

from node.vpn.settings import DEFAULT_PORT, Endpoint, Lighthouse, SettingsError, VpnSettings
from node.wire.messages import Lighthouse as GrantedLighthouse
from node.wire.messages import VpnGrant


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


def _lighthouse(granted: GrantedLighthouse) -> Lighthouse:
    return Lighthouse(_address(granted.vpn_ip), tuple(_endpoint(text) for text in granted.endpoints))


def _endpoint(text: str) -> Endpoint:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit():
        raise SettingsError(f"{text} is not HOST:PORT")
    return Endpoint(host, int(port))


def _address(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except AddressValueError:
        raise SettingsError(f"{text} is not an IPv4 address of the overlay") from None
