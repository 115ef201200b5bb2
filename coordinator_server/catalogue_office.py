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

    @property
    def version(self) -> str:
        keys = self._keyring.keys
        told = self._payload + (keys.signing if keys.number else b"")
        return hashlib.sha256(told).hexdigest()[:VERSION_CHARACTERS]

    @property
    def signed(self) -> SignedCatalogue:
        """Return the catalogue with its signature; raise no-signing-key."""
        number = self._keyring.keys.number
        if self._signed is None or self._signed[0] != number:
            self._signed = (number, sign_catalogue(self._catalogue, self._keyring))
        return self._signed[1]
