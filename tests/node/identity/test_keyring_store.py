from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring

from node.identity import keyring_store
from node.identity.keyring_store import KeyringUnavailable
from tests.support.keyrings import AltKeyring, ForgetfulKeyring, HangingKeyring, LockedKeyring, MemoryKeyring

Install = Callable[[KeyringBackend], None]


async def test_a_secret_is_written_read_and_deleted(install: Install) -> None:
    install(MemoryKeyring())
    assert await keyring_store.read("one") is None
    await keyring_store.write("one", "secret")
    assert await keyring_store.read("one") == "secret"
    await keyring_store.delete("one")
    await keyring_store.delete("one")
    assert await keyring_store.read("one") is None


@pytest.mark.parametrize(
    ("backend", "why"),
    [
        (NoKeyring, "has no keyring"),
        (LockedKeyring, "Failed to unlock the collection!"),
        (ForgetfulKeyring, "did not keep"),
        (AltKeyring, "unprotected"),
    ],
)
async def test_a_keyring_that_does_not_serve_is_unavailable_and_says_why(
    install: Install, backend: type[KeyringBackend], why: str
) -> None:
    install(backend())
    with pytest.raises(KeyringUnavailable, match=why) as caught:
        await keyring_store.write("one", "secret")
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_hanging_keyring_holds_up_neither_the_loop_nor_the_program(install: Install) -> None:
    backend = HangingKeyring()
    install(backend)
    reading = asyncio.get_running_loop().create_task(keyring_store.read("one", time_limit=600))
    for _ in range(10):
        await asyncio.sleep(0.01)
    assert not reading.done(), "the loop went on meanwhile"
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    async with asyncio.timeout(30):
        with pytest.raises(KeyringUnavailable, match="did not answer"):
            await keyring_store.read("one", time_limit=0.3)
    waiting = [thread for thread in threading.enumerate() if thread.name == "keyring"]
    assert all(thread.daemon for thread in waiting)
    backend.release.set()
    for thread in waiting:
        thread.join(30)
        assert not thread.is_alive()
