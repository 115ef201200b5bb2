"""How connections are taken."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from coordinator_server.config import CoordinatorConfig
from coordinator_server.listening import public_url, read_tls, renew_certificate, server_limits
from node.forwarding.http1.limits import ServerLimits
from node.program.errors import EXIT_USAGE, UserFacingError
from node.program.web import bind
from tests.support.certificates import self_signed


@pytest.mark.parametrize("url", ["mesh.example.org", "ftp://mesh.example.org", "https://a b"])
def test_a_public_url_that_is_none_is_refused(url: str) -> None:
    with bind("127.0.0.1", 0) as listener, pytest.raises(UserFacingError, match="public_url"):
        public_url(CoordinatorConfig(public_url=url), listener, None)


def test_a_certificate_is_renewed_only_where_it_can_be_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cert, key = self_signed(tmp_path)
    config = CoordinatorConfig(tls_cert=str(cert), tls_key=str(key))
    tls = read_tls(config)
    self_signed(tmp_path)
    assert renew_certificate(tls, config)
    cert.write_text("nothing")
    assert not renew_certificate(tls, config)
    assert "everything stays as it is" in caplog.text
    assert renew_certificate(None, CoordinatorConfig())


def test_certificates_that_cannot_be_used_are_said(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path)
    assert read_tls(CoordinatorConfig()) is None
    assert read_tls(CoordinatorConfig(tls_cert=str(cert), tls_key=str(key))) is not None
    for one, other in ((key, cert), (cert, cert), (tmp_path / "none.pem", key)):
        with pytest.raises(UserFacingError, match="TLS certificate") as caught:
            read_tls(CoordinatorConfig(tls_cert=str(one), tls_key=str(other)))
        assert caught.value.exit_code == EXIT_USAGE


def test_channels_and_relay_connections_take_no_room_from_clients() -> None:
    config = CoordinatorConfig()
    many = dataclasses.replace(config, channels=60_000, relay_connections=50_000)
    for one in (config, many):
        room = server_limits(one).connections - one.channels - one.relay_connections
        assert room == ServerLimits().connections
