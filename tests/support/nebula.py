"""A mesh's certificates for tests, made by `nebula-cert`, and settings of the overlay out of them."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from collections.abc import Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from node.vpn.settings import Endpoint, FoundLighthouse, Lighthouse, Outside, Plan, VpnSettings

NETWORK = "10.42.0.0/16"


class NebulaMesh:
    """An authority that signs for anybody."""

    def __init__(self, folder: Path, network: str = NETWORK, *, duration: str = "24h") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._prefix = network.partition("/")[2]
        self._made = 0
        self._cert("ca", "-name", "mesh", "-duration", duration)

    @property
    def ca(self) -> str:
        return (self._folder / "ca.crt").read_text()

    def member(self, ip: str, *groups: str, duration: str = "12h", subnets: str = "") -> dict[str, Any]:
        """Return certificate and key of a new member, as fields of settings."""
        self._made += 1
        name = f"member-{self._made}"
        limits = ("-duration", duration, *(("-subnets", subnets) if subnets else ()))
        given = ",".join(groups or ("worker",))
        self._cert("sign", "-name", name, "-ip", f"{ip}/{self._prefix}", "-groups", given, *limits)
        return {
            "certificate": (self._folder / f"{name}.crt").read_text(),
            "private_key": (self._folder / f"{name}.key").read_text(),
            "ca": self.ca,
        }

    def worker(self, ip: str, lighthouses: dict[str, str], **more: Any) -> VpnSettings:
        """Return a worker's settings; `lighthouses` are overlay addresses and where they are outside."""
        duration = more.pop("duration", "12h")
        return VpnSettings(
            **{
                **self.member(ip, "worker", duration=duration),
                "lighthouses": tuple(
                    Lighthouse(IPv4Address(inner), (Endpoint(outer),)) for inner, outer in lighthouses.items()
                ),
                "relays": tuple(IPv4Address(inner) for inner in lighthouses),
                **more,
            }
        )

    def lighthouse(self, ip: str, **more: Any) -> VpnSettings:
        return VpnSettings(**self.member(ip, "coordinator"), role="lighthouse", **more)

    def _cert(self, *argv: str) -> None:
        subprocess.run(["nebula-cert", *argv], cwd=self._folder, check=True, capture_output=True, timeout=60)


@functools.cache
def shared_mesh() -> NebulaMesh:
    """Return one mesh for all tests of this process that only need certificates."""
    folder = tempfile.TemporaryDirectory(prefix="nebula-")
    mesh = NebulaMesh(Path(folder.name))
    mesh.kept = folder  # type: ignore[attr-defined]  # removed when this process ends
    return mesh


def plan_of(settings: VpnSettings, addresses: Sequence[str] = ("198.51.100.7",), **more: Any) -> Plan:
    """Return a plan whose lighthouses are at these addresses."""
    from node.vpn.manager import make_plan

    found = tuple(
        FoundLighthouse(one.ip, tuple(Outside(IPv4Address(at)) for at in addresses)) for one in settings.lighthouses
    )
    plan = make_plan(settings, found, more.pop("listen_port", settings.listen_port))
    import msgspec

    return msgspec.structs.replace(plan, **more)
