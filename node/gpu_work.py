"""Which of this machine's work uses a GPU, and whether there may be any."""

from __future__ import annotations

from node.state import NodeState
from node.wire.manifests import Manifest


def has_gpu_work(state: NodeState) -> bool:
    """Say whether it matters to anybody that what uses the GPU rests."""
    assigned = state.assignment.services if state.assignment is not None else ()
    known = state.catalogue.by_name()
    return state.capabilities.has_gpu or any(name in known and uses_gpu(known[name]) for name in assigned)


def uses_gpu(manifest: Manifest) -> bool:
    return manifest.tier == "gpu" or manifest.requirements.gpu_memory_bytes > 0
