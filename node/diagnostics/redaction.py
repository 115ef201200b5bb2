"""Takes out of texts and documents what is secret or says who somebody is. Pure.

What is known to be secret goes wherever it stands; what has the name of a secret goes, and its name stays; what
looks like one goes as well. Rather too much is removed than too little.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from node.diagnostics import shapes
from node.diagnostics.shapes import REMOVED

SHORTEST_KNOWN = 4  # characters of a known secret: shorter ones would be found in every text
SHORTEST_USER = 3
NO_USERS = frozenset(
    {"root", "user", "admin", "administrator", "mesh", "node", "rma", "home", "app", "debian", "ubuntu"}
)  # they would be found in half of all sentences
MOST_DEPTH = 30


class Redactor:
    """Knows the secrets of one computer, its home directory and its user's name; `text` and `document` clean."""

    def __init__(self, *, secrets: Iterable[str] = (), home: str = "", user: str = "") -> None:
        known = sorted({one for one in secrets if len(one) >= SHORTEST_KNOWN}, key=len, reverse=True)
        self._known = re.compile("|".join(re.escape(one) for one in known)) if known else None
        self._home = _home_pattern(home)
        tellable = len(user) >= SHORTEST_USER and user.lower() not in NO_USERS
        self._user = re.compile(rf"(?i)(?<![^\W_]){re.escape(user)}(?![^\W_])") if tellable else None

    def text(self, text: str) -> str:
        """Return a text, of one or many lines, without what must not be told."""
        if self._known is not None:
            text = self._known.sub(REMOVED, text)
        text = shapes.PEM.sub(REMOVED, text)
        text = shapes.INVITE_CODE.sub(_without_invite, text)
        for pattern in (shapes.INVITE_LINK, shapes.API_KEY, shapes.KEY_OF_OTHERS, shapes.JSON_TOKEN):
            text = pattern.sub(REMOVED, text)
        text = shapes.USER_IN_URL.sub(rf"\1{REMOVED}@", text)
        text = shapes.USER_AT_HOST.sub(f"{REMOVED}@", text)
        text = shapes.QUERY.sub(rf"\1?{REMOVED}", text)
        for named in shapes.BY_NAME:
            text = named.sub(rf"\1{REMOVED}", text)
        text = shapes.LONG_HEX.sub(REMOVED, text)
        text = shapes.RUN.sub(_without_random, text)
        return self._without_people(text)

    def document(self, value: Any, depth: int = 0) -> Any:
        """Return a JSON document without what must not be told, in values and in names."""
        if depth > MOST_DEPTH:
            return REMOVED
        if isinstance(value, Mapping):
            return {
                self.text(str(name)): REMOVED if _is_secret(str(name), inside) else self.document(inside, depth + 1)
                for name, inside in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.document(inside, depth + 1) for inside in value]
        return self.text(value) if isinstance(value, str) else value

    def _without_people(self, text: str) -> str:
        if self._home is not None:
            text = self._home.sub("~", text)
        text = shapes.HOME.sub(r"\1[user]", text)
        text = shapes.MAIL.sub("[mail address]", text)
        if self._user is not None:
            text = self._user.sub("[user]", text)
        text = shapes.IPV4.sub(shapes.shortened_ipv4, text)
        return shapes.MAC.sub("[device address]", shapes.IPV6.sub(shapes.shortened_ipv6, text))


def _home_pattern(home: str) -> re.Pattern[str] | None:
    """Return what finds a home directory, whichever way its slashes lean and however often they were escaped."""
    parts = [re.escape(part) for part in re.split(r"[\\/]+", home) if part]
    if not parts:
        return None
    start = shapes.SLASHES if home[:1] in ("/", "\\") else ""
    return re.compile(r"(?i)" + start + shapes.SLASHES.join(parts) + r"(?![^\W_])")


def _is_secret(name: str, value: Any) -> bool:
    """Tell whether what has this name is secret; numbers and switches are not, and empty is worth knowing."""
    if value is None or isinstance(value, bool | int | float) or value in ("", "(set)") or not value:
        return False
    return bool(shapes.SECRET_NAME.search(name)) and not shapes.NO_SECRET.search(name)


def _without_random(match: re.Match[str]) -> str:
    return REMOVED if shapes.is_random(match.group()) else match.group()


def _without_invite(match: re.Match[str]) -> str:
    return REMOVED if shapes.is_invite(match.group()) else match.group()
