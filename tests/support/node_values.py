"""Values of a node's life that many tests start from."""

from __future__ import annotations

from node.events import Started
from node.state import Membership
from node.wire.manifests import Catalogue, Manifest
from node.wire.messages import Assignment, Capabilities, CoordinatorInfo, ServiceReport

NOW = 1_800_000_000.0

NER = Manifest(
    name="ner-extraction", title="Entities", aliases=("ner",), default_path="/extract", idempotent=True,
    data_class="public",
)  # fmt: skip
NOTES = Manifest(name="notes-coa", title="Letters", aliases=("notes",), default_path="/convert")
CATALOGUE = Catalogue((NER, NOTES))

FIRST = CoordinatorInfo(id="c1", url="http://127.0.0.1:8080")
SECOND = CoordinatorInfo(id="c2", url="http://127.0.0.1:8081")
MEMBERSHIP = Membership(
    worker_id="w1",
    mesh_public_key="A" * 43,
    credential="credential",
    trust="volunteer",
    coordinators=(FIRST, SECOND),
)


def assignment(*services: str, **changes: object) -> Assignment:
    return Assignment(role="cpu", services=services, **changes)  # type: ignore[arg-type]


def report(name: str, state: str = "running", detail: str = "") -> ServiceReport:
    return ServiceReport(name=name, state=state, detail=detail)  # type: ignore[arg-type]


def started(**changes: object) -> Started:
    values: dict[str, object] = {
        "name": "Anna's PC",
        "version": "0.1.0",
        "url": "http://127.0.0.1:8000",
        "capabilities": Capabilities(),
        "membership": None,
        "key_in_file": False,
        "paused": False,
        "snoozed_until": None,
        "catalogue": Catalogue(),
        "assignment": None,
        "now": NOW,
    }
    return Started(**{**values, **changes})  # type: ignore[arg-type]
