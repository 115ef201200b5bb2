"""The command line's side of the admin API: finds the running coordinator, asks it, says what went wrong.

Plain urllib, so that a command is over before aiohttp would have been imported.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import ipaddress
import os
import re
import ssl
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import msgspec

from node.program.data_dir import is_held
from node.program.errors import (
    EXIT_FAILED,
    EXIT_REFUSED,
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    UserFacingError,
)
from node.wire.problems import kind_of

PROGRAM = "coordinator"  # whose data directory it is, as `serve` holds it
ADMIN_FILE = "admin.json"
SERVICE_DIR = Path("/var/lib/rma-mesh-coordinator")  # as in installers/systemd
MAX_ANSWER = 64 * 2**20  # bytes of a JSON answer
CHUNK = 2**18
BACKUP_NOTES = "X-RMA-Backup-Notes"  # head of an answer: what is to be known of a backup, in codes
PLAIN_KINDS = frozenset({"not-found", "invalid-body", "conflict"})
HINTS = {
    "unauthorized": "It stands in admin.token of its data directory; RMA_ADMIN_TOKEN, where it is set, goes first.",
    "unknown-worker": "`rma-mesh-coordinator worker list` shows the ids.",
}
TLS_HINT = (
    "If it speaks plain HTTP there, say http:// in --url. If its certificate is unknown to this computer, run this "
    "on the coordinator's own machine without --url, or name a file with its authority in SSL_CERT_FILE."
)
NOTHING_THERE = "There is nothing at"
QUICK = 5.0  # seconds
MAX_HEALTH = 2**16  # bytes
START_HINT = "Start it with `rma-mesh-coordinator serve`, or name another with --data-dir or --url."
LOOKS_LIKE = "It looks like http://127.0.0.1:8080."
LETTERS = re.compile(r"[!-~]+")  # of a URL
TOKEN_LETTERS = re.compile(r"[!-~](?:[ -~]*[!-~])?")  # what gets through a head as it is


class AdminFile(msgspec.Struct, frozen=True):
    """What a running coordinator leaves in its data directory for its own operator, readable by nobody else."""

    url: str
    token: str


@dataclass(frozen=True)
class Saved:
    """A file that was written, and what the coordinator has to say of it, in codes."""

    size: int  # bytes
    notes: tuple[str, ...]


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Refuses to follow: a redirect would carry the admin token somewhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class MissingError(UserFacingError):
    """The coordinator knows nothing of what was asked for."""


@dataclass(frozen=True)
class AdminClient:
    """Asks one coordinator with the admin token; every refusal becomes a UserFacingError."""

    url: str
    token: str = field(repr=False)
    timeout: float = 60.0  # seconds without a byte
    is_here: bool = False  # the coordinator that runs on a data directory of this machine

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        return self._json("GET", path + _query(query))

    def find(self, path: str) -> Any | None:
        """Return what `get` does, None where the coordinator knows nothing of that."""
        try:
            return self.get(path)
        except MissingError:
            return None

    def post(self, path: str, body: object | None = None) -> Any:
        return self._json("POST", path, {} if body is None else body)

    def delete(self, path: str) -> Any:
        return self._json("DELETE", path)

    def download(self, path: str, target: Path) -> Saved:
        """Write the answer's body to a new private file, whole or not at all."""
        with _new_file(target) as (file, temporary), self._open("POST", path, b"{}") as answer:
            size = _save(answer, file, target, int(answer.headers.get("Content-Length", -1)))
            temporary.replace(target)
            notes = answer.headers.get(BACKUP_NOTES, "")
            return Saved(size, tuple(filter(None, notes.split(","))))

    def _json(self, method: str, path: str, body: object | None = None) -> Any:
        with self._open(method, path, None if body is None else msgspec.json.encode(body)) as answer:
            data = answer.read(MAX_ANSWER + 1)
        try:
            return msgspec.json.decode(data) if data else {}
        except msgspec.DecodeError:
            raise _not_a_coordinator(self.url) from None

    def _open(self, method: str, path: str, body: bytes | None) -> http.client.HTTPResponse:
        request = urllib.request.Request(self.url.rstrip("/") + path, data=body, method=method)  # noqa: S310 - http(s) only, checked by find_coordinator
        request.add_header("Authorization", f"Bearer {self.token}")
        request.add_header("Accept", "application/json")
        if body is not None:
            request.add_header("Content-Type", "application/json")
        try:
            answer: http.client.HTTPResponse = self._opener().open(request, timeout=self.timeout)
        except urllib.error.HTTPError as error:
            with error:
                refusal = _refusal(self.url, error)
            raise self._stranger(path) if refusal.title.startswith(NOTHING_THERE) else refusal from None
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(self.url, error) from None
        return answer

    def _stranger(self, path: str) -> UserFacingError:
        """Say who answers that knows nothing of this path; a node says on its own machine that it is one."""
        try:
            with self._opener().open(self.url.rstrip("/") + "/health", timeout=QUICK) as answer:
                told = msgspec.json.decode(answer.read(MAX_HEALTH), type=dict[str, Any])
        except (OSError, http.client.HTTPException, msgspec.MsgspecError):
            told = {}
        if "worker_id" in told:
            title, text = f"What answers at {self.url} is a node, not a coordinator.", ""
            hint = "`rma-mesh-node status` on that machine names its coordinator."
        else:
            title = f"What answers at {self.url} knows nothing of {path.partition('?')[0]}."
            text, hint = "It is not a coordinator, or one of another version.", "Check the address."
        return UserFacingError(title, text, hint, EXIT_UNREACHABLE)

    def _opener(self) -> urllib.request.OpenerDirector:
        handlers: list[urllib.request.BaseHandler] = [NoRedirects()]
        if self.is_here or is_loopback(self.url):  # a proxy has no business between us and our own machine
            handlers.append(urllib.request.ProxyHandler({}))
        if self.is_here:  # at a port of this machine that was only told to us anybody may listen, or lead elsewhere
            handlers.append(urllib.request.HTTPSHandler(context=_trusting()))
        return urllib.request.build_opener(*handlers)


def _trusting() -> ssl.SSLContext:
    """Return a context for a coordinator that runs here: its certificate names the public URL and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def find_coordinator(data_dir: Path, url: str | None, token: str | None) -> AdminClient:
    """Return a client for the given URL and token, or for the coordinator that runs on the data directory."""
    if url is not None and not _is_url(url):
        raise UserFacingError(f"{url!r} is not a URL of a coordinator.", "", LOOKS_LIKE, EXIT_USAGE)
    if token is not None:
        _check_token(token)
    if url is not None and token:
        return AdminClient(url, token)
    if url is not None and not is_loopback(url):
        raise UserFacingError(
            "The admin token of that coordinator is needed.",
            "The token of this machine's data directory is not sent to another machine.",
            "Put its token into the environment variable RMA_ADMIN_TOKEN.",
            EXIT_USAGE,
        )
    if url is not None and not (data_dir / ADMIN_FILE).exists():
        raise UserFacingError(
            "The admin token of that coordinator is needed.",
            f"No coordinator runs with the data directory {data_dir}, so there is no token in it.",
            "Name the right one with --data-dir, or put the token into the environment variable RMA_ADMIN_TOKEN.",
            EXIT_USAGE,
        )
    found = _read_admin_file(data_dir)
    if not is_held(data_dir, PROGRAM):  # after a kill anybody may listen at the old port, and wait for the token
        raise _not_running(data_dir)
    _check_token(found.token)
    is_here = url is None or urllib.parse.urlsplit(url).port == urllib.parse.urlsplit(found.url).port
    return AdminClient(url or found.url, token or found.token, is_here=is_here)


def _check_token(token: str) -> None:
    if not TOKEN_LETTERS.fullmatch(token):
        text = "It has a space at an end, a line break, or a letter beyond ASCII."
        hint = "Copy the line of admin.token again, or the one that `token rotate` printed, and nothing else."
        raise UserFacingError("The admin token in RMA_ADMIN_TOKEN cannot be sent.", text, hint, EXIT_USAGE)


def _is_url(text: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(text)
        name = (parts.hostname or "").encode("idna")
        return (
            parts.scheme in ("http", "https") and bool(name) and parts.port != 0 and bool(LETTERS.fullmatch(text))
        )
    except ValueError:  # a port or a name that is none
        return False


def is_loopback(url: str) -> bool:
    host = urllib.parse.urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _read_admin_file(data_dir: Path) -> AdminFile:
    path = data_dir / ADMIN_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=AdminFile)
    except FileNotFoundError:
        raise _not_running(data_dir) from None
    except PermissionError:
        hint = "Run this as that user (`sudo -u USER ...`), or give --url, and the token in RMA_ADMIN_TOKEN."
        text = "It holds the admin token, and belongs to the user as whom the coordinator runs."
        raise UserFacingError(f"You may not read {path}.", text, hint, EXIT_FAILED) from None
    except (OSError, msgspec.MsgspecError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UserFacingError(f"{path} cannot be read.", f"The reason: {why}.", exit_code=EXIT_FAILED) from None


def _not_running(data_dir: Path) -> UserFacingError:
    text = f"None uses the data directory {data_dir.absolute()}."
    with contextlib.suppress(OSError):  # we may not look there
        if SERVICE_DIR.is_dir() and data_dir != SERVICE_DIR:
            text += f" That of the system's service is {SERVICE_DIR}."
    return UserFacingError("The coordinator is not running.", text, START_HINT, EXIT_UNREACHABLE)


def _refusal(url: str, error: urllib.error.HTTPError) -> UserFacingError:
    """Turn a problem document into the sentences that a person reads."""
    try:
        document = msgspec.json.decode(error.read(MAX_ANSWER), type=dict[str, Any])
    except (msgspec.MsgspecError, OSError):
        return _not_a_coordinator(url)
    title, detail = str(document.get("title", "")), str(document.get("detail", ""))
    code = EXIT_FAILED if error.code >= 500 else EXIT_REFUSED
    kind = kind_of(document)
    hint = HINTS.get(kind, "")
    if kind == "unknown-worker":
        return MissingError(detail or f"{title}.", "", hint, code)
    if kind in PLAIN_KINDS and detail:  # their titles speak of HTTP, which the operator did not
        return UserFacingError(detail, "", hint, code)
    return UserFacingError(f"{title}." if title else f"The coordinator refused ({error.code}).", detail, hint, code)


def _unreachable(url: str, error: Exception) -> UserFacingError:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    title = f"The coordinator at {url} does not answer."
    if isinstance(reason, ssl.SSLError):
        why = getattr(reason, "verify_message", "") or str(reason.reason or reason).lower().replace("_", " ")
        return UserFacingError(title, f"TLS failed: {why}.", TLS_HINT, EXIT_UNREACHABLE)
    text = f"The system says: {getattr(reason, 'strerror', None) or reason}."
    return UserFacingError(title, text, START_HINT, EXIT_UNREACHABLE)


def _not_a_coordinator(url: str) -> UserFacingError:
    return UserFacingError(
        f"What answers at {url} is not a coordinator.", hint="Check the address.", exit_code=EXIT_UNREACHABLE
    )


def _query(query: Mapping[str, str] | None) -> str:
    return "?" + urllib.parse.urlencode(query) if query else ""


@contextlib.contextmanager
def _new_file(target: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """Open a private file beside `target`, before anything is asked for; what is left of it at the end goes."""
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        descriptor, name = tempfile.mkstemp(dir=target.absolute().parent, prefix=f".{target.name}.")
    except OSError as error:
        raise UserFacingError(
            f"{target} cannot be written, so nothing was asked for.",
            f"The system says: {error.strerror}.",
            "Name a file in a folder that is there and that you may write to.",
            EXIT_USAGE,
        ) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file, Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _save(answer: IO[bytes], file: IO[bytes], target: Path, expected: int) -> int:
    """Write what comes; `expected` bytes, or -1 when the sender did not say how many."""
    try:
        size = 0
        while chunk := answer.read(CHUNK):
            size += file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
        if expected not in (-1, size):
            raise OSError(f"only {size} of {expected} bytes came")
    except (OSError, http.client.HTTPException) as error:
        why = (isinstance(error, OSError) and error.strerror) or str(error)
        raise UserFacingError(f"{target} was not written.", f"The reason: {why}.") from None
    return size
