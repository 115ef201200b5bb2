"""The letter says what the case says, in which notes are never more than values."""

import datetime

import pytest

from node.services.builtin.notes_coa.blocks import Bullets, Heading, Table, to_text
from node.services.builtin.notes_coa.case import build_case
from node.services.builtin.notes_coa.letter import cell, joined, line, long_date, pounds, to_client, write_letter
from node.services.builtin.notes_coa.requests import Adviser, Client
from tests.support.notes import NOTE, PROSE, mentions_in

TODAY = datetime.date(2025, 3, 13)


def letter(notes: str, client: Client = Client(), adviser: Adviser = Adviser()) -> str:  # noqa: B008 - frozen
    return to_text(write_letter(build_case(notes, mentions_in(notes))[0], client, adviser, TODAY))


def test_the_demonstration_letter() -> None:
    text = letter(NOTE)
    for part in (
        "Harbour Street Debt Advice\n\n13 March 2025\n\nMrs Jane O'Neill-Hart\n",
        "Our reference: HS-2025-0417",
        "Dear Mrs O'Neill-Hart,",
        "Thank you for speaking to us on 12 March 2025.",
        "This leaves £73.98 a month",
        "You told us about 5 debts, £8,294.32 in all.",
        "these are priority debts, £1,918.55 in all: Leeds City Council, council tax arrears and Harbour Homes",
        "Breathing Space. For 60 days",
        "What you agreed to do:\n\n  - Send last three months' bank statements by 26 March 2025.",
        "What we will do:\n\n  - I will register",
        "Yours sincerely,\n\nSam Okafor\nHarbour Street Debt Advice\n",
    ):
        assert part in text
    assert "[" not in text and "QQ" not in text and "  \n" not in text


def test_what_nobody_said_is_a_gap_in_brackets() -> None:
    text = letter("Owes Lloyds £5.")
    assert "Dear [Name of the client]," in text and "[Name of the adviser]" in text
    assert "You told us about 1 debt, £5.00 in all." in text
    assert "Your budget" not in text and "What happens next" not in text


def test_the_caller_knows_better_than_the_notes() -> None:
    client = Client(name="Ada Mensah", title="Ms", address="1 High St\nLeeds", reference="R1")
    text = letter(PROSE, client, Adviser(name="Jo Bell", role="Caseworker", organisation="Help", phone="0113 1"))
    assert "Ms Ada Mensah\n1 High St\nLeeds" in text and "Dear Ms Mensah," in text
    assert "Our reference: R1" in text and "Jo Bell\nCaseworker\nHelp" in text and "Help\n0113 1" in text


def test_more_going_out_than_coming_in() -> None:
    assert "you are short of £100.00 a month" in letter("Income:\n- Wages £500 pm\nExpenditure:\n- Rent £600 pm")
    assert "nothing is left" in letter("Income:\n- Wages £500 pm\nExpenditure:\n- Rent £500 pm")
    assert "do not have all the figures" in letter("Income:\n- Wages £500 pm")


@pytest.mark.parametrize(
    "attack",
    [
        "{{ 7 * 7 }}",
        "{% for x in range(9) %}x{% endfor %}",
        "{{ ''.__class__.__mro__ }}",
        "# Heading",
        "| cell | cell",
        "a\u2028# Heading",
        "\x00\x1b[31m",
    ],
)
def test_notes_are_never_markup(attack: str) -> None:
    notes = f"Background:\n- {attack}\nDebts:\n- {attack} bank £5"
    client = Client(name=attack, address=attack, reference=attack)
    case = build_case(notes, mentions_in(notes))[0]
    blocks = write_letter(case, client, Adviser(name=attack, organisation=attack, role=attack), TODAY)
    assert "49" not in to_text(blocks) and "xxx" not in to_text(blocks)
    assert "Heading" not in [block.text for block in blocks if isinstance(block, Heading)]
    assert all(len(row) == 4 for block in blocks if isinstance(block, Table) for row in block.rows)
    assert all(item.isprintable() for block in blocks if isinstance(block, Bullets) for item in block.items)


def test_small_forms() -> None:
    assert line("a\n\tb\x00 c") == "a b c"
    assert cell("a|b") == "a/b"
    assert (pounds("1234.5"), pounds("-3")) == ("£1,234.50", "-£3.00")
    assert (long_date("2025-03-01"), long_date("--03-01")) == ("1 March 2025", "--03-01")
    assert [joined(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert to_client("The client to send letters.") == "Send letters."
