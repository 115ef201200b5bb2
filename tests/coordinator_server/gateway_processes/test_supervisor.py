"""Real processes on one port: they share rates, keys, workers and metrics, and come and go without losing any."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from coordinator_server.gateway_processes import supervisor
from coordinator_server.gateway_processes.messages import Retire
from node.program.errors import UserFacingError
from node.program.tasks import TaskSet
from tests.support.certificates import self_signed
from tests.support.channels import close_code, hear
from tests.support.coordinators import coordinator_room, put_out
from tests.support.processes import living_children
from tests.support.several_processes import HEAD, Answer, Several, several_processes, until_none
from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel must share out connections")
PROCESSES = 3


# --- what is shared -------------------------------------------------------------------------------------------


async def test_they_share_connections_rates_metrics_and_what_is_revoked(tmp_path: Path) -> None:
    async with several_processes(tmp_path, workers=PROCESSES) as several:
        await several.join("alpha")
        _, head = await several.key()
        await several.until_served(head)
        await all_of_them_serve(several, head)
        await a_key_has_one_rate(several)
        await a_wrong_key_is_counted_in_all(several)
        await metrics_are_those_of_all(several)
        await uses_of_keys_are_told(several)
        await a_revoked_key_is_refused_at_once(several)
        await a_revoked_worker_gets_nothing(several, head)
        several.first.terminate()
        assert await several.ended() == 0
        assert {path.name for path in tmp_path.iterdir()} == {"data", "log", "manifests"}


async def all_of_them_serve(several: Several, head: dict[str, str]) -> None:
    def seen() -> set[object]:
        return {line.get("gateway_process") for line in several.lines() if '"service":"echo"' in line["message"]}

    async with asyncio.timeout(120):
        while len(seen()) < PROCESSES:
            await asyncio.gather(*(several.get("/service/echo", head) for _ in range(10)))
    assert None in seen()
    files = [file.path for process in several.gateways() for file in process.open_files()]
    assert not any(str(several.folder / "data") in path for path in files)  # they have no way to the store


async def a_key_has_one_rate(several: Several) -> None:
    _, head = await several.key("20/day")  # which does not refill while this test runs
    answers = await asyncio.gather(*(several.get("/service/echo", head) for _ in range(90)))
    assert Counter(answer.status for answer in answers) == {200: 20, 429: 70}
    left = [int(answer.headers["RateLimit-Remaining"]) for answer in answers if answer.status == 200]
    assert sorted(left) == list(range(20))
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.headers["RateLimit-Limit"] == "20"
    assert int(refused.headers["Retry-After"]) > 1000


async def a_wrong_key_is_counted_in_all(several: Several) -> None:
    head = {"X-API-Key": f"rma_{'0' * 12}_{'A' * 43}", "X-Forwarded-For": "203.0.113.66"}
    answers = await asyncio.gather(*(several.get("/service/echo", head) for _ in range(60)))
    counts = Counter(answer.status for answer in answers)
    assert counts[401] + counts[429] == 60
    assert 0 < counts[401] <= 20 + 20  # 20 in 5 minutes; a slow machine may need some of them
    lines = await several.ask("GET", "/api/admin/audit")
    assert [line["subject"] for line in lines["audit"] if line["action"] == "key-refused"] == ["0" * 12]


async def metrics_are_those_of_all(several: Several) -> None:
    wanted = sum(len(worker.seen) for worker in several.workers)

    def counted(text: str) -> float:
        lines = [line for line in text.splitlines() if line.startswith("rma_requests_total{")]
        return sum(float(line.split()[-1]) for line in lines if 'status="200"' in line)

    async with asyncio.timeout(120):
        while counted((await several.get("/metrics")).body.decode()) != wanted:
            await several.get("/health")
    texts = await asyncio.gather(*(several.get("/metrics") for _ in range(20)))
    assert {counted(answer.body.decode()) for answer in texts} == {wanted}


async def uses_of_keys_are_told(several: Several) -> None:
    """Have another process tell that it was used, from where the client says that it is."""
    key_id, head = await several.key()
    seen = {**head, "X-Forwarded-For": "198.51.100.77"}
    gateway = None
    async with asyncio.timeout(120):
        while gateway is None:
            await several.get("/service/echo", seen)
            lines = [line for line in several.lines() if key_id in line["message"]]
            gateway = next((line for line in lines if line.get("gateway_process") is not None), None)
        found: dict[str, str] = {}
        while found.get(key_id) != "198.51.100.77":
            keys = (await several.ask("GET", "/api/admin/keys"))["keys"]
            found = {key["id"]: key["last_used_from"] for key in keys}


async def a_revoked_key_is_refused_at_once(several: Several) -> None:
    key_id, head = await several.key()
    await several.until_served(head)
    await several.ask("DELETE", f"/api/admin/keys/{key_id}")
    answers = await asyncio.gather(*(several.get("/service/echo", head) for _ in range(40)))
    assert {answer.status for answer in answers} == {401, 429} or {answer.status for answer in answers} == {401}


async def a_revoked_worker_gets_nothing(several: Several, head: dict[str, str]) -> None:
    worker = await several.join("beta", ["ner-extraction"])
    await several.until_all(lambda answer: answer.status == 200, "/service/ner", head)
    await several.ask("POST", f"/api/admin/workers/{worker.worker_id}/revoke")
    await several.until_all(lambda answer: answer.status == 503, "/service/ner", head)


# --- what is the first's --------------------------------------------------------------------------------------


async def test_the_first_answers_everything_else_and_sees_the_client(tmp_path: Path) -> None:
    async with several_processes(tmp_path, "--address-rate", "25/day", workers=2) as several:
        connector = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0), force_close=True)
        async with aiohttp.ClientSession(connector=connector) as session:
            token = (tmp_path / "data" / "admin.token").read_text().strip()
            head = {"Authorization": f"Bearer {token}", "X-RMA-Client": "https 203.0.113.9"}
            for number in range(20):
                body = {"name": f"key {number}"}
                async with session.post(f"{several.url}/api/admin/keys", json=body, headers=head) as answer:
                    assert answer.status == 201
        lines = await several.ask("GET", "/api/admin/audit")
        made = [line["address"] for line in lines["audit"] if line["action"] == "key-created"]
        assert made == ["127.0.0.2"] * 20
        for _ in range(10):
            async with several.session.ws_connect(f"{several.url}/api/topology/stream") as stream:
                assert (await stream.receive_json())["sequence"] >= 0
        assert (await several.get("/nothing")).status == 404
        await addresses_have_one_rate(several)


async def addresses_have_one_rate(several: Several) -> None:
    answers = await asyncio.gather(*(several.get("/service/echo", HEAD) for _ in range(80)))
    assert Counter(answer.status for answer in answers) == {401: 25, 429: 55}


# --- coming and going -----------------------------------------------------------------------------------------


async def test_a_process_that_is_killed_is_replaced_and_new_connections_wait_for_its_successor(
    tmp_path: Path,
) -> None:
    async with several_processes(tmp_path, workers=PROCESSES) as several:
        await several.join("alpha")
        _, head = await several.key()
        await several.until_served(head)
        before = several.gateways()
        before[0].kill()
        await until_none(before[:1])  # whoever it had accepted is lost
        answers = await asyncio.gather(*(several.get("/service/echo", head) for _ in range(200)))
        assert {answer.status for answer in answers} == {200}
        await eventually(lambda: len(several.gateways()) == PROCESSES - 1, "another is there")
        assert before[0].pid not in {process.pid for process in several.gateways()}
        await eventually(lambda: "has died; another takes its place" in several.log(), "it is said")


async def test_a_hangup_replaces_all_under_load_and_loses_no_request(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path)
    flags = ("--tls-cert", str(cert), "--tls-key", str(key))
    async with several_processes(tmp_path, *flags, workers=PROCESSES) as several, load(several) as answers:
        before = several.gateways()
        assert await shown_certificates(several) == {cert.read_text()}
        self_signed(tmp_path)
        os.kill(several.program.pid, signal.SIGHUP)
        await until_none(before)
        assert await shown_certificates(several) == {cert.read_text()}
        count = len(answers)
        await eventually(lambda: len(answers) > count + 100, "it goes on")
        assert len(several.gateways()) == PROCESSES - 1
        await one_that_is_asked_to_end_is_replaced_before(several)
        assert {answer.status for answer in answers} == {200}


async def test_channels_go_through_every_process_and_leave_one_that_ends(tmp_path: Path) -> None:
    flags = ("--drain-deadline", "3600")  # to wait for a channel would take for ever
    async with (
        several_processes(tmp_path, *flags, workers=PROCESSES) as several,
        contextlib.AsyncExitStack() as stack,
    ):
        workers = [await several.join(f"w-{number}") for number in range(12)]
        ends = {worker: await stack.enter_async_context(worker.channel()) for worker in workers}
        for end in ends.values():
            await hear(end)
        bad = await several.join("bad")
        await several.ask("POST", f"/api/admin/workers/{bad.worker_id}/revoke")
        for end in ends.values():
            while bad.worker_id not in put_out(await hear(end)).workers:
                pass
        before = several.gateways()
        os.kill(several.program.pid, signal.SIGHUP)
        await until_none(before)
        waiting = TaskSet("channels")
        tasks = {worker: waiting.start(close_code(end), "end") for worker, end in ends.items()}
        first = [worker for worker, task in tasks.items() if not task.done()]
        gone = [worker for worker in workers if worker not in first]
        assert {tasks[worker].result() for worker in gone} <= {1001}
        back = {worker: await stack.enter_async_context(worker.channel()) for worker in gone}
        several.program.terminate()
        assert {await close_code(end) for end in back.values()} <= {1001}
        assert {await tasks[worker] for worker in first} <= {1001}
        assert await several.ended() == 0


async def one_that_is_asked_to_end_is_replaced_before(several: Several) -> None:
    before = several.gateways()
    before[0].terminate()
    await until_none(before[:1])
    assert len(several.gateways()) == PROCESSES - 1
    assert before[1] in several.gateways()


async def shown_certificates(several: Several) -> set[str]:
    """Return the certificates that are shown on some new connections."""
    _, host, port = several.url.replace("//", "").split(":")
    tasks = (asyncio.to_thread(ssl.get_server_certificate, (host, int(port)), timeout=60) for _ in range(20))
    return set(await asyncio.gather(*tasks))


@contextlib.asynccontextmanager
async def load(several: Several) -> AsyncIterator[list[Answer]]:
    """Send requests all the time, on new connections and on kept ones; an error in one fails the test."""
    await several.join("alpha")
    _, head = await several.key()
    await several.until_served(head)
    answers: list[Answer] = []
    stop = asyncio.Event()

    async def keep_asking(session: aiohttp.ClientSession) -> None:
        while not stop.is_set():
            answers.append(await several.get("/service/echo", head, session))

    tasks = TaskSet("load")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, ssl=False)) as keeping:
        askers = [tasks.start(keep_asking(several.session), "new") for _ in range(4)]
        askers += [tasks.start(keep_asking(keeping), "kept") for _ in range(4)]
        await eventually(lambda: len(answers) > 100, "requests are served")
        try:
            yield answers
            stop.set()
            await asyncio.gather(*askers)
        finally:
            await tasks.stop()


async def test_a_process_that_does_not_come_about_is_said_and_one_that_is_stuck_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor, "PROGRAM", tmp_path / "nothing.py")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(UserFacingError, match="did not start"):
        async with coordinator_room(tmp_path / "c", workers=3):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
    assert not living_children()
    monkeypatch.undo()
    (tmp_path / "signal.py").write_text("raise SystemExit('somebody else put it here')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(supervisor, "STUCK", 2.0)
    async with coordinator_room(tmp_path / "c", workers=2) as room:
        processes = room.site.processes
        assert processes is not None
        assert processes.pids == [child.pid for child in living_children()]
        [stuck] = living_children()
        stuck.suspend()
        await until_none([stuck])
        await eventually(lambda: processes.pids, "another is there")
        assert "is stuck and is killed" in caplog.text
    assert not living_children()


async def test_a_process_that_asks_again_and_again_to_be_replaced_is_heard_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, go_on = list[object](), asyncio.Event()

    async def refill(_place: object, _deadline: float, which: object) -> None:
        asked.append(which)
        await go_on.wait()

    monkeypatch.setattr(supervisor.Place, "refill", refill)
    async with coordinator_room(tmp_path / "c", workers=2) as room:
        assert room.site.processes is not None
        process = room.site.processes._places[0].process
        assert process is not None
        for _ in range(3):
            process._heard(Retire())
        await eventually(lambda: asked, "it is being replaced")
        assert asked == [process]
        go_on.set()
        await eventually(lambda: not process.retiring, "that came to nothing")
        process._heard(Retire())
        await eventually(lambda: len(asked) == 2, "it is heard again")


@pytest.mark.parametrize("output", [False, True])
def test_a_process_has_our_standard_output_only_where_the_access_log_goes_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], output: bool
) -> None:
    program = tmp_path / "program.py"
    program.write_text("print('a line', flush=True)")
    monkeypatch.setattr(supervisor, "PROGRAM", program)
    one, other = socket.socketpair()
    with one, other:
        assert supervisor.start_program(one, other, output=output).wait(60) == 0
    assert capfd.readouterr().out == ("a line\n" if output else "")


def test_a_process_gets_none_of_our_settings() -> None:
    assert supervisor.without_secrets({"RMA_ADMIN_TOKEN": "secret", "PATH": "/bin"}) == {"PATH": "/bin"}


async def test_when_the_first_is_killed_nothing_is_left(tmp_path: Path) -> None:
    async with several_processes(tmp_path, workers=PROCESSES) as several:
        gateways = several.gateways()
        assert len(gateways) == PROCESSES - 1
        assert list(tmp_path.glob("rma-mesh-*"))
        several.program.kill()
        await until_none(gateways)
        assert not list(tmp_path.glob("rma-mesh-*"))


@pytest.mark.parametrize("sent", ["SIGTERM", "SIGINT to all", "SIGTERM to all"])
async def test_it_ends_under_load_with_every_request_that_was_accepted(tmp_path: Path, sent: str) -> None:
    async with several_processes(tmp_path, workers=PROCESSES) as several:
        await several.join("alpha")
        _, head = await several.key()
        await several.until_served(head)
        gateways, refused, statuses = several.gateways(), 0, list[int]()

        async def ask() -> None:
            nonlocal refused
            while not refused:
                try:
                    statuses.append((await several.get("/service/echo", head)).status)
                except aiohttp.ClientConnectorError:
                    refused += 1

        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(ask())
            await eventually(lambda: len(statuses) > 100, "requests are served")
            number = signal.Signals[sent.split(maxsplit=1)[0]]
            if "all" in sent:  # as Ctrl-C in a terminal does, and systemd
                os.killpg(several.program.pid, number)
            else:
                several.first.send_signal(number)
        assert set(statuses) == {200}
        assert await several.ended() == 0
        await until_none(gateways)
