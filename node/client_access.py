"""Frontends at this node's door: their tokens from the coordinator are checked here, and how often they come."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from node.forwarding import cors
from node.forwarding.headers import Fields
from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.head import field_line
from node.wire.client_tokens import ClientPass, ClientTokenVerifier
from node.wire.manifests import Catalogue
from node.wire.problems import Problem
from node.wire.tokens import TokenError

MEMBERS_ONLY = "Only members of the mesh may call a node; ask the gateway instead."
TOKENS_ONLY = (
    "This entry point takes client tokens and no API keys: a coordinator changes a key into one"
    " (POST /api/client-token). Or ask the gateway instead."
)
MOST = 4096  # keys whose rate is remembered


class ClientAccess:
    """Lets in whoever shows a client token while frontends may come at all."""

    def __init__(
        self,
        verifier: Callable[[], ClientTokenVerifier | None],
        is_open: Callable[[], bool],
        clock: Callable[[], float],
        origins: Callable[[], Sequence[str]] = lambda: (),
    ) -> None:
        self._verifier = verifier
        self._is_open = is_open
        self._clock = clock
        self._origins = origins
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and when they were counted

    def greet(self, exchange: Exchange) -> bool:
        """Tell a browser which pages may ask here while frontends may; return whether that was its question.

        The question comes without a token, and nothing else of it is looked at; raise Problem for other pages.
        """
        if "origin" not in exchange.head.values or not self._is_open():
            return False
        fields, origins = Fields(exchange.head), self._origins()
        exchange.lines += _lines(cors.answer_headers(fields, origins))
        if not cors.is_preflight(exchange.head.method, fields):
            return False
        exchange.answer(204, _lines(cors.answer_preflight(fields, origins)))
        return True

    def recognise(self, authorization: str) -> ClientPass | None:
        """Return what a client token allows, None where none is shown; raise Problem for one that is not good."""
        scheme, _, shown = authorization.partition(" ")
        token = shown.strip()
        if scheme.lower() != "bearer" or token.count(".") != 2:  # our services' tokens have no dots
            return None
        verifier = self._verifier()
        if verifier is None or not self._is_open():
            raise Problem("unauthorized", "This worker is no entry point: ask the gateway instead.")
        try:
            return verifier.verify(token)
        except TokenError as error:
            raise Problem("unauthorized", f"The client token is not accepted: {error}.") from None

    @property
    def refusal(self) -> str:
        """What is said to whoever shows nothing that a node takes, as an API key."""
        return TOKENS_ONLY if self._verifier() is not None and self._is_open() else MEMBERS_ONLY

    def permit(self, client: ClientPass, service: str, catalogue: Catalogue) -> None:
        """Count a request for a service; raise Problem where the token is not for it, or comes too often."""
        manifest = catalogue.resolve(service)
        if not client.allows(manifest.name if manifest is not None else service):
            raise Problem("forbidden", f"This token is not for the service {service[:64]}.")
        wait = self._take(client)
        if wait > 0:
            text = f"This token may make {client.limit} requests in {client.seconds:g} s."
            raise Problem("rate-limited", text, headers={"Retry-After": str(math.ceil(wait))})

    def _take(self, client: ClientPass) -> float:
        """Take one of a key's tokens, and return 0, or the seconds until there is one."""
        now, pause = self._clock(), client.seconds / client.limit
        held, counted = self._buckets.get(client.sub, (float(client.limit), now))
        held = min(float(client.limit), held + max(0.0, now - counted) / pause)
        allowed = held >= 1.0
        self._buckets[client.sub] = (held - 1.0 if allowed else held, now)
        self._buckets.move_to_end(client.sub)
        while len(self._buckets) > MOST:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1.0 - held) * pause


def _lines(told: Mapping[str, str]) -> bytes:
    return b"".join(field_line(name, value) for name, value in told.items())
