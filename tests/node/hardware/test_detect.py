from __future__ import annotations

import asyncio
import os
from pathlib import Path

import msgspec
import psutil
import pytest

from node.hardware import disks, gpus, linux_limits
from node.hardware.detect import detect, detect_async, os_name
from node.wire.messages import Capabilities
from tests.support.nvml import environment


def with_driver(monkeypatch: pytest.MonkeyPatch, stub: Path, behaviour: str = "") -> None:
    for name, value in environment(stub, behaviour).items():
        if os.environ.get(name) != value:
            monkeypatch.setenv(name, value)


def test_this_machine_is_described_in_plain_numbers_that_can_be_sent(tmp_path: Path) -> None:
    found = detect(tmp_path, version="1.2.3", allowed_services=("ocr",))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Capabilities) == found
    assert found.os
    assert found.architecture
    assert 1 <= found.cpu_cores <= found.cpu_threads
    assert 0 < found.ram_free_bytes <= found.ram_bytes <= psutil.virtual_memory().total
    assert found.disk_free_bytes > 0
    assert found.has_public_ip == (found.public_ip is not None)
    assert (found.version, found.allowed_services) == ("1.2.3", ("ocr",))


def test_a_gpu_makes_a_gpu_worker(tmp_path: Path, nvml_stub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_driver(monkeypatch, nvml_stub)
    found = detect(tmp_path)
    assert (found.has_gpu, found.worker_type, len(found.gpus)) == (True, "gpu", 2)
    assert found.gpus[1].memory_bytes == 16 * 2**30


def test_a_driver_that_crashes_costs_us_the_gpu_only(
    tmp_path: Path, nvml_stub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_driver(monkeypatch, nvml_stub, "abort")
    found = detect(tmp_path)
    assert (found.has_gpu, found.gpus) == (False, ())
    assert found.ram_bytes > 0


def test_the_setting_decides_the_type(tmp_path: Path) -> None:
    assert detect(tmp_path, wanted_type="storage").worker_type == "storage"


def test_a_memory_limit_counts_as_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(linux_limits, "memory_limit", lambda: 5_000_000)
    found = detect(tmp_path)
    assert (found.ram_bytes, found.ram_free_bytes <= 5_000_000) == (5_000_000, True)


def test_a_big_empty_disk_makes_a_storage_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "probe_gpus", gpus.GpuProbe)
    monkeypatch.setattr("node.hardware.addresses.local_addresses", lambda: ())
    monkeypatch.setattr(disks, "free_bytes", lambda path: 10**12)
    assert detect(tmp_path).worker_type == "storage"


async def test_the_loop_runs_on_while_a_driver_hangs(
    tmp_path: Path, nvml_stub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_driver(monkeypatch, nvml_stub, "hang")
    real = gpus.probe_gpus
    monkeypatch.setattr(gpus, "probe_gpus", lambda: real(time_limit=1))
    turns = 0
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(detect_async(tmp_path))
        while not looking.done():
            await asyncio.sleep(0.01)
            turns += 1
    found, gpu_load = looking.result()
    assert (found.gpus, gpu_load) == ((), None)
    assert turns > 2, "the loop went on"


def test_the_system_has_a_name() -> None:
    assert os_name()


def test_a_linux_without_a_release_file_is_named_by_its_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> dict[str, str]:
        raise OSError("no os-release")

    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("platform.freedesktop_os_release", fail)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("platform.release", lambda: "6.1")
    assert os_name() == "Linux 6.1"
