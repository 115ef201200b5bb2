"""Has Cloudflare make a tunnel for this worker: the tunnel, where its requests go, and the name that leads to it.

Everything is looked up before it is made, so that a start that was interrupted, or a lost file, leaves no second
tunnel. A name that leads elsewhere is never taken over, and only what is ours is deleted.
https://developers.cloudflare.com/cloudflare-one/connections/connect-networks/get-started/create-remote-tunnel-api/
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from node.program.data_dir import write_private_file
from node.tunnel.cloudflared.api import CloudflareApi, CloudflareError

NAME_TAKEN = 1013
COMMENT = "made by rma-mesh"
OTHERWISE = {"service": "http_status:404"}
SET_HOSTNAME = "Give the name that shall lead here as TUNNEL_HOSTNAME, like worker.example.org."
log = logging.getLogger(__name__)


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What was made at Cloudflare's, kept to be found and deleted again; no secret is in it."""

    account_id: str
    tunnel_id: str
    zone_id: str = ""
    hostname: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A tunnel that is ready to be run."""

    url: str
    token: str = field(repr=False)


class ManagedTunnel:
    """The tunnel of one worker in one account."""

    def __init__(self, api: CloudflareApi, account_id: str, worker_id: str, file: Path) -> None:
        self._api = api
        self._account = f"/accounts/{account_id}"
        self._account_id = account_id
        self._worker_id = worker_id
        self._name = f"rma-mesh-{worker_id}"
        self._comment = f"{COMMENT} for {worker_id}"
        self._file = file

    async def prepare(self, origin: str, hostname: str) -> Prepared:
        """Make or find everything, so that the name leads to `origin`; raise CloudflareError."""
        kept = await asyncio.to_thread(_read, self._file, self._account_id)
        zone_id, hostname = await self._zone(hostname)
        tunnel_id, token = await self._tunnel(kept)
        kept = await self._keep(kept, tunnel_id=tunnel_id)
        await self._lead_to(tunnel_id, hostname, origin)
        if kept.hostname not in ("", hostname):
            await self._delete_record(kept)
        await self._keep(kept, zone_id=zone_id, hostname=hostname)
        await self._name_it(zone_id, hostname, tunnel_id)
        return Prepared(f"https://{hostname}", token)

    async def delete(self) -> None:
        """Delete what was made, be it only half; raise CloudflareError where that cannot be."""
        kept = await asyncio.to_thread(_read, self._file, self._account_id)
        tunnel_id = kept.tunnel_id if kept is not None else await self._find()
        if kept is not None:
            await self._delete_record(kept)
        if tunnel_id:
            # With cascade, connections that Cloudflare still counts are no hindrance.
            await self._api.delete(f"{self._account}/cfd_tunnel/{tunnel_id}", cascade="true")
        await asyncio.to_thread(self._file.unlink, missing_ok=True)

    async def _keep(self, kept: Kept | None, **changes: str) -> Kept:
        """Write down at once what was made: whatever comes next may fail."""
        base = kept or Kept(account_id=self._account_id, tunnel_id="")
        kept = msgspec.structs.replace(base, **changes)
        await asyncio.to_thread(write_private_file, self._file, msgspec.json.encode(kept))
        return kept

    async def _zone(self, hostname: str) -> tuple[str, str]:
        """Return the zone of a name, and the name; one of our own in the only zone, where none was wished."""
        if hostname:
            labels = hostname.split(".")
            for start in range(len(labels) - 1):
                zone = ".".join(labels[start:])
                if zone_id := (await self._zones(name=zone)).get(zone):
                    return zone_id, hostname
        found = await self._zones()
        if not found:
            raise CloudflareError("The API token can see no domain of that account.", SET_HOSTNAME, status=400)
        seen = ", ".join(sorted(found)[:10])
        if hostname:
            text = f"{hostname} is in no domain that the API token can see. It sees: {seen}."
            raise CloudflareError(text, SET_HOSTNAME, status=400)
        if len(found) > 1:
            raise CloudflareError(f"The account has several domains: {seen}.", SET_HOSTNAME, status=400)
        (zone,) = found
        return found[zone], f"{label_of(self._worker_id)}.{zone}"

    async def _zones(self, **query: str) -> Mapping[str, str]:
        """Return the ids of domains by their names, of the first 50 that there are."""
        zones = await self._api.get("/zones", **{"account.id": self._account_id, "per_page": "50", **query})
        return {str(zone["name"]): str(zone["id"]) for zone in zones}

    async def _tunnel(self, kept: Kept | None) -> tuple[str, str]:
        """Return a tunnel of ours and its token: the one that we know, or of our name, or a new one."""
        if kept is not None and await self._lives(kept.tunnel_id):
            return kept.tunnel_id, await self._token(kept.tunnel_id)
        if found := await self._find():
            return found, await self._token(found)
        document = {"name": self._name, "config_src": "cloudflare"}
        try:
            made = await self._api.post(f"{self._account}/cfd_tunnel", document)
        except CloudflareError as error:
            if NAME_TAKEN not in error.codes or not (found := await self._find()):
                raise
            return found, await self._token(found)
        return str(made["id"]), str(made.get("token") or "") or await self._token(str(made["id"]))

    async def _lives(self, tunnel_id: str) -> bool:
        try:
            found = await self._api.get(f"{self._account}/cfd_tunnel/{tunnel_id}")
        except CloudflareError as error:
            if error.status != 404:
                raise
            return False
        return found.get("deleted_at") is None

    async def _find(self) -> str:
        found = await self._api.get(f"{self._account}/cfd_tunnel", name=self._name, is_deleted="false")
        return next((str(one["id"]) for one in found if one.get("name") == self._name), "")

    async def _token(self, tunnel_id: str) -> str:
        return str(await self._api.get(f"{self._account}/cfd_tunnel/{tunnel_id}/token"))

    async def _lead_to(self, tunnel_id: str, hostname: str, origin: str) -> None:
        path = f"{self._account}/cfd_tunnel/{tunnel_id}/configurations"
        ingress = [{"hostname": hostname, "service": origin}, OTHERWISE]
        now = await self._api.get(path)
        if _rules(now) != [(rule.get("hostname", ""), rule["service"]) for rule in ingress]:
            await self._api.put(path, {"config": {"ingress": ingress}})

    async def _name_it(self, zone_id: str, hostname: str, tunnel_id: str) -> None:
        """Have the name lead to the tunnel."""
        target, records = f"{tunnel_id}.cfargotunnel.com", f"/zones/{zone_id}/dns_records"
        wanted = {
            "type": "CNAME", "name": hostname, "content": target, "proxied": True, "ttl": 1,
            "comment": self._comment,
        }  # fmt: skip
        found = await self._records(zone_id, hostname)
        for record in found:
            if record["type"] == "CNAME" and record["content"] == target and record.get("proxied"):
                return
        if not found:
            await self._api.post(records, wanted)
            return
        if len(found) == 1 and found[0].get("comment") == self._comment:  # of an earlier tunnel of ours
            await self._api.put(f"{records}/{found[0]['id']}", wanted)
            return
        raise CloudflareError(
            f"The name {hostname} leads elsewhere already.",
            "Delete its DNS record in Cloudflare's dashboard, or give another name as TUNNEL_HOSTNAME.",
            status=409,
        )

    async def _records(self, zone_id: str, hostname: str) -> list[dict[str, Any]]:
        found = await self._api.get(f"/zones/{zone_id}/dns_records", name=hostname, per_page="100")
        return [record for record in found if record["name"] == hostname]

    async def _delete_record(self, kept: Kept) -> None:
        """Delete the name's record, unless somebody has given the name to something else meanwhile."""
        if not kept.hostname:
            return
        records = f"/zones/{kept.zone_id}/dns_records"
        for record in await self._records(kept.zone_id, kept.hostname):
            if record.get("content") == f"{kept.tunnel_id}.cfargotunnel.com":
                await self._api.delete(f"{records}/{record['id']}")


def label_of(worker_id: str) -> str:
    """Return one label of a DNS name for a worker: Cloudflare's certificates cover one below the domain."""
    label = re.sub(r"[^a-z0-9-]+", "-", worker_id.lower()).strip("-")[:50].rstrip("-") or "worker"
    mark = hashlib.sha256(worker_id.encode()).hexdigest()[:8]
    return label if label == worker_id else f"{label}-{mark}"  # two workers never share one


def hostname_of(hostname: str, url: str) -> str:
    """Return the wished name: as such, or out of the URL that was told."""
    return (hostname or urlsplit(url).hostname or "").rstrip(".").lower()


def _rules(configuration: Any) -> list[tuple[str, str]]:
    rules = ((configuration or {}).get("config") or {}).get("ingress") or []
    return [(str(rule.get("hostname") or ""), str(rule.get("service") or "")) for rule in rules]


def _read(file: Path, account_id: str) -> Kept | None:
    try:
        kept = msgspec.json.decode(file.read_bytes(), type=Kept)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        log.warning("%s cannot be read: %s; the tunnel is looked for by its name", file, error)
        return None
    return kept if kept.account_id == account_id else None
