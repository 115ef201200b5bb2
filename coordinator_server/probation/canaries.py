"""Canaries: small requests to a service whose right answer is known, from the `[canary]` table of its manifest.

The table stays with the coordinator: what nodes are told of a service does not hold it. `%N%` in it stands for a
number that is another one each time, so that nobody can learn an answer by heart.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from node.wire.manifests import HttpPath, ManifestError

NUMBER = "%N%"
LARGEST_ANSWER = 1_000_000  # bytes
UNCLEAR = frozenset({408, 429, 503, 504})  # statuses that say that it is busy, not that it is wrong

Text = Annotated[str, msgspec.Meta(max_length=20_000)]


class Canary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table `[canary]`; without a path the manifest's default path is asked."""

    contains: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=20)]  # texts in the answer
    body: Text = ""
    path: HttpPath | None = None
    method: Literal["GET", "POST"] = "POST"
    content_type: Annotated[str, msgspec.Meta(pattern=r"^[!-~ ]{1,100}$(?!\n)")] = "application/json"
    status: Annotated[int, msgspec.Meta(ge=200, le=499)] = 200
    unclear: tuple[int, ...] = ()  # further statuses that tell nothing, as where it needs another service


@dataclass(frozen=True, slots=True)
class Question:
    """A canary with its number filled in."""

    method: str
    path: str
    content_type: str
    body: bytes
    status: int
    contains: tuple[str, ...]
    unclear: tuple[int, ...] = ()

    def verdict(self, status: int, body: bytes) -> str | None:
        """Return what is wrong with an answer, or an empty string; None where it tells nothing."""
        if status in UNCLEAR or status in self.unclear:
            return None
        if status != self.status:
            return f"a known request was answered with status {status}, not {self.status}"
        text = body.decode("utf-8", "replace")
        missing = [part for part in self.contains if part not in text]
        return "a known request was answered wrongly" if missing else ""


def question_of(canary: Canary, default_path: str, number: int) -> Question:
    """Return the request to send, with this number in it."""

    def filled(text: str) -> str:
        return text.replace(NUMBER, str(number))

    return Question(
        method=canary.method,
        path=canary.path or default_path,
        content_type=canary.content_type,
        body=filled(canary.body).encode(),
        status=canary.status,
        contains=tuple(map(filled, canary.contains)),
        unclear=canary.unclear,
    )


def load_canaries(folders: Iterable[Path]) -> Mapping[str, Canary]:
    """Return the canaries of the services in these folders; a later folder's manifest replaces an earlier one."""
    found: dict[str, Canary | None] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.toml")):
            table = tomllib.loads(path.read_text("utf-8"))
            found[str(table.get("name", ""))] = _canary(path, table.get("canary"))
    return {name: canary for name, canary in found.items() if canary is not None}


def _canary(path: Path, table: object) -> Canary | None:
    if table is None:
        return None
    try:
        return msgspec.convert(table, type=Canary)
    except msgspec.ValidationError as error:
        raise ManifestError(f"{path}: canary: {error}") from None
