"""What callers of notes-coa send."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from node.wire.problems import Problem

MAX_CHARACTERS = 200_000

Line = Annotated[str, msgspec.Meta(max_length=300)]


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller knows about the client; it goes before what the notes say."""

    name: Line | None = None
    title: Line | None = None
    address: Line | Annotated[tuple[Line, ...], msgspec.Meta(max_length=10)] | None = None
    reference: Line | None = None

    @property
    def address_lines(self) -> tuple[str, ...]:
        if isinstance(self.address, str):
            parts = self.address.replace("\n", ",").split(",")
            return tuple(part.strip() for part in parts if part.strip())
        return self.address or ()


class Adviser(msgspec.Struct, frozen=True, kw_only=True):
    """Who signs the letter."""

    name: Line | None = None
    role: Line | None = None
    organisation: Line | None = None
    address: Line | None = None
    phone: Line | None = None
    email: Line | None = None


class ConvertRequest(msgspec.Struct, frozen=True, kw_only=True):
    """POST /convert; client and adviser may be just their names."""

    notes: str | None = None
    text: str | None = None  # other names for notes
    content: str | None = None
    client: Client | Line | None = None
    adviser: Adviser | Line | None = None
    organisation: Line | None = None
    format: Literal["json", "docx"] | None = None


def notes_of(request: ConvertRequest) -> str:
    """Return the notes; raise a Problem where there are none or too many."""
    notes = next((text for text in (request.notes, request.text, request.content) if text is not None), None)
    if notes is None or not notes.strip():
        detail = "notes: this field is missing or empty. GET /service/notes-coa/ shows examples."
        raise Problem("invalid-body", detail, field="notes")
    if len(notes) > MAX_CHARACTERS:
        detail = f"notes: there are {len(notes)} characters; {MAX_CHARACTERS} are taken."
        raise Problem("payload-too-large", detail, field="notes", max_characters=MAX_CHARACTERS)
    return notes


def client_of(request: ConvertRequest) -> Client:
    if isinstance(request.client, str):
        return Client(name=request.client)
    return request.client or Client()


def adviser_of(request: ConvertRequest) -> Adviser:
    adviser = Adviser(name=request.adviser) if isinstance(request.adviser, str) else request.adviser or Adviser()
    if request.organisation and not adviser.organisation:
        return msgspec.structs.replace(adviser, organisation=request.organisation)
    return adviser
