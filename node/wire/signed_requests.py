"""What a worker signs of a request that nobody else may make: a token can be overheard, and used for a minute.

The signature is for one request of one token. Whoever repeats it repeats what the worker has asked for anyway.
"""

from __future__ import annotations

from typing import Literal

CONTEXT = b"rma-mesh request v1\x00"

What = Literal["renew", "leave"]


def signed_part(what: What, token: str, body: bytes) -> bytes:
    """Return the bytes under the signature of a request with this token and this body."""
    return b"\x00".join((CONTEXT + what.encode(), token.encode(), body))
