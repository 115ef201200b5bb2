"""Frontends are told of workers that have proved their addresses, and get tokens for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from node.wire.client_tokens import LIFE, ClientTokenVerifier
from node.wire.entry_points import REGISTER, WITHDRAW
from node.wire.tokens import TokenError, TokenVerifier
from tests.support.coordinators import Room, Worker, coordinator_room
from tests.support.entry_points import answering, entry, say, see_loopback


async def listed(room: Room, path: str = "/entry-points", status: int = 200) -> Any:
    async with room.session.get(room.url + path) as answer:
        assert (answer.status, answer.headers["Cache-Control"]) == (status, "public, max-age=60")
        return await answer.json()


async def here(room: Room, name: str, trust: str = "vetted") -> Worker:
    worker = await room.worker(name, trust=trust)
    await worker.register()
    await worker.heartbeat("ner")
    return worker


async def test_a_worker_proves_its_address_is_listed_and_goes_stale(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path) as room, answering() as place:
        see_loopback(room)
        document = await listed(room, status=503)
        assert (document["entry_points"], document["count"]) == ([], 0)
        assert document["error"]
        assert document["timestamp"] > 0
        assert (await listed(room, "/api/entry-points"))["entry_points"] == []

        worker = await here(room, "alpha")
        place.proves(worker)
        answer = await entry(worker, place.url + "/", services=["ner"])
        assert answer.status == 200, answer.body
        assert (answer.json["listed"], answer.json["access_url"], answer.json["stale_after"]) == (
            True,
            place.url,
            120.0,
        )
        assert answer.json["insecure"]
        assert "not encrypted" in answer.json["detail"]
        (asked,) = place.asked
        assert asked.path == "/health"
        assert "Authorization" not in asked.headers
        document = await listed(room)
        assert document["entry_points"] == [
            {"worker_id": "alpha", "access_url": place.url, "services": ["ner"], "insecure": True}
        ]
        assert document["count"] == 1
        assert "error" not in document
        async with room.session.get(room.url + "/metrics") as metrics:
            text = await metrics.text()
        assert "rma_entry_points 1.0" in text
        assert 'rma_entry_point_probes_total{result="proved"} 1.0' in text

        assert (await entry(worker, place.url)).json["listed"]
        assert len(place.asked) == 1, "not asked again within 30 s"
        room.clock.now += 31
        assert (await entry(worker, place.url)).status == 200
        assert len(place.asked) == 2
        room.clock.now += 89
        await worker.heartbeat("ner")
        assert (await listed(room))["count"] == 1
        room.clock.now += 32
        await worker.heartbeat("ner")
        assert (await listed(room, status=503))["count"] == 0, "stale"


async def test_it_is_withdrawn_by_pause_drain_silence_and_revocation_and_by_its_own_word(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path) as room, answering() as place:
        see_loopback(room)
        worker = await here(room, "alpha")
        place.proves(worker)

        async def is_listed() -> bool:
            return bool((await listed(room, "/api/entry-points"))["count"])

        assert (await entry(worker, place.url)).status == 200
        assert await is_listed()
        await worker.heartbeat("ner", paused=True)
        assert not await is_listed()
        await worker.heartbeat("ner")
        assert await is_listed()
        await room.coordinator.workers.drain("alpha")
        assert not await is_listed()
        await room.coordinator.workers.drain("alpha", False)
        assert await is_listed()
        room.clock.now += 95
        assert not await is_listed(), "no heartbeat came"
        await worker.heartbeat("ner")
        assert await is_listed()
        assert (await say(worker, WITHDRAW)).status == 200
        assert not await is_listed()
        room.clock.now += 31
        assert (await entry(worker, place.url)).status == 200
        assert await is_listed()
        await room.coordinator.workers.revoke("alpha")
        assert not await is_listed()
        assert (await entry(worker, place.url)).status == 403


async def test_who_leaves_and_comes_back_with_another_key_has_proved_nothing(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path) as room, answering() as place:
        see_loopback(room)
        worker = await here(room, "alpha")
        place.proves(worker)
        assert (await entry(worker, place.url)).status == 200
        await worker.say("leave")
        assert (await listed(room, "/api/entry-points"))["count"] == 0
        await here(room, "alpha")
        assert (await listed(room, "/api/entry-points"))["count"] == 0


async def test_only_the_worker_itself_may_speak_and_only_vetted_ones_are_listed(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path) as room, answering() as place:
        see_loopback(room)
        worker = await here(room, "alpha", trust="volunteer")
        other = await here(room, "beta")
        place.proves(worker)
        answer = await entry(worker, place.url)
        assert (answer.status, answer.json["listed"]) == (200, False)
        assert "worker approve" in answer.json["detail"]
        await room.coordinator.workers.approve("alpha")
        assert (await entry(worker, place.url)).json["listed"]
        assert (await listed(room))["count"] == 1

        taken = await entry(other, place.url)
        assert (taken.status, taken.problem) == (409, "conflict")
        wishes: tuple[tuple[str, dict[str, Any]], ...] = ((REGISTER, {"access_url": place.url}), (WITHDRAW, {}))
        for path, body in wishes:
            assert (await say(other, path, **{"worker_id": "alpha", **body})).status == 403
            unsigned = await say(worker, path, signed=False, **body)
            assert (unsigned.status, unsigned.problem) == (401, "unauthorized")
        again = {"worker_id": "alpha", "access_url": place.url}
        plain = await worker.post(REGISTER, again)  # signed, but as another kind of request
        assert plain.status == 401
        assert (await listed(room))["count"] == 1
        assert "entry-point-refused" in await room.actions()


async def test_a_worker_that_has_not_registered_is_sent_to_do_so(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path) as room, answering() as place:
        see_loopback(room)
        worker = await room.worker("alpha", trust="vetted")
        answer = await entry(worker, place.url)
        assert (answer.status, answer.problem) == (404, "unknown-worker")
        assert not place.asked


@pytest.mark.parametrize(
    "url",
    [
        "ftp://worker.example.org",
        "https://user:word@worker.example.org",
        "https://worker.example.org/path",
        "https://worker.example.org?query=1",
        "https://worker.example.org#part",
        "http://worker.example.org",
        "http://127.0.0.2:8000",
        "http://10.42.0.7:8000",
        "http://169.254.169.254",
        "http://[::1]:8000",
        "http://192.168.0.1",
        "https://localhost:8000",
        "https://worker.internal",
        "http://8.8.8.8:25",
        "https://worker.example.org\r\nX-Evil: 1",
        "https://" + "a" * 400 + ".example.org",
    ],
)
async def test_what_is_no_public_address_is_refused_unasked(tmp_path: Path, url: str) -> None:
    async with coordinator_room(tmp_path) as room:
        worker = await here(room, "alpha")
        answer = await entry(worker, url)
        assert (answer.status, answer.problem) == (422, "invalid-body"), answer.body


async def test_an_api_key_is_changed_into_a_token_for_entry_points(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path) as room:
        key, text = await room.coordinator.keys.create("frontend", services=("ner",), rate="2/min")
        url = room.url + "/api/client-token"
        async with room.session.post(url) as answer:
            assert answer.status == 401
        async with room.session.post(url, headers={"X-API-Key": text}) as answer:
            assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
            document = await answer.json()
        assert document["expires_at"] == int(room.clock.now + LIFE)
        assert (document["services"], document["rate"]) == (["ner"], "2/min")
        coordinator = room.coordinator
        verifier = ClientTokenVerifier(coordinator.keyring.trust, room.clock)
        client = verifier.verify(document["token"])
        assert (client.sub, client.services, client.limit, client.seconds) == (key.id, ("ner",), 2, 60.0)
        with pytest.raises(TokenError):
            TokenVerifier(coordinator.keyring.trust, "rma-mesh:entry-point", room.clock).verify(document["token"])
        statuses = []
        for _ in range(3):
            async with room.session.post(url, headers={"X-API-Key": text}) as answer:
                statuses.append(answer.status)
        assert statuses == [200, 429, 429], "it counts as a request"
        room.clock.now += 3601
        with pytest.raises(TokenError, match="expired"):
            verifier.verify(document["token"])


async def test_a_token_does_not_outlive_its_key(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path) as room:
        _, text = await room.coordinator.keys.create("frontend", expires_at=room.clock.now + 60)
        async with room.session.post(room.url + "/api/client-token", headers={"X-API-Key": text}) as answer:
            assert (await answer.json())["expires_at"] == int(room.clock.now + 60)
