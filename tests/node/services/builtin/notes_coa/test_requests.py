"""Requests under the names that callers use."""

import msgspec
import pytest

from node.services.builtin.notes_coa.requests import (
    Adviser,
    Client,
    ConvertRequest,
    adviser_of,
    client_of,
    notes_of,
)
from node.wire.problems import Problem


def request(**fields: object) -> ConvertRequest:
    return msgspec.convert(fields, ConvertRequest)


def test_notes_under_any_name() -> None:
    assert {notes_of(request(**{name: "a"})) for name in ("notes", "text", "content")} == {"a"}


@pytest.mark.parametrize(
    ("fields", "status"), [({}, 422), ({"notes": " \n"}, 422), ({"notes": "x" * 200_001}, 413)]
)
def test_no_notes_or_too_many(fields: dict[str, object], status: int) -> None:
    with pytest.raises(Problem) as caught:
        notes_of(request(**fields))
    assert (caught.value.status, caught.value.extra["field"]) == (status, "notes")


def test_people_may_be_just_their_names() -> None:
    assert client_of(request(client="Ada")) == Client(name="Ada")
    assert client_of(request()) == Client()
    assert adviser_of(request(adviser="Sam", organisation="Help")) == Adviser(name="Sam", organisation="Help")
    assert adviser_of(request(adviser={"organisation": "Own"}, organisation="Help")).organisation == "Own"


def test_addresses_are_lines() -> None:
    assert Client(address="1 High St, Leeds\nLS1 4AP").address_lines == ("1 High St", "Leeds", "LS1 4AP")
    assert Client(address=("1 High St", "Leeds")).address_lines == ("1 High St", "Leeds")
    assert Client().address_lines == ()
