"""Where a bundle's files come from: a node's control API where one runs, and the files of its data directory.

Blocks, and takes seconds: `progress` hears how far it is, `cancelled` is asked between two steps.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from node import __version__
from node.activity.log import kept_in
from node.control_client import ControlClient
from node.control_file import FILE_NAME, ControlFile
from node.diagnostics.bundle import BundleFile, Source, bounded, cleaned
from node.diagnostics.redaction import Redactor
from node.program.errors import EXIT_UNREACHABLE, UserFacingError
from node.program.file_end import end_of
from node.program.logs import KEPT_LOG

Progress = Callable[[int, int, str], None]  # steps done, steps in all, what comes next

ASKED: Sequence[tuple[str, str, str]] = (
    ("/view", "status.json", "What the node does and why, the hardware that it found, its services and rules"),
    ("/doctor", "doctor.json", "What was checked just now, and what to do where something is wrong"),
    ("/settings", "settings.json", "How the node was started; of secrets only whether they are set"),
    ("/rules", "rules.json", "When this computer rests"),
    ("/stats", "stats.json", "What the node has counted"),
    ("/peers", "peers.json", "The other computers that the node knows"),
    ("/routing/history?span=day", "routing-day.json", "Requests over the last day, as numbers"),
    (
        "/routing/requests",
        "routing-requests.json",
        "The last requests: service, worker, way and time, never content",
    ),
)
KEPT_FILES: Sequence[tuple[str, str, str]] = (
    ("rules.json", "kept/rules.json", "The rules as they are kept on disk"),
    ("pause.json", "kept/pause.json", "Whether a pause is kept on disk"),
    ("assignment.json", "kept/assignment.json", "What a coordinator wanted last"),
)
ANSWER_TIMEOUT = 20.0  # seconds; the doctor knocks at several places
TAIL = 96 * 1024  # bytes of a log
SERVICE_TAIL = 48 * 1024
MOST_SERVICES = 24
LARGEST_DOCUMENT = 8 * 1024 * 1024  # bytes
ENVIRONMENT = re.compile(r"(?i)token|secret|passw|credential|api_?key|_key$|invite|proxy")
PACKAGES = (
    "aiohttp", "msgspec", "cryptography", "psutil", "uvloop", "kademlia", "keyring", "filelock",
    "PySide6-Essentials", "qasync",
)  # fmt: skip


PASSWORD = re.compile(r"://[^/@:]*:([^/@]+)@")


class NotWantedError(Exception):
    """Nobody wants the bundle any more."""


def collect(
    data_dir: Path,
    *,
    extra: Sequence[Source] = (),
    progress: Progress = lambda _done, _of, _what: None,
    cancelled: Callable[[], bool] = lambda: False,
    timeout: float = ANSWER_TIMEOUT,
    environment: Mapping[str, str] | None = None,
) -> tuple[BundleFile, ...]:
    """Return the files of a bundle, clean and bounded; raise NotWantedError. `extra` is what the caller knows."""
    redactor = redactor_for(data_dir, os.environ if environment is None else environment)
    steps = list(_steps(data_dir, timeout))
    files: list[BundleFile] = []
    for number, (what, step) in enumerate(steps):
        if cancelled():
            raise NotWantedError
        progress(number, len(steps), what)
        files += [cleaned(source, redactor) for source in step()]
    files += [cleaned(source, redactor) for source in extra]
    if cancelled():
        raise NotWantedError
    progress(len(steps), len(steps), "")
    return bounded(files)


def redactor_for(data_dir: Path, environment: Mapping[str, str]) -> Redactor:
    """Return a redactor that knows what is secret on this computer, as far as this user can tell."""
    secrets = [value for name, value in environment.items() if ENVIRONMENT.search(name) and not _is_plain(value)]
    secrets += [found.group(1) for value in secrets if (found := PASSWORD.search(value))]
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        secrets.append(msgspec.json.decode((data_dir / FILE_NAME).read_bytes(), type=ControlFile).token)
    user = ""
    with contextlib.suppress(Exception):  # getpass says nothing certain of what it raises
        user = getpass.getuser()
    return Redactor(secrets=secrets, home=_home(), user=user)


def _is_plain(value: str) -> bool:
    """Tell switches and addresses without a password from secrets: they would be cut out of every text."""
    return value.lower() in ("", "true", "false", "on", "off", "auto", "none") or (
        "://" in value and "@" not in value and not value.startswith("rma-mesh:")
    )


def _home() -> str:
    with contextlib.suppress(RuntimeError):
        home = str(Path.home())
        return home if len(Path(home).parts) > 2 else ""
    return ""


def _steps(data_dir: Path, timeout: float) -> Iterator[tuple[str, Callable[[], list[Source]]]]:
    node = Node(data_dir, timeout)
    yield "versions", lambda: [_versions(node)]
    for path, name, about in ASKED:
        yield name, lambda path=path, name=name, about=about: node.ask(path, name, about)  # type: ignore[misc]
    yield "activity", lambda: [_activity(data_dir)]
    yield "the node's log", lambda: _tails(data_dir, KEPT_LOG, "node.log", "What the node has logged last", TAIL)
    yield "services' logs", lambda: _services(data_dir)
    yield "kept files", lambda: list(_kept(data_dir))


class Node:
    """The node of a data directory, which may not run; once it did not answer it is not asked again."""

    def __init__(self, data_dir: Path, timeout: float) -> None:
        self._timeout = timeout
        self._client: ControlClient | None = None
        self.trouble = ""
        with _told(self):
            self._client = ControlClient(data_dir, timeout)

    def ask(self, path: str, name: str, about: str) -> list[Source]:
        """Return what it says, as a source; or that it did not, and why."""
        if self._client is None:
            return []
        began = time.monotonic()
        try:
            with self._client.open("GET", path) as answer:
                data = answer.read(LARGEST_DOCUMENT + 1)
            return [Source(name, about, msgspec.json.decode(data[:LARGEST_DOCUMENT]))]
        except UserFacingError as error:
            if error.exit_code == EXIT_UNREACHABLE or time.monotonic() - began >= self._timeout:
                self._client, self.trouble = None, str(error.title)
            return [Source(f"{name}.missing.txt", f"Why there is no {name}", f"{error}\n")]
        except (OSError, ValueError) as error:
            return [Source(f"{name}.missing.txt", f"Why there is no {name}", f"It could not be read: {error}\n")]


@contextlib.contextmanager
def _told(node: Node) -> Iterator[None]:
    try:
        yield
    except UserFacingError as error:
        node.trouble = str(error.title)


def _versions(node: Node) -> Source:
    packages = {}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            packages[name] = metadata.version(name)
    document = {
        "rma_mesh": __version__,
        "node": node.trouble or "It runs.",
        "python": sys.version,
        "frozen": bool(getattr(sys, "frozen", False)),
        "system": platform.platform(),
        "machine": platform.machine(),
        "desktop": {
            name: os.environ.get(name, "")
            for name in ("XDG_CURRENT_DESKTOP", "XDG_SESSION_TYPE", "LANG", "QT_QPA_PLATFORM")
        },
        "packages": packages,
    }
    return Source("versions.json", "Which versions of what, and which system", document)


def _activity(data_dir: Path) -> Source:
    return Source("activity.json", "What happened to the node, as the window shows it", kept_in(data_dir))


def _services(data_dir: Path) -> list[Source]:
    folder = data_dir / "services"
    try:
        names = sorted(path.name for path in folder.iterdir() if path.is_dir())[:MOST_SERVICES]
    except OSError:
        return []
    return [
        source
        for name in names
        for source in _tails(
            folder / name,
            "service.log",
            f"services/{name}.log",
            f"What the service {name} wrote last",
            SERVICE_TAIL,
        )
    ]


def _tails(folder: Path, file: str, name: str, about: str, most: int) -> list[Source]:
    """Return the end of a log that goes on in two files."""
    data = b""
    for path in (folder / file, folder / f"{file}.1"):
        if len(data) < most:
            with contextlib.suppress(OSError):
                data = end_of(path, most - len(data))[0] + data
    return [Source(name, about, data.decode("utf-8", "replace"))] if data else []


def _kept(data_dir: Path) -> Iterator[Source]:
    for file, name, about in KEPT_FILES:
        with contextlib.suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
            yield Source(name, about, _document(data_dir / file))


def _document(path: Path) -> Any:
    return msgspec.json.decode(end_of(path, LARGEST_DOCUMENT)[0])
