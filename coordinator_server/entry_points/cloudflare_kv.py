"""Writes one value to Cloudflare Workers KV by its REST API, and says every refusal in words.

PUT /accounts/{account}/storage/kv/namespaces/{namespace}/values/{key}, the value as body; see
https://developers.cloudflare.com/api/resources/kv/subresources/namespaces/subresources/values/methods/update/ and
https://developers.cloudflare.com/kv/platform/limits/.
"""

from __future__ import annotations

from urllib.parse import quote

import aiohttp

from node.program.answers import read_at_most
from node.program.cloudflare_answers import quoted, read_envelope, seconds_to_wait

TIME_LIMIT = aiohttp.ClientTimeout(total=20)  # seconds
MOST = 64 * 1024  # bytes of an answer
DAILY_LIMIT = 10048  # "you have exceeded the free usage limit of 1,000 PUT operations per day"
NO_NAMESPACE = frozenset({10011, 10013})
NO_ACCOUNT = frozenset({7000, 7003})


class KvError(Exception):
    """Cloudflare refused, or was not reached; the text is for people.

    `wait` is the seconds that it asked us to wait; `spent` says that it allows no more writes today;
    `settings` that a person must mend something.
    """

    def __init__(self, text: str, *, wait: float = 0.0, spent: bool = False, settings: bool = False) -> None:
        super().__init__(text)
        self.wait = wait
        self.spent = spent
        self.settings = settings


class CloudflareKv:
    """One namespace; the token goes to the API's address only."""

    def __init__(
        self, session: aiohttp.ClientSession, *, api: str, account: str, namespace: str, token: str
    ) -> None:
        self._session = session
        self._values = f"{api.rstrip('/')}/accounts/{quote(account, safe='')}/storage/kv/namespaces/" + (
            f"{quote(namespace, safe='')}/values/"
        )
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/octet-stream"}

    async def put(self, key: str, value: bytes) -> None:
        """Write a value; raise KvError."""
        try:
            async with self._session.put(
                self._values + quote(key, safe=""),
                data=value,
                headers=self._headers,
                timeout=TIME_LIMIT,
                allow_redirects=False,
            ) as answer:
                body = await read_at_most(answer, MOST)
                status, retry_after = answer.status, answer.headers.get("Retry-After", "")
        except TimeoutError:
            raise KvError("Cloudflare's API does not answer in time.") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise KvError(f"Cloudflare's API cannot be reached ({type(error).__name__}).") from None
        _check(status, retry_after, body)


def _check(status: int, retry_after: str, body: bytes) -> None:
    envelope = read_envelope(body)
    if 200 <= status < 300 and envelope.success:
        return
    codes, said = set(envelope.codes), quoted(envelope.errors)
    if DAILY_LIMIT in codes:
        raise KvError(f"Cloudflare takes no more writes today.{said}", spent=True)
    if status == 429:
        raise KvError(f"Cloudflare was asked too often.{said}", wait=seconds_to_wait(retry_after) or 0.0)
    if codes & NO_NAMESPACE or (status == 404 and not codes & NO_ACCOUNT):
        raise KvError(f"Cloudflare does not know this namespace: see CF_KV_NAMESPACE_ID.{said}", settings=True)
    if codes & NO_ACCOUNT:
        raise KvError(f"Cloudflare does not know this account: see CF_ACCOUNT_ID.{said}", settings=True)
    if status in (400, 401, 403):
        text = "Cloudflare does not take the token: CF_API_TOKEN must be one for Workers KV Storage / Edit."
        raise KvError(text + said, settings=True)
    raise KvError(
        f"Cloudflare's API is out of order (status {status}).{said}", wait=seconds_to_wait(retry_after) or 0.0
    )
