"""Enrolments: kept over a restart, changed only when the disk has it, and out means out everywhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from coordinator_server.audit import Audit
from coordinator_server.enrolment import kept_blocklist
from coordinator_server.enrolment.workers import PREFIX, Enrolment, Workers
from coordinator_server.store.interface import AuditLine, Change, Seen, StoreError, Versioned, Write
from coordinator_server.store.sqlite import SqliteStore, open_sqlite
from node.program.errors import UserFacingError
from node.program.tasks import TaskSet
from node.wire.problems import Problem
from tests.support.mesh_keys import NOW, Clock
from tests.support.waiting import eventually

WEEK = 7 * 86400.0


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await open_sqlite(tmp_path / "x.db")
    yield store
    await store.close()


async def loaded(store: SqliteStore, now: float = NOW) -> Workers:
    clock = Clock(now)
    workers = Workers(store, Audit(store, clock), clock, WEEK)
    await workers.load()
    return workers


async def admitted(store: SqliteStore, worker_id: str = "w-1", key: str = "key-1") -> Workers:
    workers = await loaded(store)
    enrolment = Enrolment(
        worker_id=worker_id, name="PC", identity_public_key=key, invite_id="i", trust="volunteer", enrolled_at=NOW
    )
    assert await workers.admit(enrolment, Write("spent", b""), AuditLine(time=NOW, actor="a", action="enrolled"))
    return workers


async def test_a_machine_is_known_by_id_and_key_also_after_a_restart(store: SqliteStore) -> None:
    for workers in (await admitted(store), await loaded(store)):
        assert len(workers) == 1
        assert [enrolment.worker_id for enrolment in workers] == ["w-1"]
        assert "w-1" in workers
        assert "W-1" not in workers
        found = workers.by_identity("key-1")
        assert found is not None
        assert found == workers.get("w-1")


async def test_an_id_is_taken_however_it_is_capitalised(store: SqliteStore) -> None:
    workers = await admitted(store, "Anna")
    assert workers.is_taken("anna")
    assert workers.is_taken("ANNA")
    assert not workers.is_taken("anne")


async def test_approve_and_drain_are_kept_and_told(store: SqliteStore) -> None:
    workers = await admitted(store)
    told: list[str] = []
    workers.changed = told.append
    assert (await workers.approve("w-1")).trust == "vetted"
    assert (await workers.drain("w-1")).draining
    assert (await workers.drain("w-1")).draining  # again is no change
    assert told == ["w-1", "w-1"]
    after = (await loaded(store)).get("w-1")
    assert after is not None
    assert (after.trust, after.draining) == ("vetted", True)
    assert not (await workers.drain("w-1", False)).draining
    actions = [line.action for line in await store.audit()]
    assert actions == ["worker-undrained", "worker-drained", "worker-approved", "enrolled"]


async def test_revoked_is_on_the_blocklist_and_cannot_be_found_by_key(store: SqliteStore) -> None:
    await admitted(store)
    workers = await loaded(store)
    for _ in range(2):
        await workers.revoke("w-1")
    again = workers.get("w-1")
    assert again is not None
    assert again.revoked
    for seen in (workers, await loaded(store)):
        assert seen.is_revoked("w-1")
        assert seen.by_identity("key-1") is None
        assert seen.get("w-1") == again
        assert (seen.blocklist.version, seen.blocklist.names) == (int(NOW * 1000), ("w-1",))


async def test_another_coordinators_revocations_are_taken_over_and_a_restored_list_counts_as_the_newest(
    store: SqliteStore,
) -> None:
    one = await admitted(store)
    other = await loaded(store)
    await one.revoke("w-1")
    assert other.blocklist.names == ()
    await other.prune()
    assert other.blocklist == one.blocklist
    told = one.blocklist.version
    await other.out.renumber()
    assert (other.blocklist.version, other.blocklist.names) == (told + 1, ("w-1",))
    assert (await loaded(store)).blocklist == other.blocklist
    await store.delete("blocklist")  # as in a backup of before
    again = await loaded(store, NOW + 3600)
    await again.out.renumber()
    assert (again.blocklist.version > told + 1, again.blocklist.names) == (True, ())


async def test_nobody_goes_from_the_blocklist_by_a_clock_that_is_in_doubt(store: SqliteStore) -> None:
    await (await admitted(store)).revoke("w-1")
    workers = await loaded(store, NOW + 3 * WEEK)
    workers.out.clock_in_doubt = lambda: True
    await workers.prune()
    longer = await workers.out.longer({"aa": NOW + 4 * WEEK}, (), [])
    assert (longer.names, longer.fingerprints, (await loaded(store)).blocklist.names) == (
        ("w-1",),
        ("aa",),
        ("w-1",),
    )
    workers.out.clock_in_doubt = lambda: False
    await workers.prune()
    assert (workers.blocklist.names, (await loaded(store)).blocklist.names) == ((), ())


async def test_a_blocklist_that_nobody_can_read_is_told_once_and_the_known_one_goes_on(
    store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    workers = await admitted(store)
    await workers.revoke("w-1")
    known = workers.blocklist
    await admitted(store, "w-2", "key-2")
    await workers.refresh("w-2")
    await store.put("blocklist", b'{"until":[')
    for _ in range(3):
        await workers.prune()
    assert workers.blocklist == known
    assert caplog.text.count("the blocklist in the store cannot be read") == 1
    with pytest.raises(UserFacingError, match="cannot be read in the store"):
        await loaded(store)
    await workers.revoke("w-2")
    assert (await loaded(store)).blocklist == workers.blocklist
    assert set(workers.blocklist.names) == {"w-1", "w-2"}


async def test_who_leaves_is_forgotten_but_its_credential_is_blocked(store: SqliteStore) -> None:
    workers = await admitted(store)
    await workers.remove("w-1", actor="worker:w-1")
    for seen in (workers, await loaded(store)):
        assert len(seen) == 0
        assert seen.by_identity("key-1") is None
        assert seen.is_revoked("w-1")
        assert seen.is_taken("W-1")
    assert [line.action for line in await store.audit()] == ["worker-left", "enrolled"]


async def test_unknown_workers_are_a_problem(store: SqliteStore) -> None:
    workers = await admitted(store)
    for call in (workers.approve("w-2"), workers.revoke("w-2"), workers.remove("w-2", actor="admin")):
        with pytest.raises(Problem, match="No worker with the id 'w-2'") as caught:
            await call
        assert caught.value.kind == "unknown-worker"


async def test_two_changes_at_once_are_both_kept(store: SqliteStore) -> None:
    workers = await admitted(store)
    await asyncio.gather(workers.approve("w-1"), workers.drain("w-1"))
    for seen in (workers, await loaded(store)):
        found = seen.get("w-1")
        assert found is not None
        assert (found.trust, found.draining) == ("vetted", True)


async def test_a_replacement_counts_only_for_what_nobody_else_has_changed(store: SqliteStore) -> None:
    workers, other = await admitted(store), await loaded(store)
    before = other.get("w-1")
    assert before is not None
    await workers.drain("w-1")
    after = msgspec.structs.replace(before, address="192.0.2.1")
    assert not await other.replace(before, after, None)
    seen = other.get("w-1")
    assert seen is not None
    assert seen.draining, "what is in the store is seen now"
    after = msgspec.structs.replace(seen, address="192.0.2.1")
    assert not await other.replace(seen, after, None, [Write("address/x", b"", 5)])
    assert await other.replace(seen, after, None, [Write("address/x", b"mine")])
    assert (await loaded(store)).get("w-1") == after == other.get("w-1")
    await workers.remove("w-1", actor="worker:w-1")
    assert not await other.replace(after, seen, None)
    assert other.get("w-1") is None


async def test_who_asked_may_go_away_meanwhile(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    workers = await admitted(store)
    begun, commit = asyncio.Event(), store.commit

    async def slow(writes: Sequence[Write], audit: Sequence[AuditLine] = ()) -> bool:
        begun.set()
        await asyncio.sleep(0.05)
        return await commit(writes, audit)

    monkeypatch.setattr(store, "commit", slow)
    tasks = TaskSet("test")
    revoking = tasks.start(workers.revoke("w-1"), "revoke")
    await begun.wait()
    revoking.cancel()
    await eventually(lambda: workers.is_revoked("w-1"), "the revocation counts")
    assert (await loaded(store)).is_revoked("w-1")


async def test_what_the_disk_refused_has_not_happened(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    workers = await admitted(store)

    async def full(writes: Sequence[Write], audit: Sequence[AuditLine] = ()) -> bool:
        raise StoreError("The disk is full, so nothing was saved.")

    monkeypatch.setattr(store, "commit", full)
    with pytest.raises(StoreError):
        await workers.revoke("w-1")
    assert not workers.is_revoked("w-1")


async def test_an_enrolment_that_cannot_be_read_keeps_nobody_from_hearing_of_the_others(
    store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    workers = await admitted(store, "w-1", "key-1")
    other = await loaded(store)
    await other.drain("w-1")
    bad = Change(PREFIX + "w-0", Versioned(b'{"role": "of a newer version"}', 1))
    entries = [Change(key, entry) for key, entry in await store.list(PREFIX)]
    await workers.take(Seen(9, [bad, *entries], whole=True))
    found = workers.get("w-1")
    assert found is not None
    assert found.draining
    assert workers.get("w-0") is None
    assert "'worker/w-0' of the store cannot be read" in caplog.text
    assert list(workers.unreadable.rows) == [PREFIX + "w-0"]
    await workers.take(Seen(10, [Change(PREFIX + "w-0", None)], whole=False))
    assert workers.unreadable.rows == {}


async def test_a_row_that_is_bad_at_the_start_stops_nobody_and_stays(store: SqliteStore) -> None:
    await admitted(store, "w-1", "key-1")
    bad = b'{"worker_id": "W-2", "trust": "of a newer version"}'
    await store.put(PREFIX + "w-2", bad)
    workers = await loaded(store)
    assert [enrolment.worker_id for enrolment in workers] == ["w-1"]
    assert list(workers.unreadable.rows) == [PREFIX + "w-2"]
    assert workers.is_taken("W-2"), "nobody else gets its id"
    assert await workers.refresh("W-2") is None
    with pytest.raises(Problem, match="No worker with the id"):
        await workers.drain("W-2")
    kept = await store.get(PREFIX + "w-2")
    assert kept is not None
    assert kept.value == bad


async def test_what_becomes_bad_meanwhile_goes_on_as_it_was_known_and_cannot_be_changed(store: SqliteStore) -> None:
    workers = await admitted(store)
    before = workers.get("w-1")
    assert before is not None
    await store.put(PREFIX + "w-1", b"?")
    assert await workers.refresh("w-1") == before
    with pytest.raises(Problem, match="cannot be read"):
        await workers.drain("w-1")
    with pytest.raises(Problem, match="cannot be read"):
        await workers.replace(before, before, None)
    kept = await store.get(PREFIX + "w-1")
    assert kept is not None
    assert kept.value == b"?"


async def test_an_id_is_put_out_whatever_its_row_says(store: SqliteStore) -> None:
    await admitted(store, "W-2", "key-2")
    await store.put(PREFIX + "w-2", b'{"worker_id": "W-2", "trust": "of a newer version", "more": [1]}')
    await store.put(PREFIX + "w-3", b"?")
    workers = await loaded(store)
    other = await loaded(store)
    told: list[str] = []
    workers.changed = told.append
    for worker_id in ("w-2", "w-3"):
        await workers.revoke(worker_id)
    assert workers.is_revoked("W-2"), "an operator may not know with which capitals it was let in"
    assert {"W-2", "w-3"} <= set(told)
    await other.prune()
    for seen in (workers, other, await loaded(store)):
        assert seen.is_revoked("W-2")
        assert seen.is_revoked("w-3")
    rows = [await store.get(PREFIX + worker_id) for worker_id in ("w-2", "w-3")]
    assert [row and row.value for row in rows] == [
        b'{"worker_id":"W-2","trust":"of a newer version","more":[1],"revoked_at":%s}' % msgspec.json.encode(NOW),
        b"?",
    ], "a version that can read it knows for good that it is out"
    assert [line.action for line in await store.audit()] == ["worker-revoked", "worker-revoked", "enrolled"]


async def test_who_is_known_yet_is_out_for_good_though_its_row_became_bad(store: SqliteStore) -> None:
    workers = await admitted(store)
    other = await loaded(store)
    await store.put(PREFIX + "w-1", b"?")
    await other.refresh("w-1")
    await workers.revoke("w-1")
    assert workers.unreadable.rows == {}, "the row can be read again"
    await store.put(PREFIX + "w-1", b"?")
    await other.prune()
    for seen in (workers, other):
        found = seen.get("w-1")
        assert found is not None
        assert found.revoked, "also when the blocklist has forgotten it"


async def test_an_id_of_which_nothing_is_known_is_put_out_where_that_is_wished(store: SqliteStore) -> None:
    workers = await admitted(store)
    with pytest.raises(Problem, match="No worker with the id 'lost'"):
        await workers.revoke("lost")
    await workers.revoke("lost", unknown=True)
    assert (await loaded(store)).is_revoked("lost")
    assert workers.is_taken("Lost")
    assert len(workers) == 1
    for nobody in ("coordinator-1a2b3c4d", "Coordinator-1", "a\nb", ""):
        with pytest.raises(Problem) as caught:
            await workers.revoke(nobody, unknown=True)
        assert caught.value.status == 422


async def test_who_is_not_found_while_the_store_is_in_doubt_is_not_gone(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = await admitted(store)
    before = workers.get("w-1")
    assert before is not None
    told: list[str] = []
    workers.changed = told.append
    doubt = [True]
    monkeypatch.setattr(SqliteStore, "in_doubt", property(lambda _: doubt[0]))
    await store.delete(PREFIX + "w-1")  # so says a member of etcd that is behind
    await workers.take(Seen(9, [], whole=True))
    assert await workers.refresh("w-1") == before
    for change in (workers.drain("w-1"), workers.replace(before, before, None), workers.revoke("w-2")):
        with pytest.raises(StoreError, match="may be there all"):
            await change
    await workers.prune()
    assert "w-1" in workers
    assert told == []
    doubt[0] = False
    await workers.prune()
    assert "w-1" not in workers, "it is looked up again when the store knows"
    assert told == ["w-1"]


async def test_what_is_older_is_not_believed_in_doubt_but_who_was_put_out_is_out(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = await admitted(store)
    older = await store.get(PREFIX + "w-1")
    assert older is not None
    after = await workers.approve("w-1")
    await store.put(PREFIX + "w-1", older.value)
    monkeypatch.setattr(SqliteStore, "in_doubt", True)
    assert await workers.refresh("w-1") == after
    await store.put(PREFIX + "w-1", msgspec.json.encode(msgspec.structs.replace(after, revoked_at=NOW)))
    await workers.refresh("w-1")
    assert workers.is_revoked("w-1")
    assert await workers.refresh("w-9") is None


async def test_whom_only_an_older_answer_knows_is_looked_up_again_when_the_store_knows(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = await loaded(store)
    await admitted(store)
    with monkeypatch.context() as patch:
        patch.setattr(SqliteStore, "in_doubt", True)
        assert await workers.refresh("w-1") is not None, "another coordinator may just have let it in"
    await store.delete(PREFIX + "w-1")  # or it has left long since
    assert set(workers.unsure) == {"w-1"}
    await workers.prune()
    assert "w-1" not in workers
    assert not workers.unsure


async def test_who_is_told_to_be_out_stays_out_whatever_older_answers_say(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = await admitted(store)
    known = workers.get("w-1")
    assert known is not None
    told: list[str] = []
    workers.changed = told.append
    monkeypatch.setattr(SqliteStore, "in_doubt", True)  # and its row says still that it is in
    out = msgspec.json.encode(msgspec.structs.replace(known, revoked_at=NOW))
    await workers.take(Seen(9, [Change(PREFIX + "w-1", Versioned(out, 9))], whole=False))
    assert workers.is_revoked("w-1")
    assert told == ["w-1"]
    await workers.refresh("w-1")
    assert workers.is_revoked("w-1")


async def test_nobody_is_let_in_as_who_is_put_out_at_this_moment(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers, commit = await loaded(store), SqliteStore.commit

    async def others_are_quicker(*arguments: Any) -> bool:
        monkeypatch.setattr(SqliteStore, "commit", commit)
        await admitted(store, "lost")
        return await commit(*arguments)

    monkeypatch.setattr(SqliteStore, "commit", others_are_quicker)
    await workers.revoke("lost", unknown=True)
    (enrolment,) = await loaded(store)
    assert enrolment.revoked, "also when the blocklist has forgotten it"


async def test_those_who_come_and_go_fill_the_blocklist_so_far_that_others_can_still_be_put_out(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_blocklist, "LARGEST_BY_CHOICE", 200)
    stays = await admitted(store, "w-0", "key-0")
    with pytest.raises(Problem, match="Too many machines have left") as caught:
        for number in range(1, 20):
            workers = await admitted(store, f"w-{number}", f"key-{number}")
            await workers.remove(f"w-{number}", actor="worker")
    assert caught.value.status == 503
    before = stays.get("w-0")
    assert before is not None
    with pytest.raises(Problem, match="changed their keys"):
        await stays.replace(before, before, None, outdated={"ab" * 32: NOW + WEEK})
    await stays.revoke("w-0")
    assert stays.is_revoked("w-0")
