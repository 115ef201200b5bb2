"""The address of a worker by way of a coordinator."""

from __future__ import annotations

import pytest

from node.wire.relayed import relayed_url


@pytest.mark.parametrize("url", ["https://mesh.example", "https://mesh.example/"])
def test_it_is_below_the_coordinators(url: str) -> None:
    assert relayed_url(url, "anna-pc") == "https://mesh.example/relay/anna-pc"
