"""The operating system's keyring behind a time limit: backends block, prompt, lock, or are not there at all."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from types import ModuleType

T = TypeVar("T")

SERVICE = "rma-mesh"
TIME_LIMIT = 15.0  # seconds; a prompt that unlocks the keyring may be on somebody's screen


class KeyringUnavailable(Exception):  # noqa: N818 - it is a state of the system, often not an error
    """There is no keyring that keeps a secret for us now; the text says why."""


async def read(entry: str, time_limit: float = TIME_LIMIT) -> str | None:
    """Return the secret of an entry, or None; raise KeyringUnavailable."""
    return await _call(lambda keyring: keyring.get_password(SERVICE, entry), time_limit)


async def write(entry: str, secret: str, time_limit: float = TIME_LIMIT) -> None:
    """Store a secret and read it back; raise KeyringUnavailable where it was not kept."""

    def store(keyring: ModuleType) -> None:
        keyring.set_password(SERVICE, entry, secret)
        if keyring.get_password(SERVICE, entry) != secret:
            raise KeyringUnavailable("the system's keyring did not keep the key")

    await _call(store, time_limit)


async def delete(entry: str, time_limit: float = TIME_LIMIT) -> None:
    """Remove an entry that may or may not be there; raise KeyringUnavailable."""

    def remove(keyring: ModuleType) -> None:
        if keyring.get_password(SERVICE, entry) is not None:
            keyring.delete_password(SERVICE, entry)

    await _call(remove, time_limit)


async def _call(work: Callable[[ModuleType], T], time_limit: float) -> T:
    """Run `work(keyring)` in a thread of its own that a hanging backend may keep without keeping our program."""
    result: Future[T] = Future()
    threading.Thread(target=_work, args=(work, result), name="keyring", daemon=True).start()
    try:
        async with asyncio.timeout(time_limit):
            return await asyncio.wrap_future(result)
    except TimeoutError:
        raise KeyringUnavailable(f"the system's keyring did not answer within {time_limit:.0f} s") from None


def _work(work: Callable[[ModuleType], T], result: Future[T]) -> None:
    if not result.set_running_or_notify_cancel():
        return
    try:
        import keyring  # here: it looks for backends, which takes a while
        from keyring.backends.fail import Keyring as NoKeyring

        if isinstance(keyring.get_keyring(), NoKeyring):
            raise KeyringUnavailable("the system has no keyring")
        if type(keyring.get_keyring()).__module__.startswith("keyrings.alt"):
            raise KeyringUnavailable("the system's keyring would keep the key unprotected")
        result.set_result(work(keyring))
    except KeyringUnavailable as error:
        result.set_exception(error)
    except Exception as error:  # a backend may raise anything: D-Bus, ctypes and OS errors
        result.set_exception(KeyringUnavailable(f"the system's keyring cannot be used ({_first_line(error)})"))


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return (lines[0] if lines else type(error).__name__)[:200]
