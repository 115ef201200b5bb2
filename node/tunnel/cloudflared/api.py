"""Speaks with Cloudflare's API (v4): one request at a time, and every refusal in words.

Cloudflare allows 1,200 requests in five minutes per user, and blocks for the next five who asks more; it says in
Retry-After how long. See https://developers.cloudflare.com/fundamentals/api/reference/limits/.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from node.program.answers import read_at_most
from node.program.cloudflare_answers import Envelope, Fault, quoted, read_envelope, seconds_to_wait
from node.program.plain_text import plain
from node.wire.messages import UNREADABLE

BASE = "https://api.cloudflare.com/client/v4"
TIME_LIMIT = aiohttp.ClientTimeout(total=30)  # seconds
MOST = 4 * 1024 * 1024  # bytes of an answer
BLOCKED_FOR = 300.0  # seconds, where a refusal does not say for how long
PERMISSIONS = "Account / Cloudflare Tunnel / Edit, Zone / DNS / Edit and Zone / Zone / Read"
TOKEN_CODES = frozenset({1000, 6003, 6111, 9106, 9109, 10000, 10001})
ROUTE_CODES = frozenset({7000, 7003})  # "perhaps your object identifier is invalid?"


class CloudflareError(Exception):
    """Cloudflare refused, or was not reached; its text and hint are for people."""

    def __init__(
        self, text: str, hint: str = "", *, status: int = 0, codes: tuple[int, ...] = (), wait: float = 0.0
    ) -> None:
        super().__init__(text)
        self.hint = hint
        self.status = status
        self.codes = codes
        self.wait = wait  # seconds that it asked us to wait

    @property
    def is_limit(self) -> bool:
        return self.status == 429

    @property
    def is_refusal(self) -> bool:
        """Whether it will stay so until a person changes something."""
        return 400 <= self.status < 500 and not self.is_limit


class CloudflareApi:
    """Makes requests with a token, which goes to no other address than the API's."""

    def __init__(self, session: aiohttp.ClientSession, token: str, base: str = BASE) -> None:
        self._session = session
        self._headers = {"Authorization": f"Bearer {token}"}
        self._base = base.rstrip("/")

    async def get(self, path: str, **query: str) -> Any:
        return await self._call("GET", path, query)

    async def post(self, path: str, document: Any) -> Any:
        return await self._call("POST", path, {}, document)

    async def put(self, path: str, document: Any) -> Any:
        return await self._call("PUT", path, {}, document)

    async def delete(self, path: str, **query: str) -> None:
        """Delete something; what is not there any more is no error."""
        try:
            await self._call("DELETE", path, query)
        except CloudflareError as error:
            if error.status != 404:
                raise

    async def _call(self, method: str, path: str, query: Mapping[str, str], document: Any = None) -> Any:
        """Return the result of a request; raise CloudflareError."""
        sent = None if document is None else msgspec.json.encode(document)
        headers = self._headers if sent is None else {**self._headers, "Content-Type": "application/json"}
        try:
            async with self._session.request(
                method, self._base + path, params=query, data=sent, headers=headers, timeout=TIME_LIMIT,
                allow_redirects=False,
            ) as answer:  # fmt: skip
                body = await read_at_most(answer, MOST)
                status, retry_after = answer.status, answer.headers.get("Retry-After", "")
        except TimeoutError:
            raise CloudflareError("Cloudflare's API does not answer in time.") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise CloudflareError(f"Cloudflare's API cannot be reached: {plain(str(error))[:160]}.") from None
        return _result(status, retry_after, body)


def _result(status: int, retry_after: str, body: bytes) -> Any:
    envelope = read_envelope(body)
    try:
        if status < 300 and envelope.success:
            return msgspec.json.decode(envelope.result)
    except UNREADABLE:
        envelope = Envelope()
    wait = _wait(status, retry_after)
    raise CloudflareError(*_said(status, envelope.errors), status=status, codes=envelope.codes, wait=wait)


def _wait(status: int, retry_after: str) -> float:
    """Return for how long we shall not ask, in seconds."""
    said = seconds_to_wait(retry_after)
    return said if said is not None else BLOCKED_FOR if status == 429 else 0.0


def _said(status: int, faults: tuple[Fault, ...]) -> tuple[str, str]:
    """Return what happened and what to do, in sentences."""
    codes = {fault.code for fault in faults}
    said = quoted(faults)
    if status == 429:
        return f"Cloudflare's API was asked too often.{said}", "It is asked again when it allows it."
    if status in (401, 403) or codes & TOKEN_CODES:
        text = f"Cloudflare does not accept the API token for this.{said}"
        return text, f"Make a token that may do {PERMISSIONS}, and give it as CLOUDFLARE_API_TOKEN."
    if codes & ROUTE_CODES:
        text = f"Cloudflare does not know that account.{said}"
        return text, "Look up the account's id in its dashboard, and give it as CLOUDFLARE_ACCOUNT_ID."
    if status >= 500:
        return f"Cloudflare's API is out of order (status {status}).{said}", "It is tried again by itself."
    return f"Cloudflare's API refuses (status {status}).{said}", ""
