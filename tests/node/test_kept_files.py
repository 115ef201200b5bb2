"""What a node keeps survives; what cannot be read is set aside and never loses anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.kept_files import KeptAssignment, KeptFiles, KeptPause, KeptPlace
from node.wire.manifests import SignedCatalogue
from node.wire.messages import VpnGrant
from tests.support.node_values import assignment


def test_pause_and_assignment_survive(tmp_path: Path) -> None:
    files = KeptFiles(tmp_path)
    assert files.pause() == KeptPause()
    assert files.assignment() is None
    kept = KeptAssignment(assignment("ner-extraction"), SignedCatalogue("{}", "signature"))
    files.save_pause(KeptPause(paused=True, until=5.0))
    files.save_assignment(kept)
    assert KeptFiles(tmp_path).pause() == KeptPause(paused=True, until=5.0)
    assert KeptFiles(tmp_path).assignment() == kept


@pytest.mark.parametrize("garbage", [b"", b"{", b"[]", b'{"paused": "perhaps"}', b"\xff\xfe"])
def test_an_unreadable_file_is_set_aside(tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / "pause.json"
    path.write_bytes(garbage)
    assert KeptFiles(tmp_path).pause() == KeptPause()
    assert path.with_suffix(".unreadable").read_bytes() == garbage


def test_the_place_in_the_overlay_survives(tmp_path: Path) -> None:
    assert KeptFiles(tmp_path).place() is None
    place = KeptPlace(VpnGrant(ip="10.42.0.9", network="10.42.0.0/16", ca="ca", bundle="b", certificate="c"))
    KeptFiles(tmp_path).save_place(place)
    assert KeptFiles(tmp_path).place() == place


def test_forgetting_leaves_nothing(tmp_path: Path) -> None:
    files = KeptFiles(tmp_path)
    files.save_pause(KeptPause(paused=True))
    grant = VpnGrant(ip="10.42.0.9", network="10.42.0.0/16", ca="ca", bundle="b", certificate="c")
    files.save_place(KeptPlace(grant))
    files.forget()
    files.forget()
    assert list(tmp_path.iterdir()) == []
