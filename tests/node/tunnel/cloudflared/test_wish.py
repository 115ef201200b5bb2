"""Which tunnel the settings ask for."""

from __future__ import annotations

import pytest

from node.tunnel.cloudflared.wish import UNUSED, Wish, wish_of

URL = "https://worker.example.org"


@pytest.mark.parametrize("tunnel", ["off", "relay"])
def test_none_is_opened_where_none_is_wanted(tunnel: str) -> None:
    assert wish_of(tunnel=tunnel, url=URL, token="t", api_token="a") == Wish()
    assert wish_of(tunnel="cloudflared", use_tunnel=False, url=URL) == Wish()


def test_by_itself_only_an_address_that_was_told_is_used() -> None:
    assert wish_of(tunnel="auto").kind == "none"
    assert wish_of(tunnel="auto", url=URL) == Wish("own", url=URL)
    assert wish_of(tunnel="auto", url=URL, token="t").kind == "own"


def test_tokens_that_may_belong_to_other_programs_start_nothing_and_that_is_said() -> None:
    assert wish_of(tunnel="auto", token="t") == Wish(text=UNUSED)
    assert wish_of(tunnel="auto", api_token="a", account_id="b") == Wish(text=UNUSED)


@pytest.mark.parametrize(("tunnel", "use"), [("cloudflared", None), ("auto", True), ("cloudflared", True)])
def test_who_asks_for_cloudflared_gets_the_tunnel_that_the_rest_describes(tunnel: str, use: bool | None) -> None:
    assert wish_of(tunnel=tunnel, use_tunnel=use).kind == "quick"
    assert wish_of(tunnel=tunnel, use_tunnel=use, url=URL).kind == "own"
    assert wish_of(tunnel=tunnel, use_tunnel=use, api_token="a", account_id="b", url=URL).kind == "managed"
    assert wish_of(tunnel=tunnel, use_tunnel=use, api_token="a", token="t") == Wish("token", token="t")


def test_secrets_are_known_and_not_printed() -> None:
    wish = Wish("token", token="very-secret", api_token="too-secret")
    assert wish.secrets == ("very-secret", "too-secret")
    assert "secret" not in repr(wish)
