"""The HTTP face of ner-extraction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec
from aiohttp import web

from node.program.web import json_response
from node.services.builtin.bodies import read_text_request
from node.services.builtin.contract import BuiltinService, Context, Description, Endpoint, Example
from node.services.builtin.ner_extraction.extract import Extraction, extract
from node.services.builtin.ner_extraction.rules import EntityType
from node.wire.problems import Problem

MAX_CHARACTERS = 1_000_000  # of all texts of one request
MAX_TEXTS = 1_000

EXAMPLE = "Mrs Jane O'Neill owes Northmoor Finance £1,234.56 since 12 March 2025."

DESCRIPTION = Description(
    service="ner-extraction",
    title="Entity extraction",
    summary="Finds money, dates, UK postcodes, NI numbers, emails, phone numbers, references and people. It keeps "
    "nothing.",
    endpoints=(
        Endpoint(
            method="POST",
            path="/extract",
            does="Return the entities of a text, or of several.",
            takes=(
                Example(content_type="application/json", body={"text": EXAMPLE}),
                Example(
                    content_type="application/json",
                    body={"text": EXAMPLE, "types": ["money", "date"]},
                    note="only these types",
                ),
                Example(
                    content_type="application/json",
                    body={"texts": [EXAMPLE, "NI number AB 12 34 56 C"]},
                    note="answers {results: [...]} in the same order",
                ),
                Example(content_type="text/plain", body=EXAMPLE),
            ),
            answers=extract(EXAMPLE),
        ),
    ),
    notes=(
        "`start` and `end` count Unicode characters; JavaScript strings differ where there are emoji.",
        "`value` is normalised: money as a decimal number with its `currency`, dates as ISO 8601 (`--MM-DD` "
        "without a year), phones as E.164, postcodes and NI numbers in capitals.",
        "Names are found after a title (Mr, Mrs, Dr …) or after a label such as `Client:`.",
        f"At most {MAX_CHARACTERS} characters and {MAX_TEXTS} texts a request.",
    ),
)


class ExtractRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON body of POST /extract."""

    text: str | None = None
    texts: Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_TEXTS)] | None = None
    content: str | None = None  # other names for text
    input: str | None = None
    types: tuple[EntityType, ...] | None = None


class Results(msgspec.Struct, frozen=True):
    """The answer for several texts, in their order."""

    results: list[Extraction]
    count: int


class NerExtraction(BuiltinService):
    """Runs the rules in a thread, since a long text takes its time."""

    description = DESCRIPTION

    def __init__(self, context: Context) -> None:
        self._context = context

    def routes(self) -> Iterable[web.RouteDef]:
        return [web.post("/extract", self.extract)]

    async def extract(self, request: web.Request) -> web.Response:
        asked = await read_text_request(request, ExtractRequest, "text")
        types = frozenset(asked.types) if asked.types else None
        if asked.texts is not None:
            check_size(asked.texts)
            results = await self._context.in_thread(lambda: [extract(text, types) for text in asked.texts or ()])
            return json_response(Results(results, len(results)))
        text = next((text for text in (asked.text, asked.content, asked.input) if text is not None), None)
        if text is None:
            detail = "text: this field is missing. GET /service/ner-extraction/ shows examples."
            raise Problem("invalid-body", detail, field="text")
        check_size((text,))
        return json_response(await self._context.in_thread(extract, text, types))


def check_size(texts: Iterable[str]) -> None:
    total = sum(map(len, texts))
    if total > MAX_CHARACTERS:
        detail = f"The text has {total} characters; {MAX_CHARACTERS} are taken in one request. Send it in parts."
        raise Problem("payload-too-large", detail, max_characters=MAX_CHARACTERS)


def build(context: Context) -> NerExtraction:
    return NerExtraction(context)
