"""Which release is pinned, and what it is called."""

from __future__ import annotations

import re

import pytest

from node.program.errors import UserFacingError
from node.tunnel.cloudflared.platforms import PINS, VERSION, name_on, pin_for, usual_places


def test_pins_are_whole() -> None:
    assert len({pin.sha256 for pin in PINS.values()}) == len(PINS) == 5
    for (system, machine), pin in PINS.items():
        assert re.fullmatch(r"[0-9a-f]{64}", pin.sha256)
        assert pin.url.startswith(
            f"https://github.com/cloudflare/cloudflared/releases/download/{VERSION}/cloudflared-"
        )
        assert pin.plain != pin.url.endswith(".tgz")
        assert pin.members == (name_on(system),)
        assert pin_for(system.title(), machine.upper()) is pin


def test_a_platform_without_a_pin_has_none() -> None:
    with pytest.raises(UserFacingError, match="No cloudflared is pinned") as caught:
        pin_for("plan9", "mips")
    assert "--cloudflared" in caught.value.hint


@pytest.mark.parametrize("system", ["Windows", "Darwin", "Linux"])
def test_every_system_has_its_usual_places(system: str) -> None:
    assert all(str(place).endswith(name_on(system)) for place in usual_places(system))
