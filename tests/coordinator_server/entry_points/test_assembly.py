"""A coordinator copies its entry points to Cloudflare where that is set, and says how that goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coordinator_server.entry_points.kv_sync import STORE_KEY
from coordinator_server.front import FRONT
from tests.support.cloudflare_kv import ACCOUNT, NAMESPACE, TOKEN, fake_kv
from tests.support.coordinators import coordinator_room
from tests.support.entry_points import answering, entry, see_loopback
from tests.support.waiting import eventually


async def test_a_coordinator_copies_its_list_and_tells_of_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password another\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))  # whose password is not sent in place of the token
    async with fake_kv() as fake, answering() as place:
        settings: dict[str, Any] = {
            "cf_account_id": ACCOUNT,
            "cf_kv_namespace_id": NAMESPACE,
            "cf_api_token": TOKEN,
        }
        async with coordinator_room(tmp_path, **settings, cf_api=fake.url) as room:
            see_loopback(room)
            copy = room.site.app[FRONT].copy
            await eventually(lambda: fake.asked == 1, "the empty list is written")
            worker = await room.worker("anna", trust="vetted")
            await worker.register()
            await worker.heartbeat("ner")
            place.proves(worker)
            assert (await entry(worker, place.url)).status == 200
            room.clock.now += 31
            await eventually(lambda: fake.entries == [place.url], "what has changed is written")
            await eventually(lambda: copy.writes == 2, "and counted")
            admin = {"Authorization": f"Bearer {room.coordinator.admin_token}"}
            async with room.session.get(room.url + "/metrics") as answer:
                assert "rma_entry_point_kv_writes_total 2.0" in await answer.text()
            async with room.session.get(room.url + "/api/admin/status", headers=admin) as answer:
                assert (await answer.json())["entry_points"] == 1
            async with room.session.get(room.url + "/api/admin/doctor", headers=admin) as answer:
                text = await answer.text()
            assert "directly: 1." in text
            assert TOKEN not in text
            entry_in_store = await room.coordinator.store.get(STORE_KEY)
            assert entry_in_store is not None
            assert TOKEN.encode() not in entry_in_store.value


async def test_without_settings_nothing_is_copied(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path) as room:
        copy = room.site.app[FRONT].copy
        assert (copy.writes, copy.failures, copy.standing()) == (None, 0, None)
        async with room.session.get(room.url + "/metrics") as answer:
            text = await answer.text()
        assert "rma_entry_points 0.0" in text
        assert "kv" not in text
