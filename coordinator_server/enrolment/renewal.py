"""Lets a machine that was switched off for weeks renew: its key is on record, its credential may have expired."""

from __future__ import annotations

from node.wire import jwts
from node.wire.credentials import CLOCK_SKEW
from node.wire.signatures import key_of
from node.wire.tokens import LIFE, TokenError, read_claimed


def claimed_subject(token: str) -> str:
    """Return who the token says it is from, unverified; raise TokenError for what is no token."""
    return read_claimed(token).issuer


def issued_at(token: str) -> float:
    """Return when a token that was checked says that it was made, in Unix seconds."""
    return float(jwts.read(token)["iat"])


def check_signed_by(token: str, public_key: bytes, subject: str, audience: str, now: float) -> None:
    """Raise TokenError unless the holder of the key made this token for us within the last minute or so."""
    try:
        claims = jwts.decode(token, key_of(public_key), issuer=subject, audience=audience, required=("iat", "exp"))
    except (ValueError, TypeError) as error:
        raise TokenError(str(error)) from None
    issued_at, expires_at = claims["iat"], claims["exp"]
    if type(issued_at) is not int or type(expires_at) is not int or expires_at - issued_at > LIFE:
        raise TokenError("token has a time that is none")
    if issued_at - CLOCK_SKEW > now or expires_at + CLOCK_SKEW < now:
        raise TokenError("token is dated wrong: check the clocks")
