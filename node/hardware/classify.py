"""Decides what kind of worker a machine is (SPEC §7): pure."""

from __future__ import annotations

from typing import Literal

from node.wire.messages import Capabilities, WorkerType

STORAGE_BYTES = 100 * 10**9  # more free bytes than this make a storage worker


def worker_type(
    capabilities: Capabilities,
    wanted: WorkerType | Literal["auto"] = "auto",
    edge_role: bool = False,
) -> WorkerType:
    """Return `wanted` unless it is auto; then a usable GPU, being reachable and free disk count, in this order."""
    if wanted != "auto":
        return wanted
    if any(gpu.usable for gpu in capabilities.gpus):
        return "gpu"
    if capabilities.has_public_ip or edge_role:
        return "edge"
    if capabilities.disk_free_bytes > STORAGE_BYTES:
        return "storage"
    return "cpu"
