"""Email addresses and phone numbers."""

import pytest

from node.services.builtin.ner_extraction.contacts import find_emails, find_phones


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("jo.o'neill+debt@Example.ORG", "jo.o'neill+debt@example.org"),
        ("a@b.co", "a@b.co"),
        ("first_last@mail.example.co.uk", "first_last@mail.example.co.uk"),
    ],
)
def test_is_an_email(text: str, value: str) -> None:
    assert [(one.text, one.value) for one in find_emails(f"Write to {text}.")] == [(text, value)]


@pytest.mark.parametrize(
    "text", ["jo@", "@example.org", "jo@example", "jo@@example.org", "jo@-example.org", "a..b@c.org"]
)
def test_is_no_email(text: str) -> None:
    assert list(find_emails(text)) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("07700 900123", "+447700900123"),
        ("07400123456", "+447400123456"),
        ("(0161) 496 0000", "+441614960000"),
        ("020 7946 0958", "+442079460958"),
        ("+44 20 7946 0958", "+442079460958"),
        ("+44 (0)20 7946 0958", "+442079460958"),
        ("0113-496-0112", "+441134960112"),
        ("+353 1 234 5678", "+35312345678"),
    ],
)
def test_is_a_phone_number(text: str, value: str) -> None:
    assert [(one.text, one.value) for one in find_phones(f"Call {text}, please")] == [(text, value)]


def test_two_numbers_in_a_row_are_two() -> None:
    found = list(find_phones("07700 900123 0113 496 0112"))
    assert [one.value for one in found] == ["+447700900123", "+441134960112"]


@pytest.mark.parametrize("text", ["£0.50", "01/02/2024", "12345678", "0123", "10 000 000 000", "00 00 00"])
def test_is_no_phone_number(text: str) -> None:
    assert list(find_phones(text)) == []
