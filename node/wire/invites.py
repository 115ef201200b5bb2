"""Invite codes and links: a secret that pins the mesh it lets somebody into.

A code is `RMA-` and Base32 (RFC 4648) of 10 random bytes, the first 16 bytes of SHA-256 of the mesh key, and a
check byte that catches typing errors. People may write it in lower case, with spaces and dashes anywhere.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

from node.wire.encoding import fingerprint

SECRET_BYTES = 10
FINGERPRINT_BYTES = 16
MAX_URL = 2048
PREFIX = "RMA"
LINK_SCHEME = "rma-mesh"


class InviteError(ValueError):
    """An invite code or link that cannot be one; the text is fit for a volunteer."""


@dataclass(frozen=True, slots=True)
class Invite:
    """A parsed invite code; `mesh_fingerprint` pins the mesh key."""

    secret: bytes
    mesh_fingerprint: bytes

    @property
    def code(self) -> str:
        payload = self.secret + self.mesh_fingerprint
        text = base64.b32encode(payload + _check(payload)).decode("ascii").rstrip("=")
        return "-".join([PREFIX, *re.findall(".{1,6}", text)])

    @property
    def digest(self) -> str:
        """What a coordinator stores in place of the code."""
        return hashlib.sha256(b"rma-mesh invite v1\x00" + self.secret).hexdigest()

    def pins(self, mesh_public_key: bytes) -> bool:
        return fingerprint(mesh_public_key) == self.mesh_fingerprint


@dataclass(frozen=True, slots=True)
class InviteLink:
    """What an invite link says: where to go and with which code."""

    coordinator: str
    invite: Invite

    @property
    def url(self) -> str:
        query = urlencode({"coordinator": self.coordinator, "invite": self.invite.code})
        return f"{LINK_SCHEME}://enroll?{query}"


def make_invite(secret: bytes, mesh_public_key: bytes) -> Invite:
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"an invite's secret has {SECRET_BYTES} bytes")
    return Invite(secret, fingerprint(mesh_public_key))


def parse_code(text: str) -> Invite:
    """Parse an invite code as a person typed it; raise InviteError."""
    letters = re.sub(r"[\s-]", "", text).upper()
    if not letters.startswith(PREFIX):
        raise InviteError("This is not an invite code: a code starts with RMA-.")
    body = letters[len(PREFIX) :]
    try:
        data = base64.b32decode(body + "=" * (-len(body) % 8))
    except (binascii.Error, ValueError):
        raise InviteError("The invite code has a letter that cannot be in a code. Please copy it again.") from None
    payload, check = data[:-1], data[-1:]
    if len(payload) != SECRET_BYTES + FINGERPRINT_BYTES:
        raise InviteError("The invite code is not complete. Please copy all of it.")
    if check != _check(payload):
        raise InviteError("The invite code has a typing error. Please copy it again.")
    return Invite(payload[:SECRET_BYTES], payload[SECRET_BYTES:])


def parse_link(text: str) -> InviteLink:
    """Parse `rma-mesh://enroll?coordinator=URL&invite=CODE`; raise InviteError."""
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        raise InviteError("This is not an invite link: it has a bracket where none can be.") from None
    if parts.scheme != LINK_SCHEME or (parts.netloc or parts.path.strip("/")) != "enroll":
        raise InviteError("This is not an invite link: a link starts with rma-mesh://enroll.")
    query = parse_qs(parts.query)
    coordinator, code = query.get("coordinator", [""])[0], query.get("invite", [""])[0]
    return InviteLink(parse_coordinator_url(coordinator), parse_code(code))


def parse_coordinator_url(text: str) -> str:
    """Return the coordinator's URL without a trailing slash; raise InviteError."""
    url = text.strip().rstrip("/")
    # urlsplit drops line breaks silently and browsers read a backslash as a slash: neither may be in there.
    usable = len(url) <= MAX_URL and not any(letter.isspace() or letter in "\\?#@" for letter in url)
    try:
        parts = urlsplit(url)
        usable = usable and parts.scheme in ("http", "https") and is_host(parts.hostname or "") and parts.port != 0
    except ValueError:
        usable = False
    if not (usable and url.isprintable()):
        raise InviteError(
            f"{text[:80]!r} is not a coordinator's address, which looks like https://mesh.example.org."
        )
    return parts.geturl()


def is_host(text: str) -> bool:
    """Tell a host's name or address from what only looks like one, such as one with a slash that is none.

    Letters of all scripts may be in it, but no signs, and none that mean other letters.
    """
    if ":" in text:  # it was in brackets
        return text.isascii()
    plain = unicodedata.normalize("NFKC", text) == text
    return bool(text) and plain and all(one in "-._" or unicodedata.category(one)[0] in "LMN" for one in text)


def _check(payload: bytes) -> bytes:
    return hashlib.sha256(payload).digest()[:1]
