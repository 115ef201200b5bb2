"""Moves all that a mesh's store knows from one engine to another, and goes on where it was cut off.

A mark in the target says from where it is being filled; no coordinator starts on a store with it. Entries and audit
lines are written in portions that may come twice, then all is read back and compared, and at last the mark goes.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import msgspec

from coordinator_server.admin_client import PROGRAM
from coordinator_server.config import SQLITE, CoordinatorConfig
from coordinator_server.fleet.fleet import HERE, PREFIX
from coordinator_server.store.etcd.address import parse_address
from coordinator_server.store.etcd.store import EtcdStore
from coordinator_server.store.interface import AuditLine, Store
from coordinator_server.store.opening import open_store
from coordinator_server.store.sqlite import FILE_NAME
from node.program.data_dir import hold_data_dir
from node.program.errors import EXIT_USAGE, UserFacingError

T = TypeVar("T")
MARK = "migrating"
PORTION = 100  # records
PAGE = 5000  # audit lines read at once
Tell = Callable[[str, int, int], None]  # what, how many of them, of how many


@dataclass(frozen=True, slots=True)
class Moved:
    """How much was moved and found again."""

    entries: int
    audit_lines: int
    kept: Path | None = None  # where the database is now that was in the way


async def migrate(
    source: CoordinatorConfig, target: CoordinatorConfig, *, agreed: Callable[[str], bool], tell: Tell
) -> Moved:
    """Move all from one store to the other; raise UserFacingError where that cannot be.

    `agreed` is asked before what is in the target is replaced.
    """
    origin, goal = named(source), named(target)
    if origin == goal:
        raise UserFacingError("The two stores are the same one.", f"Both are {origin}.", exit_code=EXIT_USAGE)
    if source.store == SQLITE and not (source.directory / FILE_NAME).exists():
        raise UserFacingError(
            f"There is no database in {source.directory}.", "", "Say with --data-dir where it is.", EXIT_USAGE
        )
    stop = "Nothing was moved. Stop all coordinators of this mesh, and run this again."
    with hold_data_dir(source.directory, PROGRAM, stop):
        async with opened(source) as from_store:
            await check_nobody_is_there(from_store, origin)
            await check_worth_moving(from_store, origin)
            kept = await make_room(target, origin, goal, agreed)
            async with opened(target) as to_store:
                moved = await move(from_store, to_store, origin, tell)
    return Moved(moved.entries, moved.audit_lines, kept)


def named(config: CoordinatorConfig) -> str:
    """Return what a store is called, without passwords: there are none in its address."""
    return f"sqlite in {config.directory}" if config.store == SQLITE else str(parse_address(config.store))


@contextlib.asynccontextmanager
async def opened(config: CoordinatorConfig) -> AsyncIterator[Store]:
    store = await open_store(config)
    try:
        yield store
    finally:
        await store.close()


async def make_room(
    target: CoordinatorConfig, origin: str, goal: str, agreed: Callable[[str], bool]
) -> Path | None:
    """Have a target that is empty or half filled from the same source; return where an older database is now."""
    async with opened(target) as store:
        await check_nobody_is_there(store, goal)
        if await half_moved_from(store) == origin or await is_empty(store):
            return None
        if not agreed(goal):
            room = "?prefix= of etcd" if isinstance(store, EtcdStore) else "--data-dir"
            raise UserFacingError(
                f"{goal} is not empty, so nothing was moved.",
                "Enrolments, keys and the audit log that are there would be lost.",
                f"Say --force and --yes to replace them, or name another {room}.",
                EXIT_USAGE,
            )
        if isinstance(store, EtcdStore):
            await store.empty()
            return None
    aside = Path(tempfile.mkdtemp(dir=target.directory, prefix=time.strftime("before-migrate-%Y%m%d-%H%M%S-")))
    for path in sorted(target.directory.glob(FILE_NAME + "*")):
        path.replace(aside / path.name)
    return aside


async def check_nobody_is_there(store: Store, name: str) -> None:
    """Raise UserFacingError where coordinators use a store: what they write now would be lost."""
    here = [key.removeprefix(PREFIX + HERE) for key, _ in await store.list(PREFIX + HERE)]
    if here:
        raise UserFacingError(
            f"Coordinators use {name} now.",
            f"They are {', '.join(here[:5])}.",
            "Stop all coordinators of this mesh. Who was killed counts as gone after 12 seconds.",
        )


async def check_worth_moving(store: Store, name: str) -> None:
    """Raise UserFacingError for a source that is not whole, or empty: the target would be lost for nothing."""
    await check_not_half_moved(store)
    if await is_empty(store):
        raise UserFacingError(
            f"There is nothing in {name}, so nothing was moved.",
            "No coordinator has written there.",
            "Look at the address in --from, its ?prefix= too, and at --data-dir.",
            EXIT_USAGE,
        )


async def check_not_half_moved(store: Store) -> None:
    """Raise UserFacingError for a store that a migration has not filled to its end."""
    mark = await store.get(MARK)
    if mark is not None:
        raise UserFacingError(
            "This store is only half filled: a migration into it was cut off.",
            f"It came from {mark.value.decode('utf-8', 'replace')[:200]}.",
            "Run the same `rma-mesh-coordinator migrate` once more; it goes on, and needs no --force.",
        )


async def move(source: Store, target: Store, origin: str, tell: Tell) -> Moved:
    """Make the target what the source is; `origin` says what the source is, for whoever finds a half-filled target.

    What the target holds is lost. Raise UserFacingError where what is read back is not what was written.
    """
    await check_not_half_moved(source)
    entries, lines = await source.kept(), await read_audit(source)
    await target.put(MARK, origin.encode())
    kept = {key for key, _ in entries}
    for key, _ in await target.kept():
        if key not in kept and key != MARK:
            await target.delete(key)
    await _bring(target, entries, lines, tell)
    await _verify(target, entries, lines)
    await target.delete(MARK)
    return Moved(len(entries), len(lines))


async def is_empty(store: Store) -> bool:
    return not await store.kept() and not await store.audit(1)


async def half_moved_from(store: Store) -> str | None:
    """Return from where a migration into this store came that was cut off."""
    mark = await store.get(MARK)
    return None if mark is None else mark.value.decode("utf-8", "replace")


async def read_audit(store: Store) -> Sequence[AuditLine]:
    """Return the whole audit log, the oldest line first."""
    lines: list[AuditLine] = []
    page = await store.audit(PAGE)
    while page:
        lines += page
        page = await store.audit(PAGE, before=page[-1].number)
    return lines[::-1]


def digest(entries: Sequence[tuple[str, bytes]], lines: Sequence[AuditLine]) -> bytes:
    """Return what two stores have in common only when they hold the same."""
    return sha256(msgspec.msgpack.encode((entries, lines))).digest()


async def _bring(
    target: Store, entries: Sequence[tuple[str, bytes]], lines: Sequence[AuditLine], tell: Tell
) -> None:
    for done, portion in _portions(entries):
        await target.bring(portion, ())
        tell("entries", done, len(entries))
    for done, some in _portions(lines):
        await target.bring((), some)
        tell("audit lines", done, len(lines))


async def _verify(target: Store, entries: Sequence[tuple[str, bytes]], lines: Sequence[AuditLine]) -> None:
    found = [(key, value) for key, value in await target.kept() if key != MARK]
    if digest(found, await read_audit(target)) != digest(entries, lines):
        raise UserFacingError(
            "What was written is not what is read back, so the migration does not count.",
            "Somebody else may use one of the two stores, or the target holds an audit log of its own.",
            "Stop all coordinators of this mesh, and run it once more; the source was not changed.",
        )


def _portions(found: Sequence[T]) -> Iterator[tuple[int, Sequence[T]]]:
    for start in range(0, len(found), PORTION):
        portion = found[start : start + PORTION]
        yield start + len(portion), portion
