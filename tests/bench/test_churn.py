"""A small mesh under churn: no request that may be repeated fails, and the client counts rightly."""

from __future__ import annotations

import asyncio
import json
import random
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from bench.churn_support.blows import Blow, blows, victim
from bench.churn_support.client import Client
from bench.churn_support.results import quantile

ROOT = Path(__file__).parents[2]
NODE_BLOWS = (Blow.KILL_NODE, Blow.END_NODE, Blow.KILL_SERVICE)
SEED = 1  # the first four blows are of all kinds, whatever the seed


@pytest.mark.processes
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="several processes share a port as Linux lets them")
def test_nothing_fails_while_nodes_are_killed_and_gateway_processes_replaced() -> None:
    done = subprocess.run(
        [
            sys.executable, ROOT / "bench" / "churn.py", "--json", "--seconds", "10", "--rate", "60",
            "--nodes", "3", "--workers", "2", "--pause", "0.5", "--gateways-pause", "4", "--blows", "4",
            "--connect-timeout", "30",
        ],
        capture_output=True,
        check=False,
        cwd=ROOT,
        text=True,
        timeout=800,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["failed"] == {}
    assert found["answered"] == found["sent"] > 0
    assert 0 <= found["lines_in_access_log"] - found["answered"] <= found["sent_again_by_client"]
    assert {*NODE_BLOWS, Blow.RENEW_GATEWAYS} <= found["blows"].keys()


def test_every_round_has_all_blows_and_the_last_two_nodes_are_spared() -> None:
    rng = random.Random(SEED)
    assert set(islice(blows(rng), 4)) == set(NODE_BLOWS)
    assert victim(rng, {"a", "b"}) is None
    assert {victim(rng, {"a", "b", "c"}) for _ in range(200)} == {"a", "b", "c"}


class Server:
    """Answers each request with the next of the given bytes, or rightly; without any it hangs up."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.seen: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while self.answers:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                if b"Content-Length: " in head:
                    await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
            except asyncio.IncompleteReadError:
                break
            self.seen.append(head)
            answer = self.answers.pop(0)
            if not answer:
                break
            told = re.search(rb"invoice-(\d+)", head)
            writer.write(good(int(told[1]) if told else 0) if answer == b"right" else answer)
            await writer.drain()
            if b"\r\nConnection: close" in head:
                break
        writer.close()


def good(number: int) -> bytes:
    body = json.dumps({"service": "ner-extraction", "money": f"{number}.25"}).encode()
    return b"HTTP/1.1 200 OK\r\nX-RMA-Attempts: 2\r\nContent-Length: %d\r\n\r\n" % len(body) + body


BAD = b'HTTP/1.1 503 No\r\nContent-Length: 42\r\n\r\n{"type": "https://x/problems/overloaded" }'


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, Client]]:
    made = Server()
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    client = Client("127.0.0.1", listening.sockets[0].getsockname()[1], "key")
    yield made, client
    await client.stop()
    listening.close()
    await listening.wait_closed()


async def ask(client: Client, *numbers: int) -> None:
    for number in numbers:
        await client._ask(number, asyncio.get_running_loop().time())


async def test_only_a_kept_connection_closed_unanswered_is_made_good(
    server: tuple[Server, Client],
) -> None:
    made, client = server
    made.answers = [good(1), b"", good(1), b""]
    await ask(client, 1, 1)  # the second one finds its connection closed, and is sent again
    assert (client.tally.answered, client.tally.sent_again, dict(client.tally.failed)) == (2, 1, {})
    await ask(client, 0)
    assert dict(client.tally.failed) == {"ClosedEarly": 1}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (BAD, "503 overloaded"),
        (good(7), "somebody else's answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "the answer's head was cut off"),
        (good(0)[:-3], "the answer's body was cut off"),
    ],
)
async def test_whatever_is_no_right_answer_counts(server: tuple[Server, Client], answer: bytes, kind: str) -> None:
    made, client = server
    made.answers = [answer]
    await ask(client, 0)
    assert dict(client.tally.failed) == {kind: 1}
    assert (client.tally.answered, client.tally.sent_again) == (0, 0)


async def test_every_other_connection_is_kept_and_all_answers_are_waited_for(server: tuple[Server, Client]) -> None:
    made, client = server
    made.answers = [b"right"] * 10_000
    over = asyncio.Event()
    asking = asyncio.get_running_loop().create_task(client.run(200.0, over))
    async with asyncio.timeout(60):
        while client.tally.answered < 8:  # noqa: ASYNC110 - answers come from the server above
            await asyncio.sleep(0.005)
    over.set()
    async with asyncio.timeout(120):
        await asking
    assert client.tally.answered == client.sent == client.tally.tried_again == len(made.seen)
    assert sum(b"Connection: close" in head for head in made.seen) == (client.sent + 1) // 2


def test_quantiles() -> None:
    assert quantile([], 0.5) == 0.0
    assert [quantile([0.3, 0.1, 0.2], share) for share in (0.0, 0.5, 1.0)] == pytest.approx([100.0, 200.0, 300.0])
