from __future__ import annotations

from typing import Any

import pytest

from node.hardware.classify import STORAGE_BYTES, worker_type
from node.wire.messages import Capabilities, Gpu

GPU = Gpu(name="RTX")


@pytest.mark.parametrize(
    ("has", "kind"),
    [
        ({}, "cpu"),
        ({"gpus": (GPU,)}, "gpu"),
        ({"gpus": (GPU,), "has_public_ip": True, "disk_free_bytes": 10**12}, "gpu"),
        ({"gpus": (Gpu(usable=False), GPU)}, "gpu"),
        ({"gpus": (Gpu(usable=False),)}, "cpu"),
        ({"has_public_ip": True, "disk_free_bytes": 10**12}, "edge"),
        ({"disk_free_bytes": STORAGE_BYTES}, "cpu"),
        ({"disk_free_bytes": STORAGE_BYTES + 1}, "storage"),
    ],
)
def test_what_a_machine_has_decides_its_type(has: dict[str, Any], kind: str) -> None:
    assert worker_type(Capabilities(**has)) == kind


def test_the_edge_role_makes_an_edge_worker_of_a_machine_without_a_gpu() -> None:
    assert worker_type(Capabilities(disk_free_bytes=10**12), edge_role=True) == "edge"
    assert worker_type(Capabilities(gpus=(GPU,)), edge_role=True) == "gpu"


def test_the_setting_overrides_what_was_found() -> None:
    assert worker_type(Capabilities(gpus=(GPU,)), "storage") == "storage"
    assert worker_type(Capabilities(), "gpu") == "gpu"
