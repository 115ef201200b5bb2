"""Entry points: what a worker says that takes frontends' requests itself, and how it proves its address.

The coordinator asks at the address with a nonce; the worker's identity key signs nonce, address and worker_id. So
nobody can name another one's server: what answers there would sign with another key, or not at all.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from node.wire.credentials import Name
from node.wire.encoding import b64decode, b64encode
from node.wire.messages import Capabilities, Services, Text

REGISTER: Final = "/api/entry-points/register"
WITHDRAW: Final = "/api/entry-points/withdraw"
CHALLENGE: Final = "X-RMA-Challenge"  # on GET /health: the nonce
PROOF: Final = "proof"  # in the answer's JSON: the signature
CONTEXT = b"rma-mesh entry point v1\x00"
NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
MAX_URL = 300  # characters
LOWEST_PORT = 1024  # but for those of the web: below are mail, file and name servers
WEB_PORTS = {"http": 80, "https": 443}
NAME = re.compile(
    r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])", re.IGNORECASE
)
INSIDE = (".local", ".internal", ".localhost", ".lan", ".home", ".corp", ".arpa", ".onion", ".test", ".invalid")

MAX_ORIGINS = 64
Origins = Annotated[tuple[Annotated[str, msgspec.Meta(max_length=300)], ...], msgspec.Meta(max_length=MAX_ORIGINS)]
AccessUrl = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_URL)]


class EntryPointRequest(msgspec.Struct, frozen=True, kw_only=True):
    """POST /api/entry-points/register, again before `stale_after` seconds have passed."""

    worker_id: Name
    access_url: AccessUrl
    services: Services = ()
    capabilities: Capabilities = Capabilities()


class EntryPointAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """200 of it: whether frontends are told; `detail` says in a sentence why not, or what they should know."""

    listed: bool
    access_url: str
    stale_after: float  # seconds
    insecure: bool = False  # plain HTTP
    detail: Text = ""
    origins: Origins = ()  # of web pages that may ask there from a browser (CORS), besides its own


class EntryPointWithdrawal(msgspec.Struct, frozen=True, kw_only=True):
    """POST /api/entry-points/withdraw: the address does not lead to the worker any more."""

    worker_id: Name


def clean_url(text: str) -> str:
    """Return an address in its one form, as https://name or http://address:port; raise ValueError with a sentence.

    Only what can be wrong with the text is looked at, not where it leads.
    """
    if len(text) > MAX_URL or not all("!" <= letter <= "~" for letter in text) or "\\" in text:
        raise ValueError(f"An address is up to {MAX_URL} printable ASCII characters without spaces.")
    if "@" in text or "?" in text or "#" in text:
        raise ValueError("An address has no user name, no query and no fragment.")
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise ValueError("This is no address of the web.") from None
    if parts.scheme not in WEB_PORTS:
        raise ValueError("An address begins with https:// or http://.")
    if parts.path not in ("", "/"):
        raise ValueError("An address has no path: requests go to /service/NAME below it.")
    usual = WEB_PORTS[parts.scheme]
    if port is not None and port not in WEB_PORTS.values() and port < LOWEST_PORT:
        raise ValueError(f"Its port is 80, 443 or at least {LOWEST_PORT}.")
    where = _clean_host(host, parts.scheme)
    return f"{parts.scheme}://{where}" + ("" if port in (None, usual) else f":{port}")


def _clean_host(host: str, scheme: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if not NAME.fullmatch(host) or host.endswith(INSIDE):
            raise ValueError("This is no host name of the internet.") from None
        if scheme != "https":
            raise ValueError("A name needs https://; plain http:// is for addresses of numbers only.") from None
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id:
        raise ValueError("This is no address of the internet.")
    return f"[{address}]" if address.version == 6 else str(address)


def is_plain(url: str) -> bool:
    """Say whether requests to a clean address can be read on their way."""
    return url.startswith("http://")


def sign_challenge(key: Ed25519PrivateKey, worker_id: str, access_url: str, nonce: str) -> str:
    """Return the proof that the holder of this key answers at its address; raise ValueError for no nonce."""
    if not NONCE.fullmatch(nonce):
        raise ValueError("this is no nonce")
    return b64encode(key.sign(_signed_part(worker_id, access_url, nonce)))


def is_proof(proof: object, public_key: bytes, worker_id: str, access_url: str, nonce: str) -> bool:
    """Say whether what came for a nonce was made by the holder of this Ed25519 key, for this address."""
    if not isinstance(proof, str) or len(proof) > 100:
        return False
    try:
        key = Ed25519PublicKey.from_public_bytes(public_key)
        key.verify(b64decode(proof), _signed_part(worker_id, access_url, nonce))
    except (InvalidSignature, ValueError):
        return False
    return True


def _signed_part(worker_id: str, access_url: str, nonce: str) -> bytes:
    return CONTEXT + b"\x00".join((worker_id.encode(), access_url.encode(), nonce.encode()))
