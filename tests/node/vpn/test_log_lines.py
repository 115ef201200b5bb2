"""Lines of real logs of Nebula 1.6.1, and what they mean."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.vpn.events import (
    CertificateLoaded,
    FingerprintBlocked,
    InterfaceCameUp,
    PeerMoved,
    ReloadFailed,
    StartFailed,
    Told,
    TunnelLost,
    TunnelMade,
)
from node.vpn.log_lines import is_noise, read_line

PEER = IPv4Address("10.42.0.12")
NOISE = '"initiatorIndex":1,"issuer":"bd","level":"info","remoteIndex":1,"time":"2026-11-21T16:10:32.151Z"'
ADDRESS = '"udpAddr":{"ip":"198.51.100.102","port":4242}'


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            '{"build":"1.6.1","interface":"rma0","level":"info","msg":"Nebula interface is active",'
            '"network":"10.42.0.11/16","udpAddr":{"ip":"0.0.0.0","port":4242}}',
            InterfaceCameUp("rma0", 4242, "1.6.1"),
        ),
        (
            '{"certName":"w2","handshake":{"stage":2,"style":"ix_psk0"},"msg":"Handshake message received",'
            f'{ADDRESS},{NOISE},"vpnIp":"10.42.0.12"}}',
            TunnelMade(PEER, "198.51.100.102:4242"),
        ),
        (
            '{"certName":"w2","handshake":{"stage":2,"style":"ix_psk0"},"msg":"Handshake message received",'
            f'"udpAddr":null,{NOISE},"vpnIp":"10.42.0.12"}}',
            TunnelMade(PEER, None),
        ),
        (
            '{"handshake":{"stage":2,"style":"ix_psk0"},"msg":"Handshake message sent","relay":"10.42.0.1",'
            f'{NOISE},"vpnIp":"10.42.0.12"}}',
            TunnelMade(PEER, None),
        ),
        (
            f'{{"handshake":{{"stage":2}},"msg":"Handshake message sent",{ADDRESS},{NOISE},"vpnIp":"10.42.0.12"}}',
            TunnelMade(PEER, "198.51.100.102:4242"),
        ),
        (
            '{"cached":true,"handshake":{"stage":2},"msg":"Handshake message sent","relay":"10.42.0.1",'
            f'{NOISE},"vpnIp":"10.42.0.12"}}',
            None,
        ),
        (f'{{"handshake":{{"stage":1}},"msg":"Handshake message sent",{NOISE},"vpnIp":"10.42.0.12"}}', None),
        (f'{{"handshake":{{"stage":1}},"msg":"Handshake message received",{NOISE},"vpnIp":"10.42.0.12"}}', None),
        (
            '{"msg":"Host roamed to new udp ip/port.","newAddr":{"ip":"198.51.100.103","port":41735},'
            f'{NOISE},{ADDRESS},"vpnIp":"10.42.0.12"}}',
            PeerMoved(PEER, "198.51.100.103:41735"),
        ),
        (
            '{"msg":"Tunnel status","tunnelCheck":{"method":"active","state":"dead"},'
            f'{NOISE},"vpnIp":"10.42.0.12"}}',
            TunnelLost(PEER),
        ),
        (
            '{"msg":"Tunnel status","tunnelCheck":{"method":"passive","state":"alive"},'
            f'{NOISE},"vpnIp":"10.42.0.12"}}',
            None,
        ),
        (f'{{"msg":"Close tunnel received, tearing down.",{NOISE},"vpnIp":"10.42.0.12"}}', TunnelLost(PEER)),
        (
            '{"msg":"Remote certificate is no longer valid, tearing down the tunnel",'
            f'{NOISE},"vpnIp":"10.42.0.12"}}',
            TunnelLost(PEER),
        ),
        (f'{{"msg":"Blocklisting cert","fingerprint":"aa",{NOISE}}}', FingerprintBlocked("aa")),
        (
            f'{{"msg":"Client cert refreshed from disk","cert":{{"fingerprint":"ff"}},{NOISE}}}',
            CertificateLoaded("ff"),
        ),
        (
            '{"error":"open /x: no such file","level":"error","msg":"Could not refresh client cert"}',
            ReloadFailed("Could not refresh client cert: open /x: no such file"),
        ),
        (
            '{"error":"unable to bind to socket: address already in use","level":"error",'
            '"msg":"Failed to open udp listener","queue":0}',
            StartFailed(
                "port-taken", "Failed to open udp listener: unable to bind to socket: address already in use"
            ),
        ),
        (
            '{"error":"device or resource busy","level":"error","msg":"Failed to get a tun/tap device"}',
            StartFailed("device-busy", "Failed to get a tun/tap device: device or resource busy"),
        ),
        (
            '{"error":"permission denied","level":"error","msg":"Failed to get a tun/tap device"}',
            StartFailed("permission", "Failed to get a tun/tap device: permission denied"),
        ),
        (
            '{"error":"nebula certificate for this host is expired","level":"error",'
            '"msg":"Failed to load certificate from config"}',
            StartFailed(
                "expired",
                "Failed to load certificate from config: nebula certificate for this host is expired",
            ),
        ),
        ('{"level":"fatal","msg":"Something new"}', StartFailed("refused", "Something new")),
        ('{"error":"operation not permitted","level":"error","msg":"Failed to set listen.read_buffer"}', None),
        ('{"level":"info","msg":"Something new"}', None),
        ("panic: runtime error", None),
        ("", None),
    ],
)
def test_what_a_line_means(line: str, told: Told | None) -> None:
    assert read_line(line.encode()) == told


@given(st.binary())
def test_no_line_is_an_error(line: bytes) -> None:
    assert read_line(line) is None or line


@given(
    st.sampled_from(
        ["Tunnel status", "Handshake message sent", "Client cert refreshed from disk", "Blocklisting cert"]
    ),
    st.dictionaries(st.sampled_from(["vpnIp", "handshake", "cert", "tunnelCheck", "level"]), st.none() | st.text()),
)
def test_a_line_with_other_fields_than_we_know_is_no_error(msg: str, fields: dict[str, str | None]) -> None:
    import json

    read_line(json.dumps({**fields, "msg": msg}).encode())


def test_complaints_about_strange_packets_are_noise_and_what_means_something_is_not() -> None:
    packet = '{"error":"proto: illegal wireType 6","level":"error","msg":"Failed unmarshal handshake message"}'
    assert is_noise(packet.encode())
    for line in (
        '{"error":"no such file","level":"error","msg":"Could not refresh client cert"}',
        '{"error":"bad yaml","level":"error","msg":"Error occurred while reloading config"}',
        '{"level":"fatal","msg":"Failed to read packets"}',
        f'{{"msg":"Host roamed to new udp ip/port.",{NOISE}}}',
        "panic: runtime error",
    ):
        assert not is_noise(line.encode()), line
