"""Client tokens: what a frontend shows to an entry point, which knows no API keys.

A coordinator signs one for the holder of an API key: an EdDSA JWT with the coordinator's credential inside, as the
tokens between machines have, so that a node checks it offline with the mesh's keys alone. It says which services
may be asked for and how often. Its audience is none that a machine can have, and no other token has its claims, so
that neither kind passes for the other.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Container
from typing import Annotated, Final

import msgspec

from node.wire import credentials, jwts
from node.wire.credentials import CLOCK_SKEW, CredentialError
from node.wire.manifests import ServiceName
from node.wire.mesh_keys import MeshTrust
from node.wire.signatures import key_of
from node.wire.tokens import TokenError, TokenIssuer

PATH: Final = "/api/client-token"
AUDIENCE: Final = "rma-mesh:entry-point"  # no id has a colon
LIFE = 600  # seconds, for which a revoked key's tokens go on at most: nodes ask nobody
MAX_CHARACTERS = 8192
CACHED = 1024

KeyId = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$(?!\n)")]


class ClientPass(msgspec.Struct, frozen=True):
    """What a client token proves; no services means all of them."""

    sub: KeyId  # the API key's id
    services: Annotated[tuple[ServiceName, ...], msgspec.Meta(max_length=64)]
    limit: Annotated[int, msgspec.Meta(ge=1, le=10**9)]  # requests in `seconds`
    seconds: Annotated[float, msgspec.Meta(gt=0, le=86400)]
    iat: Annotated[int, msgspec.Meta(ge=0, le=2**53)]  # Unix seconds
    exp: Annotated[int, msgspec.Meta(ge=0, le=2**53)]

    def allows(self, service: str) -> bool:
        return not self.services or service in self.services


class ClientToken(msgspec.Struct, frozen=True, kw_only=True):
    """200 of POST /api/client-token."""

    token: str
    expires_at: float  # Unix seconds
    audience: str = AUDIENCE
    services: tuple[ServiceName, ...] = ()
    rate: str = ""


def issue(
    issuer: TokenIssuer,
    key_id: str,
    services: tuple[str, ...],
    rate: tuple[int, float],
    *,
    now: float,
    until: float,
) -> tuple[str, float]:
    """Return a token, good until `until` or for `LIFE`, and when it expires."""
    expires_at = int(min(now + LIFE, until))
    claims = ClientPass(key_id, services, rate[0], rate[1], int(now), expires_at)
    return issuer.sign({**msgspec.to_builtins(claims), "aud": AUDIENCE}), float(expires_at)


class ClientTokenVerifier:
    """Checks client tokens against one mesh's keys; remembers those that it has verified."""

    def __init__(self, trust: MeshTrust, clock: Callable[[], float], revoked: Container[str] = frozenset()) -> None:
        self._trust = trust
        self._clock = clock
        self._revoked = revoked
        self._verified: OrderedDict[str, tuple[ClientPass, str, bytes]] = OrderedDict()

    def verify(self, token: str) -> ClientPass:
        """Return what the token allows; raise TokenError."""
        now = self._clock()
        known = self._verified.get(token)
        if known is None or not self._trust.accepts(known[2]):
            known = self._verify_anew(token, now)
            self._verified[token] = known
            while len(self._verified) > CACHED:
                self._verified.popitem(last=False)
        client, coordinator, _ = known
        if coordinator in self._revoked:
            raise TokenError(f"{coordinator}, which signed it, has been revoked")
        if client.iat - CLOCK_SKEW > now or client.exp - client.iat > LIFE:
            raise TokenError("token is dated wrong: check the clocks")
        if client.exp < now:
            raise TokenError(f"token expired {now - client.exp:.0f} s ago: ask the coordinator for another")
        return client

    def _verify_anew(self, token: str, now: float) -> tuple[ClientPass, str, bytes]:
        if len(token) > MAX_CHARACTERS:
            raise TokenError("token is too long")
        try:
            unchecked = jwts.read(token)
            credential = credentials.verify(str(unchecked.get("cred", "")), self._trust, now)
            if credential.role != "coordinator":
                raise TokenError("only a coordinator makes client tokens")
            key = key_of(credential.public_key)
            claims = jwts.decode(token, key, issuer=credential.subject, audience=AUDIENCE)
            return msgspec.convert(claims, ClientPass), credential.subject, credential.mesh_id
        except TokenError:
            raise
        except (CredentialError, msgspec.ValidationError, TypeError, ValueError) as error:
            raise TokenError(str(error)) from None
