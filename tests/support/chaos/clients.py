"""Clients that ask coordinators for all that they have, and write down each operation with what came of it."""

from __future__ import annotations

import asyncio
import io
import itertools
import random
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from node.program.tasks import TaskSet
from node.wire.encoding import b64encode
from node.wire.tokens import TokenIssuer
from tests.support.chaos.checking import KEY_FRESH
from tests.support.chaos.history import Final, History, Line, Op, Outcome, Worker
from tests.support.chaos.lab import ADMIN_TOKEN, Lab

SERVICE = "ner-extraction"
NOTE = msgspec.json.encode({"text": "Mr John Smith owes 1,250.00 pounds since 3 March 2024."})
LIMIT = 20.0  # seconds that a client waits for an answer
CALL_EVERY = 0.2
MOST_CALLS = 50  # that one client has under way at one coordinator
NEWEST = 60  # lines of the audit log that are read together
PAGE = 5000
MACHINES = 200  # whose keys are kept, to speak for them
UNCLEAR = ("it is not known", "only a part of it")


class Clients:
    """Asks as long as it is told to; `history` is all that came of it."""

    def __init__(self, lab: Lab, session: aiohttp.ClientSession, rng: random.Random) -> None:
        self.history = History()
        self.slowest_turn = 0.0  # seconds that this program itself was late
        self._lab = lab
        self._session = session
        self._rng = rng
        self._tasks = TaskSet("clients")
        self._invites: deque[tuple[str, str]] = deque(maxlen=4)  # id and code
        self._workers: deque[str] = deque(maxlen=50)
        self._machines: OrderedDict[str, tuple[Ed25519PrivateKey, str]] = OrderedDict()  # with their credentials
        self._put_out: deque[str] = deque(maxlen=20)
        self._numbers = itertools.count(1)
        self._key = ""

    @property
    def names(self) -> list[str]:
        return list(self._lab.coordinators)

    async def begin(self) -> None:
        """Make what all need, and go on from then until `stop`."""
        self._key = (await self.must(self.names[0], "POST", "/api/admin/keys", {"name": "pulse"}))["key"]
        self._tasks.start(self._watch_self(), "pulse of our own")
        for name in self.names:
            self._tasks.start(self._call(name), f"calls at {name}")
            self._tasks.start(self._repeat(0.5, lambda at=name: self.enrol(at)), f"enrolments at {name}")  # type: ignore[misc]
        self._tasks.start(self._repeat(1.5, self._invite), "invites")
        for number in range(3):
            self._tasks.start(self._repeat(1.0, self._key_life), f"keys {number}")
        self._tasks.start(self._repeat(1.0, self._change_worker), "workers")
        self._tasks.start(self._repeat(0.7, self._renew), "renewals")
        self._tasks.start(self._repeat(1.0, self._read_keys), "reads keys")
        self._tasks.start(self._repeat(1.0, self._read_audit), "reads audit")

    async def stop(self) -> None:
        await self._tasks.stop()

    async def must(self, at: str, method: str, path: str, body: object = None) -> Any:
        """Ask what has to succeed, as nothing is broken."""
        status, said = await self._send(at, method, path, body, _admin())
        if not 200 <= status < 300:
            raise RuntimeError(f"{at} answers {status} to {method} {path}: {said}")
        return said

    # --- what is done -----------------------------------------------------------------------------------------

    async def enrol(self, at: str, invite: tuple[str, str] | None = None, limit: float = LIMIT) -> Op | None:
        """Have a new machine ask to be let in, and wait so many seconds for it."""
        if invite is None and not self._invites:
            return None
        invite_id, code = invite or self._rng.choice(self._invites)
        tag, key, credentials = f"m-{next(self._numbers)}", Ed25519PrivateKey.generate(), []
        wish = {
            "invite": code,
            "name": tag,
            "identity_public_key": b64encode(key.public_key().public_bytes_raw()),
            "nebula_public_key": b64encode(X25519PrivateKey.generate().public_key().public_bytes_raw()),
        }

        def learn(said: Any) -> Mapping[str, Any]:
            credentials.append(said["credential"])
            return {"worker_id": said["worker_id"], "address": said["vpn"]["ip"]}

        value = {"tag": tag, "invite": invite_id}
        op = await self._do("enrol", at, "POST", "/api/enroll", wish, {}, value, learn, limit)
        if op.outcome == "ok":
            self._workers.append(op.value["worker_id"])
            self._machines[op.value["worker_id"]] = key, credentials[0]
            if len(self._machines) > MACHINES:
                self._machines.popitem(last=False)
        return op

    async def invite(self, at: str, uses: int) -> tuple[str, str] | None:
        """Make an invite; return its id and its code."""
        code = []

        def learn(said: Any) -> Mapping[str, Any]:
            code.append(said["code"])
            return {"invite": said["id"], "uses": uses}

        path, wish = "/api/admin/invites", {"uses": uses}
        op = await self._do("invite", at, "POST", path, wish, _admin(), {}, learn)
        return (op.value["invite"], code[0]) if op.outcome == "ok" else None

    async def _invite(self) -> None:
        made = await self.invite(self._any(), self._rng.randint(2, 8))
        if made is not None:
            self._invites.append(made)

    async def _key_life(self) -> None:
        """Make a key, use it, take it back, and try whether it is of use after that."""
        text = []

        def learn(said: Any) -> Mapping[str, Any]:
            text.append(said["key"])
            return {"key": said["id"]}

        path, wish = "/api/admin/keys", {"name": "chaos"}
        made = await self._do("key-create", self._any(), "POST", path, wish, _admin(), {}, learn)
        if made.outcome != "ok":
            return
        key = made.value["key"]
        for name in self.names:
            await self._use(name, key, text[0])
        gone = await self._do("key-revoke", self._any(), "DELETE", f"{path}/{key}", None, _admin(), {"key": key})
        if gone.outcome == "ok":
            await asyncio.sleep(KEY_FRESH + 0.5)
            for name in self.names:
                await self._use(name, key, text[0])

    async def _use(self, at: str, key: str, text: str) -> None:
        await self._do("call", at, "POST", f"/service/{SERVICE}", NOTE, {"X-API-Key": text}, {"key": key})

    async def _change_worker(self) -> None:
        if not self._workers:
            return
        worker_id = self._rng.choice(self._workers)
        what = self._rng.choice(("approve", "approve", "revoke"))
        if what == "revoke":
            self._workers.remove(worker_id)
            await self.put_out(worker_id)
        else:
            await self._change("approve", worker_id)

    async def put_out(self, worker_id: str) -> Op:
        """Revoke a machine, which goes on to ask for credentials."""
        self._put_out.append(worker_id)
        return await self._change("revoke", worker_id)

    async def _change(self, what: str, worker_id: str) -> Op:
        path = f"/api/admin/workers/{worker_id}/{what}"
        return await self._do(f"worker-{what}", self._any(), "POST", path, {}, _admin(), {"worker_id": worker_id})

    async def _renew(self) -> None:
        """Have a machine ask for a new credential: a member, or one that was put out."""
        gone = [name for name in self._put_out if name in self._machines]
        names = self._rng.choice((list(self._machines), gone)) or list(self._machines)
        if not names:
            return
        worker_id, at = self._rng.choice(names), self._any()
        key, credential = self._machines[worker_id]
        audience = str(self._lab.coordinators[at].ready["coordinator_id"])
        token = TokenIssuer(key, worker_id, credential, time.time).issue(audience)
        wish, headers = {"worker_id": worker_id}, {"Authorization": f"Bearer {token}"}
        await self._do("renew", at, "POST", "/api/worker/renew", wish, headers, wish)

    async def _read_keys(self) -> None:
        def learn(said: Any) -> Mapping[str, Any]:
            return {"keys": [key["id"] for key in said["keys"]]}

        await self._do("read-keys", self._any(), "GET", "/api/admin/keys", None, _admin(), {}, learn)

    async def _read_audit(self) -> None:
        def learn(said: Any) -> Mapping[str, Any]:
            return {"lines": [[one["id"], one["action"], one["subject"], one["time"]] for one in said["audit"]]}

        path = f"/api/admin/audit?limit={NEWEST}"
        await self._do("read-audit", self._any(), "GET", path, None, _admin(), {}, learn)

    async def call(self, at: str) -> Op:
        """Have a request served."""
        return await self._do("pulse", at, "POST", f"/service/{SERVICE}", NOTE, {"X-API-Key": self._key}, {})

    async def _call(self, at: str) -> None:
        """Send requests at a steady pace, whatever becomes of those before."""
        under_way = TaskSet(f"calls at {at}")
        try:
            while True:
                if len(under_way) < MOST_CALLS:
                    under_way.start(self.call(at), "call")
                await asyncio.sleep(CALL_EVERY)
        finally:
            await under_way.stop()

    async def metrics(self, at: str) -> str:
        url = self._lab.coordinators[at].url + "/metrics"
        async with asyncio.timeout(LIMIT), self._session.get(url) as answer:
            return await answer.text()

    # --- what there is at the end -----------------------------------------------------------------------------

    async def final(self, at: str) -> Final:
        """Return all that a coordinator shows."""
        workers = (await self.must(at, "GET", "/api/admin/workers"))["workers"]
        keys = (await self.must(at, "GET", "/api/admin/keys"))["keys"]
        invites = (await self.must(at, "GET", "/api/admin/invites"))["invites"]
        return Final(
            at,
            workers=tuple(
                Worker(one["worker_id"], one["name"], one["vpn_ip"], _enrolled_as(one["status"]), one["trust"])
                for one in sorted(workers, key=lambda one: str(one["worker_id"]))
                if one["worker_id"] not in self._lab.nodes
            ),
            keys=frozenset(key["id"] for key in keys),
            invites={one["id"]: (one["uses"], one["used"]) for one in invites},
            audit=await self._whole_audit(at),
        )

    async def _whole_audit(self, at: str) -> tuple[Line, ...]:
        lines: list[Line] = []
        while not lines or lines[0].number > 1:
            before = f"&before={lines[0].number}" if lines else ""
            said = (await self.must(at, "GET", f"/api/admin/audit?limit={PAGE}{before}"))["audit"]
            if not said:
                break
            lines[:0] = [Line(one["id"], one["action"], one["subject"], one.get("detail", "")) for one in said]
        return tuple(lines)

    # --- asking -----------------------------------------------------------------------------------------------

    async def _do(
        self,
        what: str,
        at: str,
        method: str,
        path: str,
        body: object,
        headers: Mapping[str, str],
        value: Mapping[str, Any],
        learn: Callable[[Any], Mapping[str, Any]] = lambda _: {},
        limit: float = LIMIT,
    ) -> Op:
        """Ask, and write down what came of it, also when we are stopped meanwhile."""
        begun = time.monotonic()
        outcome: Outcome = "unknown"
        found: dict[str, Any] = dict(value)
        try:
            status, said, route = await self._asked(at, method, path, body, headers, limit)
            outcome = classify(status, said)
            if route:
                found["route"] = route
            found["status"] = status
            if outcome == "ok":
                found |= learn(said)
            else:
                found["why"] = said.get("detail", "") if isinstance(said, dict) else ""
                found["problem"] = str(said.get("type", "")).rpartition("/")[2] if isinstance(said, dict) else ""
        except aiohttp.ClientConnectorError as error:
            outcome, found["why"] = "fail", str(error)
        except (aiohttp.ClientError, TimeoutError, OSError, msgspec.DecodeError) as error:
            found["why"] = repr(error)
        finally:
            op = Op(what, at, begun, time.monotonic(), outcome, found)
            self.history.ops.append(op)
        return op

    async def _send(
        self, at: str, method: str, path: str, body: object, headers: Mapping[str, str], limit: float = LIMIT
    ) -> tuple[int, Any]:
        return (await self._asked(at, method, path, body, headers, limit))[:2]

    async def _asked(
        self, at: str, method: str, path: str, body: object, headers: Mapping[str, str], limit: float
    ) -> tuple[int, Any, str]:
        """Return the status, what was said, and which way the request took."""
        data = None if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        sent = {"Content-Type": "application/json", **headers}
        stream = None if data is None else io.BytesIO(data)
        url = self._lab.coordinators[at].url + path
        async with asyncio.timeout(limit), self._session.request(method, url, data=stream, headers=sent) as answer:
            text = await answer.read()
            is_json = "json" in answer.headers.get("Content-Type", "")
            route = " ".join(answer.headers.get(name, "") for name in ("X-RMA-Worker", "X-RMA-Route"))
            return answer.status, msgspec.json.decode(text) if text and is_json else {}, route.strip()

    def _any(self) -> str:
        return self._rng.choice(self.names)

    async def _repeat(self, pause: float, work: Callable[[], Any]) -> None:
        while True:
            await work()
            await asyncio.sleep(pause * self._rng.uniform(0.5, 1.5))

    async def _watch_self(self) -> None:
        """Notice when the machine is so busy that this program itself comes late."""
        while True:
            wanted = time.monotonic() + 0.05
            await asyncio.sleep(0.05)
            self.slowest_turn = max(self.slowest_turn, time.monotonic() - wanted)


def classify(status: int, said: Any) -> Outcome:
    """Tell what an answer says about whether something was done."""
    if 200 <= status < 300:
        return "ok"
    if status < 500:
        return "fail"
    problem, detail = (said.get(name, "") for name in ("type", "detail")) if isinstance(said, dict) else ("", "")
    if str(problem).endswith("store-unavailable") and not any(text in detail for text in UNCLEAR):
        return "fail"
    return "unknown"


def _admin() -> dict[str, str]:
    return {"Authorization": f"Bearer {ADMIN_TOKEN}"}


def _enrolled_as(status: str) -> str:
    return "revoked" if status == "revoked" else "enrolled"
