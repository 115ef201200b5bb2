"""Guessing the admin token: five wrong ones from an address, then none is looked at; others are not concerned."""

from __future__ import annotations

from pathlib import Path

from tests.support.front import Front, running_front
from tests.support.mesh_keys import Clock


async def show(front: Front, token: str, address: str = "") -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if address:
        headers["X-Forwarded-For"] = address
    async with front.session.get(front.url + "/api/admin/keys", headers=headers) as answer:
        if answer.status == 429:
            assert int(answer.headers["Retry-After"]) > 0
        return answer.status


async def test_who_guesses_has_to_wait_and_learns_nothing_meanwhile(tmp_path: Path) -> None:
    clock = Clock()
    async with running_front(tmp_path, clock) as front:
        right = front.coordinator.admin_token
        far, household = "2001:db8:1:1::7", "2001:db8:1:1::8"
        assert [await show(front, f"guess {number}", far) for number in range(5)] == [401] * 5
        assert [await show(front, "guess", far), await show(front, right, far)] == [429, 429]
        assert await show(front, right, household) == 429, "a household is one"
        assert await show(front, "", far) == 429
        assert await show(front, right, "192.0.2.1") == 200
        assert await show(front, right) == 200
        clock.now += 901
        assert await show(front, right, far) == 200
        lines = (await front.ask("GET", "/api/admin/audit?action=admin-refused"))["audit"]
        assert [(line["address"], line["outcome"]) for line in lines] == [(far, "refused")]


async def test_nobody_here_shuts_the_operator_out(tmp_path: Path) -> None:
    async with running_front(tmp_path, Clock()) as front:
        assert [await show(front, "guess") for _ in range(6)] == [401] * 5 + [429]
        assert await show(front, front.coordinator.admin_token) == 200


async def test_who_shows_nothing_has_not_guessed(tmp_path: Path) -> None:
    async with running_front(tmp_path, Clock()) as front:
        assert [await show(front, "") for _ in range(8)] == [401] * 8
