"""Asks the service ner-extraction through our own node, which finds a worker that offers it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec

from node.services.builtin.contract import Context
from node.services.builtin.notes_coa.mentions import Mention, checked
from node.wire import headers
from node.wire.messages import UNREADABLE
from node.wire.problems import Problem

SERVICE = "ner-extraction"
TIMEOUT = 45.0  # seconds for the whole call, in which the node may try several workers
MAX_ANSWER = 64 * 2**20  # bytes


@dataclass(frozen=True, slots=True)
class Reading:
    """The entities found, and which worker found them by which route."""

    mentions: list[Mention]
    worker: str
    route: str


class NerAnswer(msgspec.Struct, frozen=True):
    """What we need of ner-extraction's answer."""

    entities: tuple[Mention, ...]


class NerClient:
    """One connection pool to our node, between `start` and `stop`."""

    def __init__(self, context: Context, timeout: float = TIMEOUT) -> None:
        self._url = f"{context.node_url}/service/{SERVICE}/extract"
        self._reachable = bool(context.node_url)
        self._token = context.node_token
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=5)
        self._http: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._http = aiohttp.ClientSession(timeout=self._timeout, trust_env=False)

    async def stop(self) -> None:
        if self._http is not None:
            await self._http.close()

    async def read(self, notes: str, trace: Mapping[str, str]) -> Reading:
        """Return the entities in the notes; raise a Problem that says plainly that the other service failed."""
        if self._http is None or not self._reachable:
            raise _failed("this service was started without a node that it could ask")
        sent = {**trace, "Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        body = msgspec.json.encode({"text": notes})
        try:
            async with self._http.post(
                self._url, data=io.BytesIO(body), headers=sent, allow_redirects=False
            ) as answer:
                data = await _read(answer)
                if answer.status != 200:
                    raise refusal(answer.status, answer.headers, data)
                found = msgspec.json.decode(data, type=NerAnswer).entities
                worker = answer.headers.get(headers.WORKER, "")
                return Reading(checked(found, notes), worker, answer.headers.get(headers.ROUTE, ""))
        except TimeoutError:
            text = f"The notes were not converted: {SERVICE} did not answer within {self._timeout.total:g} s."
            raise Problem("upstream-timeout", text, service=SERVICE) from None
        except (aiohttp.ClientError, OSError) as error:
            raise _failed(f"the node cannot be reached ({type(error).__name__})") from None
        except UNREADABLE:
            raise _failed("it answered something that is not its answer") from None


def refusal(status: int, answer_headers: Mapping[str, str], data: bytes) -> Problem:
    """Turn the answer of a node that could not get the service to answer into a problem of ours."""
    detail = _detail(data) or f"HTTP {status}"
    if status in (429, 503):
        kept = {"Retry-After": answer_headers.get("Retry-After", "5")}
        text = f"The notes were not converted: no worker offers {SERVICE} now. Try again later. ({detail})"
        return Problem("no-worker", text, headers=kept, service=SERVICE)
    if status == 504:
        text = f"The notes were not converted: {SERVICE} did not answer in time. ({detail})"
        return Problem("upstream-timeout", text, service=SERVICE)
    return _failed(detail)


def _failed(reason: str) -> Problem:
    text = f"The notes were not converted, because they could not be read by {SERVICE}: {reason}."
    return Problem("upstream-failed", text, service=SERVICE)


def _detail(data: bytes) -> str:
    try:
        document: Any = msgspec.json.decode(data)
    except UNREADABLE:
        return ""
    detail = document.get("detail") if isinstance(document, dict) else None
    return detail[:300].rstrip(".") if isinstance(detail, str) else ""


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_chunked(2**16):
        size += len(part)
        if size > MAX_ANSWER:
            raise _failed("its answer is too large")
        parts.append(part)
    return b"".join(parts)
