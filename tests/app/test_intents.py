"""A wish becomes the body that the node's control API takes."""

import msgspec

from app.intents import EnrolmentWish, NodeRefused
from node.control import EnrollIntent


def test_the_node_understands_a_wish() -> None:
    body = msgspec.json.encode(EnrolmentWish("https://mesh.example", "RMA-X", "Reception").body())
    intent = msgspec.json.decode(body, type=EnrollIntent)
    assert (intent.coordinator, intent.invite, intent.name) == ("https://mesh.example", "RMA-X", "Reception")
    assert intent.patience == 0, "who sits there is told at once, and may mend the invite"


def test_a_wish_without_a_name_leaves_it_to_the_node() -> None:
    assert "name" not in EnrolmentWish("https://mesh.example", "RMA-X").body()


def test_a_refusal_reads_as_its_sentence() -> None:
    refusal = NodeRefused("conflict", "This machine is in a mesh already.")
    assert str(refusal) == refusal.detail
    assert refusal.kind == "conflict"
