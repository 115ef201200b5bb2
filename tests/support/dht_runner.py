"""Runs some DHT nodes in a process of their own and obeys lines of JSON on stdin: for nodes in other networks.

    python -m tests.support.dht_runner MEMBERS.json HOST PORT [HOST:PORT to join through]...

The nodes listen on HOST, from PORT on, one port each. A line is {"do": "publish" | "find" | "look", "node": index,
"services": [...] or "service": name}, and each is answered by one line.
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
from tests.support.namespaces import Guest, Namespace


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
    """Some DHT nodes in a namespace, seen from a test; they are named by their workers."""

    def __init__(
        self,
        space: Namespace,
        mesh: Mesh,
        members: Sequence[Member],
        folder: Path,
        at: tuple[str, int],
        join: Sequence[tuple[str, int]] = (),
        **settings: float,
    ) -> None:
        self.names = tuple(member.subject for member in members)
        keys = [MemberKeys(one.subject, one.identity.private_bytes_raw(), one.credential) for one in members]
        path = folder / f"{space.name}.json"
        path.write_bytes(msgspec.json.encode(MembersFile(mesh.key.public_key().public_bytes_raw(), keys, settings)))
        argv = [sys.executable, "-m", "tests.support.dht_runner", str(path), at[0], str(at[1])]
        argv += [f"{host}:{port}" for host, port in join]
        self.guest: Guest = space.spawn(*argv, log=folder / f"{space.name}.log", talk=True)
        self.guest.read_line()  # says that all nodes listen

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
        answer = json.loads(self.guest.ask(json.dumps({"node": self.names.index(name), **command})))
        if "error" in answer:
            raise AssertionError(f"{name}: {answer['error']}\n{self.guest.log_text()}")
        return answer["is"]


async def obey(nodes: Sequence[DhtNode], names: Sequence[str], command: dict[str, Any]) -> Any:
    node, name = nodes[command["node"]], names[command["node"]]
    match command["do"]:
        case "publish":
            return await node.publish(worker(name), command["services"])
        case "find":
            return [record.worker_id for record in await node.find_service(command["service"])]
        case _:
            contacts = [f"{contact.host}:{contact.port}" for contact in node.contacts()]
            return {"contacts": contacts, "stats": msgspec.to_builtins(node.stats())}


async def run(path: Path, host: str, port: int, join: Sequence[tuple[str, int]]) -> None:
    file = msgspec.json.decode(path.read_bytes(), type=MembersFile)
    names = [member.subject for member in file.members]
    async with AsyncExitStack() as running:
        nodes = []
        for number, member in enumerate(file.members):
            node = DhtNode(
                identity=Ed25519PrivateKey.from_private_bytes(member.identity),
                mesh_public_key=Ed25519PublicKey.from_public_bytes(file.mesh_public_key),
                subject=member.subject,
                credential=member.credential,
                clock=time.time,
                settings=DhtSettings(**file.settings),  # type: ignore[arg-type]  # times, and whole numbers as floats
            )
            await node.start(host, port + number)
            running.push_async_callback(node.stop)
            node.set_bootstrap(join)
            nodes.append(node)
        await answer_lines(nodes, names)


async def answer_lines(nodes: Sequence[DhtNode], names: Sequence[str]) -> None:
    """Obey until stdin ends."""
    lines = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    print("ready", flush=True)
    while line := await lines.readline():
        try:
            answer = {"is": await obey(nodes, names, json.loads(line))}
        except Exception as error:
            answer = {"error": repr(error)}
        print(json.dumps(answer), flush=True)
    transport.close()


if __name__ == "__main__":
    to_join = [(host, int(port)) for host, _, port in (word.rpartition(":") for word in sys.argv[4:])]
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), to_join))
