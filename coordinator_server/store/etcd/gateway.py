"""Asks the members of an etcd cluster over HTTP: each for a bounded time, for an answer of bounded length."""

from __future__ import annotations

import asyncio
import io
import logging
import random
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import aiohttp
import msgspec

from coordinator_server.store.etcd import messages
from coordinator_server.store.etcd.endpoints import Endpoints
from coordinator_server.store.etcd.messages import ErrorAnswer, Message, TokenAnswer
from node.program.answers import TooLongError, read_at_most
from node.program.tasks import TaskSet
from node.wire.messages import UNREADABLE

log = logging.getLogger(__name__)
T = TypeVar("T")
MOST = 64 * 2**20  # bytes of an answer
MOMENT = 0.2  # seconds for which further answers of members are waited for, where most do not agree on one
CONNECT = 2.0  # seconds for a connection to a member
LARGE = 2**19  # bytes of a question
CONNECTIONS = 128
PAUSES = (
    0.02,
    0.25,
)  # seconds between two tries; at random between these, so that coordinators do not come together

# gRPC's codes of answers that say for certain that nothing was done.
INVALID, NOT_FOUND, FORBIDDEN, EXHAUSTED, PRECONDITION, OUT_OF_RANGE, UNAUTHENTICATED = 3, 5, 7, 8, 9, 11, 16
CERTAIN = (INVALID, NOT_FOUND, FORBIDDEN, EXHAUSTED, PRECONDITION, OUT_OF_RANGE, UNAUTHENTICATED)
NO_SPACE = "database space exceeded"
TOKEN_IS_OLD = ("invalid auth token", "revision of auth store is old", "user name is empty")


class EtcdError(Exception):
    """What we asked was not answered as we wish."""


class Unreached(EtcdError):  # noqa: N818 - it says what happened
    """The member has not got our question."""


class Unclear(EtcdError):  # noqa: N818 - it says what happened
    """The member may have done what we asked, or may do it yet."""


class TooMuch(EtcdError):  # noqa: N818 - it says what happened
    """The answer is longer than what we read of one."""


class Refused(EtcdError):  # noqa: N818 - it says what happened
    """The cluster says no, and has done nothing; `code` is gRPC's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Login:
    """As whom we come."""

    user: str
    password: str = field(repr=False)


class Gateway:
    """The cluster's members as one: `call` asks one of them, `patiently` one after the other."""

    def __init__(
        self,
        endpoints: Endpoints,
        tls: ssl.SSLContext | None = None,
        login: Login | None = None,
        rng: random.Random | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.now = now
        self.endpoints = endpoints
        self._tls = tls
        self._login = login
        self._rng = rng or random.Random()  # noqa: S311 - pauses
        self._token = ""
        self._turn = asyncio.Lock()  # to log in
        self._http: aiohttp.ClientSession | None = None
        self._stopped = False

    async def stop(self) -> None:
        """Close all connections, for good: whoever asks yet reaches nobody."""
        self._stopped = True
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def call(self, path: str, message: Message, kind: type[T], limit: float) -> T:
        """Ask one member, for `limit` seconds at most; raise EtcdError."""
        token = await self._logged_in(limit)
        try:
            return await self._post(path, message, kind, limit, token)
        except Refused as error:
            if not self._is_token_old(error):
                raise
        self._forget(token)
        return await self._post(path, message, kind, limit, await self._logged_in(limit))

    async def patiently(self, path: str, message: Message, kind: type[T], *, each: float, within: float) -> T:
        """Ask until one answers, each for a time, all within a time; only for what may be done twice."""
        end = self.now() + within
        while True:
            try:
                return await self.call(path, message, kind, each)
            except (Unreached, Unclear):
                if self.now() >= end:
                    raise
            await self.pause()

    async def anybody(
        self, path: str, message: Message, kind: type[T], limit: float, *, revision: Callable[[T], int]
    ) -> T:
        """Ask all members at once and take the newest answer of most of them, or of those that answer in a moment.

        Where most are away, nobody knows which those are. One that the others cannot reach may be far behind.
        """
        token = await self._logged_in(limit)

        async def ask(url: str) -> T | EtcdError:
            try:
                return await self._post(path, message, kind, limit, token, at=url)
            except EtcdError as error:
                return error

        tasks = TaskSet("etcd")
        try:
            given: list[T] = []
            worst: EtcdError = Unreached("there is nobody to ask")
            asked = {tasks.start(ask(url), url) for url in self.endpoints.all}
            most = len(asked) // 2 + 1
            while asked and len(given) < most:
                done, asked = await asyncio.wait(
                    asked, timeout=MOMENT if given else None, return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    break
                for answer in (one.result() for one in done):
                    if isinstance(answer, EtcdError):
                        worst = worst if self._is_token_old(worst) else answer
                    else:
                        given.append(answer)
            if not given:
                if self._is_token_old(worst):  # members that were started anew know none of before
                    self._forget(token)
                raise worst
            return max(given, key=revision)
        finally:
            await tasks.stop()

    async def pause(self) -> None:
        await asyncio.sleep(self._rng.uniform(*PAUSES))

    async def stream(self, path: str, message: Message, limit: float) -> tuple[str, aiohttp.ClientResponse]:
        """Begin an answer that goes on and on; return who gives it, too. The caller closes it."""
        token = await self._logged_in(limit)
        url = self.endpoints.pick(self.now())
        try:
            async with asyncio.timeout(limit):
                answer = await self._send(url, path, message, token)
            if answer.status == 200:
                return url, answer
            try:
                async with asyncio.timeout(limit):
                    raise _refusal(await read_at_most(answer, MOST))
            finally:
                answer.close()
        except Refused:
            self._forget(token)
            raise
        except (OSError, TimeoutError, aiohttp.ClientError, TooLongError, Unclear) as error:
            self.endpoints.failed(url, self.now())
            raise Unclear(f"{url}: {error or 'no answer'}") from error

    async def version(self, limit: float) -> str:
        """Return which etcd a member is."""
        url = self.endpoints.pick(self.now())
        try:
            async with asyncio.timeout(limit), self._session().get(url + "/version", ssl=self._tls or True) as got:
                return str(msgspec.json.decode(await read_at_most(got, 4096), type=dict[str, str])["etcdserver"])
        except (OSError, TimeoutError, aiohttp.ClientError, TooLongError) as error:
            self.endpoints.failed(url, self.now())
            raise Unreached(f"{url}: {error or 'no answer'}") from error
        except (*UNREADABLE, KeyError) as error:
            self.endpoints.failed(url, self.now())
            raise Unreached(f"{url} is no etcd") from error

    async def _post(
        self, path: str, message: Message, kind: type[T], limit: float, token: str, *, at: str = ""
    ) -> T:
        url = at or self.endpoints.pick(self.now())
        try:
            async with asyncio.timeout(limit):
                answer = await self._send(url, path, message, token)
                async with answer:
                    body = await read_at_most(answer, MOST)
            if answer.status != 200:
                raise _refusal(body)
            read = messages.decode(body, kind)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            self.endpoints.failed(url, self.now())
            raise Unreached(f"{url}: {_without_objects(error)}") from error
        except TooLongError as error:
            raise TooMuch(f"{url}: {error}") from error
        except (OSError, TimeoutError, aiohttp.ClientError, *UNREADABLE, Unclear) as error:
            self.endpoints.failed(url, self.now())
            raise Unclear(f"{url}: {str(error) or 'no answer in time'}") from error
        self.endpoints.worked(url)
        return read

    async def _send(self, url: str, path: str, message: Message, token: str) -> aiohttp.ClientResponse:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if path == "/v3/watch":
            headers["Grpc-Metadata-Hasleader"] = "true"  # a member that is cut off from the others ends the stream
        if token:
            headers["Authorization"] = token
        body = messages.encode(message)
        return await self._session().post(
            url + path,
            data=body if len(body) < LARGE else io.BytesIO(body),  # which is sent in parts
            headers=headers,
            allow_redirects=False,
            ssl=self._tls if self._tls is not None else True,
        )

    async def _logged_in(self, limit: float) -> str:
        """Return what proves us, if anything."""
        login = self._login
        if login is None or self._token:
            return self._token
        async with self._turn:
            if not self._token:
                wish = {"name": login.user, "password": login.password}
                try:
                    self._token = (await self._post("/v3/auth/authenticate", wish, TokenAnswer, limit, "")).token
                except Unclear as error:  # of what comes after it nothing was said yet
                    raise Unreached(str(error)) from error
        return self._token

    def _is_token_old(self, error: EtcdError) -> bool:
        is_refusal = self._login is not None and isinstance(error, Refused)
        return is_refusal and any(sign in str(error) for sign in TOKEN_IS_OLD)

    def _forget(self, token: str) -> None:
        if token == self._token:
            self._token = ""

    def _session(self) -> aiohttp.ClientSession:
        if self._stopped:
            raise Unreached("we are stopping")
        if self._http is None:
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT, connect=None),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                read_bufsize=2**18,
            )
        return self._http


def _refusal(body: bytes) -> EtcdError:
    """Return what an answer means that is no success."""
    try:
        said = messages.decode(body, ErrorAnswer)
    except UNREADABLE:
        if body.startswith(b"CommonName of client"):
            return Refused(
                UNAUTHENTICATED, "beside a password, a coordinator's certificate must name no CommonName"
            )
        return Unclear("it does not answer as etcd does")
    text = "".join(letter for letter in said.message or said.error if letter.isprintable())[:200]
    if said.code in CERTAIN and "too many requests" not in text:
        return Refused(said.code, text)
    return Unclear(text)


def _without_objects(error: Exception) -> str:
    """Say what went wrong, without the address in memory of what does TLS."""
    return re.sub(r" ssl:(default|<[^>]*>)", "", str(error)).removesuffix(" [None]")
