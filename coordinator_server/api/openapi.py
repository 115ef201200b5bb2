"""The OpenAPI 3.1 document of the coordinator, made from one table of routes and the types that handlers use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from coordinator_server.api import shapes
from coordinator_server.api.dht import Bootstrap, DhtTopology
from coordinator_server.api.worker import WorkerOnly
from coordinator_server.operation.overview import Overview
from coordinator_server.seals.checking import Finding
from node.dht.stats import DhtStats
from node.wire import entry_points, messages
from node.wire.channel import PATH as CHANNEL
from node.wire.client_tokens import PATH as CLIENT_TOKEN
from node.wire.client_tokens import ClientToken
from node.wire.headers import REQUEST_ID
from node.wire.problems import CONTENT_TYPE, TITLES

Auth = Literal["none", "key", "api-key", "admin", "worker", "member"]
SECURITY: Mapping[str, list[dict[str, list[str]]]] = {
    "none": [],
    "key": [{"apiKey": []}, {"bearerKey": []}],
    "api-key": [{"apiKey": []}, {"bearerKey": []}],
    "admin": [{"adminToken": []}],
    "worker": [{"workerToken": []}],
    "member": [{"memberToken": []}],
}
REFUSALS: Mapping[str, tuple[int, ...]] = {
    "none": (),
    "key": (400, 401, 403, 404, 413, 429, 502, 503, 504, 508),
    "api-key": (401, 429),
    "admin": (401, 429),
    "worker": (401, 403, 422),
    "member": (400, 401, 404, 413, 502, 503, 504, 508),
}
WITH_A_BODY = (400, 408, 413, 415, 422)
SERVICE_METHODS = ("get", "post", "put", "patch", "delete")
DASHBOARD = ("text/html", "text/css", "text/javascript", "image/svg+xml")
EMPTY = "There is nothing to tell of"  # 503 with a document of the usual shape
REQUEST_IDS = {REQUEST_ID: {"description": "Finds this request in logs", "required": True,
                            "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}}}  # fmt: skip


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 9457: the one shape of every error; `type` ends in a stable name."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One route: what it takes, what it answers and whom it serves."""

    method: str
    path: str
    summary: str
    answer: Any = None
    body: Any = None
    auth: Auth = "none"
    status: int = 200
    media: str | Sequence[str] = "application/json"
    query: Sequence[str] = ()
    refusals: Sequence[int] = ()
    or_empty: bool = False  # 503 with the same shape


PUBLIC = (
    Operation("get", "/", "The dashboard", media="text/html"),
    Operation("get", "/dashboard/{file}", "A file of the dashboard", media=DASHBOARD, refusals=(404,)),
    Operation("get", "/health", "Whether this coordinator lives, and how many workers it has", shapes.Health),
    Operation("get", "/ready", "Whether requests may be sent here", shapes.Readiness, refusals=(503,)),
    Operation(
        "get",
        "/entry-points",
        "Workers that take requests directly; 503 when none",
        shapes.EntryPoints,
        or_empty=True,
    ),
    Operation("get", "/api/entry-points", "Workers that take requests directly", shapes.EntryPoints),
    Operation(
        "post",
        CLIENT_TOKEN,
        "A token of ten minutes that entry points take in place of the API key",
        ClientToken,
        auth="api-key",
    ),
    Operation("get", "/api/topology", "Coordinators, workers, services and their links", shapes.Topology),
    Operation(
        "get",
        "/api/topology/stream",
        "WebSocket: a snapshot with a sequence number, then deltas",
        shapes.TopologySnapshot | shapes.TopologyDelta,
        status=101,
        refusals=(426, 503),
    ),
    Operation("get", "/metrics", "Metrics for Prometheus", media="text/plain"),
    Operation("get", "/openapi.json", "This document", dict[str, Any]),
)
ADMIN = (
    Operation("get", "/api/admin/status", "The coordinator's state", shapes.CoordinatorStatus, auth="admin"),
    Operation(
        "get",
        "/api/admin/overview",
        "The mesh at a glance",
        Overview,
        auth="admin",
        query=("workers",),
        refusals=(422,),
    ),
    Operation("get", "/api/admin/doctor", "What works, what not, what to do", shapes.Doctor, auth="admin"),
    Operation("get", "/api/admin/workers", "All enrolled machines", shapes.AdminWorkers, auth="admin"),
    Operation(
        "get", "/api/coordinator/workers", "All enrolled machines (older path)", shapes.AdminWorkers, auth="admin"
    ),
    Operation("get", "/api/admin/workers/{id}", "One machine", shapes.AdminWorker, auth="admin", refusals=(404,)),
    Operation(
        "post",
        "/api/admin/workers/{id}/approve",
        "Let it in where it waits, else trust it with personal data",
        shapes.Done,
        shapes.ApproveWish,
        auth="admin",
        refusals=(404, 409),
    ),
    Operation(
        "post",
        "/api/admin/workers/{id}/refuse",
        "Turn it away where it waits to be let in",
        shapes.Done,
        auth="admin",
        refusals=(404, 409),
    ),
    Operation(
        "post",
        "/api/admin/workers/{id}/pardon",
        "Forget what is held against it",
        shapes.Done,
        auth="admin",
        refusals=(404, 409),
    ),
    Operation(
        "post",
        "/api/admin/workers/{id}/drain",
        "Give it no new work",
        shapes.Done,
        auth="admin",
        refusals=(404, 409),
    ),
    Operation(
        "post",
        "/api/admin/workers/{id}/undrain",
        "Give it work again",
        shapes.Done,
        auth="admin",
        refusals=(404, 409),
    ),
    Operation(
        "post",
        "/api/admin/workers/{id}/revoke",
        "Throw it out, whatever is known of it",
        shapes.Done,
        shapes.RevokeWish,
        auth="admin",
        refusals=(404, 409),
    ),
    Operation(
        "get", "/api/admin/gaps", "Services with fewer workers than wanted, and why", shapes.Gaps, auth="admin"
    ),
    Operation("get", "/api/admin/plan", "What assignment would change, and why", shapes.Plan, auth="admin"),
    Operation(
        "get",
        "/api/admin/audit",
        "Who did what",
        shapes.AuditLog,
        auth="admin",
        query=("limit", "before", "action", "subject", "since"),
        refusals=(400,),
    ),
    Operation(
        "get",
        "/api/admin/audit/verify",
        "Whether the audit log is as it was sealed",
        Finding,
        auth="admin",
        query=("expect",),
        refusals=(400,),
    ),
    Operation("get", "/api/admin/invites", "All invites", shapes.Invites, auth="admin"),
    Operation(
        "post",
        "/api/admin/invites",
        "Make an invite",
        shapes.NewInvite,
        shapes.InviteWish,
        auth="admin",
        status=201,
    ),
    Operation("delete", "/api/admin/invites/{id}", "Revoke an invite", shapes.Done, auth="admin", refusals=(404,)),
    Operation("get", "/api/admin/keys", "All API keys, without secrets", shapes.Keys, auth="admin"),
    Operation(
        "post", "/api/admin/keys", "Make an API key", shapes.NewKey, shapes.KeyWish, auth="admin", status=201
    ),
    Operation("delete", "/api/admin/keys/{id}", "Revoke an API key", shapes.Done, auth="admin", refusals=(404,)),
    Operation(
        "post",
        "/api/admin/token/rotate",
        "Replace the admin token",
        shapes.NewToken,
        shapes.TokenWish,
        auth="admin",
        status=201,
        refusals=(409, 503),
    ),
    Operation(
        "post",
        "/api/admin/mesh/rotate-ca",
        "Rotate the overlay's authority",
        shapes.OverlayStatus,
        shapes.RotationWish,
        auth="admin",
        refusals=(409,),
    ),
    Operation(
        "post",
        "/api/admin/mesh/rotate-key",
        "Rotate the key that signs for the mesh",
        shapes.MeshKeysStatus,
        shapes.RotationWish,
        auth="admin",
        refusals=(409, 503),
    ),
    Operation("post", "/api/admin/backup", "A backup of the store", auth="admin", media="application/octet-stream"),
)
WORKER = (
    Operation(
        "post",
        "/api/enroll",
        "Join the mesh with an invite",
        messages.EnrollAnswer,
        messages.EnrollRequest,
        status=201,
        refusals=(403, 429, 503),
    ),
    Operation(
        "post",
        "/api/worker/register",
        "Say what this machine is",
        messages.RegisterAnswer,
        messages.RegisterRequest,
        auth="worker",
    ),
    Operation(
        "post",
        "/api/worker/heartbeat",
        "Say how this machine does; get its assignment",
        messages.Assignment,
        messages.HeartbeatRequest,
        auth="worker",
        refusals=(404,),
    ),
    Operation(
        "post",
        "/api/worker/renew",
        "A new credential and certificate",
        messages.RenewAnswer,
        messages.RenewRequest,
        auth="worker",
    ),
    Operation("post", "/api/worker/leave", "A clean departure", dict[str, Any], WorkerOnly, auth="worker"),
    Operation("get", "/api/dht/bootstrap", "Where to join the DHT", Bootstrap),
    Operation("get", "/api/dht/stats", "What this coordinator's DHT node has counted", DhtStats, auth="worker"),
    Operation("get", "/api/dht/topology", "Whom this coordinator's DHT node knows", DhtTopology, auth="worker"),
    Operation(
        "get",
        "/api/worker/peers",
        "Workers of one service, where the DHT found none",
        messages.WorkersAnswer,
        auth="worker",
        query=("service",),
        refusals=(404,),
    ),
    Operation(
        "post",
        entry_points.REGISTER,
        "Be an entry point: the coordinator asks at the address whether it leads here",
        entry_points.EntryPointAnswer,
        entry_points.EntryPointRequest,
        auth="worker",
        refusals=(404, 409, 429, 503),
    ),
    Operation(
        "post",
        entry_points.WITHDRAW,
        "Be one no more",
        dict[str, Any],
        entry_points.EntryPointWithdrawal,
        auth="worker",
    ),
    Operation(
        "get",
        "/api/worker/seen",
        "From where this request came, and whether a connection to that machine can be made",
        messages.SeenAs,
        auth="worker",
        query=("knock",),
    ),
    Operation(
        "get",
        CHANNEL,
        "WebSocket: what the answer to the next heartbeat would be, as soon as it changes, with type: assignment",
        messages.Assignment,
        auth="worker",
        status=101,
        refusals=(400, 426),
    ),
)


def build_document(version: str, operations: Iterable[Operation]) -> dict[str, Any]:
    """Return the whole document for these routes and the services' own."""
    operations = (*operations, *_service_operations())
    types = _types(operations)
    schemas, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    schema_of = dict(zip(map(repr, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = _describe(operation, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "RMA Mesh coordinator",
            "version": version,
            "description": "One stable address for services that volunteers' machines run.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _security_schemes()},
    }


def _service_operations() -> list[Operation]:
    text = "The answer of a worker that runs the service"
    found = [
        Operation(method, path, text, auth="key", media="*/*")
        for path in ("/service/{service}", "/service/{service}/{path}")
        for method in SERVICE_METHODS
    ]
    relayed = "The answer of that very worker, for a node that reaches it in no other way"
    found += [
        Operation(method, "/relay/{worker_id}" + path, relayed, auth="member", media="*/*")
        for path in ("/service/{service}", "/service/{service}/{path}")
        for method in SERVICE_METHODS
    ]
    return [*found, Operation("post", "/api/service/{service}", text + " (older path)", auth="key", media="*/*")]


def _types(operations: Iterable[Operation]) -> list[Any]:
    found: dict[str, Any] = {repr(ProblemDocument): ProblemDocument}
    for operation in operations:
        for kind in (operation.answer, operation.body):
            if kind is not None:
                found.setdefault(repr(kind), kind)
    return list(found.values())


def _describe(operation: Operation, schema_of: Mapping[str, Any]) -> dict[str, Any]:
    answer = _answer(operation, schema_of)
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": _identify(operation),
        "responses": {str(operation.status): answer, **_refusals(operation, schema_of[repr(ProblemDocument)])},
        "security": SECURITY[operation.auth],
    }
    if operation.or_empty:
        described["responses"]["503"] = {**answer, "description": EMPTY}
    if parameters := _parameters(operation):
        described["parameters"] = parameters
    if operation.body is not None:
        schema = schema_of[repr(operation.body)]
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    elif operation.auth in ("key", "member") and operation.method in ("post", "put", "patch"):
        described["requestBody"] = {"content": {"*/*": {}}}
    return described


def _answer(operation: Operation, schema_of: Mapping[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": operation.summary, "headers": REQUEST_IDS}
    kinds = (operation.media,) if isinstance(operation.media, str) else operation.media
    if operation.answer is not None:
        answer["content"] = {kind: {"schema": schema_of[repr(operation.answer)]} for kind in kinds}
    elif operation.media != "application/json":
        answer["content"] = {kind: {} for kind in kinds}
    return answer


def _refusals(operation: Operation, schema: Any) -> dict[str, Any]:
    codes = sorted({*REFUSALS[operation.auth], *operation.refusals, *(WITH_A_BODY if operation.body else ())})
    kinds = {code: [kind for kind, (status, _) in TITLES.items() if status == code] for code in codes}
    return {
        str(code): {
            "description": " or ".join(kinds[code]) or "invalid-request",
            "headers": REQUEST_IDS,
            "content": {CONTENT_TYPE: {"schema": schema}},
        }
        for code in codes
    }


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    text = {"type": "string"}
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    found: list[dict[str, Any]] = [{"name": name, "in": "path", "required": True, "schema": text} for name in names]
    return found + [{"name": name, "in": "query", "schema": text} for name in operation.query]


def _identify(operation: Operation) -> str:
    words = [word.strip("{}").replace("-", "_").replace(".", "_") for word in operation.path.split("/") if word]
    return "_".join([operation.method, *(words or ["dashboard"])])


def _security_schemes() -> dict[str, Any]:
    return {
        "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "bearerKey": {"type": "http", "scheme": "bearer", "description": "An API key"},
        "adminToken": {"type": "http", "scheme": "bearer", "description": "The coordinator's admin token"},
        "workerToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                        "description": "A token signed with the worker's identity key"},
        "memberToken": {"type": "apiKey", "in": "header", "name": "X-RMA-Token",
                        "description": "A member's token whose audience is the worker"},
    }  # fmt: skip
