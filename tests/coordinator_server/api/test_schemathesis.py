"""The OpenAPI document against a coordinator that runs: nothing crashes it, and it answers only what is told there.

schemathesis makes requests out of the document, right ones and wrong ones, for each kind of caller. The same ones
every time: what fails here fails again.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import msgspec
import pytest
import requests
import schemathesis
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, Phase
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from node.wire.encoding import b64encode
from node.wire.headers import REQUEST_ID, SIGNATURE
from node.wire.problems import CONTENT_TYPE, TITLES, kind_of
from node.wire.signed_requests import sign_request
from node.wire.tokens import TokenIssuer
from tests.support.several_processes import Several, several_processes

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
PATIENCE = 60.0  # seconds for one answer on a busy machine
EXAMPLES = {1: (4, 3), 2: (2, 1)}  # by how many processes serve: right and wrong requests, by the right callers
LAST = ("/api/worker/leave", "/api/admin/mesh/rotate-key", "/api/admin/mesh/rotate-ca")  # these change who is who
BUSY = 200_000  # uses of an invite: more than there are examples
SIGNED = {
    "/api/worker/register": "register",
    "/api/worker/renew": "renew",
    "/api/worker/leave": "leave",
    "/api/worker/channel": "channel",
    "/api/entry-points/register": "entry-point",
    "/api/entry-points/withdraw": "entry-point-withdrawal",
}


@dataclass
class Caller(requests.auth.AuthBase):
    """Puts what it has to show on a request that is about to go out."""

    head: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self.head)
        return request


@dataclass
class Machine(Caller):
    """A worker that signs what it says, with a token of that very moment."""

    worker_id: str = ""
    coordinator: str = ""
    credential: str = ""
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    asked: int = 0

    def enrol(self, url: str, code: str) -> None:
        public_key = b64encode(self.key.public_key().public_bytes_raw())
        wish = {"invite": code, "name": "schema", "identity_public_key": public_key}
        answer = requests.post(url + "/api/enroll", json=wish, timeout=PATIENCE)
        assert answer.status_code == 201, answer.text
        told = answer.json()
        self.worker_id, self.credential = told["worker_id"], told["credential"]
        self.coordinator = told["coordinators"][0]["id"]

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        self.asked += 1
        token = TokenIssuer(self.key, self.worker_id, self.credential, time.time).issue(self.coordinator)
        request.headers["Authorization"] = f"Bearer {token}"
        what = SIGNED.get(request.path_url.partition("?")[0])
        if what is not None:
            body = request.body.encode() if isinstance(request.body, str) else request.body or b""
            nonce = f"n{self.asked}"
            request.headers[SIGNATURE] = sign_request(self.key, what, token, body, nonce)  # type: ignore[arg-type]
        return request


@dataclass
class Trial:
    """One document's operations against the coordinator at `url`."""

    url: str
    callers: Mapping[str, Caller]
    known: Mapping[str, Any]  # values that lead somewhere, which no generator guesses
    right_ones: int
    wrong_ones: int
    session: requests.Session = field(default_factory=requests.Session)
    seen: set[tuple[str, int]] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def run(self) -> None:
        document = requests.get(self.url + "/openapi.json", timeout=PATIENCE).json()
        schema = schemathesis.openapi.from_dict(document)
        operations = []
        for found in schema.get_all_operations():
            assert isinstance(found, Ok), found.err()
            operations.append(found.ok())
        for operation in sorted(operations, key=lambda one: (one.path in LAST, one.path in LAST[1:])):
            for name, caller in self.callers.items():
                if name == _caller_of(operation):
                    self._try(operation, GenerationMode.NEGATIVE, caller, self.wrong_ones)
                    self._try(operation, GenerationMode.POSITIVE, caller, self.right_ones)
                else:
                    self._try(operation, GenerationMode.POSITIVE, caller, 1)
        self.session.close()

    def _try(self, operation: Any, mode: GenerationMode, caller: Caller, examples: int) -> None:
        @hypothesis.settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            report_multiple_bugs=False,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            self._lead_somewhere(case, caller)
            answer = case.call(base_url=self.url, session=self.session, auth=caller, timeout=PATIENCE)
            self.seen.add((f"{case.method} {case.operation.path}", answer.status_code))
            case.validate_response(answer, checks=CHECKS)
            _check_manners(answer)

        try:
            ask()
        except hypothesis.errors.Unsatisfiable:
            pass  # there is no wrong way to ask this
        except (Exception, FailureGroup) as error:
            self.wrong.append(f"{operation.label}: {error}")

    def _lead_somewhere(self, case: Any, caller: Caller) -> None:
        """Let half of the requests be about things that are there: who guesses sees little but 404."""
        for name, value in (case.path_parameters or {}).items():
            if name in self.known and len(str(value)) % 2:
                case.path_parameters[name] = self.known[name]
        body = case.body
        if isinstance(body, dict):
            if isinstance(caller, Machine) and isinstance(body.get("worker_id"), str):
                body["worker_id"] = caller.worker_id
            if isinstance(body.get("invite"), str) and isinstance(body.get("identity_public_key"), str):
                body["invite"] = self.known["invite"]
                body["identity_public_key"] = b64encode(hashlib.sha256(repr(body).encode()).digest())


def _caller_of(operation: Any) -> str:
    schemes = {name for choice in operation.definition.raw.get("security", ()) for name in choice}
    for scheme, caller in (("adminToken", "admin"), ("workerToken", "worker"), ("apiKey", "key")):
        if scheme in schemes:
            return caller
    return "nobody"


def _check_manners(answer: Any) -> None:
    """Every answer has an id, and every refusal is a problem that tells it."""
    assert answer.status_code != 500, answer.content
    request_id = answer.headers.get(REQUEST_ID.lower(), [""])[0]
    assert request_id, "an answer without an id"
    if answer.status_code >= 400 and CONTENT_TYPE in answer.headers.get("content-type", [""])[0]:
        document = msgspec.json.decode(answer.content)
        assert kind_of(document) in TITLES, document
        assert document["status"] == answer.status_code
        assert document["request_id"] == request_id


async def _callers(several: Several) -> tuple[dict[str, Caller], dict[str, Any]]:
    invite = await several.ask("POST", "/api/admin/invites", {"uses": BUSY // 2, "trust": "vetted"}, 201)
    machine = Machine()
    await asyncio.to_thread(machine.enrol, several.url, invite["code"])
    admin = msgspec.json.decode((several.folder / "data" / "admin.json").read_bytes())["token"]
    _, key = await several.key()
    callers = {
        "nobody": Caller(),
        "admin": Caller({"Authorization": f"Bearer {admin}"}),
        "key": Caller({"X-API-Key": key["X-API-Key"]}),
        "worker": machine,
    }
    return callers, {
        "invite": invite["code"],
        "id": several.workers[1].worker_id,
        "service": "echo",
        "file": "icon.svg",
    }


@pytest.mark.processes
@pytest.mark.parametrize("workers", [1, 2])
async def test_every_answer_is_one_that_the_document_tells_of(workers: int, tmp_path: Path) -> None:
    async with several_processes(tmp_path, "--enrol-wrong-tries", "1000", workers=workers) as several:
        await several.join("echo-1")
        await several.join("patient", ())  # whatever the operator does is done to this one
        trial = Trial(several.url, *await _callers(several), *EXAMPLES[workers])
        await asyncio.to_thread(trial.run)
        assert not trial.wrong, "\n\n".join(trial.wrong)
        for asked in (
            ("GET /api/admin/workers/{id}", 200),
            ("POST /api/enroll", 201),
            ("POST /api/worker/register", 200),
            ("POST /api/worker/heartbeat", 200),
            ("POST /api/worker/leave", 200),
            ("POST /api/admin/keys", 201),
            ("POST /service/{service}", 200),
        ):
            assert asked in trial.seen, sorted(trial.seen)
        assert "Traceback" not in several.log()
