"""Replacing the admin token of a coordinator that runs: it takes the new one at once, and says so in its log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from coordinator_server import admin_tokens
from coordinator_server.admin_client import ADMIN_FILE, AdminFile
from tests.support.front import Front, running_front
from tests.support.mesh_keys import Clock

ROTATE = "/api/admin/token/rotate"


async def status_with(front: Front, token: str) -> int:
    async with front.session.get(
        front.url + "/api/admin/keys", headers={"Authorization": f"Bearer {token}"}
    ) as answer:
        return answer.status


async def rotate(front: Front, **wish: Any) -> str:
    async with front.session.post(front.url + ROTATE, json=wish, headers=front.admin) as answer:
        assert answer.status == 201, await answer.text()
        assert answer.headers["Cache-Control"] == "no-store"
        return str((await answer.json())["token"])


async def test_the_new_token_counts_at_once_and_the_old_one_as_long_as_was_asked_for(tmp_path: Path) -> None:
    clock = Clock()
    async with running_front(tmp_path, clock) as front:
        old = front.coordinator.admin_token
        new = await rotate(front)
        assert (await status_with(front, new), await status_with(front, old)) == (200, 401)
        file = msgspec.json.decode((tmp_path / ADMIN_FILE).read_bytes(), type=AdminFile)
        assert file == AdminFile(front.url, new), "commands on this machine find it"
        newer = await rotate(front, grace=600)
        assert (await status_with(front, newer), await status_with(front, new)) == (200, 200)
        clock.now += 601
        assert (await status_with(front, newer), await status_with(front, new)) == (200, 401)
        lines = (await front.ask("GET", "/api/admin/audit?action=admin-token-rotated"))["audit"]
        assert [line["detail"] for line in lines] == [
            "the one before is useless",
            "the one before counts for 10 min",
        ]
        assert new not in str(lines)
        await front.ask("POST", ROTATE, {"grace": -1}, 422)
        await front.ask("POST", ROTATE, {"grace": 10**9}, 422)
    async with running_front(tmp_path, clock) as front:
        assert front.coordinator.admin_token == newer


async def test_of_many_who_replace_it_at_once_one_does(tmp_path: Path) -> None:
    async with running_front(tmp_path) as front:

        async def try_it() -> tuple[int, str]:
            async with front.session.post(front.url + ROTATE, json={}, headers=front.admin) as answer:
                return answer.status, str((await answer.json()).get("token", ""))

        told = await asyncio.gather(*(try_it() for _ in range(8)))
        (won,) = [token for status, token in told if status == 201]
        assert front.coordinator.admin_token == won
        assert {status for status, _ in told} <= {201, 401, 409}
        lines = (await front.ask("GET", "/api/admin/audit?action=admin-token-rotated"))["audit"]
        assert len(lines) == 1


@pytest.mark.parametrize("path", [ROTATE, "/api/admin/invites"])
async def test_a_request_that_was_begun_with_the_old_token_is_worth_nothing_after_it(
    tmp_path: Path, path: str
) -> None:
    async with running_front(tmp_path) as front:
        waits, let_go = asyncio.Event(), asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield b"{"
            waits.set()
            await let_go.wait()
            yield b"}"

        async def thief(headers: dict[str, str]) -> int:
            async with front.session.post(front.url + path, data=slowly(), headers=headers) as answer:
                return answer.status

        headers = {**front.admin, "Content-Type": "application/json"}
        checked = asyncio.Event()
        fits = front.coordinator.admin_tokens.fits

        def seen(shown: str) -> bool:
            checked.set()
            return fits(shown)

        front.coordinator.admin_tokens.fits = seen  # type: ignore[method-assign]  # to know when it has come in
        async with asyncio.TaskGroup() as group:
            theft = group.create_task(thief(headers))
            await waits.wait()
            await checked.wait()
            new = await rotate(front)
            let_go.set()
        assert theft.result() == 401
        assert front.coordinator.admin_token == new


async def test_a_token_from_the_settings_is_replaced_there(tmp_path: Path) -> None:
    async with running_front(tmp_path, admin_token="0123456789abcdef") as front:
        told = await front.ask("POST", ROTATE, {}, 409)
        assert "RMA_ADMIN_TOKEN" in told["detail"]
        assert await status_with(front, "0123456789abcdef") == 200


async def test_a_full_disk_leaves_the_old_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async with running_front(tmp_path) as front:
        old = front.coordinator.admin_token
        monkeypatch.setattr(admin_tokens, "write_private_file", fails)
        told = await front.ask("POST", ROTATE, {}, 503)
        assert "No space left" in told["detail"]
        assert await status_with(front, old) == 200
