"""Overlapping entities are settled."""

from node.services.builtin.ner_extraction.rules import Entity, EntityType, settle


def entity(kind: EntityType, start: int, end: int) -> Entity:
    return Entity(type=kind, text="x" * (end - start), start=start, end=end, value="", confidence=1.0)


def test_the_stronger_type_wins_then_the_longer_text() -> None:
    phone, reference = entity("phone", 0, 12), entity("reference", 3, 9)
    short, long = entity("date", 20, 25), entity("date", 18, 30)
    assert settle([phone, reference, short, long]) == [reference, long]


def test_neighbours_both_stay_in_the_order_of_the_text() -> None:
    left, right = entity("person", 0, 5), entity("email", 5, 9)
    assert settle([right, left]) == [left, right]


def test_one_around_and_one_inside_a_taken_place_go() -> None:
    taken = entity("email", 10, 20)
    assert settle([taken, entity("person", 5, 25), entity("person", 12, 14), entity("phone", 19, 22)]) == [taken]
