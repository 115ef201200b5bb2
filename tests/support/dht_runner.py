"""Runs some DHT nodes in a process of their own and obeys lines of JSON on stdin: for nodes in other networks.

    python -m tests.support.dht_runner MEMBERS.json HOST:PORT [HOST:PORT to join through]...

The nodes listen on HOST, from PORT on, one port each (0: any free ones), and join through the first of them where
nothing else is said. A line is {"do": "publish" | "find" | "look", "node": index, "services": [...] or "service":
name}, and each is answered by one line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from node.dht.node import DhtNode
from node.dht.settings import DhtSettings
from tests.support.dht_nodes import Member, Mesh, worker
from tests.support.line_program import LineProgram
from tests.support.namespaces import ROOT, Namespace


class MemberKeys(msgspec.Struct, frozen=True):
    """One member's secret and what the mesh signed about it."""

    subject: str
    identity: bytes
    credential: str


class MembersFile(msgspec.Struct, frozen=True):
    """Whom a runner plays, and with which settings."""

    mesh_public_key: bytes
    members: list[MemberKeys]
    settings: dict[str, float]


class DhtGroup:
    """Some DHT nodes in a program, seen from a test; they are named by their workers."""

    def __init__(self, program: LineProgram, names: Sequence[str]) -> None:
        self.program = program
        self.names = tuple(names)
        self.program.read_line()  # says that all nodes listen

    @classmethod
    def in_space(
        cls, space: Namespace, mesh: Mesh, members: Sequence[Member], folder: Path, *address: str, **settings: float
    ) -> DhtGroup:
        """Start nodes in a namespace; `address` is where they listen, then where they join: "host:port" each."""
        argv = _argv(mesh, members, folder / f"{space.name}.json", address, settings)
        return cls(
            space.spawn(*argv, log=folder / f"{space.name}.log", talk=True), [one.subject for one in members]
        )

    @classmethod
    def here(
        cls, mesh: Mesh, members: Sequence[Member], folder: Path, *address: str, **settings: float
    ) -> DhtGroup:
        """Start nodes on this machine."""
        argv = _argv(mesh, members, folder / "members.json", address, settings)
        program = LineProgram.start(argv, folder / "nodes.log", ROOT)
        return cls(program, [one.subject for one in members])

    def publish(self, name: str, *services: str) -> None:
        self._ask(name, do="publish", services=services)

    def find(self, name: str, service: str) -> set[str]:
        """Return the ids of the workers that this node finds for a service."""
        return set(self._ask(name, do="find", service=service))

    def contacts(self, name: str) -> int:
        return len(self.look(name)["contacts"])

    def look(self, name: str) -> dict[str, Any]:
        """Return the node's contacts and stats."""
        looked: dict[str, Any] = self._ask(name, do="look")
        return looked

    def _ask(self, name: str, **command: object) -> Any:
        answer = json.loads(self.program.ask(json.dumps({"node": self.names.index(name), **command})))
        if "error" in answer:
            raise AssertionError(f"{name}: {answer['error']}\n{self.program.log_text()}")
        return answer["is"]


def _argv(
    mesh: Mesh, members: Sequence[Member], path: Path, address: Sequence[str], settings: dict[str, float]
) -> list[str]:
    keys = [MemberKeys(one.subject, one.identity.private_bytes_raw(), one.credential) for one in members]
    path.write_bytes(msgspec.json.encode(MembersFile(mesh.key.public_key().public_bytes_raw(), keys, settings)))
    return [sys.executable, "-m", "tests.support.dht_runner", str(path), *address]


async def obey(nodes: Sequence[DhtNode], names: Sequence[str], command: dict[str, Any]) -> Any:
    node, name = nodes[command["node"]], names[command["node"]]
    match command["do"]:
        case "publish":
            return await node.publish(worker(name), command["services"])
        case "find":
            return [record.worker_id for record in await node.find_service(command["service"])]
        case _:
            contacts = [f"{contact.host}:{contact.port}" for contact in node.contacts()]
            return {"port": node.port, "contacts": contacts, "stats": msgspec.to_builtins(node.stats())}


async def run(path: Path, host: str, port: int, join: Sequence[tuple[str, int]]) -> None:
    """Run the nodes until stdin ends."""
    file = msgspec.json.decode(path.read_bytes(), type=MembersFile)
    async with AsyncExitStack() as running:
        nodes: list[DhtNode] = []
        for number, member in enumerate(file.members):
            node = DhtNode(
                identity=Ed25519PrivateKey.from_private_bytes(member.identity),
                mesh_public_key=Ed25519PublicKey.from_public_bytes(file.mesh_public_key),
                subject=member.subject,
                credential=member.credential,
                clock=time.time,
                settings=DhtSettings(**file.settings),  # type: ignore[arg-type]  # only times come this way
            )
            await node.start(host, port + number if port else 0)
            running.push_async_callback(node.stop)
            node.set_bootstrap(join or [(host, nodes[0].port if nodes else node.port)])
            nodes.append(node)
        await answer_lines(nodes, [member.subject for member in file.members])


async def answer_lines(nodes: Sequence[DhtNode], names: Sequence[str]) -> None:
    """Obey until stdin ends."""
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        try:
            answer = {"is": await obey(nodes, names, json.loads(line))}
        except Exception as error:
            answer = {"error": repr(error)}
        print(json.dumps(answer), flush=True)


def address_of(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), *address_of(sys.argv[2]), [address_of(word) for word in sys.argv[3:]]))
