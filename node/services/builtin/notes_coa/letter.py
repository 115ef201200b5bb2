"""Fills the letter's template with a case. Notes are values in it, never part of it."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from importlib.resources import files

from jinja2 import StrictUndefined, Template
from jinja2.sandbox import SandboxedEnvironment

from node.services.builtin.notes_coa.blocks import Block, parse_blocks
from node.services.builtin.notes_coa.case import Case
from node.services.builtin.notes_coa.requests import Adviser, Client

TEMPLATE = ("services", "notes-coa", "confirmation-of-advice.txt.j2")
PLACEHOLDER_ORGANISATION = "[Name of your organisation]"
PLACEHOLDER_ADVISER = "[Name of the adviser]"
PLACEHOLDER_CLIENT = "[Name of the client]"
PLACEHOLDERS = (PLACEHOLDER_ORGANISATION, PLACEHOLDER_ADVISER, PLACEHOLDER_CLIENT)
WHO = ("client", "adviser", "")
CLIENT_DOES = re.compile(
    r"^(?:the )?(?:client|you|he|she|they)(?:'s| is| has)? (?:to|will|agreed to|agrees to) ", re.IGNORECASE
)


def write_letter(case: Case, client: Client, adviser: Adviser, today: datetime.date) -> tuple[Block, ...]:
    """Return the letter's blocks; what nobody said is a placeholder in square brackets."""
    name = client.name or case.client_name or ""
    title = client.title or (case.client_title if not client.name else None)
    text = _template().render(
        case=case,
        client_name=" ".join(filter(None, [title, name])) or PLACEHOLDER_CLIENT,
        salutation=_salutation(title, name),
        address=client.address_lines,
        reference=client.reference or case.reference,
        adviser_name=adviser.name or case.adviser or PLACEHOLDER_ADVISER,
        adviser_role=adviser.role,
        organisation=adviser.organisation or case.organisation or PLACEHOLDER_ORGANISATION,
        contacts=[contact for contact in (adviser.address, adviser.phone, adviser.email) if contact],
        letter_date=long_date(today.isoformat()),
        advised_on=long_date(case.date) if case.date else None,
        actions={who: [to_client(one.text) for one in case.actions if one.by == who] for who in WHO},
        surplus=Decimal(case.totals.surplus),
    )
    return parse_blocks(text)


def to_client(text: str) -> str:
    """Address an action to the client: `Client to send letters` becomes `Send letters`."""
    text = CLIENT_DOES.sub("", text)
    return text[:1].upper() + text[1:]


def line(value: object) -> str:
    """Make any value one printable line, so that it cannot begin a line of its own."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(value))
    return " ".join(text.encode("utf-8", "replace").decode().split())


def cell(value: object) -> str:
    """Make any value fit into a table's cell."""
    return line(value).replace("|", "/")


def pounds(value: str | Decimal) -> str:
    amount = Decimal(value)
    return f"{'-' if amount < 0 else ''}£{abs(amount):,.2f}"


def long_date(value: str) -> str:
    """Write an ISO date as `12 March 2025`, and leave anything else as it is."""
    try:
        date = datetime.date.fromisoformat(value)
    except ValueError:
        return value
    return f"{date.day} {date:%B %Y}"


def joined(values: Iterable[str]) -> str:
    """Join as in a sentence: `a, b and c`."""
    parts = [line(value) for value in values]
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def _salutation(title: str | None, name: str) -> str:
    if not name:
        return PLACEHOLDER_CLIENT
    return f"{title} {name.rsplit(maxsplit=1)[-1]}" if title else name


@cache
def _template() -> Template:
    environment = SandboxedEnvironment(
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=line,
    )
    environment.filters.update(cell=cell, pounds=pounds, long_date=long_date, joined=joined)
    return environment.from_string(files("resources").joinpath(*TEMPLATE).read_text("utf-8"))
