"""The case: what the notes say about a client, their budget, their debts and what was agreed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from node.services.builtin.notes_coa.items import Amount, Period, amounts_of, monthly, period_of
from node.services.builtin.notes_coa.mentions import Mention, within
from node.services.builtin.notes_coa.notes import Statement, Topic, statements
from node.services.builtin.notes_coa.options import Option, options_in

PRIORITY = re.compile(
    r"\b(?:rent|mortgage|council tax|gas|electric(?:ity)?|energy|court fines?|magistrates|tv licen[cs]e|"
    r"hire purchase|child maintenance|hmrc|income tax|vat|secured)\b",
    re.IGNORECASE,
)
UNTOTALLED = re.compile(r"^(?:total|sum|in all|altogether)\b", re.IGNORECASE)
BY_CLIENT = re.compile(r"^(?:the )?(?:client|you|he|she|they|mrs?|ms|miss|mx|dr)\b", re.IGNORECASE)
BY_US = re.compile(r"^(?:i|we|us|adviser|advisor|caseworker|me)\b", re.IGNORECASE)
DATE_HEADINGS = frozenset({"date", "date of appointment", "appointment"})
DATE_WORDS = re.compile(r"\b(?:appointment|seen|met|interview|called|spoke|meeting|visit)\b", re.IGNORECASE)
ADVISER_LINE = re.compile(
    r"^\W*(?:adviser|advisor|caseworker|seen by)\b\s*(?:name)?\s*[:\-–]\s*(?P<name>.{1,80})", re.IGNORECASE
)
MAX_ITEMS = 200  # of each kind
MAX_LABELLED = 120  # characters of a line in which its label stands


class BudgetItem(msgspec.Struct, frozen=True, kw_only=True):
    """One income or expense; amounts are decimal numbers in pounds."""

    description: str
    amount: str
    period: Period
    monthly: str


class Debt(msgspec.Struct, frozen=True, kw_only=True):
    """One debt; a priority debt has the gravest consequences if it is not paid."""

    creditor: str
    amount: str
    reference: str | None = None
    priority: bool = False
    note: str = ""


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """Something that somebody agreed to do; `due` is ISO 8601."""

    text: str
    by: str  # client, adviser or empty
    due: str | None = None


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Sums in pounds; `surplus` is negative when more goes out than comes in."""

    monthly_income: str
    monthly_expenditure: str
    surplus: str
    debts: str
    priority_debts: str


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """All that could be read from the notes."""

    client_name: str | None
    client_title: str | None
    date: str | None
    adviser: str | None
    organisation: str | None
    reference: str | None
    postcode: str | None
    ni_number: str | None
    emails: tuple[str, ...]
    phones: tuple[str, ...]
    situation: tuple[str, ...]
    income: tuple[BudgetItem, ...]
    expenditure: tuple[BudgetItem, ...]
    debts: tuple[Debt, ...]
    totals: Totals
    options: tuple[Option, ...]
    options_discussed: tuple[str, ...]
    advice: tuple[str, ...]
    actions: tuple[Action, ...]


def build_case(notes: str, mentions: Sequence[Mention]) -> tuple[Case, list[str]]:
    """Return the case and warnings about what a person should check."""
    warnings: list[str] = []
    places = [(one.start, one.end) for one in mentions if one.type == "money"]
    said = statements(notes, places)
    income = _budget(_of(said, "income"), mentions, warnings)
    expenditure = _budget(_of(said, "expenditure"), mentions, warnings)
    debts = _debts(_of(said, "debts"), mentions, warnings)
    adviser, organisation = _adviser(said, notes)
    client = _client(notes, mentions, adviser)
    options, advice = _texts(said, "options"), _texts(said, "advice")
    case = Case(
        client_name=client.value if client else None,
        client_title=client.title if client else None,
        date=_date(said, notes, mentions),
        adviser=adviser,
        organisation=organisation,
        reference=_case_reference(said, mentions),
        postcode=_first(mentions, "postcode"),
        ni_number=_first(mentions, "ni_number"),
        emails=_all(mentions, "email"),
        phones=_all(mentions, "phone"),
        situation=_texts(said, "situation"),
        income=income,
        expenditure=expenditure,
        debts=debts,
        totals=_totals(income, expenditure, debts),
        options=options_in([*options, *advice]),
        options_discussed=options,
        advice=advice,
        actions=_actions(_of(said, "actions"), mentions),
    )
    return case, warnings + _gaps(case)


def _of(said: Sequence[Statement], topic: Topic) -> list[Statement]:
    return [one for one in said if one.topic == topic]


def _texts(said: Sequence[Statement], topic: Topic) -> tuple[str, ...]:
    return tuple(sentence(one.text) for one in _of(said, topic))[:MAX_ITEMS]


def sentence(text: str) -> str:
    """Begin with a capital and end with a full stop."""
    text = " ".join(text.split()).rstrip(" ,;:-")
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."


def _amounts(
    said: Sequence[Statement], mentions: Sequence[Mention], warnings: list[str]
) -> list[tuple[Statement, Amount]]:
    """Return the amounts that count: in pounds, and not the sum of the others."""
    found: list[tuple[Statement, Amount]] = []
    for statement in said:
        for amount in amounts_of(statement, mentions):
            if UNTOTALLED.match(amount.words) or UNTOTALLED.match(statement.text):
                continue
            if amount.currency != "GBP":
                warnings.append(
                    f"{amount.words or 'An amount'} is in {amount.currency} and was left out of the sums."
                )
                continue
            found.append((statement, amount))
    if len(found) > MAX_ITEMS:
        warnings.append(f"There are {len(found)} amounts under one heading; only the first {MAX_ITEMS} were taken.")
    return found[:MAX_ITEMS]


def _budget(said: Sequence[Statement], mentions: Sequence[Mention], warnings: list[str]) -> tuple[BudgetItem, ...]:
    items: list[BudgetItem] = []
    for statement, amount in _amounts(said, mentions, warnings):
        period = amount.period or period_of(statement.heading) or "month"
        described = amount.words or statement.heading.capitalize() or "Not described"
        value = abs(amount.amount)
        items.append(
            BudgetItem(
                description=described, amount=f"{value:.2f}", period=period, monthly=f"{monthly(value, period):.2f}"
            )
        )
        if amount.period is None and not period_of(statement.heading):
            warnings.append(f"No period is noted for {described}: it was taken as monthly.")
    return tuple(items)


def _debts(said: Sequence[Statement], mentions: Sequence[Mention], warnings: list[str]) -> tuple[Debt, ...]:
    debts: list[Debt] = []
    for statement, amount in _amounts(said, mentions, warnings):
        creditor = amount.words
        if not creditor:
            creditor = "Creditor not noted"
            warnings.append(f"No creditor is noted for the debt of £{amount.amount:,.2f}.")
        named_priority = statement.heading == "priority debts"
        debts.append(
            Debt(
                creditor=creditor,
                amount=f"{abs(amount.amount):.2f}",
                reference=amount.reference,
                priority=named_priority or PRIORITY.search(creditor) is not None,
                note=amount.after if amount.before else "",
            )
        )
    return tuple(debts)


def _totals(income: Sequence[BudgetItem], expenditure: Sequence[BudgetItem], debts: Sequence[Debt]) -> Totals:
    money_in = sum((Decimal(item.monthly) for item in income), Decimal(0))
    money_out = sum((Decimal(item.monthly) for item in expenditure), Decimal(0))
    return Totals(
        monthly_income=f"{money_in:.2f}",
        monthly_expenditure=f"{money_out:.2f}",
        surplus=f"{money_in - money_out:.2f}",
        debts=f"{sum((Decimal(debt.amount) for debt in debts), Decimal(0)):.2f}",
        priority_debts=f"{sum((Decimal(debt.amount) for debt in debts if debt.priority), Decimal(0)):.2f}",
    )


def _actions(said: Sequence[Statement], mentions: Sequence[Mention]) -> tuple[Action, ...]:
    actions = []
    for one in said[:MAX_ITEMS]:
        dates = within(mentions, one.start, one.end, "date")
        by = "client" if BY_CLIENT.match(one.text) else "adviser" if BY_US.match(one.text) else ""
        due = dates[0].value if dates else None
        actions.append(Action(text=sentence(one.text), by=by, due=due))
    return tuple(actions)


def _client(notes: str, mentions: Sequence[Mention], adviser: str | None) -> Mention | None:
    """Choose the person on a line that begins with `Client` or `Name`, else the first who is not the adviser."""
    people = [one for one in mentions if one.type == "person" and (adviser is None or one.value not in adviser)]
    for person in people:
        line_start = notes.rfind("\n", 0, person.start) + 1
        if re.match(
            r"\W*(?:client|name|full name|customer)\b",
            notes[line_start : min(person.start, line_start + MAX_LABELLED)],
            re.IGNORECASE,
        ):
            return person
    return people[0] if people else None


def _adviser(said: Sequence[Statement], notes: str) -> tuple[str | None, str | None]:
    """Return name and organisation from a line such as `Adviser: Sam Okafor, Harbour Debt Advice`."""
    for one in said:
        line_start = notes.rfind("\n", 0, one.start) + 1
        match = ADVISER_LINE.match(notes[line_start : min(one.end, line_start + MAX_LABELLED)])
        if match is not None:
            name, *organisation = (part.strip(" )") for part in re.split(r"[,;(]", match["name"], maxsplit=1))
            return name or None, next(filter(None, organisation), None)
    return None, None


def _date(said: Sequence[Statement], notes: str, mentions: Sequence[Mention]) -> str | None:
    """Return the date of the appointment: under such a heading, else in the first line, else where it is told."""
    full = [one for one in mentions if one.type == "date" and len(one.value) == len("2025-03-12")]
    headed = [one for one in said if one.heading in DATE_HEADINGS]
    told = [one for one in said if one.topic in ("client", "situation") and DATE_WORDS.search(one.text)]
    for statement in headed:
        if dates := within(full, statement.start, statement.end, "date"):
            return dates[0].value
    first_line = notes.find("\n") if "\n" in notes else len(notes)
    if dates := within(full, 0, first_line, "date"):
        return dates[0].value
    found = [date.value for one in told for date in within(full, one.start, one.end, "date")]
    return found[0] if found else None


def _case_reference(said: Sequence[Statement], mentions: Sequence[Mention]) -> str | None:
    about_client = [one for one in said if one.topic == "client"]
    found = [ref for one in about_client for ref in within(mentions, one.start - 40, one.end, "reference")]
    return found[0].text if found else None


def _first(mentions: Sequence[Mention], kind: str) -> str | None:
    return next((one.value for one in mentions if one.type == kind), None)


def _all(mentions: Sequence[Mention], kind: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.value for one in mentions if one.type == kind))[:MAX_ITEMS]


def _gaps(case: Case) -> list[str]:
    checks = (
        (case.client_name, "The notes do not say who the client is."),
        (case.date, "The notes do not say when the client was advised."),
        (case.income, "No income was found in the notes."),
        (case.expenditure, "No expenditure was found in the notes."),
        (case.debts, "No debts were found in the notes."),
        (case.advice or case.options, "No advice was found in the notes."),
        (case.actions, "No agreed actions were found in the notes."),
    )
    return [text for value, text in checks if not value]
