"""GPU work is what needs one by tier or by memory; it may be there with a GPU, or with such an assignment."""

from __future__ import annotations

import msgspec
import pytest

from node.gpu_work import has_gpu_work, uses_gpu
from node.state import NodeState
from node.wire.manifests import Catalogue, Manifest, Requirements
from node.wire.messages import Assignment, Capabilities

PLAIN = Manifest(name="plain", title="Plain")
TIER = Manifest(name="tier", title="Tier", tier="gpu")
MEMORY = Manifest(name="memory", title="Memory", requirements=Requirements(gpu_memory_bytes=1))
STATE = NodeState(catalogue=Catalogue((PLAIN, TIER, MEMORY)))


def test_it_needs_a_gpu_by_tier_or_by_memory() -> None:
    assert [uses_gpu(one) for one in (PLAIN, TIER, MEMORY)] == [False, True, True]


@pytest.mark.parametrize(
    ("services", "has_gpu", "expected"),
    [
        ((), False, False),
        ((), True, True),
        (("plain", "unknown"), False, False),
        (("plain", "tier"), False, True),
        (("memory",), False, True),
    ],
)
def test_it_is_there_with_a_gpu_or_with_such_an_assignment(
    services: tuple[str, ...], has_gpu: bool, expected: bool
) -> None:
    state = msgspec.structs.replace(
        STATE, assignment=Assignment(role="cpu", services=services), capabilities=Capabilities(has_gpu=has_gpu)
    )
    assert has_gpu_work(state) is expected
    assert has_gpu_work(STATE) is False
