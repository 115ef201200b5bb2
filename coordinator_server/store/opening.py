"""Opens the store that the settings name."""

from __future__ import annotations

import ssl
from pathlib import Path

from coordinator_server.config import SQLITE, CoordinatorConfig
from coordinator_server.store.etcd.address import parse_address
from coordinator_server.store.etcd.gateway import Login
from coordinator_server.store.interface import Store
from coordinator_server.store.sqlite import FILE_NAME, open_sqlite
from node.program.errors import EXIT_USAGE, UserFacingError

LONGEST_PASSWORD = 1024


async def open_store(config: CoordinatorConfig) -> Store:
    """Open the store; raise UserFacingError where that cannot be."""
    if config.store == SQLITE:
        return await open_sqlite(config.directory / FILE_NAME)
    from coordinator_server.store.etcd.store import open_etcd

    return await open_etcd(parse_address(config.store), read_store_tls(config), read_login(config))


def read_store_tls(config: CoordinatorConfig) -> ssl.SSLContext | None:
    """Return how we prove etcd and ourselves, where TLS is wished; raise UserFacingError for a bad file."""
    if not config.store_ca:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(config.store_ca)
        if config.store_cert:
            context.load_cert_chain(config.store_cert, config.store_key, password=_no_password)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise UserFacingError(
            "The files for TLS with the store cannot be used.",
            f"The system says: {error}.",
            "Give --store-ca the authority of etcd's certificates, and where etcd asks for one --store-cert this "
            "coordinator's certificate with its --store-key, all in PEM.",
            EXIT_USAGE,
        ) from None
    return context


def read_login(config: CoordinatorConfig) -> Login | None:
    """Return as whom we come to etcd, if as anybody; raise UserFacingError for a bad file."""
    if not config.store_user:
        return None
    if config.store_password:
        return Login(config.store_user, config.store_password)
    try:
        password = Path(config.store_password_file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _bad_password(
            config, f"The system says: {getattr(error, 'strerror', None) or 'it is no text'}."
        ) from None
    if not 1 <= len(password) <= LONGEST_PASSWORD or not password.isprintable():
        raise _bad_password(config, "It does not hold a password on a line.")
    return Login(config.store_user, password)


def _bad_password(config: CoordinatorConfig, why: str) -> UserFacingError:
    return UserFacingError(
        f"The file {config.store_password_file} cannot be used as password for the store.",
        why,
        "Write the password of --store-user into it, on one line.",
        EXIT_USAGE,
    )


def _no_password() -> str:
    raise ValueError("the key is encrypted")
