"""The GPUs of this machine, asked in a process that may crash or hang without harm to us."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from node.hardware.texts import clean
from node.wire.messages import Fraction, Gpu

TIME_LIMIT = 10.0  # seconds; a driver that wakes a sleeping card takes some
MAX_OUTPUT = 64 * 1024
log = logging.getLogger(__name__)


class GpuProbe(msgspec.Struct, frozen=True):
    """What the probe found: GPUs, how busy the busiest is (where told), and a note about what went wrong."""

    gpus: Annotated[tuple[Gpu, ...], msgspec.Meta(max_length=16)] = ()
    utilisation: Fraction | None = None
    note: str = ""


def probe_gpus(
    command: Sequence[str] | None = None,
    time_limit: float = TIME_LIMIT,
    environ: Mapping[str, str] | None = None,
) -> GpuProbe:
    """Run the probe and return what it found; blocks up to `time_limit` seconds and never raises."""
    try:
        status, output = _run(command or probe_command(), time_limit, environ)
    except OSError as error:
        return _none(f"the GPU probe cannot be started: {error.strerror or error}")
    if status is None:
        return _none(f"the graphics driver did not answer within {time_limit:.0f} s")
    if status != 0:
        return _none(f"the GPU probe ended with {_describe_status(status)}")
    return parse(output)


def parse(output: bytes) -> GpuProbe:
    """Read the last line of the probe's output, for drivers print before it; pure."""
    lines = output.strip().splitlines()
    try:
        found = msgspec.json.decode(lines[-1] if lines else b"", type=GpuProbe)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return _none(f"the GPU probe's answer cannot be read: {clean(error)}")
    gpus = tuple(
        msgspec.structs.replace(gpu, name=clean(gpu.name), vendor=clean(gpu.vendor), driver=clean(gpu.driver))
        for gpu in found.gpus
    )
    return GpuProbe(gpus, found.utilisation, clean(found.note))


def probe_command() -> Sequence[str]:
    """Return how the probe is run."""
    return (sys.executable, "-P", str(Path(__file__).with_name("nvml_probe.py")))


def _run(command: Sequence[str], time_limit: float, environ: Mapping[str, str] | None) -> tuple[int | None, bytes]:
    """Return exit status (None after the time limit) and at most MAX_OUTPUT bytes of output."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environ,
        start_new_session=os.name == "posix",
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    overdue = threading.Event()

    def give_up() -> None:
        overdue.set()
        _kill(process)

    timer = threading.Timer(time_limit, give_up)
    timer.start()
    with process:
        assert process.stdout is not None
        output = process.stdout.read(MAX_OUTPUT)
        if len(output) == MAX_OUTPUT:
            _kill(process)  # it would print for ever
        process.stdout.close()
        status = process.wait()
    timer.cancel()
    timer.join()
    return (None if overdue.is_set() else status), output


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the probe and whatever a driver started with it."""
    with contextlib.suppress(OSError):
        if process.poll() is not None:
            return
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _describe_status(status: int) -> str:
    if status >= 0:
        return f"exit code {status}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-status).name
    return f"signal {-status}"


def _none(note: str) -> GpuProbe:
    log.warning("no GPU is used: %s", note)
    return GpuProbe(note=note)
