"""Checks before a coordinator starts: what would end badly is refused in one clear line, what may is logged."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

from coordinator_server.config import CoordinatorConfig
from coordinator_server.migrate import check_not_half_moved
from coordinator_server.operation.clocks import judge_clock, last_moment
from coordinator_server.operation.machine import (
    Condition,
    free_memory,
    judge_disk,
    judge_files,
    judge_memory,
    needed_files,
    open_files,
    read_disk,
)
from coordinator_server.operation.secrecy import check_owner, close_to_others, given_files
from coordinator_server.store.interface import Store
from node.program.errors import UserFacingError

log = logging.getLogger(__name__)

UNFINISHED = "restore.unfinished"  # stands in a data directory while a backup is put back


def check_before_holding(directory: Path) -> None:
    """Refuse a data directory in which we would do harm by our first file already."""
    tell(filter(None, [check_owner(directory)]))


def check_machine(config: CoordinatorConfig) -> None:
    """Look at the data directory, which we hold, and at the machine; raise UserFacingError where it will not do."""
    directory = config.directory
    limit, _ = open_files()
    tell(
        [
            *filter(None, [_check_restored(directory)]),
            *filter(None, [judge_disk(read_disk(directory), directory, config.min_free_disk)]),
            *close_to_others(directory),
            *given_files(config),
            *filter(
                None,
                [
                    judge_files(limit, needed_files(config.channels, config.relay_connections), 0),
                    judge_memory(free_memory()),
                ],
            ),
        ]
    )


async def check_store(store: Store, config: CoordinatorConfig, now: float) -> None:
    """Refuse a store that is half moved, or that tells us that our clock is wrong."""
    await check_not_half_moved(store)
    await check_clock(store, now, ignore=config.ignore_clock)


async def check_clock(store: Store, now: float, *, ignore: bool = False) -> None:
    """Compare the clock with the store's last word; with `ignore` it is only told."""
    found = judge_clock(now, await last_moment(store))
    if found is not None:
        tell([Condition(found.name, found.text, found.hint, fatal=found.fatal and not ignore)])


def tell(conditions: Iterable[Condition]) -> None:
    """Raise UserFacingError for the first that is fatal; log the others before."""
    for one in sorted(conditions, key=lambda one: one.fatal):
        if one.fatal:
            raise UserFacingError("The coordinator does not start.", one.text, one.hint)
        log.warning("%s %s", one.text, one.hint)


def _check_restored(directory: Path) -> Condition | None:
    if not (directory / UNFINISHED).exists():
        return None
    text = f"A restore into {directory} was cut off: what is there is not whole."
    hint = (
        "Run `rma-mesh-coordinator restore FILE` again. What was there before is in its folder before-restore-..."
    )
    return Condition("restore", text, hint, fatal=True)
