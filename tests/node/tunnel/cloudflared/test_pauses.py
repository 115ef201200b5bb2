"""How long it is waited before a tunnel is opened again."""

from __future__ import annotations

from node.tunnel.cloudflared.pauses import STEADY, Pauses


def test_pauses_double_up_to_a_limit_and_are_spread() -> None:
    pauses, waits = Pauses(), []
    for _ in range(12):
        pauses, wait = pauses.after(0.0, "other", 1.0)
        waits.append(wait)
    assert waits[:4] == [5.0, 10.0, 20.0, 40.0]
    assert waits[-1] == 600.0
    assert Pauses(3).after(0.0, "other", 0.0)[1] == 20.0


def test_who_was_told_to_wait_waits_long_and_ever_longer() -> None:
    assert Pauses().after(0.0, "rate-limited", 0.0)[1] >= 900
    assert Pauses(10).after(0.0, "rate-limited", 1.0)[1] == 7200
    assert Pauses().after(0.0, "token", 0.0)[1] >= 900
    assert Pauses().after(0.0, "other", 0.0, at_least=123.0)[1] == 123.0


def test_a_tunnel_that_carried_long_begins_anew() -> None:
    assert Pauses(9).after(STEADY, "other", 1.0) == (Pauses(1), 5.0)
    assert Pauses(9).after(STEADY - 1, "other", 1.0)[1] == 600.0
