"""The catalogue as workers are given it: signed by the mesh key of the moment."""

from __future__ import annotations

import hashlib

import msgspec

from coordinator_server.enrolment.mesh_keyring import MeshKeyring
from node.wire.manifests import Catalogue, SignedCatalogue, sign_catalogue

VERSION_CHARACTERS = 16


class CatalogueOffice:
    """Signs the catalogue anew when another key signs, under another version: workers then fetch it again."""

    def __init__(self, catalogue: Catalogue, keyring: MeshKeyring) -> None:
        self._catalogue = catalogue
        self._payload = msgspec.json.encode(catalogue)
        self._keyring = keyring
        self._signed: tuple[int, SignedCatalogue] | None = None
        self._version: tuple[bytes, str] | None = None

    @property
    def version(self) -> str:
        """Every heartbeat is told it, so it is made once for each key."""
        keys = self._keyring.keys
        key = keys.signing if keys.number else b""
        if self._version is None or self._version[0] != key:
            self._version = (key, hashlib.sha256(self._payload + key).hexdigest()[:VERSION_CHARACTERS])
        return self._version[1]

    @property
    def signed(self) -> SignedCatalogue:
        """Return the catalogue with its signature; raise no-signing-key."""
        number = self._keyring.keys.number
        if self._signed is None or self._signed[0] != number:
            self._signed = (number, sign_catalogue(self._catalogue, self._keyring))
        return self._signed[1]
