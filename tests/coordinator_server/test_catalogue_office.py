"""The catalogue is signed by whichever key signs for the mesh, and workers hear that it is another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.wire.manifests import ManifestError, open_catalogue
from tests.support.coordinators import CATALOGUE, coordinator_room


async def test_a_new_key_signs_it_anew_under_another_version(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path) as room:
        office, keyring = room.coordinator.catalogue_office, room.coordinator.keyring
        before, version = office.signed, office.version
        assert office.signed is before, "it is not signed again for everybody who asks"
        await room.coordinator.key_rotation.rotate(force=True)
        assert (office.signed, office.version) == (before, version)
        await room.coordinator.key_rotation.rotate(force=True)
        assert office.version != version
        after = office.signed
        for signed in (before, after):
            assert open_catalogue(signed, keyring.trust) == CATALOGUE
        await room.coordinator.key_rotation.rotate(force=True)
        assert office.signed is after
        with pytest.raises(ManifestError):
            open_catalogue(before, keyring.trust)
