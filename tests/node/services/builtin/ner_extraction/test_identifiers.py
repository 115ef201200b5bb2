"""Postcodes, NI numbers, sort codes and references."""

import pytest

from node.services.builtin.ner_extraction.identifiers import (
    find_ni_numbers,
    find_postcodes,
    find_references,
    find_sort_codes,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("SW1A 1AA", "SW1A 1AA"),
        ("m1 1ae", "M1 1AE"),
        ("LS14AP", "LS1 4AP"),
        ("EC1A 1BB", "EC1A 1BB"),
        ("B33 8TH", "B33 8TH"),
    ],
)
def test_is_a_postcode(text: str, value: str) -> None:
    assert [(one.text, one.value) for one in find_postcodes(f"at {text}, UK")] == [(text, value)]


@pytest.mark.parametrize("text", ["ZZ1 1AA", "SW1A 1CA", "XSW1A 1AA", "LS1 4APX", "AB12 345"])
def test_is_no_postcode(text: str) -> None:
    assert list(find_postcodes(text)) == []


@pytest.mark.parametrize("text", ["AB 12 34 56 C", "AB123456C", "ab-12-34-56-c", "QQ 12 34 56 C"])
def test_is_an_ni_number(text: str) -> None:
    found = list(find_ni_numbers(f"NI {text}."))
    assert [one.value for one in found] == [text.upper().replace(" ", "").replace("-", "")]


@pytest.mark.parametrize("text", ["GB123456A", "DA123456A", "AB123456E", "AB12345C", "XAB123456C"])
def test_is_no_ni_number(text: str) -> None:
    assert list(find_ni_numbers(text)) == []


@pytest.mark.parametrize(
    ("text", "value", "label"),
    [
        ("Account number: 1234 5678 9012", "123456789012", "account"),
        ("a/c 12345678", "12345678", "account"),
        ("acc no. 12345678", "12345678", "account"),
        ("our ref NM/22-1187", "NM/22-1187", "reference"),
        ("Ref: ABC123.", "ABC123", "reference"),
        ("Case no. 5521-X", "5521-X", "case"),
        ("card ending 4921", "4921", "card"),
        ("Invoice: INV-2024-001", "INV-2024-001", "invoice"),
        ("customer id 99812", "99812", "customer"),
        ("case reference is HS/7", "HS/7", "case"),
    ],
)
def test_is_a_reference(text: str, value: str, label: str) -> None:
    found = list(find_references(text))
    assert {(one.value, one.label) for one in found} == {(value, label)}
    assert text[found[0].start : found[0].end] == found[0].text


@pytest.mark.parametrize(
    "text", ["reference is important", "number 5", "no 10 Downing Street", "the case was long", "ref ab"]
)
def test_is_no_reference(text: str) -> None:
    assert list(find_references(text)) == []


def test_sort_codes_need_their_label() -> None:
    assert [one.value for one in find_sort_codes("Sort code: 20 11 33")] == ["20-11-33"]
    assert list(find_sort_codes("20-11-33")) == []
