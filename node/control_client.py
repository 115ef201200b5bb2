"""Blocking calls to the control API of a running node, for the command line (no event loop, quick to start)."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from node.control_file import FILE_NAME, ControlFile
from node.program.errors import EXIT_FAILED, EXIT_REFUSED, EXIT_UNREACHABLE, UserFacingError

T = TypeVar("T")
TIMEOUT = 300.0  # seconds between two bytes; a request through the mesh may take that long
TOO_MANY_REQUESTS = 429


class ControlClient:
    """Speaks to the node of one data directory; raises UserFacingError."""

    def __init__(self, data_dir: Path, timeout: float = TIMEOUT) -> None:
        """`timeout` is seconds between two bytes of an answer."""
        self._data_dir = data_dir
        self._timeout = timeout
        try:
            self._file = msgspec.json.decode((data_dir / FILE_NAME).read_bytes(), type=ControlFile)
        except (OSError, msgspec.MsgspecError):
            raise self._not_running() from None
        # No proxy, whatever the environment says: the node is on this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path: str, cls: type[T]) -> T:
        with self.open("GET", path) as answer:
            return msgspec.json.decode(answer.read(), type=cls)

    def post(self, path: str, document: Any = None) -> Any:
        return self.send("POST", path, {} if document is None else document)

    def send(self, method: str, path: str, document: Any) -> Any:
        body = msgspec.json.encode(document)
        with self.open(method, path, body, {"Content-Type": "application/json"}) as answer:
            return msgspec.json.decode(answer.read() or b"{}")

    def open(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> HTTPResponse:
        """Return an answer of status below 400 to read from; any other is raised as an error."""
        request = urllib.request.Request(self._file.url + path, body, dict(headers or {}), method=method)  # noqa: S310
        request.add_header("Authorization", f"Bearer {self._file.token}")
        try:
            answer: HTTPResponse = self._opener.open(request, timeout=self._timeout)
        except urllib.error.HTTPError as error:
            with error:
                raise _refused(error.code, error.read()) from None
        except TimeoutError:
            raise UserFacingError("The node did not answer in time.", exit_code=EXIT_FAILED) from None
        except (OSError, HTTPException):
            raise self._not_running() from None
        return answer

    def _not_running(self) -> UserFacingError:
        return UserFacingError(
            f"No node is running with the data directory {self._data_dir}.",
            "",
            "Start one with: rma-mesh-node run. If it uses another directory, name it with --data-dir.",
            EXIT_UNREACHABLE,
        )


def _refused(status: int, body: bytes) -> UserFacingError:
    try:
        problem = msgspec.json.decode(body, type=dict)
    except msgspec.MsgspecError:
        problem = {}
    title = f"{problem.get('title', 'The request was refused')} (HTTP {status})."
    detail = str(problem.get("detail", "") or body[:500].decode("utf-8", "replace"))
    for_now = status >= 500 or status == TOO_MANY_REQUESTS
    return UserFacingError(title, detail, exit_code=EXIT_FAILED if for_now else EXIT_REFUSED)
