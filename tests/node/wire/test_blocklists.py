"""A signed blocklist: it is the mesh's, by whichever of its keys counts, or it is nothing."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.wire.blocklists import CONTEXT, BlocklistError, PutOut, SignedBlocklist, open_blocklist, sign_blocklist
from node.wire.encoding import b64encode
from node.wire.manifests import Catalogue, sign_catalogue
from node.wire.mesh_keys import MeshTrust, founded

OLD, NEW = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
BEGUN = founded(OLD.public_key().public_bytes_raw()).begin(OLD, NEW)
LISTED = PutOut(version=7, signed_at=5.0, workers=("eve",), certificates=("ab" * 32,))


def test_it_says_what_was_signed_and_by_which_key() -> None:
    trust = MeshTrust(BEGUN)
    assert open_blocklist(sign_blocklist(LISTED, OLD), trust) == (0, LISTED)
    assert open_blocklist(sign_blocklist(LISTED, NEW), trust) == (1, LISTED)
    trust.keys = BEGUN.onwards().onwards()
    with pytest.raises(BlocklistError, match="no key of this mesh has signed it"):
        open_blocklist(sign_blocklist(LISTED, OLD), trust)


def test_nothing_can_be_added_or_taken_away() -> None:
    trust, signed = MeshTrust(BEGUN), sign_blocklist(LISTED, OLD)
    for forged in (
        msgspec.structs.replace(signed, payload=signed.payload.replace("eve", "ada")),
        msgspec.structs.replace(signed, signature="A" * 86),
        msgspec.structs.replace(signed, signature="~"),
        sign_blocklist(LISTED, Ed25519PrivateKey.generate()),
        SignedBlocklist(signed.payload, sign_catalogue(Catalogue(), OLD).signature),
    ):
        with pytest.raises(BlocklistError):
            open_blocklist(forged, trust)


@pytest.mark.parametrize(
    "payload", ["", "[]", '{"version": -1}', '{"workers": ["a/b"]}', '{"certificates": ["AB"]}', '{"version": 1.5}']
)
def test_what_makes_no_sense_is_none_whoever_has_signed_it(payload: str) -> None:
    signed = SignedBlocklist(payload, b64encode(OLD.sign(CONTEXT + payload.encode())))
    with pytest.raises(BlocklistError, match="makes no sense"):
        open_blocklist(signed, MeshTrust(BEGUN))
