"""The HTTP face of notes-coa."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from aiohttp import web

from node.program.logs import REQUEST_ID
from node.program.web import json_response
from node.services.builtin.bodies import read_text_request
from node.services.builtin.contract import BuiltinService, Context, Description, Endpoint, Example
from node.services.builtin.notes_coa.blocks import Block, to_text
from node.services.builtin.notes_coa.case import Case, build_case
from node.services.builtin.notes_coa.docx_letter import CONTENT_TYPE, to_docx
from node.services.builtin.notes_coa.letter import PLACEHOLDERS, write_letter
from node.services.builtin.notes_coa.ner_client import NerClient, Reading
from node.services.builtin.notes_coa.requests import ConvertRequest, adviser_of, client_of, notes_of
from node.wire import headers

FILENAME = "confirmation-of-advice.docx"

EXAMPLE = """Client: Mrs Jane O'Neill
Date: 12 March 2025
Income:
- Universal Credit £780 per month
Expenditure:
- Rent £520 per month
Debts:
- Northmoor Finance credit card £2,340.50, ref NM/22-1187
Advice:
- Apply for a debt relief order
Actions:
- Client to send bank statements by 26 March 2025"""

DESCRIPTION = Description(
    service="notes-coa",
    title="Confirmation of Advice",
    summary="Turns an adviser's notes into a structured case and a Confirmation of Advice letter. It keeps "
    "nothing, and reads the notes with the service ner-extraction of this mesh.",
    endpoints=(
        Endpoint(
            method="POST",
            path="/convert",
            does="Return the case and the letter; with `format` docx, or with Accept: "
            + CONTENT_TYPE
            + ", the file.",
            takes=(
                Example(content_type="application/json", body={"notes": EXAMPLE}),
                Example(
                    content_type="application/json",
                    body={
                        "notes": EXAMPLE,
                        "client": {"name": "Jane O'Neill", "title": "Mrs", "address": "4 Mill Lane, Leeds LS1 4AP"},
                        "adviser": {"name": "Sam Okafor", "organisation": "Harbour Debt Advice"},
                        "format": "docx",
                    },
                    note="client and adviser may be just a name; text is notes",
                ),
                Example(content_type="text/plain", body=EXAMPLE),
            ),
            answers={
                "case": "client_name, date, income, expenditure, debts, totals, options, advice, actions, …",
                "letter": {"text": "Dear Mrs O'Neill, …", "filename": FILENAME, "docx_base64": "UEsDB…"},
                "entities_used": [{"type": "money", "text": "£2,340.50", "value": "2340.50", "currency": "GBP"}],
                "ner": {"worker": "worker-7", "route": "direct"},
                "warnings": ["No period is noted for Rent: it was taken as monthly."],
            },
        ),
    ),
    notes=(
        "Headings such as Income, Expenditure, Debts, Options, Advice and Actions help; without them each sentence "
        "is sorted by its words.",
        "An adviser must read the letter before it is sent; `warnings` say what to look at.",
        "When ner-extraction cannot be reached, the answer is 502, 503 or 504, never a guess.",
    ),
)


class NotesToLetter(BuiltinService):
    """Asks for the entities, then does the rest in a thread."""

    description = DESCRIPTION

    def __init__(self, context: Context, today: Callable[[], datetime.date] = datetime.date.today) -> None:
        self._context = context
        self._ner = NerClient(context)
        self._today = today

    def routes(self) -> Iterable[web.RouteDef]:
        return [web.post("/convert", self.convert)]

    async def start(self) -> None:
        await self._ner.start()

    async def stop(self) -> None:
        await self._ner.stop()

    async def convert(self, request: web.Request) -> web.Response:
        asked = await read_text_request(request, ConvertRequest, "notes")
        notes = notes_of(asked)
        reading = await self._ner.read(notes, trace_of(request))
        conversion = await self._context.in_thread(convert, notes, asked, reading, self._today())
        if wants_docx(request, asked):
            disposition = {"Content-Disposition": f'attachment; filename="{FILENAME}"'}
            return web.Response(body=conversion.docx, content_type=CONTENT_TYPE, headers=disposition)
        return json_response(conversion.answer())


class Conversion(msgspec.Struct, frozen=True):
    """A case, its letter in both forms, and what it is made from."""

    case: Case
    blocks: tuple[Block, ...]
    docx: bytes
    reading: Reading
    warnings: list[str]

    def answer(self) -> dict[str, Any]:
        encoded = base64.b64encode(self.docx).decode()
        return {
            "case": self.case,
            "letter": {"text": to_text(self.blocks), "filename": FILENAME, "docx_base64": encoded},
            "entities_used": self.reading.mentions,
            "ner": {"worker": self.reading.worker, "route": self.reading.route},
            "warnings": self.warnings,
        }


def convert(notes: str, asked: ConvertRequest, reading: Reading, today: datetime.date) -> Conversion:
    """Build the case and write the letter; no I/O."""
    case, warnings = build_case(notes, reading.mentions)
    client, adviser = client_of(asked), adviser_of(asked)
    if client.name:
        warnings = [text for text in warnings if text != "The notes do not say who the client is."]
        case = msgspec.structs.replace(case, client_name=client.name, client_title=client.title)
    blocks = write_letter(case, client, adviser, today)
    if any(placeholder in to_text(blocks) for placeholder in PLACEHOLDERS):
        warnings.append("The letter has gaps in square brackets: fill them before it is sent.")
    author = adviser.name or case.adviser or ""
    return Conversion(case, blocks, to_docx(blocks, "Confirmation of advice", author, today), reading, warnings)


def wants_docx(request: web.Request, asked: ConvertRequest) -> bool:
    """Let the body's `format` decide, else the Accept header."""
    if asked.format is not None:
        return asked.format == "docx"
    return CONTENT_TYPE in request.headers.get("Accept", "")


def trace_of(request: web.Request) -> dict[str, str]:
    """Pass the request's id and trace on, so that both requests can be found together."""
    trace = {headers.REQUEST_ID: REQUEST_ID.get() or ""}
    if headers.TRACEPARENT in request.headers:
        trace[headers.TRACEPARENT] = request.headers[headers.TRACEPARENT]
    return trace


def build(context: Context) -> NotesToLetter:
    return NotesToLetter(context)
