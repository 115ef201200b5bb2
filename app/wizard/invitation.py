"""Finds an invite in whatever somebody pasted: a link, a code, or a whole mail around either. Pure."""

from __future__ import annotations

import html
import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from PySide6.QtCore import QCoreApplication

from app.intents import EnrolmentWish
from node.wire.invites import (
    LINK_SCHEME,
    InviteError,
    InviteLink,
    parse_code,
    parse_coordinator_url,
    parse_link,
)

MOST_CHARACTERS = 64 * 1024
LONGEST_NAME = 64
LINK = re.compile(LINK_SCHEME + r"://enroll/?\?[^\s<>\"']{1,4000}", re.IGNORECASE)
CODE = re.compile(r"(?<![A-Z0-9])RMA[-\s]{0,4}(?:[A-Z2-7][-\s]{0,4}){43,44}", re.IGNORECASE)
ADDRESS = re.compile(r"https?://[^\s<>\"']{1,2048}", re.IGNORECASE)
INVISIBLE = dict.fromkeys(
    map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2069")
)
TRAILING = ".,;:!?)]}>'\"»”’"

translate = QCoreApplication.translate


@dataclass(frozen=True, slots=True)
class Found:
    """What a text holds: a link, or a code and perhaps the address of its coordinator."""

    invite: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """What the fields say so far: an invitation that can be used, or what is missing."""

    link: InviteLink | None = None
    needs_address: bool = False
    problem: str = ""

    def wish(self, name: str) -> EnrolmentWish | None:
        if self.link is None:
            return None
        return EnrolmentWish(self.link.coordinator, self.link.invite.code, clean_name(name))


def find_invite(text: str) -> Found | None:
    """Return the first invite in a text that is whole, or None."""
    text = html.unescape(text[:MOST_CHARACTERS].translate(INVISIBLE))
    for match in LINK.finditer(text):
        link = match[0].rstrip(TRAILING)
        if _is_link(link):
            return Found(link)
    for match in CODE.finditer(text):
        code = " ".join(match[0].split()).rstrip("- ")
        if _is_code(code):
            return Found(code, next(_addresses(text), ""))
    return None


def _is_link(text: str) -> bool:
    try:
        parse_link(text)
    except InviteError:
        return False
    return True


def _is_code(text: str) -> bool:
    try:
        parse_code(text)
    except InviteError:
        return False
    return True


def _addresses(text: str) -> Iterator[str]:
    for match in ADDRESS.finditer(text):
        try:
            yield parse_coordinator_url(match[0].rstrip(TRAILING))
        except InviteError:
            continue


def read_draft(invite: str, address: str) -> Draft:
    """Understand the fields: a whole link, or a code and a coordinator's address."""
    invite = invite.strip()
    if not invite:
        return Draft()
    found = find_invite(invite)
    text = found.invite if found else invite
    try:
        if text.lower().startswith(LINK_SCHEME + ":"):
            return Draft(parse_link(text))
        code = parse_code(text)
    except InviteError as error:
        return Draft(problem=str(error))
    if not address.strip():
        return Draft(needs_address=True)
    try:
        return Draft(InviteLink(parse_coordinator_url(address), code), needs_address=True)
    except InviteError as error:
        return Draft(needs_address=True, problem=str(error))


def clean_name(name: str) -> str:
    return " ".join(name.split())[:LONGEST_NAME]


def travels_openly(coordinator: str) -> bool:
    """Whether others on the way to this coordinator can read along."""
    parts = urlsplit(coordinator)
    return parts.scheme == "http" and not _is_this_computer(parts.hostname or "")


def _is_this_computer(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def fingerprint_text(link: InviteLink) -> str:
    """Return the mesh's fingerprint so that two people can compare it aloud."""
    return " ".join(re.findall(".{4}", link.invite.mesh_fingerprint.hex()))
