"""Asks NVIDIA's driver for its GPUs and prints them as one line of JSON; a program of its own, for drivers crash.

It is run by path with nothing but pynvml beside it, so that it starts quickly from any directory. With `--watch` it
answers every line of its input with how hot the GPUs are and which programs use their memory, until its input ends;
a line that ends in `usage` is told as well how busy they are, by whom, and what power they take.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from typing import Any

import pynvml

MAX_GPUS = 16
MAX_PROCESSES = 256
USAGE = "usage"
_sampled: dict[int, int] = {}  # GPU -> the time of the last sample that was read, in microseconds


def main() -> int:
    if "--watch" in sys.argv[1:]:
        return watch()
    print(json.dumps(probe()))  # noqa: T201 - the line that our parent process reads
    return 0


def watch() -> int:
    """Answer until the input ends; what a line says comes back with its answer."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        absent = isinstance(error, pynvml.NVMLError_LibraryNotFound | pynvml.NVMLError_DriverNotLoaded)
        _answer(sys.stdin.readline(), {"absent": absent, "trouble": str(error)})
        return 0
    for line in sys.stdin:
        try:
            _answer(line, {"gpus": _sense_all(usage=line.strip().endswith(USAGE))})
        except pynvml.NVMLError as error:  # our parent starts another one, which finds out what is left
            _answer(line, {"trouble": str(error)})
            return 0
    return 0


def _answer(line: str, answer: dict[str, Any]) -> None:
    print(json.dumps({"to": line.strip(), **answer}), flush=True)  # noqa: T201 - our parent process reads it


def _sense_all(*, usage: bool) -> list[dict[str, Any]]:
    indices = range(min(pynvml.nvmlDeviceGetCount(), MAX_GPUS))
    return [_sense(index) | (_usage(index) if usage else {}) for index in indices]


def _usage(index: int) -> dict[str, Any]:
    """Return name, memory, share of time that the GPU was busy, [process, share] and watts; null is not told."""
    handle = _ask(pynvml.nvmlDeviceGetHandleByIndex, index)
    if handle is None:
        return {}
    memory, rates = _ask(pynvml.nvmlDeviceGetMemoryInfo, handle), _ask(pynvml.nvmlDeviceGetUtilizationRates, handle)
    milliwatts = _ask(pynvml.nvmlDeviceGetPowerUsage, handle)
    return {
        "name": str(_ask(pynvml.nvmlDeviceGetName, handle) or ""),
        "total_bytes": memory.total if memory else None,
        "busy": rates.gpu / 100 if rates else None,
        "watts": milliwatts / 1000 if milliwatts is not None else None,
        "users": _users(index, handle),
    }


def _users(index: int, handle: Any) -> list[tuple[int, float]] | None:
    """Return how large a share of the time since the last question each process has used, or None."""
    try:
        samples = pynvml.nvmlDeviceGetProcessUtilization(handle, _sampled.get(index, 0))
    except pynvml.NVMLError as error:  # without any sample pynvml takes success for an error
        return [] if error.value in (pynvml.NVML_SUCCESS, pynvml.NVML_ERROR_NOT_FOUND) else None
    times = {sample.timeStamp for sample in samples}
    _sampled[index] = max(times, default=_sampled.get(index, 0))
    shares: dict[int, float] = {}
    for sample in samples:
        shares[sample.pid] = shares.get(sample.pid, 0.0) + min(100, sample.smUtil) / 100 / len(times)
    return list(shares.items())[:MAX_PROCESSES]


def _sense(index: int) -> dict[str, Any]:
    """Return temperature, memory in use and [process, bytes or null] of one GPU; null is what it does not tell."""
    handle = _ask(pynvml.nvmlDeviceGetHandleByIndex, index)
    if handle is None:
        return {"index": index}
    memory = _ask(pynvml.nvmlDeviceGetMemoryInfo, handle)
    lists = [
        _ask(question, handle)
        for question in (pynvml.nvmlDeviceGetComputeRunningProcesses, pynvml.nvmlDeviceGetGraphicsRunningProcesses)
    ]
    used = {process.pid: process.usedGpuMemory for listed in lists for process in listed or ()}
    return {
        "index": index,
        "celsius": _ask(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU),
        "used_bytes": memory.used if memory else None,
        "processes": None if lists == [None, None] else list(used.items())[:MAX_PROCESSES],
    }


def probe() -> dict[str, Any]:
    """Return {"gpus": [...], "utilisation": fraction or null, "note": why there are none}."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError_LibraryNotFound:
        return _report(note="no NVIDIA driver is installed")
    except pynvml.NVMLError as error:
        return _report(note=f"the NVIDIA driver cannot be used: {error}")
    try:
        return _list_gpus()
    except pynvml.NVMLError as error:
        return _report(note=f"the NVIDIA driver failed: {error}")
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _list_gpus() -> dict[str, Any]:
    driver = _ask(pynvml.nvmlSystemGetDriverVersion) or ""
    gpus, busy, notes = [], [], []
    for index in range(min(pynvml.nvmlDeviceGetCount(), MAX_GPUS)):
        try:
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            gpus.append(_describe(handle, driver))
        except (pynvml.NVMLError, UnicodeDecodeError) as error:
            notes.append(f"GPU {index} cannot be read: {error}")
            continue
        rates = _ask(pynvml.nvmlDeviceGetUtilizationRates, handle)
        if rates is not None:
            busy.append(rates.gpu / 100)
    return _report(gpus, max(busy, default=None), "; ".join(notes))


def _describe(handle: Any, driver: str) -> dict[str, Any]:
    memory = _ask(pynvml.nvmlDeviceGetMemoryInfo, handle)  # shared memory, as on small boards, is not reported
    mode = _ask(pynvml.nvmlDeviceGetComputeMode, handle)
    return {
        "vendor": "NVIDIA",
        "name": pynvml.nvmlDeviceGetName(handle),
        "memory_bytes": memory.total if memory else 0,
        "memory_free_bytes": memory.free if memory else 0,
        "driver": driver,
        "usable": mode != pynvml.NVML_COMPUTEMODE_PROHIBITED,
    }


def _ask(question: Callable[..., Any], *arguments: Any) -> Any:
    """Return the driver's answer, or None for what this GPU does not tell."""
    try:
        return question(*arguments)
    except pynvml.NVMLError:
        return None


def _report(
    gpus: list[dict[str, Any]] | None = None, utilisation: float | None = None, note: str = ""
) -> dict[str, Any]:
    return {"gpus": gpus or [], "utilisation": utilisation, "note": note}


if __name__ == "__main__":
    sys.exit(main())
