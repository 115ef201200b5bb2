"""Both rotations, with several coordinators on one store: none is the one that has to live, and nobody is refused.

In one loop with one clock, which the story moves on. Machines heartbeat and renew all the while, each at whichever
coordinator lives, and serve requests that come through all of them; every answer is looked at.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from coordinator_server.cli import main
from coordinator_server.enrolment import passphrase as strength
from coordinator_server.enrolment.passphrase import WEAKEST
from coordinator_server.keys import MESH_KEY_FILE
from node.program.errors import EXIT_USAGE, UserFacingError
from tests.support.etcd import Cluster, etcd_cluster
from tests.support.rotating import Mesh, phases, rotating_mesh, signer, until_all_are
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)
GIVEN = {"key_passphrase": "six words that were drawn at random"}
OLD, NEW = "six words that were drawn at random", "six quite other words that were drawn"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strength, "STRONGEST", WEAKEST)


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[Mesh]:
    async with rotating_mesh(tmp_path) as mesh:
        yield mesh


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with etcd_cluster() as cluster:
        yield cluster


@pytest.fixture
async def on_etcd(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Mesh]:
    async with rotating_mesh(tmp_path, str(cluster.address())) as mesh:
        yield mesh


async def until_they_know_one_another(mesh: Mesh) -> None:
    fleets = [room.coordinator.fleet for room in mesh.rooms.values()]
    others = len(fleets) - 1
    await eventually(lambda: all(len(fleet.others) == others for fleet in fleets), "they know one another")


async def test_who_begins_may_end_and_who_was_off_catches_up(mesh: Mesh) -> None:
    for name in ("a", "b", "c"):
        await mesh.start(name, **GIVEN)
    for name in ("a", "b", "c"):
        await mesh.join(f"w-{name}", home=name)
    await until_they_know_one_another(mesh)
    await mesh.beat()
    first, second = mesh.rooms["a"], mesh.rooms["b"]
    founding, authority = first.coordinator.keyring.keys.signing, signer(first).authority
    await mesh.end("c")
    await first.coordinator.key_rotation.rotate(force=False)
    assert second.coordinator.overlay is not None
    await second.coordinator.overlay.rotate(force=False)
    await until_all_are([first, second], "spreading", "spreading")
    mesh.check_all_believe_all()
    await mesh.beat()
    await mesh.end("a")
    fourth = await mesh.start("d", **GIVEN)  # in the middle of both
    assert phases(fourth) == ("spreading", "spreading") and not fourth.coordinator.keyring.lacking
    await mesh.take_steps("steady", "steady")
    for name in ("a", "c"):
        room = await mesh.start(name, **GIVEN)
        assert phases(room) == ("steady", "steady")
        assert room.coordinator.keyring.keys.signing != founding and signer(room).authority != authority
    await mesh.beat()
    mesh.check_all_believe_all()
    assert not mesh.key_files()


def passphrase_file(folder: Path, name: str, text: str) -> dict[str, str]:
    file = folder / name
    file.write_text(text + "\n")
    file.chmod(0o600)
    return {"key_passphrase_file": str(file)}


async def refusal(mesh: Mesh, name: str, **settings: str) -> UserFacingError:
    """Return why a coordinator does not start."""
    with pytest.raises(UserFacingError) as caught:
        await mesh.start(name, **settings)
    return caught.value


async def begin_both(mesh: Mesh) -> None:
    """Have one coordinator begin to rotate the mesh's key, and another one the authority; requests go on."""
    first, second, *_ = mesh.rooms.values()
    await first.coordinator.key_rotation.rotate(force=False)
    assert second.coordinator.overlay is not None
    await second.coordinator.overlay.rotate(force=False)
    await until_all_are([first, second], "spreading", "spreading")
    until = mesh.calls + 2 * len(mesh.rooms)
    await eventually(lambda: mesh.calls > until, "requests go on")


@pytest.mark.needs("etcd")
async def test_keys_in_etcd_are_sealed_rotated_and_sealed_anew_while_requests_go_on(
    on_etcd: Mesh, tmp_path: Path
) -> None:
    mesh, shared = on_etcd, passphrase_file(tmp_path, "shared", OLD)
    await mesh.start("a")
    for name in ("a", "b", "c", "d", "nowhere"):
        await mesh.join(f"w-{name}", home=name)
    shutil.copytree(tmp_path / "a", tmp_path / "with-old-file")
    await mesh.end("a")
    for name in ("a", "b", "c"):
        await mesh.start(name, **shared)
    assert mesh.key_files() == [f"with-old-file/{MESH_KEY_FILE}"], "what was in a file is sealed"
    await until_they_know_one_another(mesh)
    await mesh.beat()
    await mesh.call_on_and_on()

    # Both are rotated; one coordinator is started again in the middle.
    founding, authority = mesh.rooms["a"].coordinator.keyring.keys.signing, signer(mesh.rooms["a"]).authority
    await begin_both(mesh)
    await mesh.end("b")
    await mesh.beat()
    assert phases(await mesh.start("b", **shared)) == ("spreading", "spreading")
    await mesh.take_steps("steady", "steady")
    for room in mesh.rooms.values():
        assert room.coordinator.keyring.keys.signing != founding and signer(room).authority != authority

    # Who comes with a wrong passphrase, or with what has been rotated away, is told so and changes nothing.
    wrong = await refusal(mesh, "with-wrong-words", **passphrase_file(tmp_path, "wrong", "quite wrong"))
    assert "cannot be opened: the passphrase in " in str(wrong) and wrong.exit_code == EXIT_USAGE
    old = await refusal(mesh, "with-old-file")
    assert str(old).startswith("This coordinator cannot sign for its mesh.")
    assert "--key-passphrase-file" in str(old) and str(tmp_path / "with-old-file") in str(old)

    # The passphrase is changed while all run; they read their file again before the next rotation.
    changed = passphrase_file(tmp_path, "changed", NEW)
    words = ["keys", "reseal", "--store", mesh.store, "--data-dir", str(tmp_path / "a")]
    words += ["--key-passphrase-file", shared["key_passphrase_file"]]
    words += ["--new-passphrase-file", changed["key_passphrase_file"]]
    assert await asyncio.to_thread(main, words) == 0
    late = await refusal(mesh, "with-old-words", **passphrase_file(tmp_path, "old", OLD))
    assert "cannot be opened" in str(late)
    passphrase_file(tmp_path, "shared", NEW)
    await begin_both(mesh)
    await mesh.take_steps("steady", "steady")
    assert mesh.rooms["c"].coordinator.keyring.keys.progress == 6
    await mesh.start("d", **changed)
    await mesh.beat()
    mesh.check_all_believe_all()

    assert [machine.refused for machine in mesh.machines] == [[]] * len(mesh.machines)
    assert mesh.failures == []
    assert all(machine.served for machine in mesh.machines)
