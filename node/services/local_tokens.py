"""The tokens by which a node knows which of its own services is asking; made anew at each start, never stored."""

from __future__ import annotations

import hashlib
import hmac
import secrets


class LocalTokens:
    """Makes and checks tokens of the form `service.mac`, the mac over the name with a key that only we have."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def of(self, service: str) -> str:
        return f"{service}.{self._mac(service)}"

    def service_of(self, token: str) -> str | None:
        """Return the service that a token was made for, or None where we did not make it."""
        service, _, mac = token.rpartition(".")
        return service if hmac.compare_digest(mac.encode(), self._mac(service).encode()) else None

    def _mac(self, service: str) -> str:
        return hmac.new(self._key, service.encode(), hashlib.sha256).hexdigest()
