"""Talks to coordinators over HTTP: enrolment, registration, heartbeats, renewal, leaving, who offers what."""

from __future__ import annotations

import asyncio
import hashlib
import math
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import aiohttp
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.forwarding.websocket.opening import Opened, RefusedError, open_websocket
from node.program.answers import TooLongError, read_at_most
from node.reachability.failures import PROXY_PASSWORD, SENTENCES, Failure, failure_of, why_unreachable
from node.state import Membership
from node.wire import channel, credentials, entry_points, headers, messages
from node.wire.encoding import b64decode, b64encode
from node.wire.invites import Invite
from node.wire.mesh_keys import KeyChain, MeshKeys, MeshKeysError, MeshTrust, verified
from node.wire.messages import UNREADABLE
from node.wire.problems import kind_of
from node.wire.signed_requests import What, sign_request
from node.wire.tokens import TokenIssuer

T = TypeVar("T")
MAX_ANSWER_BYTES = 16 * 2**20
RELAY_LIMIT = 10.0  # seconds to open a relay connection: the life of a ticket
# Seconds for a channel's handshake: a coordinator that was restarted answers all its workers one after the other,
# and whoever does not wait has to wait again, behind the others.
HANDSHAKE = 20.0
GOODBYE = 1.0  # seconds that a coordinator gets to confirm that a channel is closed
LEAST_PATIENCE = 0.5  # seconds that a call has where others have used up its time: to aiohttp none means for ever


class CoordinatorError(Exception):
    """A coordinator gave no useful answer; `kind` is its problem's type, or empty when nothing answered.

    `failure` says what befell the call then, where that is known; `retry_after` is in seconds, where it said when
    to ask again.
    """

    def __init__(
        self,
        text: str,
        kind: str = "",
        status: int = 0,
        *,
        failure: Failure | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(text)
        self.kind = kind
        self.status = status
        self.failure = failure
        self.retry_after = retry_after

    @property
    def refused(self) -> bool:
        """True when trying again will not help until a person does something."""
        return self.status in (401, 403)


async def enroll(
    session: aiohttp.ClientSession, url: str, request: messages.EnrollRequest, invite: Invite, now: float
) -> tuple[Membership, messages.EnrollAnswer]:
    """Ask to be let in; believe the answer only if the key that the invite pins, or one after it, signed it."""
    body, answer_headers = await _post(session, url + "/api/enroll", msgspec.json.encode(request), {})
    answer = _decode(body, messages.EnrollAnswer)
    try:
        keys = _pinned_keys(answer, invite)
        keys.check_answer(b64decode(answer_headers.get(headers.SIGNATURE, "")), headers.ENROLMENT_CONTEXT + body)
        credential = credentials.verify(answer.credential, MeshTrust(keys), now, own=True)
    except ValueError as error:
        raise CoordinatorError(f"Its answer cannot be trusted: {error}.", "wrong-mesh") from None
    if credential.public_key != b64decode(request.identity_public_key) or credential.subject != answer.worker_id:
        raise CoordinatorError("Its answer was made for another machine.", "wrong-mesh")
    membership = Membership(
        worker_id=answer.worker_id,
        mesh_public_key=b64encode(keys.founding),
        mesh_chain=keys.chain if keys.progress else None,
        credential=answer.credential,
        trust=answer.trust,
        coordinators=_reached_at(url, answer.coordinators),
        name=request.name,
    )
    return membership, answer


def _pinned_keys(answer: messages.EnrollAnswer, invite: Invite) -> MeshKeys:
    """Return the mesh's keys, if the invite pins one of them and no older one signs.

    Raise CoordinatorError or ValueError. Whoever was given an invite that pins a newer key is not to believe the
    older ones.
    """
    keys = verified(answer.mesh_keys or KeyChain(founding=b64decode(answer.mesh_public_key)))
    try:
        pinned = keys.number_of(invite.mesh_fingerprint)
    except MeshKeysError:
        raise CoordinatorError("It belongs to another mesh than the invite does.", "wrong-mesh") from None
    if keys.number < pinned:
        raise MeshKeysError("it signs with an older key than the invite names")
    return keys


def _reached_at(url: str, told: Sequence[messages.CoordinatorInfo]) -> tuple[messages.CoordinatorInfo, ...]:
    """Keep the address that worked for us, first, in place of what the coordinator believes its address is."""
    if not told:
        return ()
    return (msgspec.structs.replace(told[0], url=url), *told[1:])


class CoordinatorClient:
    """A worker's signed calls; every method raises CoordinatorError."""

    def __init__(
        self, session: aiohttp.ClientSession, issuer: TokenIssuer, worker_id: str, key: Ed25519PrivateKey
    ) -> None:
        """`key` is our identity: it signs what nobody may ask for who has overheard a token of ours."""
        self._session = session
        self._key = key
        self._issuer = issuer
        self._worker_id = worker_id

    @property
    def patience(self) -> float:
        """How many seconds any answer may take."""
        return self._session.timeout.total or math.inf

    async def register(
        self,
        to: messages.CoordinatorInfo,
        capabilities: messages.Capabilities,
        endpoints: messages.Endpoints,
        services: Sequence[messages.ServiceReport] = (),
        relays: Sequence[str] = (),
        *,
        blocklist_version: int = 0,
    ) -> messages.RegisterAnswer:
        """`relays` are the coordinators by which we are reached by relay."""
        request = messages.RegisterRequest(
            worker_id=self._worker_id,
            capabilities=capabilities,
            endpoints=endpoints,
            services=tuple(services),
            relays=tuple(relays),
            blocklist_version=blocklist_version,
        )
        data = msgspec.json.encode(request)
        url = to.url + "/api/worker/register"
        body, _ = await _post(self._session, url, data, self._signed(to, "register", data))
        return _decode(body, messages.RegisterAnswer)

    async def heartbeat(
        self, to: messages.CoordinatorInfo, request: messages.HeartbeatRequest, patience: float = math.inf
    ) -> messages.Assignment:
        """`patience` is how many seconds the answer may take, where that is less than for other calls."""
        total = max(patience, LEAST_PATIENCE)
        limit = aiohttp.ClientTimeout(total=total) if total < self.patience else None
        data, url = msgspec.json.encode(request), to.url + "/api/worker/heartbeat"
        body, _ = await _post(self._session, url, data, self._authorization(to), limit)
        return _decode(body, messages.Assignment)

    async def ready(self, to: messages.CoordinatorInfo, patience: float) -> int:
        """Return how many requests wait at a coordinator that is ready. Everybody may ask that."""
        async with asyncio.timeout(patience):
            answer = _decode(await _get(self._session, to.url + "/ready", {}, {}), messages.CoordinatorReady)
        if answer.coordinator != to.id:
            raise CoordinatorError("Another coordinator answers there.", "wrong-coordinator")
        return answer.queue

    async def renew(
        self, to: messages.CoordinatorInfo, keys: MeshKeys, nebula_public_key: bytes = b""
    ) -> tuple[messages.RenewAnswer, MeshKeys]:
        """Renew the credential, and with a Nebula key the place in the overlay; return the mesh's keys of now, too.

        Nobody is believed but the key that signs for the mesh, to which those that we know have handed over.
        """
        request = messages.RenewRequest(
            worker_id=self._worker_id,
            nebula_public_key=b64encode(nebula_public_key),
            nonce=secrets.token_hex(16),
            mesh_keys=keys.progress,
        )
        data = msgspec.json.encode(request)
        url = to.url + "/api/worker/renew"
        body, answer_headers = await _post(self._session, url, data, self._signed(to, "renew", data))
        answer = _decode(body, messages.RenewAnswer)
        try:
            newer = keys if answer.mesh_keys is None else keys.follow(answer.mesh_keys)
            signed = headers.RENEWAL_CONTEXT + hashlib.sha256(data).digest() + body
            newer.check_answer(b64decode(answer_headers.get(headers.SIGNATURE, "")), signed)
        except ValueError as error:
            raise CoordinatorError(f"Its answer cannot be trusted: {error}.", "wrong-mesh") from None
        return answer, newer

    async def open_relay(self, session: aiohttp.ClientSession, to: messages.CoordinatorInfo, ticket: str) -> Opened:
        """Open a connection that the coordinator has asked for with this ticket."""
        try:
            async with asyncio.timeout(RELAY_LIMIT):
                return await open_websocket(session, to.url + channel.RELAY_PATH + ticket, self._authorization(to))
        except RefusedError as error:
            if error.status == PROXY_PASSWORD:
                raise CoordinatorError(SENTENCES["proxy-password"]) from None
            text = f"It takes no relay connection (HTTP {error.status})."
            raise CoordinatorError(text, "", error.status) from None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _unreachable(error) from None

    async def open_channel(
        self,
        to: messages.CoordinatorInfo,
        ping: float,
        relay: int = 0,
        *,
        only_relay: bool = False,
        session: aiohttp.ClientSession | None = None,
    ) -> aiohttp.ClientWebSocketResponse:
        """Open the WebSocket on which the coordinator pushes; `ping` is the seconds between two pings.

        `relay` is how many relay connections we open when we are asked on it; `only_relay` says that we want to
        hear nothing else there. The handshake may take long where a `session` without a limit of its own is given.
        CoordinatorError has the status 404 where the coordinator is too old to have one.
        """
        kind = {channel.RELAY: str(relay)} if relay else {}
        if only_relay:
            kind[channel.KIND] = channel.RELAY_ONLY
        try:
            async with asyncio.timeout(HANDSHAKE):
                return await (session or self._session).ws_connect(
                    to.url + channel.PATH,
                    headers={**self._signed(to, "channel", b""), **kind},
                    heartbeat=ping,
                    protocols=() if only_relay else (channel.BEATS,),
                    autoclose=False,  # it would forget why the other end closes
                    max_msg_size=MAX_ANSWER_BYTES,
                    timeout=aiohttp.ClientWSTimeout(ws_close=GOODBYE),
                )
        except aiohttp.WSServerHandshakeError as error:
            if error.status == PROXY_PASSWORD:
                raise _unreachable(error) from None
            raise CoordinatorError(f"It opens no channel (HTTP {error.status}).", "", error.status) from None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _unreachable(error) from None

    async def register_entry_point(
        self, to: messages.CoordinatorInfo, request: entry_points.EntryPointRequest
    ) -> entry_points.EntryPointAnswer:
        """Tell an address of ours; the coordinator asks us there before it answers."""
        data = msgspec.json.encode(request)
        body, _ = await _post(
            self._session, to.url + entry_points.REGISTER, data, self._signed(to, "entry-point", data)
        )
        return _decode(body, entry_points.EntryPointAnswer)

    async def withdraw_entry_point(self, to: messages.CoordinatorInfo) -> None:
        data = msgspec.json.encode(entry_points.EntryPointWithdrawal(worker_id=self._worker_id))
        sent = self._signed(to, "entry-point-withdrawal", data)
        await _post(self._session, to.url + entry_points.WITHDRAW, data, sent)

    async def leave(self, to: messages.CoordinatorInfo) -> None:
        data = msgspec.json.encode({"worker_id": self._worker_id})
        await _post(self._session, to.url + "/api/worker/leave", data, self._signed(to, "leave", data))

    async def peers(self, to: messages.CoordinatorInfo, service: str) -> tuple[messages.WorkerRecord, ...]:
        """Return the workers that the registry knows for a service."""
        url = f"{to.url}/api/worker/peers"
        body = await _get(self._session, url, {"service": service}, self._authorization(to))
        return _decode(body, messages.WorkersAnswer).workers

    async def seen(self, to: messages.CoordinatorInfo, *, knock: bool) -> messages.SeenAs:
        """Return how the coordinator sees us; it may knock at our port to find out whether that is open."""
        params = {"knock": "1"} if knock else {}
        body = await _get(self._session, to.url + "/api/worker/seen", params, self._authorization(to))
        return _decode(body, messages.SeenAs)

    async def _call(self, to: messages.CoordinatorInfo, path: str, request: Any, answer: type[T]) -> T:
        data = msgspec.json.encode(request)
        body, _ = await _post(self._session, to.url + path, data, self._authorization(to))
        return _decode(body, answer)

    def _authorization(self, to: messages.CoordinatorInfo) -> dict[str, str]:
        return {"Authorization": "Bearer " + self._issuer.issue(to.id)}

    def _signed(self, to: messages.CoordinatorInfo, what: What, data: bytes) -> dict[str, str]:
        """Return the headers of a request that our identity key has signed whole."""
        token = self._issuer.issue(to.id, anew=True)
        signature = sign_request(self._key, what, token, data, secrets.token_urlsafe(12))
        return {"Authorization": "Bearer " + token, headers.SIGNATURE: signature}


async def _post(
    session: aiohttp.ClientSession,
    url: str,
    data: bytes,
    extra: dict[str, str],
    limit: aiohttp.ClientTimeout | None = None,
) -> tuple[bytes, Mapping[str, str]]:
    sent = {"Content-Type": "application/json", **extra}
    try:
        async with session.post(
            url, data=data, headers=sent, allow_redirects=False, timeout=limit or session.timeout
        ) as response:
            return await _read(response), response.headers
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise _unreachable(error) from None


async def _get(session: aiohttp.ClientSession, url: str, params: dict[str, str], extra: dict[str, str]) -> bytes:
    try:
        async with session.get(url, params=params, headers=extra, allow_redirects=False) as response:
            return await _read(response)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise _unreachable(error) from None


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the body of a 2xx answer of bounded size; raise CoordinatorError for any other."""
    try:
        body = await read_at_most(response, MAX_ANSWER_BYTES)
    except TooLongError:
        raise CoordinatorError("It sent far more than it should.", "too-large", response.status) from None
    if 200 <= response.status < 300:
        return body
    try:
        document = msgspec.json.decode(body)
    except UNREADABLE:
        document = None
    if not isinstance(document, dict) and response.status == PROXY_PASSWORD:
        raise CoordinatorError(SENTENCES["proxy-password"], failure="proxy-password")
    if not isinstance(document, dict):
        raise CoordinatorError(f"What answers there is not a coordinator (HTTP {response.status}).", "", 0)
    detail = str(document.get("detail") or document.get("title") or f"HTTP {response.status}")
    wait = response.headers.get("Retry-After", "")
    seconds = int(wait) if wait.isascii() and wait.isdecimal() and len(wait) < 8 else None
    raise CoordinatorError(detail[:500], kind_of(document), response.status, retry_after=seconds)


def _decode(body: bytes, cls: type[T]) -> T:
    try:
        return msgspec.json.decode(body or b"{}", type=cls)
    except UNREADABLE as error:
        raise CoordinatorError(f"It answered what we cannot read: {error}.", "bad-answer") from None


def _unreachable(error: Exception) -> CoordinatorError:
    return CoordinatorError(why_unreachable(error), failure=failure_of(error))
