"""Short-lived tokens: an EdDSA JWT (RFC 7519, RFC 8037) by an identity key, bound to one audience.

The claim `cred` carries the holder's credential, so that whoever receives the token checks it offline with
nothing but the mesh's public key. Worker to coordinator, node to node and coordinator to node use the same kind.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Container, Mapping
from typing import TYPE_CHECKING, NamedTuple

from node.wire import credentials, jwts
from node.wire.credentials import CLOCK_SKEW, Credential, CredentialError
from node.wire.mesh_keys import MeshTrust, trust_in
from node.wire.signatures import key_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

LIFE = 60  # seconds that a token is valid
REUSE = 20  # seconds for which an issuer hands out the same token again
MAX_CHARACTERS = 2048
CACHED_TOKENS = 4096
CACHED_CREDENTIALS = 16_384  # a holder shows the same one for days, with a new token every half minute


class TokenError(ValueError):
    """A token that does not prove what it should; the text says why."""


class Claimed(NamedTuple):
    """What a token says of its holder before anything is proven."""

    issuer: str
    credential: str


def read_claimed(token: str) -> Claimed:
    """Return what a token claims, to find out by which key it should be signed; raise TokenError."""
    if len(token) > MAX_CHARACTERS:
        raise TokenError("token is too long")
    try:
        claims = jwts.read(token)
    except jwts.JwtError as error:
        raise TokenError(str(error)) from None
    return Claimed(str(claims.get("iss", "")), str(claims.get("cred", "")))


class TokenIssuer:
    """Signs tokens with one identity key; `credential` may be replaced when it is renewed."""

    def __init__(self, key: Ed25519PrivateKey, subject: str, credential: str, clock: Callable[[], float]) -> None:
        self._key = key
        self._subject = subject
        self._clock = clock
        self._credential = credential
        self._recent: OrderedDict[str, tuple[float, str]] = OrderedDict()

    @property
    def credential(self) -> str:
        return self._credential

    def renew(self, credential: str) -> None:
        self._credential = credential
        self._recent.clear()

    def issue(self, audience: str, *, anew: bool = False) -> str:
        """Return a token for one audience, which is a worker_id or a coordinator_id.

        With `anew` it is one of this moment: a coordinator that has just started takes requests that are signed
        whole with no older one.
        """
        now = self._clock()
        made_at, token = self._recent.get(audience, (0.0, ""))
        if token and 0 <= now - made_at < REUSE and not anew:
            return token
        claims = {
            "iss": self._subject,
            "aud": audience,
            "iat": int(now),
            "exp": int(now) + LIFE,
            "cred": self._credential,
        }
        token = jwts.encode(claims, self._key)
        self._recent[audience] = (now, token)
        self._recent.move_to_end(audience)
        while len(self._recent) > CACHED_TOKENS:
            self._recent.popitem(last=False)
        return token

    def sign(self, claims: Mapping[str, object]) -> str:
        """Return a token with claims of another kind; our credential is in it."""
        held = {**claims, "iss": self._subject, "cred": self._credential}
        return jwts.encode(held, self._key)


class TokenVerifier:
    """Checks tokens against one mesh's keys and one audience; remembers those that it has verified."""

    def __init__(
        self,
        mesh_public_key: MeshTrust | Ed25519PublicKey,
        audience: str,
        clock: Callable[[], float],
        revoked: Container[str] = frozenset(),
    ) -> None:
        self._trust = trust_in(mesh_public_key)
        self._audience = audience
        self._clock = clock
        self.revoked = revoked
        self._verified: OrderedDict[str, tuple[float, Credential, str]] = OrderedDict()
        self._credentials: OrderedDict[str, Credential] = OrderedDict()  # whose signature is good, as they stand

    def verify(self, token: str, audience: str | None = None) -> Credential:
        """Return the credential of the token's holder; raise TokenError. `audience` stands in place of our own."""
        credential = self.prove(token, audience)
        if credential.subject in self.revoked:
            raise TokenError(f"{credential.subject} has been revoked")
        return credential

    def prove(self, token: str, audience: str | None = None) -> Credential:
        """Return the same of a holder who may have been revoked."""
        now, audience = self._clock(), self._audience if audience is None else audience
        expires_at, credential, meant = self._verified.get(token, (0.0, None, ""))
        if (
            credential is None
            or now > expires_at
            or meant != audience
            or not self._trust.accepts(credential.mesh_id)
        ):
            expires_at, credential = self._verify_anew(token, audience, now)
            self._verified[token] = (expires_at, credential, audience)
            while len(self._verified) > CACHED_TOKENS:
                self._verified.popitem(last=False)
        return credential

    def _verify_anew(self, token: str, audience: str, now: float) -> tuple[float, Credential]:
        claimed = read_claimed(token)
        try:
            credential = self._held(claimed.credential, now)
            key = key_of(credential.public_key)
            claims = jwts.decode(token, key, issuer=credential.subject, audience=audience, required=("iat", "exp"))
            issued_at, expires_at = _seconds(claims["iat"]), _seconds(claims["exp"])
        except (CredentialError, TypeError, ValueError) as error:
            raise TokenError(str(error)) from None
        if issued_at - CLOCK_SKEW > now or expires_at - issued_at > LIFE:
            raise TokenError(f"token is dated wrong by {issued_at - now:+.0f} s: check the clocks")
        if expires_at + CLOCK_SKEW < now:
            raise TokenError(f"token expired {now - expires_at:.0f} s ago: check the clocks")
        return expires_at + CLOCK_SKEW, credential

    def _held(self, text: str, now: float) -> Credential:
        """Return what a credential says; raise CredentialError. What was verified once only time can change."""
        known = self._credentials.get(text)
        if known is not None and self._trust.accepts(known.mesh_id):
            credentials.check_times(known, now)
            return known
        credential = credentials.verify(text, self._trust, now)
        self._credentials[text] = credential
        while len(self._credentials) > CACHED_CREDENTIALS:
            self._credentials.popitem(last=False)
        return credential


def _seconds(claim: object) -> int:
    """Return a claim of whole Unix seconds; NaN, which JSON parsers let pass, would never expire."""
    if type(claim) is not int or not 0 <= claim < 2**53:
        raise TokenError("token has a time that is none")
    return claim
