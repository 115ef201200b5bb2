"""Remembers peers in a JSON file, so that a node finds back into the mesh with every coordinator down."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
from kademlia.node import Node

from node.dht.messages import Address
from node.program.data_dir import write_private_file
from node.wire.messages import DhtContact

MOST = 64
MOST_BYTES = 64 * 1024
log = logging.getLogger(__name__)


class ContactsFile(msgspec.Struct, frozen=True):
    """The file's content."""

    contacts: Annotated[tuple[DhtContact, ...], msgspec.Meta(max_length=MOST)] = ()


def load(path: Path) -> list[Address]:
    """Return the addresses in the file; a file that is missing or broken is none, with a line in the log."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES)
        kept = msgspec.json.decode(data, type=ContactsFile)
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        log.warning("the DHT contacts in %s cannot be read and are not used: %s", path, error)
        return []
    return [(contact.host, contact.port) for contact in kept.contacts]


def save(path: Path, nodes: Iterable[Node]) -> None:
    """Replace the file; without a contact the old ones are kept, because they may come back."""
    contacts = tuple(DhtContact(host=node.ip, port=node.port) for node in nodes)[:MOST]
    if not contacts:
        return
    try:
        write_private_file(path, msgspec.json.encode(ContactsFile(contacts)))
    except OSError as error:
        log.warning("the DHT contacts cannot be saved in %s: %s", path, error)
