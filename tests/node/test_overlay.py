"""A node's place in the overlay: what is kept, what is wanted of the keeper, what is told and asked for."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import msgspec
import pytest

from node import events as e
from node.config import NodeConfig
from node.forwarding.interface import Target
from node.kept_files import KeptFiles, KeptPlace
from node.overlay import NO_LIGHTHOUSE, Overlay, OverlayWitness
from node.vpn.settings import MAX_BLOCKED, facts_of
from node.wire.messages import VpnReport
from tests.support.overlay import Authority, FakeKeeper

CONFIG = NodeConfig(keyring=False)
BAD, WORSE = "ab" * 32, "cd" * 32


class Staged:
    """An overlay with its keeper and all events that it made."""

    def __init__(self, folder: Path, config: NodeConfig = CONFIG) -> None:
        self.events: list[e.Event] = []
        self.keepers: list[FakeKeeper] = []
        self.overlay = Overlay(config, folder, self.events.append, self._make)
        self.authority = Authority()

    def _make(self, *arguments: object) -> FakeKeeper:
        self.keepers.append(FakeKeeper(*arguments))  # type: ignore[arg-type]  # as MakeKeeper says
        return self.keepers[-1]

    @property
    def keeper(self) -> FakeKeeper:
        return self.keepers[0]

    def told(self, kind: type) -> list[e.Event]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
async def staged(tmp_path: Path) -> Staged:
    made = Staged(tmp_path)
    await made.overlay.load()
    made.overlay.start()
    return made


async def test_a_place_is_taken_with_our_ports_and_kept(staged: Staged, tmp_path: Path) -> None:
    overlay, keeper = staged.overlay, staged.keeper
    assert len(overlay.public_key) == 32
    await overlay.take(staged.authority.grant(overlay.public_key))
    assert keeper.applied == [], "before there is a session nothing is opened"
    overlay.enter(8001, 8469)
    assert keeper.wanted is not None
    assert (keeper.wanted.service_port, keeper.wanted.dht_port) == (8001, 8469)
    assert facts_of(keeper.wanted).interface.ip == IPv4Address("10.42.0.11")
    assert overlay.network == IPv4Network("10.42.0.0/16")
    assert [one.vpn_ip for one in overlay.lighthouses] == ["10.42.0.1"]
    again = Staged(tmp_path)
    await again.overlay.load()
    again.overlay.enter(8001, 8469)
    assert again.keeper.wanted == keeper.wanted, "after a restart it is the same, with no coordinator asked"
    overlay.leave()
    assert keeper.wanted is None


async def test_a_place_for_another_key_is_told_and_not_used(staged: Staged) -> None:
    staged.overlay.enter(8000, 8468)
    await staged.overlay.take(staged.authority.grant(b"\x09" + bytes(31)))
    (refused,) = staged.told(e.PlaceRefused)
    assert isinstance(refused, e.PlaceRefused)
    assert "another key" in refused.text
    assert staged.keeper.applied == []
    assert staged.overlay.key_to_renew("aa"), "so it is asked for again"


async def test_a_place_in_a_network_that_its_certificate_does_not_name_is_not_used(staged: Staged) -> None:
    """Who is in the granted network counts as a member, so that has to be the certificate's."""
    overlay = staged.overlay
    overlay.enter(8000, 8468)
    for lighthouses in ((), staged.authority.grant(overlay.public_key).lighthouses):
        good = staged.authority.grant(overlay.public_key, lighthouses=lighthouses)
        await overlay.take(msgspec.structs.replace(good, network="0.0.0.0/0"))
    assert ["0.0.0.0/0" in str(event) for event in staged.told(e.PlaceRefused)] == [True, True]
    assert (overlay.network, staged.keeper.applied) == (None, [])


async def test_a_kept_place_that_does_not_fit_the_key_is_asked_for_anew(tmp_path: Path) -> None:
    KeptFiles(tmp_path).save_place(KeptPlace(Authority().grant(b"\x09" + bytes(31))))
    staged = Staged(tmp_path)
    await staged.overlay.load()
    staged.overlay.enter(8000, 8468)
    assert staged.keeper.applied == []
    assert staged.overlay.key_to_renew("aa") == staged.overlay.public_key


async def test_without_a_lighthouse_there_is_nothing_to_open_and_nothing_to_ask_for(staged: Staged) -> None:
    overlay = staged.overlay
    overlay.enter(8000, 8468)
    await overlay.take(staged.authority.grant(overlay.public_key, lighthouses=()))
    assert staged.told(e.PlaceRefused) == [e.PlaceRefused(NO_LIGHTHOUSE)]
    assert staged.keeper.applied == []
    assert overlay.key_to_renew("aa") == b""
    assert overlay.key_to_renew("bb") == overlay.public_key, "when there is one, the version says so"


async def test_it_is_asked_for_again_after_a_pause_only(staged: Staged) -> None:
    overlay = staged.overlay
    assert overlay.key_to_renew("") == overlay.public_key
    assert overlay.key_to_renew("") == b""
    await overlay.take(staged.authority.grant(overlay.public_key))
    assert overlay.key_to_renew("aa") == b""
    assert overlay.key_to_renew("bb") == overlay.public_key, "what we had is there, so the pauses begin anew"
    assert overlay.key_to_renew("bb") == b""


async def test_blocked_certificates_reach_nebula_once(staged: Staged) -> None:
    overlay, keeper = staged.overlay, staged.keeper
    overlay.block([WORSE, BAD])
    overlay.enter(8000, 8468)
    await overlay.take(staged.authority.grant(overlay.public_key))
    assert keeper.wanted is not None
    assert keeper.wanted.blocklist == (BAD, WORSE)
    overlay.block([BAD, WORSE])
    assert len(keeper.applied) == 1
    many = [f"{number:064x}" for number in range(MAX_BLOCKED + 5)]
    overlay.block(many[::-1])
    assert keeper.wanted is not None
    assert keeper.wanted.blocklist == tuple(many[5:]), "those that are good for longest come first"


async def test_heartbeats_say_what_nebula_uses_and_not_what_it_should(staged: Staged) -> None:
    overlay, keeper = staged.overlay, staged.keeper
    overlay.enter(8000, 8468)
    assert overlay.report() == VpnReport(state="off")
    await overlay.take(staged.authority.grant(overlay.public_key))
    assert keeper.wanted is not None
    used = facts_of(keeper.wanted).fingerprint
    # While it does not run, as where it may not: what it would start with. A rotation shall not wait for ever.
    assert overlay.report() == VpnReport(state="off", certificate=used, bundle="cc")
    keeper.comes_up("127.0.0.2")
    assert overlay.report() == VpnReport(state="direct", certificate=used, bundle="cc")
    other = Authority().grant(overlay.public_key)
    await overlay.take(msgspec.structs.replace(other, bundle="dd"))
    assert overlay.report() == VpnReport(state="direct", certificate=used, bundle="")
    keeper.in_use = keeper.wanted
    report = overlay.report()
    assert report is not None
    assert (report.certificate != used, report.bundle) == (True, "dd")


async def test_put_out_of_the_mesh_and_taken_back(staged: Staged) -> None:
    overlay, keeper = staged.overlay, staged.keeper
    overlay.enter(8000, 8468)
    await overlay.take(staged.authority.grant(overlay.public_key))
    overlay.expel()
    assert keeper.view.phase == "revoked"
    overlay.readmit()
    assert keeper.applied[-2] is None
    assert keeper.wanted is not None


async def test_leaving_for_good_takes_another_key_and_no_place_along(staged: Staged, tmp_path: Path) -> None:
    overlay = staged.overlay
    key = overlay.public_key
    copy = tmp_path / "vpn" / "node.key"
    copy.parent.mkdir()
    copy.write_text("as Nebula reads it")
    overlay.enter(8000, 8468)
    await overlay.take(staged.authority.grant(key))
    await overlay.forget()
    assert staged.keeper.wanted is None
    assert overlay.public_key not in (key, b"")
    assert (overlay.network, overlay.lighthouses) == (None, ())
    assert not copy.exists()


async def test_what_happens_to_it_becomes_events(staged: Staged) -> None:
    staged.events.clear()
    staged.keeper.comes_up("127.0.0.2")
    staged.keeper.paths_change()
    staged.keeper.goes_down("no-udp", "Nothing answers.")
    changed, up, moved, changed_again, down = staged.events
    assert isinstance(changed, e.VpnChanged)
    assert (changed.vpn.state, changed.vpn.ip) == ("direct", "127.0.0.2")
    assert (up, moved, down) == (e.OverlayCameUp("127.0.0.2"), e.OverlayPathsChanged(), e.OverlayWentDown())
    assert isinstance(changed_again, e.VpnChanged)
    assert (changed_again.vpn.text, changed_again.vpn.ip) == ("Nothing answers.", None)


async def test_switched_off_nothing_is_made_kept_or_asked_for(tmp_path: Path) -> None:
    staged = Staged(tmp_path, NodeConfig(keyring=False, vpn="off"))
    overlay = staged.overlay
    await overlay.load()
    overlay.start()
    overlay.enter(8000, 8468)
    overlay.block([BAD])
    await overlay.take(staged.authority.grant(b"\x09" + bytes(31)))
    overlay.expel()
    overlay.readmit()
    await overlay.measure()
    assert (overlay.public_key, overlay.key_to_renew("aa")) == (b"", b"")
    assert (overlay.report(), overlay.peers()) == (None, ())
    await overlay.forget()
    await overlay.stop()
    assert staged.keepers == []
    assert list(tmp_path.iterdir()) == []
    (told,) = staged.events
    assert isinstance(told, e.VpnChanged)
    assert told.vpn.state == "off"
    assert "off" in told.vpn.text


async def test_a_request_that_found_nobody_in_the_overlay_has_it_looked_at(staged: Staged) -> None:
    witness = OverlayWitness(staged.overlay)
    witness.answered("w2", 0.5)
    witness.failed("w2")
    witness.unreachable("w2", Target("direct", "http://192.168.1.5:8000"))
    assert staged.keeper.doubted == 0
    witness.unreachable("w2", Target("vpn", "http://10.42.0.12:8000"))
    assert staged.keeper.doubted == 1


async def test_without_an_overlay_there_is_nothing_to_doubt(tmp_path: Path) -> None:
    staged = Staged(tmp_path, NodeConfig(keyring=False, vpn="off"))
    staged.overlay.doubt()
    assert staged.keepers == []
