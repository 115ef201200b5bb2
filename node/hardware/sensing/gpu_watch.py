"""How hot the GPUs are and how much of their memory other programs use, without harm to us or to a battery.

NVIDIA's driver is asked in a process that is kept running (`nvml_probe.py --watch`), for starting one each time
costs more than everything else here together. It ends with its input, so with us, however we end.
"""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated

import msgspec
import psutil

from node.hardware.gpus import probe_command
from node.hardware.sensing import gpu_linux
from node.hardware.sensing.look import in_thread
from node.hardware.sensing.told import Unknown
from node.hardware.texts import clean
from node.rules.sensed import GpuSensed

ANSWER_LIMIT = 10.0  # seconds; a driver that wakes a card takes some
END_LIMIT = 2.0  # seconds
MAX_LINE = 256 * 1024
MAX_LINES = 1000  # that a driver prints before an answer
ABSENT_FOR = 3600.0  # seconds until a computer without NVIDIA's driver is asked again
RETRY_FIRST, RETRY_MOST = 5.0, 600.0  # seconds until a probe that failed is started again
SPARING = 30.0  # seconds between questions that might keep a card awake that nobody of us uses
log = logging.getLogger(__name__)

Bytes = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1.001)]  # of the time; rounding may bring it above 1


class ProbedGpu(msgspec.Struct, frozen=True):
    """What the probe told of one GPU; None is what its driver does not tell."""

    index: Annotated[int, msgspec.Meta(ge=0, le=15)]
    celsius: Annotated[int, msgspec.Meta(ge=0, le=1000)] | None = None
    used_bytes: Bytes | None = None
    processes: Annotated[tuple[tuple[int, Bytes | None], ...], msgspec.Meta(max_length=256)] | None = None
    name: Annotated[str, msgspec.Meta(max_length=256)] = ""  # this and what follows is told only who asks for usage
    total_bytes: Bytes | None = None
    busy: Share | None = None
    watts: Annotated[float, msgspec.Meta(ge=0, le=100_000)] | None = None
    users: Annotated[tuple[tuple[int, Share], ...], msgspec.Meta(max_length=256)] | None = None


class Answer(msgspec.Struct, frozen=True):
    """One line of the probe."""

    to: str
    gpus: Annotated[tuple[ProbedGpu, ...], msgspec.Meta(max_length=16)] = ()
    absent: bool = False  # no driver, so no GPU of NVIDIA
    trouble: str = ""


def sense(gpu: ProbedGpu, ours: Callable[[int], bool]) -> GpuSensed:
    """Add up what is not ours. Windows names the processes, but not what each of them uses."""
    others: int | None = None
    if gpu.processes is not None:
        foreign = [used for pid, used in gpu.processes if not ours(pid)]
        if None not in foreign:
            others = sum(used for used in foreign if used is not None)
        elif len(foreign) == len(gpu.processes):
            others = gpu.used_bytes
    celsius = None if gpu.celsius is None else float(gpu.celsius)
    return GpuSensed(index=gpu.index, celsius=celsius, memory_used_by_others_bytes=others)


class Probe:
    """The process, asked from a thread, one question at a time; killed when it does not answer in time."""

    def __init__(
        self, command: Sequence[str], limit: float = ANSWER_LIMIT, environ: Mapping[str, str] | None = None
    ) -> None:
        self._command = command
        self._limit = limit
        self._environ = environ
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._questions = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def ask(self, *, usage: bool = False) -> Answer:
        """Return the probe's answer, or what went wrong; starts it where it does not run."""
        try:
            process = self._start()
        except OSError as error:
            return Answer("", trouble=f"the GPU probe cannot be started: {error.strerror or error}")
        overdue = threading.Event()

        def give_up() -> None:
            overdue.set()
            process.kill()

        timer = threading.Timer(self._limit, give_up)
        timer.daemon = True
        timer.start()
        try:
            answer = self._talk(process, usage=usage)
        finally:
            timer.cancel()
            timer.join()
        if answer is None or answer.trouble or answer.absent:
            self._let_go()
        if answer is None:
            why = "does not answer" if overdue.is_set() else "crashed"
            return Answer("", trouble=f"the graphics driver {why}")
        return answer

    def close(self) -> None:
        """End the process; whoever asks gets no answer. May be called any number of times."""
        self._closed = True
        self._let_go()

    def rest(self) -> None:
        """End the process until the next question."""
        self._let_go()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise OSError("it is closed")
            if self._process is None:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=self._environ,
                    start_new_session=sys.platform != "win32",
                    creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                )
            return self._process

    def _talk(self, process: subprocess.Popen[bytes], *, usage: bool) -> Answer | None:
        """Ask, and read over what a driver prints of its own; None when the process has ended or talks nonsense."""
        assert process.stdin is not None
        assert process.stdout is not None
        self._questions += 1
        question = f"{self._questions} usage" if usage else str(self._questions)
        try:
            process.stdin.write(f"{question}\n".encode())
            process.stdin.flush()
            for _ in range(MAX_LINES):
                line = process.stdout.readline(MAX_LINE)
                if not line:
                    return None
                with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                    answer = msgspec.json.decode(line, type=Answer)
                    if answer.to == question:
                        return answer
        except (OSError, ValueError):  # it has ended, or was let go meanwhile
            return None
        return None

    def _let_go(self) -> None:
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):  # a hanging driver holds it
                process.wait(END_LIMIT)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()


class GpuWatch:
    """Asks the probe when that is worth it, and Linux for what it tells itself."""

    def __init__(
        self,
        ours: Callable[[int], bool] | None = None,
        *,
        probe: Probe | None = None,
        cards: Callable[[], Sequence[gpu_linux.Card]] = gpu_linux.cards,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ours = ours or Ours().is_ours
        self._probe = probe or Probe((*probe_command(), "--watch"))
        self._clock = clock
        self._cards = cards() if sys.platform == "linux" else ()
        self._answer = Answer("")
        self._not_before, self._pause = 0.0, RETRY_FIRST
        self._in_thread = in_thread(self._read)

    async def read(self) -> tuple[GpuSensed, ...] | Unknown:
        """Return what is told of each GPU, NVIDIA's first; `()` is a computer without any."""
        return await self._in_thread()

    def close(self) -> None:
        """End the probe."""
        self._probe.close()

    def _read(self) -> tuple[GpuSensed, ...] | Unknown:
        if self._all_sleep():
            self._probe.rest()
            nvidia: tuple[GpuSensed, ...] = tuple(
                GpuSensed(index=number, memory_used_by_others_bytes=0) for number in range(len(self._of_nvidia()))
            )
        else:
            if self._clock() >= self._not_before:
                self._ask()
            if self._answer.trouble:
                return Unknown(f"the GPU cannot be asked: {clean(self._answer.trouble)}")
            nvidia = tuple(sense(gpu, self._ours) for gpu in self._answer.gpus)
        amd = [card for card in self._cards if card.vendor == gpu_linux.AMD]
        return nvidia + tuple(
            GpuSensed(index=len(nvidia) + number, celsius=card.celsius()) for number, card in enumerate(amd)
        )

    def _of_nvidia(self) -> Sequence[gpu_linux.Card]:
        return [card for card in self._cards if card.vendor == gpu_linux.NVIDIA]

    def _all_sleep(self) -> bool:
        """Say whether every card of NVIDIA is switched off; then it is left so."""
        cards = self._of_nvidia()
        return bool(cards) and all(card.sleeps() for card in cards)

    def _ask(self) -> None:
        self._answer = self._probe.ask()
        now = self._clock()
        if self._answer.absent:
            self._answer, self._not_before = Answer(""), now + ABSENT_FOR
        elif self._answer.trouble:
            log.debug("the GPUs cannot be asked: %s", self._answer.trouble)
            self._not_before, self._pause = now + self._pause, min(RETRY_MOST, 2 * self._pause)
        else:
            self._not_before, self._pause = now + self._spare(), RETRY_FIRST

    def _spare(self) -> float:
        """Return how long to leave cards alone that would fall asleep, unless we keep them busy ourselves."""
        pids = [pid for gpu in self._answer.gpus for pid, _ in gpu.processes or ()]
        cards = self._of_nvidia()
        may_sleep = bool(cards) and all(card.may_sleep() for card in cards)
        return SPARING if may_sleep and not any(self._ours(pid) for pid in pids) else 0.0


class Ours:
    """Knows which processes are ours: this one and what it has started, but not what an engine started for us."""

    def __init__(self, us: int | None = None) -> None:
        self._us = us or psutil.Process().pid
        self._known: dict[tuple[int, float], bool] = {}

    def is_ours(self, pid: int) -> bool:
        """Say whether a process descends from us."""
        try:
            process = psutil.Process(pid)
            key = (pid, process.create_time())
            if key not in self._known:
                if len(self._known) >= 1000:
                    self._known.clear()
                self._known[key] = pid == self._us or self._us in _pids(process.parents())
            return self._known[key]
        except psutil.Error:
            return False


def _pids(processes: Collection[psutil.Process]) -> frozenset[int]:
    return frozenset(process.pid for process in processes)
