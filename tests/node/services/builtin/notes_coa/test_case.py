"""A case is built from tidy notes, from prose, and from notes that lack everything."""

import time

import pytest

from node.services.builtin.notes_coa.case import Case, build_case, sentence
from tests.support.notes import NOTE, PROSE, mentions_in


def case_of(notes: str) -> tuple[Case, list[str]]:
    return build_case(notes, mentions_in(notes))


def test_the_demonstration_note() -> None:
    case, warnings = case_of(NOTE)
    assert (case.client_title, case.client_name) == ("Mrs", "Jane O'Neill-Hart")
    assert (case.date, case.reference) == ("2025-03-12", "HS-2025-0417")
    assert (case.adviser, case.organisation) == ("Sam Okafor", "Harbour Street Debt Advice")
    assert [(one.description, one.monthly) for one in case.income] == [
        ("Universal Credit", "1042.60"),
        ("Child Benefit", "186.55"),
        ("Part-time wages", "229.67"),
    ]
    assert len(case.expenditure) == 7
    assert [(one.creditor, one.amount, one.reference, one.priority) for one in case.debts] == [
        ("Leeds City Council, council tax arrears", "1186.40", "8800417263", True),
        ("Harbour Homes rent arrears", "732.15", "HH/20931", True),
        ("Northmoor Finance credit card", "4310.77", "NM/22-1187", False),
        ("Brightcat catalogue", "865.00", "40019921", False),
        ("Quickfield payday loan", "1200.00", None, False),
    ]
    assert (case.totals.monthly_income, case.totals.monthly_expenditure) == ("1458.82", "1384.84")
    assert (case.totals.surplus, case.totals.debts, case.totals.priority_debts) == ("73.98", "8294.32", "1918.55")
    assert len(case.advice) == 4 and len(case.options) == 4 and len(case.situation) == 3
    assert [(one.by, one.due) for one in case.actions] == [
        ("client", "2025-03-26"),
        ("client", "2025-04-02"),
        ("adviser", "2025-03-14"),
        ("adviser", None),
    ]
    assert warnings == []


def test_prose_without_headings() -> None:
    case, warnings = case_of(PROSE)
    assert (case.client_name, case.date) == ("David Khan", "2025-04-03")
    assert [(one.description, one.amount, one.period) for one in case.income] == [
        ("Wages", "1450.00", "month"),
        ("PIP", "290.00", "four weeks"),
    ]
    assert [one.description for one in case.expenditure] == ["Rent", "Food", "Gas and electric"]
    assert [(one.creditor, one.priority) for one in case.debts] == [
        ("Barclaycard", False),
        ("Lloyds overdraft", False),
        ("Council tax arrears", True),
    ]
    assert case.advice == ("Advised him to claim council tax reduction.",)
    assert case.actions[0].by == "client" and case.actions[0].due == "2025-04-10"
    assert warnings == ["No period is noted for Gas and electric: it was taken as monthly."]


def test_notes_that_say_nothing_warn_of_everything() -> None:
    case, warnings = case_of("Nothing much.")
    assert case.client_name is None and case.debts == ()
    assert len(warnings) == 7


def test_the_adviser_is_not_the_client() -> None:
    case, _ = case_of("Adviser: Mr Sam Okafor\nSaw Mrs Hale today.")
    assert case.client_name == "Hale"


@pytest.mark.parametrize("line", ["Total £900", "- Total debts: £900"])
def test_sums_in_the_notes_are_not_counted_again(line: str) -> None:
    case, _ = case_of(f"Debts:\n- Lloyds £400\n- Barclays £500\n{line}")
    assert case.totals.debts == "900.00"


def test_other_money_is_left_out_and_said() -> None:
    case, warnings = case_of("Debts:\n- Lloyds £400\n- Banco €500")
    assert case.totals.debts == "400.00"
    assert "Banco is in EUR and was left out of the sums." in warnings


def test_a_debt_without_a_creditor_is_said() -> None:
    case, warnings = case_of("Debts:\n- £400")
    assert case.debts[0].creditor == "Creditor not noted"
    assert "No creditor is noted for the debt of £400.00." in warnings


@pytest.mark.parametrize(
    "piece",
    ["to ", "£5 to ", "Debts: £5 and ", "Mr Smith. ", "Adviser: Mr A. ", "- £5\n", "ref 12, £5 ", "£5,", "(£5 "],
)
def test_hostile_notes_take_linear_time(piece: str) -> None:
    notes = "Debts: £5 xx " + piece * (100_000 // len(piece)) + " x"
    mentions = mentions_in(notes)
    began = time.process_time()
    build_case(notes, mentions)
    assert time.process_time() - began < 60


def test_too_many_amounts_are_said() -> None:
    case, warnings = case_of("Debts:\n" + "- Lloyds £1\n" * 201)
    assert len(case.debts) == 200
    assert any("only the first 200" in warning for warning in warnings)


def test_sentences() -> None:
    assert sentence("  apply   now ,") == "Apply now."
    assert sentence("Really?") == "Really?"
