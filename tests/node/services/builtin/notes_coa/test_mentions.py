"""Only what really stands in the notes is believed."""

from node.services.builtin.notes_coa.mentions import Mention, checked, within


def mention(start: int, end: int, text: str, kind: str = "money") -> Mention:
    return Mention(type=kind, text=text, start=start, end=end, value="5.00")


def test_what_is_not_there_is_dropped() -> None:
    right = mention(5, 7, "£5")
    wrong = [mention(5, 7, "£6"), mention(-2, 7, "£5"), mention(5, 5, ""), mention(900, 902, "£5")]
    assert checked([*wrong, right], "pays £5.") == [right]


def test_within_wants_the_type_and_the_whole_place() -> None:
    money, date = mention(5, 7, "£5"), mention(8, 9, "x", "date")
    assert within([money, date], 5, 9, "money") == [money]
    assert within([money, date], 6, 9, "money") == []
