"""Names after a title or a label."""

import pytest

from node.services.builtin.ner_extraction.names import find_people


@pytest.mark.parametrize(
    ("text", "name", "title"),
    [
        ("Mrs Jane O'Neill owes", "Jane O'Neill", "Mrs"),
        ("Dr. Aisha Khan said", "Aisha Khan", "Dr"),
        ("Mr J. A. Smith-Jones, of", "J. A. Smith-Jones", "Mr"),
        ("Ms A Mensah. The", "A Mensah", "Ms"),
        ("Miss Zoë Ångström", "Zoë Ångström", "Miss"),
        ("MR JOHN SMITH", "JOHN SMITH", "MR"),
        ("Mr and Mrs van der Berg", "van der Berg", "Mr and Mrs"),
        ("Mr Smith Account number", "Smith", "Mr"),
        ("Prof Ian d’Arcy", "Ian d’Arcy", "Prof"),
        ("Mr McDonald-O’Brien", "McDonald-O’Brien", "Mr"),
    ],
)
def test_is_a_person(text: str, name: str, title: str) -> None:
    assert [(one.value, one.title) for one in find_people(text)] == [(name, title)]


def test_a_label_names_a_person_without_a_title() -> None:
    found = list(find_people("Client: Jane O'Neill-Hart\nName - none\n  Partner: Tom\nFull name: Ada Mensah"))
    assert [one.value for one in found] == ["Jane O'Neill-Hart", "Ada Mensah"]


@pytest.mark.parametrize("text", ["Mr", "Mrs.", "I miss The Sea", "Mr 5", "Dr The", "the mr smith", "Ms J."])
def test_is_no_person(text: str) -> None:
    assert list(find_people(text)) == []
