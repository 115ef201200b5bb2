"""Debt options are recognised and explained."""

from node.services.builtin.notes_coa.options import known_options, options_in


def test_options_are_found_by_name_and_short_name() -> None:
    found = options_in(["DRO looks right", "an IVA was considered", "Breathing space first"])
    assert [one.name for one in found] == [
        "Debt relief order",
        "Breathing Space",
        "Individual voluntary arrangement",
    ]
    assert all(one.explanation.endswith(".") and "\n" not in one.explanation for one in found)


def test_parts_of_words_are_no_options() -> None:
    assert options_in(["hydro plant", "Ivan", "private"]) == ()


def test_every_option_of_the_resource_is_whole() -> None:
    assert len(known_options()) == 8
    assert all(one.name and one.words and len(one.explanation) > 40 for one in known_options())
