"""A tunnel is made at Cloudflare's once, found again, never takes what is another's, and is deleted whole."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from node.tunnel.cloudflared.api import CloudflareApi, CloudflareError
from node.tunnel.cloudflared.managed import ManagedTunnel, hostname_of, label_of
from tests.support.cloudflare_api import ACCOUNT, TOKEN, FakeCloudflare, fake_cloudflare

ORIGIN = "http://127.0.0.1:8000"
NAME = "worker.example.org"


@pytest.fixture
async def fake() -> AsyncIterator[FakeCloudflare]:
    async with fake_cloudflare() as made:
        yield made


@pytest.fixture
async def api(fake: FakeCloudflare) -> AsyncIterator[CloudflareApi]:
    async with aiohttp.ClientSession() as session:
        yield CloudflareApi(session, TOKEN, fake.url)


@pytest.fixture
def tunnel(api: CloudflareApi, tmp_path: Path) -> ManagedTunnel:
    return ManagedTunnel(api, ACCOUNT, "w1", tmp_path / "managed.json")


async def test_all_is_made_once_and_found_again(
    fake: FakeCloudflare, tunnel: ManagedTunnel, tmp_path: Path
) -> None:
    first = await tunnel.prepare(ORIGIN, NAME)
    (made,) = fake.living
    assert (first.url, first.token) == (f"https://{NAME}", fake.token_of(made["id"]))
    assert made["config_src"] == "cloudflare"
    assert fake.configurations[made["id"]]["ingress"] == [
        {"hostname": NAME, "service": ORIGIN},
        {"service": "http_status:404"},
    ]
    (record,) = fake.records.values()
    assert (record["type"], record["name"], record["content"]) == ("CNAME", NAME, f"{made['id']}.cfargotunnel.com")
    assert record["proxied"]
    fake.asked.clear()
    assert await tunnel.prepare(ORIGIN, NAME) == first
    assert fake.writes == [], "nothing is made or changed twice"
    kept = tmp_path / "managed.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert first.token not in kept.read_text()
    assert first.token not in repr(first)


async def test_another_port_changes_only_where_requests_go(fake: FakeCloudflare, tunnel: ManagedTunnel) -> None:
    await tunnel.prepare(ORIGIN, NAME)
    fake.asked.clear()
    await tunnel.prepare("http://127.0.0.1:9000", NAME)
    (made,) = fake.living
    assert fake.configurations[made["id"]]["ingress"][0]["service"] == "http://127.0.0.1:9000"
    assert len(fake.writes) == 1


@pytest.mark.parametrize("content", [b"{", None])
async def test_a_lost_file_leads_to_no_second_tunnel(
    fake: FakeCloudflare, tunnel: ManagedTunnel, tmp_path: Path, content: bytes | None
) -> None:
    first = await tunnel.prepare(ORIGIN, NAME)
    (tmp_path / "managed.json").unlink()
    if content is not None:
        (tmp_path / "managed.json").write_bytes(content)
    assert await tunnel.prepare(ORIGIN, NAME) == first
    assert len(fake.tunnels) == len(fake.records) == 1


async def test_a_tunnel_that_somebody_deleted_is_made_anew_with_its_name(
    fake: FakeCloudflare, tunnel: ManagedTunnel
) -> None:
    await tunnel.prepare(ORIGIN, NAME)
    fake.living[0]["deleted_at"] = "2026-11-01T10:00:00Z"
    again = await tunnel.prepare(ORIGIN, NAME)
    (made,) = fake.living
    assert again.token == fake.token_of(made["id"])
    (record,) = fake.records.values()
    assert record["content"] == f"{made['id']}.cfargotunnel.com"


async def test_a_name_that_was_taken_meanwhile_is_looked_up(fake: FakeCloudflare, tunnel: ManagedTunnel) -> None:
    first = await tunnel.prepare(ORIGIN, NAME)
    fake.living[0]["name"] = "hidden"  # as if two starts of one worker crossed one another
    fake.refuse("POST", 409, 1013, "You already have a tunnel with this name.")
    with pytest.raises(CloudflareError, match="1013"):
        await ManagedTunnel(tunnel._api, ACCOUNT, "w1", tunnel._file.with_name("other")).prepare(ORIGIN, NAME)
    fake.living[0]["name"] = "rma-mesh-w1"
    assert await tunnel.prepare(ORIGIN, NAME) == first


async def test_a_name_that_leads_elsewhere_is_not_taken(fake: FakeCloudflare, tunnel: ManagedTunnel) -> None:
    foreign = fake.add_record(NAME, "192.0.2.7", "A")
    with pytest.raises(CloudflareError, match="leads elsewhere") as caught:
        await tunnel.prepare(ORIGIN, NAME)
    assert caught.value.is_refusal
    assert "TUNNEL_HOSTNAME" in caught.value.hint
    assert fake.records[foreign]["content"] == "192.0.2.7"
    await tunnel.delete()
    assert list(fake.records) == [foreign]
    assert fake.living == [], "the tunnel that came to nothing is deleted all the same"


async def test_another_name_leaves_no_record_behind(fake: FakeCloudflare, tunnel: ManagedTunnel) -> None:
    await tunnel.prepare(ORIGIN, NAME)
    await tunnel.prepare(ORIGIN, "other.example.org")
    assert [record["name"] for record in fake.records.values()] == ["other.example.org"]
    assert len(fake.living) == 1


async def test_an_interrupted_start_is_taken_up(fake: FakeCloudflare, tunnel: ManagedTunnel) -> None:
    for part in ("POST /v4/accounts", "PUT", "POST /v4/zones"):
        fake.refuse(part, 500, 0, "Internal error")
        with pytest.raises(CloudflareError):
            await tunnel.prepare(ORIGIN, NAME)
    await tunnel.prepare(ORIGIN, NAME)
    assert len(fake.tunnels) == len(fake.records) == 1


async def test_to_leave_deletes_name_and_tunnel_and_nothing_else(
    fake: FakeCloudflare, tunnel: ManagedTunnel, tmp_path: Path
) -> None:
    foreign = fake.add_record("www.example.org", "192.0.2.7", "A")
    await tunnel.prepare(ORIGIN, NAME)
    fake.living[0]["connections"] = [{"id": "still counted"}]
    await tunnel.delete()
    assert fake.living == []
    assert list(fake.records) == [foreign]
    assert not (tmp_path / "managed.json").exists()
    fake.asked.clear()
    await tunnel.delete()
    assert fake.writes == []


async def test_to_leave_half_way_leaves_nothing_behind(
    fake: FakeCloudflare, tunnel: ManagedTunnel, tmp_path: Path
) -> None:
    for part in ("PUT", "POST /v4/zones"):
        fake.refuse(part, 500, 0, "Internal error")
        with pytest.raises(CloudflareError):
            await tunnel.prepare(ORIGIN, NAME)
        await tunnel.delete()
        assert (fake.living, fake.records) == ([], {})
    await tunnel.prepare(ORIGIN, NAME)
    (tmp_path / "managed.json").unlink()  # as if it had ended before it could write down what was made
    await tunnel.delete()
    assert fake.living == []


async def test_a_record_that_was_made_a_moment_before_the_end_is_deleted(
    fake: FakeCloudflare, tunnel: ManagedTunnel
) -> None:
    fake.refuse("POST /v4/zones", 500, 0, "Internal error")
    with pytest.raises(CloudflareError):
        await tunnel.prepare(ORIGIN, NAME)
    fake.add_record(NAME, f"{fake.living[0]['id']}.cfargotunnel.com")  # it was made, and only the answer got lost
    await tunnel.delete()
    assert (fake.living, fake.records) == ([], {})


async def test_a_name_that_was_given_away_meanwhile_stays(fake: FakeCloudflare, tunnel: ManagedTunnel) -> None:
    await tunnel.prepare(ORIGIN, NAME)
    (record,) = fake.records.values()
    record["content"] = "somewhere.else.example"
    await tunnel.delete()
    assert list(fake.records.values()) == [record]
    fake.records.clear()
    await tunnel.delete()


async def test_without_a_wish_the_name_is_the_worker_s_in_the_only_domain(
    fake: FakeCloudflare, tunnel: ManagedTunnel
) -> None:
    assert (await tunnel.prepare(ORIGIN, "")).url == "https://w1.example.org"
    fake.zones["z2"] = "example.com"
    with pytest.raises(CloudflareError, match=r"example\.com, example\.org"):
        await tunnel.prepare(ORIGIN, "")
    with pytest.raises(CloudflareError, match="in no domain"):
        await tunnel.prepare(ORIGIN, "worker.notexample.org")
    fake.zones.clear()
    with pytest.raises(CloudflareError, match="no domain"):
        await tunnel.prepare(ORIGIN, NAME)


async def test_the_most_exact_domain_is_used(fake: FakeCloudflare, tunnel: ManagedTunnel) -> None:
    fake.zones = {"z9": "org", "z1": "example.org"}
    await tunnel.prepare(ORIGIN, NAME)
    assert any("/zones/z1/dns_records" in asked for asked in fake.writes)


@pytest.mark.parametrize("worker_id", ["Büro_PC 7", "UPPER", "a.b", "-x-", "...", "w" * 64])
def test_every_worker_has_a_label_of_its_own(worker_id: str) -> None:
    label = label_of(worker_id)
    assert len(label) <= 63
    assert label.strip("-") == label
    assert label.replace("-", "").isalnum()
    assert label == label.lower()
    assert label != label_of(worker_id + "x")


def test_a_plain_id_is_its_own_label() -> None:
    assert label_of("w1-lounge") == "w1-lounge"
    assert label_of("W1-lounge") != "w1-lounge"


def test_the_name_is_taken_from_the_address_where_it_is_not_told() -> None:
    assert hostname_of("", "https://Worker.example.org:8443/") == "worker.example.org"
    assert hostname_of("A.example.org.", "https://b.example.org") == "a.example.org"
    assert hostname_of("", "") == ""
