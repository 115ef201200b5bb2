"""Which services are listed, and why each is not at work here."""

from __future__ import annotations

import msgspec
import pytest

from app.panels.service_words import ServiceLine, lines_of
from node.resting import verdict_of
from node.rules.settings import Rules
from node.rules.verdict import RuleReason, Verdict
from node.state import NodeState
from node.wire.manifests import Catalogue, Manifest, Requirements
from node.wire.messages import Assignment
from tests.support import samples

GIB = 2**30


def line(state: NodeState, name: str) -> ServiceLine:
    return next(one for one in lines_of(state, state.rules) if one.name == name)


def other(manifest: Manifest, **changes: object) -> NodeState:
    """Return a node in whose mesh is one more service, which it was not given."""
    catalogue = Catalogue((*samples.CATALOGUE.manifests, manifest))
    return msgspec.structs.replace(samples.ONLINE, catalogue=catalogue, **changes)


def test_what_runs_comes_first_then_the_others_by_title_then_what_is_no_more() -> None:
    state = msgspec.structs.replace(other(Manifest(name="a-letters", title="aardvarks")),
                                    rules=Rules(services_off=("gone",)))  # fmt: skip
    lines = lines_of(state, state.rules)
    assert [one.name for one in lines] == [
        "document-processing", "ner-extraction", "rag-embeddings", "a-letters", "notes-coa", "gone",
    ]  # fmt: skip
    assert [one.here for one in lines] == [True, True, True, False, False, False]
    assert (lines[5].title, lines[5].state) == ("gone", "Switched off")
    assert lines_of(samples.UNENROLLED, Rules()) == ()


def test_what_was_asked_for_counts_before_it_is_answered() -> None:
    rules = Rules(services_off=("ner-extraction",))
    ner = next(one for one in lines_of(samples.ONLINE, rules) if one.name == "ner-extraction")
    assert not ner.allowed
    assert ner.state == "Running", "as long as it does"


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (Manifest(name="x", title="X", data_class="public"), "when it is needed"),
        (Manifest(name="x", title="X", tier="gpu", requirements=Requirements(gpu_memory_bytes=24 * GIB)), "24 GB"),
        (Manifest(name="x", title="X", requirements=Requirements(ram_bytes=64 * GIB)), "64 GB of memory"),
        (Manifest(name="x", title="X", requirements=Requirements(disk_bytes=900 * GIB)), "900 GB of free disk"),
        (Manifest(name="x", title="X", requirements=Requirements(cpu_cores=32)), "more cores"),
        (Manifest(name="x", title="X", tier="storage"), "free disk"),
        (Manifest(name="x", title="X", tier="edge"), "from the internet"),
    ],
)
def test_why_it_was_not_given(manifest: Manifest, words: str) -> None:
    told = line(other(manifest), "x")
    assert words in told.why
    assert told.state == ("Not assigned" if "needed" in words else "Not for this computer")
    assert told.allowed


def test_personal_data_needs_a_computer_that_was_vetted() -> None:
    manifest = Manifest(name="x", title="X", data_class="personal")
    membership = msgspec.structs.replace(samples.MEMBERSHIP, trust="volunteer")
    assert "vetted" in line(other(manifest, membership=membership), "x").why
    assert "vetted" not in line(other(manifest), "x").why


def test_no_graphics_card_and_a_node_that_was_started_for_others() -> None:
    bare = msgspec.structs.replace(samples.CAPABILITIES, has_gpu=False, gpus=())
    manifest = Manifest(name="x", title="X", tier="gpu", data_class="public")
    assert "graphics card" in line(other(manifest, capabilities=bare), "x").why
    chosen = msgspec.structs.replace(bare, allowed_services=("ner-extraction",))
    told = line(other(manifest, capabilities=chosen), "x")
    assert (told.state, told.allowed, told.may_allow) == ("Not allowed", False, False)
    assert "--allow" in told.why


def test_what_was_given_and_rests_says_why_and_until_when() -> None:
    told = line(samples.ON_BATTERY, "ner-extraction")
    assert told.state == "Resting"
    assert told.why.endswith("a minute after it is plugged in.")
    paused = msgspec.structs.replace(samples.PAUSED, verdict=verdict_of(samples.PAUSED))
    assert "until you resume" in line(paused, "ner-extraction").why


def test_a_rule_for_the_gpu_is_no_reason_for_others() -> None:
    reason = RuleReason(code="too-hot", scope="gpu", text="The GPU is hot.", ends="It cools down.")
    manifest = Manifest(name="llm", title="LLM", tier="gpu", data_class="public")
    state = other(
        manifest,
        services=(),
        assignment=Assignment(role="gpu", services=("llm", "ner-extraction")),
        verdict=Verdict(rest="gpu", reasons=(reason,)),
    )
    assert line(state, "llm").why == "The GPU is hot. It cools down."
    assert line(state, "ner-extraction").state == "Starting"


def test_a_service_in_trouble_says_what_to_do() -> None:
    assert "show it to the mesh's operator" in line(samples.DEGRADED, "rag-embeddings").why
    assert line(samples.DEGRADED, "document-processing").why == "Ready for requests"
