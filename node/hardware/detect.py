"""Looks at the whole machine and returns its capabilities."""

from __future__ import annotations

import asyncio
import platform
import sys
from pathlib import Path
from typing import Literal

import msgspec
import psutil

from node.hardware import addresses, cpu, disks, gpus, linux_limits
from node.hardware.battery import battery
from node.hardware.classify import worker_type
from node.hardware.texts import clean
from node.wire.messages import Capabilities, Gpu, WorkerType


async def detect_async(
    data_dir: Path,
    *,
    wanted_type: WorkerType | Literal["auto"] = "auto",
    version: str = "",
    allowed_services: tuple[str, ...] = (),
) -> tuple[Capabilities, float | None]:
    """Look at the machine in a thread; return what it has, and how busy its GPUs are (None: nobody can tell).

    It takes from some milliseconds to the GPU probe's time limit.
    """
    probe = await asyncio.to_thread(gpus.probe_gpus)
    found = await asyncio.to_thread(
        detect, data_dir, probe, wanted_type=wanted_type, version=version, allowed_services=allowed_services
    )
    return found, probe.utilisation


def detect(
    data_dir: Path,
    probe: gpus.GpuProbe | None = None,
    *,
    wanted_type: WorkerType | Literal["auto"] = "auto",
    version: str = "",
    allowed_services: tuple[str, ...] = (),
) -> Capabilities:
    """Look at the machine; free disk space is counted where `data_dir` is. Blocks; what fails counts as absent."""
    cards = (probe or gpus.probe_gpus()).gpus
    found = _look(data_dir, cards, version, allowed_services)
    return msgspec.structs.replace(found, worker_type=worker_type(found, wanted_type))


def _look(data_dir: Path, cards: tuple[Gpu, ...], version: str, allowed_services: tuple[str, ...]) -> Capabilities:
    memory = psutil.virtual_memory()
    limit = linux_limits.memory_limit() if sys.platform == "linux" else None
    ram_bytes = min(memory.total, limit) if limit else memory.total
    threads = cpu.usable_threads()
    here = addresses.local_addresses()
    public_ip = addresses.public_address(here)
    return Capabilities(
        os=os_name(),
        architecture=clean(platform.machine()),
        cpu_name=cpu.cpu_name(),
        cpu_cores=cpu.usable_cores(threads),
        cpu_threads=threads,
        ram_bytes=ram_bytes,
        ram_free_bytes=min(memory.available, ram_bytes),
        has_gpu=any(gpu.usable for gpu in cards),
        gpus=cards,
        disk_free_bytes=disks.free_bytes(data_dir),
        disks=disks.local_disks(),
        addresses=here,
        has_public_ip=public_ip is not None,
        public_ip=public_ip,
        battery=battery(),
        version=version,
        allowed_services=allowed_services,
    )


def os_name() -> str:
    """Return the operating system as its users call it."""
    if sys.platform == "darwin":
        return clean(f"macOS {platform.mac_ver()[0]}")
    if sys.platform == "linux":
        try:
            return clean(platform.freedesktop_os_release()["PRETTY_NAME"])
        except (OSError, KeyError):
            pass
    return clean(f"{platform.system()} {platform.release()}")
