"""Whether a machine may run a service, and has room for it beside others: in words, and without any state."""

from __future__ import annotations

from collections.abc import Collection

from coordinator_server.registry.machines import Machine
from node.wire.manifests import Manifest, Runtime, Tier
from node.wire.messages import Capabilities

RAM_SHARE = 0.8  # of a machine's memory that services may need together; one service alone may need all of it
STORAGE_BYTES = 100 * 10**9  # free disk space that makes any machine good for storage (SPEC §7)
LACKS: dict[Tier, str] = {
    "gpu": "has no GPU that can be used",
    "storage": "has no 100 GB of free disk space",
    "edge": "has no public address",
}
RUNTIMES: frozenset[Runtime] = frozenset({"builtin"})  # what nodes of this version can run


def unfit(machine: Machine, manifest: Manifest, kept: bool = False) -> str:
    """Return why a machine may not run a service, in words that follow "it", or an empty string.

    `kept` is for what it runs already, whose own use of the disk must not count against it.
    """
    return _not_allowed(machine, manifest) or _not_able(machine.capabilities, manifest, kept)


def has_room(machine: Machine, held: Collection[Manifest], manifest: Manifest, most: int) -> bool:
    """Say whether a machine that has some services can take one more, so far as they tell what they need."""
    if len(held) >= most or manifest in held:
        return False
    if not held:
        return True
    needs, capabilities = manifest.requirements, machine.capabilities
    if needs.ram_bytes + sum(m.requirements.ram_bytes for m in held) > capabilities.ram_bytes * RAM_SHARE:
        return False
    gpu = needs.gpu_memory_bytes + sum(m.requirements.gpu_memory_bytes for m in held)
    return gpu <= _gpu_memory(capabilities)


def _not_allowed(machine: Machine, manifest: Manifest) -> str:
    """Say what people have against it: those who wrote the software, the operator, the volunteer."""
    name, allowed = manifest.name, machine.capabilities.allowed_services
    if manifest.runtime not in RUNTIMES:
        return f"cannot run {manifest.runtime} services"
    if machine.covered and name not in machine.covered:
        return "has an invite for other services"
    if allowed and name not in allowed:
        return "is not allowed to by its volunteer"
    if machine.unwanted and name in machine.unwanted:
        return "rests by its volunteer's rules"
    if manifest.data_class == "personal" and machine.trust != "vetted":
        return "is not vetted for personal data"
    return ""


def _not_able(capabilities: Capabilities, manifest: Manifest, kept: bool) -> str:
    """Say what the machine itself lacks."""
    needs = manifest.requirements
    if _misses_tier(capabilities, manifest, kept):
        return LACKS[manifest.tier]
    if needs.gpu_memory_bytes and _gpu_memory(capabilities) < needs.gpu_memory_bytes:
        return "has too little GPU memory"
    if capabilities.ram_bytes < needs.ram_bytes:
        return "has too little memory"
    if capabilities.cpu_cores < needs.cpu_cores and capabilities.cpu_threads < needs.cpu_cores:
        return "has too few CPU cores"
    if not kept and capabilities.disk_free_bytes < needs.disk_bytes:
        return "has too little free disk space"
    return ""


def _misses_tier(capabilities: Capabilities, manifest: Manifest, kept: bool) -> bool:
    match manifest.tier:
        case "cpu":
            return False
        case "gpu":
            return not capabilities.has_gpu
        case "storage":
            big = capabilities.disk_free_bytes > STORAGE_BYTES
            return not (big or kept or capabilities.worker_type == "storage")
        case "edge":
            return capabilities.worker_type != "edge" and not capabilities.has_public_ip


def _gpu_memory(capabilities: Capabilities) -> int:
    return sum(gpu.memory_bytes for gpu in capabilities.gpus if gpu.usable)
