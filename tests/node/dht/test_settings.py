"""Settings that cannot work are refused at once."""

from __future__ import annotations

from typing import Any

import pytest

from node.dht.settings import DhtSettings


def test_the_defaults_are_those_of_the_specification() -> None:
    settings = DhtSettings()
    assert (settings.rpc_timeout, settings.entry_ttl, settings.republish) == (1, 180, 60)


@pytest.mark.parametrize(
    "bad", [{"rpc_timeout": 0}, {"republish": -1}, {"alpha": 0}, {"alpha": 9, "ksize": 8}, {"ksize": 33}]
)
def test_what_cannot_work_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="DHT"):
        DhtSettings(**bad)
