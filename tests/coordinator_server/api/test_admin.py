"""What the operator may see and do; what others may not; and that every action is in the audit log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from coordinator_server.enrolment.workers import PREFIX
from node.wire.invites import parse_code, parse_link
from tests.support.front import Front, running_front, standing_clock

PATHS = [
    ("GET", "/api/admin/status"), ("GET", "/api/admin/doctor"), ("GET", "/api/admin/workers"),
    ("GET", "/api/coordinator/workers"), ("GET", "/api/admin/gaps"), ("GET", "/api/admin/plan"),
    ("GET", "/api/admin/audit"), ("GET", "/api/admin/invites"), ("POST", "/api/admin/invites"),
    ("GET", "/api/admin/keys"), ("POST", "/api/admin/keys"), ("POST", "/api/admin/backup"),
    ("POST", "/api/admin/workers/x/revoke"), ("DELETE", "/api/admin/keys/x"),
]  # fmt: skip


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with running_front(tmp_path) as made:
        yield made


async def actions(front: Front) -> list[str]:
    return [entry["action"] for entry in (await front.ask("GET", "/api/admin/audit"))["audit"]]


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize("shown", ["", "Bearer ", "Bearer wrong", "Basic {}", "{}"])
async def test_nobody_else_gets_in(front: Front, method: str, path: str, shown: str) -> None:
    headers = {"Authorization": shown.replace("{}", front.coordinator.admin_token)} if shown else {}
    async with front.session.request(method, front.url + path, headers=headers) as answer:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_an_api_key_is_no_admin_token_and_the_admin_token_is_no_api_key(front: Front) -> None:
    key = (await front.key())["X-API-Key"]
    async with front.session.get(
        front.url + "/api/admin/keys", headers={"Authorization": f"Bearer {key}"}
    ) as answer:
        assert answer.status == 401
    async with front.session.post(front.url + "/service/echo", headers=front.admin) as answer:
        assert answer.status == 401


async def test_guessing_the_token_is_slowed_down_and_audited_once(tmp_path: Path) -> None:
    statuses = []
    async with running_front(tmp_path, standing_clock()) as front:
        for _ in range(6):
            async with front.session.get(
                front.url + "/api/admin/keys", headers={"Authorization": "Bearer no"}
            ) as answer:
                statuses.append(answer.status)
        assert statuses == [401] * 5 + [429]
        assert (await actions(front)).count("admin-refused") == 1


async def test_an_invite_is_made_listed_used_and_revoked(front: Front) -> None:
    made = await front.ask(
        "POST",
        "/api/admin/invites",
        {"uses": 2, "expires_in": 3600, "trust": "vetted", "services": ["mirror"]},
        201,
    )
    assert parse_link(made["link"]).invite == parse_code(made["code"])
    assert parse_link(made["link"]).coordinator == front.coordinator.info.url
    assert (made["uses"], made["trust"], made["services"]) == (2, "vetted", ["echo"])
    (listed,) = (await front.ask("GET", "/api/admin/invites"))["invites"]
    assert (listed["id"], listed["status"], listed["used"], listed["uses"]) == (made["id"], "open", 0, 2)
    assert "code" not in listed
    assert (await front.ask("DELETE", f"/api/admin/invites/{made['id']}"))["status"] == "revoked"
    assert (await front.ask("GET", "/api/admin/invites"))["invites"][0]["status"] == "revoked"
    await front.ask("DELETE", "/api/admin/invites/nothing", status=404)
    assert await actions(front) == ["invite-created", "invite-revoked"]


async def test_a_spent_invite_says_so(front: Front) -> None:
    await front.join("alpha")
    (listed,) = (await front.ask("GET", "/api/admin/invites"))["invites"]
    assert (listed["status"], listed["used"]) == ("spent", 1)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("invites", {"uses": 0}, "uses"),
        ("invites", {"uses": "many"}, "uses"),
        ("invites", {"expires_in": 0}, "expires_in"),
        ("invites", {"trust": "blind"}, "trust"),
        ("invites", {"services": ["unheard-of"]}, "services"),
        ("keys", {}, "name"),
        ("keys", {"name": ""}, "name"),
        ("keys", {"name": "x", "rate": "lots"}, "rate"),
        ("keys", {"name": "x", "services": ["unheard-of"]}, "services"),
        ("keys", {"name": "x", "expires_in": -5}, "expires_in"),
    ],
)
async def test_a_wrong_wish_is_422_and_names_the_field(front: Front, path: str, body: Any, field: str) -> None:
    document = await front.ask("POST", f"/api/admin/{path}", body, 422)
    assert document["type"].endswith("/invalid-body")
    assert field in document["field"] or field in document["detail"]
    assert await actions(front) == []


async def test_broken_json_is_400(front: Front) -> None:
    async with front.session.post(front.url + "/api/admin/keys", data=b"{nope", headers=front.admin) as answer:
        assert answer.status == 400


async def test_a_key_is_made_listed_without_its_secret_and_revoked(front: Front) -> None:
    made = await front.ask(
        "POST", "/api/admin/keys", {"name": "website", "services": ["mirror", "echo", "ner"]}, 201
    )
    assert made["key"].startswith(f"rma_{made['id']}_")
    assert (made["services"], made["rate"]) == (["echo", "ner-extraction"], "120/min")
    async with front.session.get(front.url + "/api/admin/keys", headers=front.admin) as answer:
        text = await answer.text()
        assert answer.headers["Cache-Control"] == "no-store"
    assert made["key"].split("_", 2)[2] not in text  # the secret itself may have underscores
    assert "hash" not in text
    (listed,) = (await front.ask("GET", "/api/admin/keys"))["keys"]
    assert (listed["id"], listed["name"], listed["status"]) == (made["id"], "website", "active")
    assert (await front.ask("DELETE", f"/api/admin/keys/{made['id']}"))["status"] == "revoked"
    await front.ask("DELETE", f"/api/admin/keys/{made['id']}", status=404)
    assert await actions(front) == ["key-created", "key-revoked"]


async def test_workers_are_shown_with_all_that_the_operator_may_know(front: Front) -> None:
    worker = await front.join("Mary's laptop", load=0.5)
    listed = await front.ask("GET", "/api/admin/workers")
    assert listed["count"] == 1
    assert await front.ask("GET", "/api/coordinator/workers") == listed
    shown = await front.ask("GET", f"/api/admin/workers/{worker.worker_id}")
    assert shown == listed["workers"][0]
    assert (shown["name"], shown["status"], shown["trust"]) == ("Mary's laptop", "active", "vetted")
    assert (shown["services"], shown["assigned"], shown["load"]) == (["echo"], ["echo"], 0.5)
    assert shown["endpoints"]["direct_hosts"] == ["127.0.0.1"]
    assert shown["capabilities"]["addresses"][0]["address"] == "192.0.2.77"
    assert shown["address"] == "127.0.0.1"
    await front.ask("GET", "/api/admin/workers/nobody", status=404)


async def test_a_worker_is_approved_drained_undrained_and_revoked(front: Front) -> None:
    worker = await front.join("alpha", trust="volunteer")
    base = f"/api/admin/workers/{worker.worker_id}"
    await front.ask("POST", f"{base}/approve")
    assert (await front.ask("GET", base))["trust"] == "vetted"
    await front.ask("POST", f"{base}/drain")
    assert (await front.ask("GET", base))["status"] == "draining"
    assert (await worker.heartbeat())["draining"] is True
    await front.ask("POST", f"{base}/undrain")
    assert (await front.ask("GET", base))["status"] == "active"
    await front.ask("POST", f"{base}/revoke")
    gone = await front.ask("GET", base)
    assert (gone["status"], gone["services"]) == ("revoked", [])
    await worker.heartbeat(status=403)
    for action in ("approve", "drain", "undrain"):
        assert (await front.ask("POST", f"{base}/{action}", status=409))["type"].endswith("/conflict")
    await front.ask("POST", "/api/admin/workers/nobody/drain", status=404)
    found = await actions(front)
    expected = ["worker-approved", "worker-drained", "worker-undrained", "worker-revoked"]
    assert [action for action in found if action in expected] == expected


async def test_any_id_is_put_out_where_that_is_wished(front: Front) -> None:
    worker = await front.join("alpha")
    key = PREFIX + worker.worker_id
    await front.coordinator.store.put(key, b"?")
    await front.ask("POST", f"/api/admin/workers/{worker.worker_id}/drain", status=409)
    await front.ask("POST", f"/api/admin/workers/{worker.worker_id}/revoke")
    await worker.heartbeat(status=403)
    await front.ask("POST", "/api/admin/workers/lost/revoke", status=404)
    await front.ask("POST", "/api/admin/workers/lost/revoke", {"unknown": 1}, status=422)
    await front.ask("POST", "/api/admin/workers/coordinator-1/revoke", {"unknown": True}, status=422)
    assert (await front.ask("POST", "/api/admin/workers/lost/revoke", {"unknown": True}))["status"] == "revoked"
    assert set(front.coordinator.workers.blocklist.names) == {worker.worker_id, "lost"}


async def test_gaps_say_what_is_missing_and_why(front: Front) -> None:
    empty = await front.ask("GET", "/api/admin/gaps")
    assert {gap["service"] for gap in empty["gaps"]} == {m.name for m in front.coordinator.catalogue.manifests}
    assert all(gap["running"] == 0 and gap["wanted"] > 0 and gap["reason"] for gap in empty["gaps"])
    assert "echo" in empty["message"]
    await front.join("alpha")
    later = await front.ask("GET", "/api/admin/gaps")
    assert "echo" not in {gap["service"] for gap in later["gaps"]}


async def test_the_plan_says_that_nothing_has_to_move(front: Front) -> None:
    await front.join("alpha")
    plan = await front.ask("GET", "/api/admin/plan")
    assert (plan["moves"], "Nothing" in plan["message"]) == ([], True)


async def test_the_audit_log_is_read_in_pages_newest_last(front: Front) -> None:
    for number in range(3):
        await front.ask("POST", "/api/admin/keys", {"name": f"key {number}"}, 201)
    newest = (await front.ask("GET", "/api/admin/audit?limit=2"))["audit"]
    assert [entry["detail"] for entry in newest] == ["key 1", "key 2"]
    assert all(entry["address"] == "127.0.0.1" and entry["actor"] == "admin" for entry in newest)
    (older,) = (await front.ask("GET", f"/api/admin/audit?before={newest[0]['id']}"))["audit"]
    assert older["detail"] == "key 0"
    await front.ask("GET", "/api/admin/audit?limit=all", status=400)


async def test_status_counts(front: Front) -> None:
    await front.join("alpha")
    await front.key()
    status = await front.ask("GET", "/api/admin/status")
    assert (status["status"], status["keys"], status["invites_open"]) == ("ok", 1, 0)
    assert status["workers"] == {"total": 1, "active": 1, "stale": 0}
    assert status["services"]["echo"] == 1
    assert status["dht"]["node_id"]
