"""How connections are taken: with which certificate, how many at a time, and at which URL others come."""

from __future__ import annotations

import logging
import socket
import ssl

from coordinator_server.config import CoordinatorConfig
from node.forwarding.http1.limits import ServerLimits
from node.program.errors import EXIT_USAGE, UserFacingError
from node.program.settings import SettingError
from node.program.web import url_of
from node.wire.invites import InviteError, parse_coordinator_url

log = logging.getLogger(__name__)


def server_limits(config: CoordinatorConfig) -> ServerLimits:
    """Workers' channels and relay connections have limits of their own: they take no room from clients."""
    room = ServerLimits().connections + config.channels + config.relay_connections
    return ServerLimits(connections=room, body_idle=config.idle_timeout, write_stall=config.idle_timeout)


def read_tls(config: CoordinatorConfig) -> ssl.SSLContext | None:
    """Read certificate and key, if they are set; raise UserFacingError when they cannot be used."""
    if not config.tls_cert:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(config.tls_cert, config.tls_key, password=_no_password)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise UserFacingError(
            "The TLS certificate or its key cannot be used.",
            f"{config.tls_cert} with {config.tls_key}: {error}.",
            "Give --tls-cert the certificate chain and --tls-key its private key, both in PEM.",
            EXIT_USAGE,
        ) from None
    return context


def renew_certificate(tls: ssl.SSLContext | None, config: CoordinatorConfig) -> bool:
    """Read certificate and key anew, for connections from now on; return False where they cannot be used."""
    try:
        if tls is not None and read_tls(config) is not None:
            tls.load_cert_chain(config.tls_cert, config.tls_key, password=_no_password)
    except UserFacingError as error:
        log.error("everything stays as it is: %s", error)
        return False
    return True


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def public_url(config: CoordinatorConfig, listener: socket.socket, tls: ssl.SSLContext | None) -> str:
    """Return the URL by which others reach us, as far as we know it."""
    if not config.public_url:
        return url_of(listener, tls)
    try:
        return parse_coordinator_url(config.public_url)
    except InviteError:
        allowed = "a URL like https://mesh.example.org"
        raise SettingError("public_url", config.public_url, allowed, "--public-url") from None
