"""What other machines and this node's own services may ask of a node over HTTP (port 8000).

`/service/...` needs either a mesh token made for this worker (X-RMA-Token; checked offline with the mesh's public
key), or a client token of a frontend where this node is an entry point, or the local token that only our own
services know. `/health` and `/stats` are open to this machine only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlsplit

from aiohttp import web

from node.client_access import MEMBERS_ONLY, ClientAccess
from node.forwarding.door import Door
from node.forwarding.http1.exchange import Exchange
from node.forwarding.paths import split_path
from node.program.loopback import is_this_machine
from node.program.web import json_response, manners
from node.services.local_tokens import LocalTokens
from node.state import NodeState, NodeStats
from node.tunnel.outside import PATH
from node.wire import headers
from node.wire.entry_points import CHALLENGE, PROOF
from node.wire.problems import Problem
from node.wire.tokens import TokenError, TokenVerifier

PREFIX = "/service/"
# What whoever passes a request on writes into it; cloudflared always writes those of Cloudflare.
PASSED_ON = (
    "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "Via", "X-Real-IP", "CF-Connecting-IP",
    "CF-Ray", "CDN-Loop",
)  # fmt: skip
HOPS, MESH_TOKEN = headers.HOPS.lower(), headers.MESH_TOKEN.lower()


class Takes(Protocol):
    """Serves a request here or on another worker; see `routing.Router.take`."""

    def take(
        self,
        exchange: Exchange,
        service: str,
        path: str | None,
        *,
        forwarded: bool,
        caller: str,
        personal: bool = False,
    ) -> None: ...


class Serving(Takes, Protocol):
    """What the handlers need of the node."""

    @property
    def state(self) -> NodeState: ...
    @property
    def verifier(self) -> TokenVerifier | None: ...
    @property
    def local_tokens(self) -> LocalTokens: ...
    def stats(self) -> NodeStats: ...


class HttpApi:
    """What an aiohttp application answers, over one node: all but the services."""

    def __init__(
        self,
        node: Serving,
        answer_to: Callable[[str], str | None] = lambda _: None,
        prove: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self._node = node
        self._answer_to = answer_to
        self._prove = prove

    def application(self) -> web.Application:
        app = web.Application(middlewares=[manners])
        app.router.add_get("/health", self.health)
        app.router.add_get("/stats", self.stats)
        app.router.add_get(PATH + "{question}", self.reached)
        return app

    async def reached(self, request: web.Request) -> web.Response:
        """Answer what this node has just asked itself by way of a public address; anybody else learns nothing."""
        word = self._answer_to(request.match_info["question"])
        if word is None:
            raise web.HTTPNotFound
        return web.Response(text=word, headers={"Cache-Control": "no-store"})

    async def health(self, request: web.Request) -> web.Response:
        """Say how this node is; to a coordinator that we asked to look at our address, only that it is we."""
        proof = self._prove(request.headers[CHALLENGE]) if CHALLENGE in request.headers else None
        if proof is not None:
            return json_response({"status": "ok", PROOF: proof}, extra_headers={"Cache-Control": "no-store"})
        self._check_reader(request)
        state = self._node.state
        services = {report.name: report.state for report in state.services}
        return json_response(
            {
                "status": state.phase,
                "worker_id": state.worker_id,
                "services": services,
                "load": state.load,
                "in_flight": state.in_flight,
                "version": state.version,
            },
            extra_headers={headers.LOAD: f"{state.load:.3f}"},
        )

    async def stats(self, request: web.Request) -> web.Response:
        self._check_reader(request)
        return json_response(self._node.stats())

    def _check_reader(self, request: web.Request) -> None:
        """Let this machine read without proof, but no web page in its browser and nobody who comes by a tunnel."""
        if not _is_here(request):
            fields = request.headers
            identify(self._node, fields.get("Authorization", ""), fields.get(headers.MESH_TOKEN, ""))


class ServiceDoor(Door):
    """Takes what is below /service."""

    def __init__(self, node: Serving, clients: ClientAccess | None = None) -> None:
        super().__init__(PREFIX)
        self._node = node
        self._clients = clients

    def enter(self, exchange: Exchange) -> None:
        """Serve a request of another node, of a frontend or of a service of ours; raise Problem."""
        head, state, client, own_service = exchange.head, self._node.state, None, None
        if self._clients is not None and self._clients.greet(exchange):
            return
        authorization, mesh_token = head.get("authorization"), head.get(MESH_TOKEN)
        if self._clients is not None and not mesh_token:
            client = self._clients.recognise(authorization)
        if client is not None:
            caller = f"client:{client.sub}"
        else:
            refusal = self._clients.refusal if self._clients is not None else MEMBERS_ONLY
            caller, own_service = identify(self._node, authorization, mesh_token, refusal)
        forwarded = own_service is None and head.get(HOPS, "0") != "0"
        if own_service is None and (state.draining or state.rest == "all" or state.stopping):
            raise Problem("draining", "This worker is resting.", headers={"Retry-After": "5"})
        service, path = split_path(head.target.partition("?")[0], PREFIX)
        if self._clients is not None and client is not None:
            self._clients.permit(client, service, state.catalogue)
        asks = state.catalogue.resolve(own_service or "")
        personal = asks is not None and asks.data_class == "personal"  # what it passes on is personal too
        self._node.take(exchange, service, path, forwarded=forwarded, caller=caller, personal=personal)


def identify(
    node: Serving, authorization: str, mesh_token: str, refusal: str = MEMBERS_ONLY
) -> tuple[str, str | None]:
    """Return who asks, and which of our own services that is, if any; raise Problem.

    `refusal` is said to whoever shows nothing.
    """
    scheme, _, bearer = authorization.partition(" ")
    own_service = node.local_tokens.service_of(bearer) if scheme.lower() == "bearer" else None
    if own_service is not None:
        return "local", own_service
    verifier = node.verifier
    if verifier is None:
        if node.state.stopping:  # it has left the mesh already, and its last requests go to somebody else
            raise Problem("draining", "This worker is shutting down.", headers={"Retry-After": "5"})
        raise Problem("unauthorized", "This node has not joined a mesh.")
    if not mesh_token:
        raise Problem("unauthorized", refusal)
    try:
        return verifier.verify(mesh_token).subject, None
    except TokenError as error:
        raise Problem("unauthorized", f"The mesh token is not accepted: {error}.") from None


def _is_here(request: web.Request) -> bool:
    """Tell whether a request began on this machine, and not at the other end of a tunnel or proxy on it."""
    if any(name in request.headers for name in PASSED_ON):
        return False
    return is_this_machine(request.remote or "") and is_this_machine(_host_name(request))


def _host_name(request: web.Request) -> str:
    """Return the name by which we were called: a page that rebinds its own name to us cannot change it."""
    try:
        return urlsplit("//" + request.host).hostname or ""
    except ValueError:
        return ""
