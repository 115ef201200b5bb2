"""Whose proof is not right is no entry point, and is asked so often and not more."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from coordinator_server.entry_points.office import SHORT
from coordinator_server.entry_points.table import Proved
from coordinator_server.front import FRONT
from node.wire.entry_points import PROOF, WITHDRAW, sign_challenge
from tests.support.coordinators import Room, Worker, coordinator_room
from tests.support.entry_points import answering, carry, entry, say, see_loopback
from tests.support.mesh_keys import NOW


async def here(room: Room, name: str) -> Worker:
    worker = await room.worker(name, trust="vetted")
    await worker.register()
    await worker.heartbeat("ner")
    return worker


def listed(room: Room) -> list[str]:
    return [one.worker_id for one in room.site.app[FRONT].entry_points.listed()]


async def test_nobody_can_name_another_ones_server(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path) as room, answering() as place:
        see_loopback(room)
        anna, bert = await here(room, "anna"), await here(room, "bert")
        place.proves(anna)
        answer = await entry(bert, place.url)
        assert (answer.status, answer.problem) == (422, "entry-point-unreached")
        assert "than this worker" in answer.json["detail"]
        assert listed(room) == []
        assert "entry-point-refused" in await room.actions()
        assert (await entry(anna, place.url)).status == 200
        assert listed(room) == ["anna"]
        assert "entry-point-proved" in await room.actions()


async def test_proofs_of_another_address_or_an_earlier_look_are_none(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path) as room, answering() as place:
        see_loopback(room)
        worker = await here(room, "anna")
        place.proves(worker, url="https://elsewhere.example.org")
        assert (await entry(worker, place.url)).problem == "entry-point-unreached"
        old = sign_challenge(worker.key, "anna", place.url, "n" * 32)
        place.answer = lambda _: web.json_response({PROOF: old})
        room.clock.now += 31
        assert (await entry(worker, place.url)).problem == "entry-point-unreached"
        assert listed(room) == []


async def test_it_is_looked_at_twice_a_minute_and_no_more(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path) as room, answering() as place, answering() as other:
        see_loopback(room)
        worker = await here(room, "anna")
        assert (await entry(worker, place.url)).status == 422
        place.proves(worker)
        answer = await entry(worker, place.url)
        assert (answer.status, answer.problem, answer.headers["Retry-After"]) == (429, "rate-limited", "30")
        room.clock.now += 30
        assert (await entry(worker, place.url)).status == 200
        assert (await entry(worker, other.url)).status == 429, "also for another address"
        assert (await say(worker, WITHDRAW)).status == 200
        assert (await entry(worker, place.url)).status == 429, "what was withdrawn is proved anew"
        assert (len(place.asked), len(other.asked)) == (2, 0)


async def test_a_lost_look_is_forgiven_and_another_ones_answer_is_not(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path) as room, answering() as place:
        see_loopback(room)
        worker = await here(room, "anna")
        place.proves(worker)
        assert (await entry(worker, place.url)).status == 200
        place.answer = lambda _: web.Response(status=502)
        room.clock.now += 31
        assert (await entry(worker, place.url)).status == 422
        assert listed(room) == ["anna"], "it may be by chance"
        place.answer = lambda _: web.json_response({"status": "ok"})
        room.clock.now += 31
        await worker.heartbeat("ner")
        assert (await entry(worker, place.url)).status == 422
        assert listed(room) == []


async def test_an_address_is_free_when_its_owner_is_gone_for_long(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path) as room, answering() as place:
        see_loopback(room)
        anna, bert = await here(room, "anna"), await here(room, "bert")
        place.proves(anna)
        assert (await entry(anna, place.url)).status == 200
        place.proves(bert)
        assert (await entry(bert, place.url)).problem == "conflict"
        room.clock.now += 121
        await bert.heartbeat("ner")
        assert (await entry(bert, place.url)).status == 200
        assert listed(room) == ["bert"]


async def test_a_tunnel_is_asked_by_its_name(tmp_path: Path) -> None:
    url = "https://four-words.trycloudflare.com"
    async with coordinator_room(tmp_path) as room, answering() as place:
        carry(room).ways[url] = place.url
        worker = await here(room, "anna")
        place.proves(worker, url)
        answer = await entry(worker, url.upper().replace("HTTPS", "https"))
        assert (answer.status, answer.json["access_url"], answer.json["insecure"]) == (200, url, False)
        assert answer.json["detail"] == ""


async def test_a_long_list_is_not_made_anew_for_everybody_who_asks(tmp_path: Path) -> None:
    async with coordinator_room(tmp_path) as room:
        office = room.site.app[FRONT].entry_points
        assert office.listed() is not office.listed()
        for number in range(SHORT + 1):
            office._table.prove(Proved(f"w{number}", "key", f"https://w{number}.example.org", NOW, NOW))
        office.listed()
        assert office._next_look > 0
        office._next_look = float("inf")
        assert office.listed() is office.listed()
