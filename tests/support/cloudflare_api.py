"""Cloudflare's API (v4) as far as tunnels need it, on loopback: paths, envelopes, codes and refusals of the real
one.

Sources: Cloudflare's API reference for cfd_tunnel, configurations, zones and DNS records, its page on rate
limits, and the codes that its users report (1013 name taken, 81053 record exists, 7003 no such account, 10000 and
9109 no rights).
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.web_site import web_site

TOKEN, ACCOUNT = "api-token-of-the-test", "699d98642c564d2e855e9661899b7252"
Handler = Any


def fine(result: Any) -> web.Response:
    return web.json_response({"success": True, "errors": [], "messages": [], "result": result})


def refused(status: int, code: int, message: str, **headers: str) -> web.Response:
    document = {
        "success": False, "errors": [{"code": code, "message": message}], "messages": [], "result": None,
    }  # fmt: skip
    return web.json_response(document, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})


@dataclass
class FakeCloudflare:
    """An account with zones, tunnels and DNS records, and what was asked of it."""

    url: str = ""
    zones: dict[str, str] = field(default_factory=lambda: {"z1": "example.org"})
    tunnels: dict[str, dict[str, Any]] = field(default_factory=dict)
    configurations: dict[str, Any] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    out_of_order: web.Response | None = None
    refuse_next: list[tuple[str, int, int, str, dict[str, str]]] = field(default_factory=list)
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    @property
    def living(self) -> list[dict[str, Any]]:
        return [one for one in self.tunnels.values() if one["deleted_at"] is None]

    @property
    def writes(self) -> list[str]:
        return [asked for asked in self.asked if not asked.startswith("GET")]

    def refuse(self, path_part: str, status: int, code: int, message: str, **headers: str) -> None:
        """Refuse the next request whose method and path contain this."""
        self.refuse_next.append((path_part, status, code, message, headers))

    def add_record(self, name: str, content: str, kind: str = "CNAME", comment: str = "") -> str:
        record_id = f"r{next(self.numbers)}"
        self.records[record_id] = {
            "id": record_id, "zone": "z1", "type": kind, "name": name, "content": content, "proxied": True,
            "comment": comment,
        }  # fmt: skip
        return record_id

    @web.middleware
    async def door(self, request: web.Request, handler: Handler) -> Any:
        asked = f"{request.method} {request.path}"
        self.asked.append(asked)
        for refusal in self.refuse_next:
            part, status, code, message, headers = refusal
            if part in asked:
                self.refuse_next.remove(refusal)
                return refused(status, code, message, **headers)
        given = request.headers.get("Authorization", "")
        if not given.startswith("Bearer ") or " " in given.removeprefix("Bearer "):
            return refused(400, 6003, "Invalid request headers")
        if given != f"Bearer {TOKEN}":
            return refused(403, 10000, "Authentication error")
        if request.match_info.get("account", ACCOUNT) != ACCOUNT:
            return refused(
                404, 7003, f"Could not route to {request.path}, perhaps your object identifier is invalid?"
            )
        return await handler(request)

    async def list_zones(self, request: web.Request) -> web.Response:
        wanted = request.query.get("name")
        found = [(key, name) for key, name in self.zones.items() if wanted in (None, name)]
        return fine([{"id": key, "name": name, "status": "active"} for key, name in found])

    async def list_tunnels(self, request: web.Request) -> web.Response:
        name, deleted = request.query.get("name"), request.query.get("is_deleted")
        found = [one for one in self.tunnels.values() if name in (None, one["name"])]
        if deleted is not None:
            found = [one for one in found if (one["deleted_at"] is not None) == (deleted == "true")]
        return fine([self.shown(one) for one in found])

    async def make_tunnel(self, request: web.Request) -> web.Response:
        document = await request.json()
        if any(one["name"] == document["name"] for one in self.living):
            text = "You already have a tunnel with this name. Delete the existing tunnel, or choose another."
            return refused(409, 1013, text)
        tunnel_id = f"c1744f8b-faa1-48a4-9e5c-{next(self.numbers):012d}"
        self.tunnels[tunnel_id] = {
            "id": tunnel_id, "account_tag": ACCOUNT, "name": document["name"], "deleted_at": None,
            "connections": [], "status": "inactive", "tun_type": "cfd_tunnel",
            "config_src": document.get("config_src", "local"),
        }  # fmt: skip
        return fine({**self.shown(self.tunnels[tunnel_id]), "token": self.token_of(tunnel_id)})

    def shown(self, tunnel: dict[str, Any]) -> dict[str, Any]:
        return {**tunnel, "remote_config": tunnel["config_src"] == "cloudflare"}

    def token_of(self, tunnel_id: str) -> str:
        return f"eyJ-token-of-{tunnel_id}"

    def tunnel(self, request: web.Request) -> dict[str, Any] | None:
        return self.tunnels.get(request.match_info["tunnel"])

    async def show_tunnel(self, request: web.Request) -> web.Response:
        found = self.tunnel(request)
        return refused(404, 1003, "Tunnel not found") if found is None else fine(self.shown(found))

    async def delete_tunnel(self, request: web.Request) -> web.Response:
        found = self.tunnel(request)
        if found is None or found["deleted_at"] is not None:
            return refused(404, 1003, "Tunnel not found")
        if found["connections"] and request.query.get("cascade") != "true":
            return refused(400, 1022, "Cannot delete tunnel because it has active connections")
        found["deleted_at"] = "2026-11-01T10:00:00Z"
        return fine(self.shown(found))

    async def show_token(self, request: web.Request) -> web.Response:
        found = self.tunnel(request)
        return refused(404, 1003, "Tunnel not found") if found is None else fine(self.token_of(found["id"]))

    async def show_configuration(self, request: web.Request) -> web.Response:
        tunnel_id = request.match_info["tunnel"]
        return fine({"tunnel_id": tunnel_id, "version": 1, "config": self.configurations.get(tunnel_id)})

    async def put_configuration(self, request: web.Request) -> web.Response:
        document = await request.json()
        ingress = document["config"]["ingress"]
        if not ingress or ingress[-1].get("hostname"):
            return refused(400, 1056, "The last ingress rule must match all URLs")
        self.configurations[request.match_info["tunnel"]] = document["config"]
        return fine({"tunnel_id": request.match_info["tunnel"], "config": document["config"]})

    async def list_records(self, request: web.Request) -> web.Response:
        name = request.query.get("name")
        return fine([record for record in self.records.values() if name in (None, record["name"])])

    async def make_record(self, request: web.Request) -> web.Response:
        document = await request.json()
        if any(record["name"] == document["name"] for record in self.records.values()):
            return refused(400, 81053, "An A, AAAA, or CNAME record with that host already exists.")
        record_id = self.add_record(document["name"], document["content"], document["type"], document["comment"])
        return fine(self.records[record_id])

    async def show_record(self, request: web.Request) -> web.Response:
        found = self.records.get(request.match_info["record"])
        return refused(404, 81044, "Record does not exist.") if found is None else fine(found)

    async def put_record(self, request: web.Request) -> web.Response:
        found = self.records.get(request.match_info["record"])
        if found is None:
            return refused(404, 81044, "Record does not exist.")
        found.update(await request.json())
        return fine(found)

    async def delete_record(self, request: web.Request) -> web.Response:
        found = self.records.pop(request.match_info["record"], None)
        return refused(404, 81044, "Record does not exist.") if found is None else fine({"id": found["id"]})

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self.door])
        tunnels, tunnel = "/v4/accounts/{account}/cfd_tunnel", "/v4/accounts/{account}/cfd_tunnel/{tunnel}"
        records, record = "/v4/zones/{zone}/dns_records", "/v4/zones/{zone}/dns_records/{record}"
        app.add_routes(
            [
                web.get("/v4/zones", self.list_zones),
                web.get(tunnels, self.list_tunnels),
                web.post(tunnels, self.make_tunnel),
                web.get(tunnel, self.show_tunnel),
                web.delete(tunnel, self.delete_tunnel),
                web.get(tunnel + "/token", self.show_token),
                web.get(tunnel + "/configurations", self.show_configuration),
                web.put(tunnel + "/configurations", self.put_configuration),
                web.get(records, self.list_records),
                web.post(records, self.make_record),
                web.get(record, self.show_record),
                web.put(record, self.put_record),
                web.delete(record, self.delete_record),
            ]
        )
        return app


@contextlib.asynccontextmanager
async def fake_cloudflare() -> AsyncIterator[FakeCloudflare]:
    """Serve an account of its own until the block ends."""
    fake = FakeCloudflare()
    async with web_site(fake.application()) as url:
        fake.url = url + "/v4"
        yield fake
