"""What the operator should know about the settings."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from urllib.parse import urlsplit

from coordinator_server.config import SQLITE, CoordinatorConfig, is_loopback
from coordinator_server.enrolment.passphrase import passphrase_of, weaknesses
from coordinator_server.store.etcd.address import parse_address

log = logging.getLogger(__name__)


def warn_about(config: CoordinatorConfig) -> None:
    """Say in the log what is less than it could be."""
    for warning in warnings(config):
        log.warning("%s", warning)


def warnings(config: CoordinatorConfig) -> Sequence[str]:
    """Return what is less than it could be, one sentence each."""
    found = []
    secure_front = urlsplit(config.public_url).scheme == "https"
    if not is_loopback(config.host) and not config.tls_cert and not secure_front:
        found.append(
            f"plain HTTP on {config.host}: whoever is on the way can read requests and API keys; "
            "use --tls-cert and --tls-key, or a reverse proxy with HTTPS and --public-url"
        )
    if (
        config.store != SQLITE
        and not config.store_ca
        and not all(map(is_loopback, parse_address(config.store).hosts))
    ):
        found.append(
            "plain HTTP to the store: whoever is on the way can read and change enrolments; give etcd certificates "
            "and this coordinator --store-ca"
        )
    if config.open_to_all:
        found.append("/service needs no API key, because of --anonymous")
    if passphrase := passphrase_of(config):
        found += weaknesses(passphrase)
    if config.edge:
        found.append("--edge has no effect: this version does not register with edge routers")
    return found
