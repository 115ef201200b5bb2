"""What the commands do that work on a store itself: moving it, and the mesh's keys that are sealed in it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from coordinator_server.asking import agreed
from coordinator_server.commands import Arguments, config_file_of, directory_of, show
from coordinator_server.tables import plain, tell
from node.program.errors import EXIT_USAGE, UserFacingError


def migrate(arguments: Arguments) -> int:
    """Move all from one store to another; all coordinators of the mesh must be stopped."""
    import asyncio

    from coordinator_server import migrate as migration
    from coordinator_server.config import SQLITE, CoordinatorConfig
    from node.program.settings import load_settings

    names = ("data_dir", "log_format", "store_ca", "store_cert", "store_key", "store_user", "store_password_file")
    flags = {name: getattr(arguments, name) for name in names}
    for flag, store in (("--from", arguments.source), ("--to", arguments.target)):
        _check_store(store, flag)
    source, target = (
        load_settings(CoordinatorConfig, {**flags, "store": store}, os.environ, config_file_of(arguments))
        for store in (arguments.source, arguments.target)
    )

    def may_replace(goal: str) -> bool:
        for_good = " It is deleted there for good." if target.store != SQLITE else ""
        return bool(arguments.force and (arguments.yes or agreed(f"This replaces what {goal} holds.{for_good}")))

    def say_how_far(what: str, done: int, of: int) -> None:
        sys.stderr.write(f"{done} of {of} {what}\n")
        sys.stderr.flush()

    moved = asyncio.run(migration.migrate(source, target, agreed=may_replace, tell=say_how_far))
    document = {
        "entries": moved.entries,
        "audit_lines": moved.audit_lines,
        "kept": str(moved.kept) if moved.kept else None,
    }
    text = (
        f"{moved.entries} entries and {moved.audit_lines} audit lines were moved, read back and compared. Start "
        f"coordinators with --store {arguments.target} now. Keys are not in a store, unless they are sealed there "
        "under a passphrase: else a further coordinator needs a copy of mesh.key (and of mesh-next.key where there "
        "is one) in its data directory, and of nothing else."
    )
    text += f" What was there before is now in {moved.kept}." if moved.kept else ""
    return show(arguments, document, lambda: tell(plain(text)))


def _check_store(store: str, flag: str) -> None:
    """Say a wrong name of a store by the flag that it stands behind."""
    from coordinator_server.config import SQLITE
    from coordinator_server.store.etcd.address import ALLOWED, parse_address
    from node.program.settings import SettingError

    try:
        if store != SQLITE:
            parse_address(store)
    except ValueError:
        raise SettingError("store", store, ALLOWED, flag) from None


def reseal_keys(arguments: Arguments) -> int:
    """Seal the mesh's keys in the store under another passphrase, whether coordinators run or not."""
    from coordinator_server.enrolment.passphrase import weaknesses
    from coordinator_server.enrolment.resealing import reseal

    new = _new_passphrase(arguments)
    done = _with_sealed_keys(arguments, lambda store, old, audit, _: reseal(store, old, new, audit))
    for weakness in weaknesses(new):
        sys.stderr.write(f"{weakness}\n")
    document = {"keys": done.keys, "memory_bytes": done.memory}
    text = (
        "The mesh's keys are sealed under the new passphrase. Give it to every coordinator now: those that run "
        "serve on, but need it for the next rotation and when they start. Older backups open with the old "
        "passphrase: if somebody else knows that, delete them and rotate the mesh's key."
    )
    return show(arguments, document, lambda: tell(text))


def unseal_keys(arguments: Arguments) -> int:
    """Write the mesh's keys to files of the data directory."""
    from coordinator_server.enrolment.resealing import unseal

    names = _with_sealed_keys(
        arguments,
        lambda store, passphrase, audit, directory: unseal(
            store, passphrase, directory, audit, remove=arguments.remove
        ),
    )
    document = {"files": list(names), "removed": arguments.remove}
    text = f"Written: {', '.join(names)} in {directory_of(arguments)}. " + (
        "The store has them no more: every coordinator needs a copy before it starts again, without a passphrase."
        if arguments.remove
        else "A coordinator that starts there with the passphrase removes them again."
    )
    return show(arguments, document, lambda: tell(plain(text)))


def _new_passphrase(arguments: Arguments) -> Any:
    from coordinator_server.enrolment.passphrase import Passphrase

    new = Passphrase(os.environ.get("RMA_NEW_KEY_PASSPHRASE", ""), arguments.new_passphrase_file or "")
    if not new:
        raise UserFacingError(
            "There is no new passphrase.", "", "Give --new-passphrase-file, or RMA_NEW_KEY_PASSPHRASE.", EXIT_USAGE
        )
    return new


def _with_sealed_keys(arguments: Arguments, work: Callable[..., Awaitable[Any]]) -> Any:
    """Do something with store, passphrase, audit and data directory of a mesh."""
    import asyncio

    from coordinator_server.audit import Audit
    from coordinator_server.config import CoordinatorConfig
    from coordinator_server.enrolment.passphrase import passphrase_of
    from coordinator_server.migrate import opened
    from node.program.settings import load_settings

    names = (
        "data_dir", "log_format", "store", "store_ca", "store_cert", "store_key", "store_user",
        "store_password_file", "key_passphrase_file",
    )  # fmt: skip
    flags = {name: getattr(arguments, name) for name in names}
    config = load_settings(CoordinatorConfig, flags, os.environ, config_file_of(arguments))
    passphrase = passphrase_of(config)
    if not passphrase:
        raise UserFacingError(
            "There is no passphrase.", "", "Give --key-passphrase-file, or RMA_KEY_PASSPHRASE.", EXIT_USAGE
        )

    async def run() -> Any:
        async with opened(config) as store:
            return await work(store, passphrase, Audit(store, time.time), config.directory)

    return asyncio.run(run())
