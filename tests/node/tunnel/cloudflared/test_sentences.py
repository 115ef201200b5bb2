"""What a volunteer reads about the tunnel."""

from __future__ import annotations

from typing import get_args

import pytest

from node.tunnel.cloudflared import sentences
from node.tunnel.cloudflared.lines import Trouble, TroubleKind


@pytest.mark.parametrize("kind", get_args(TroubleKind))
def test_every_trouble_says_what_is_wrong_what_to_do_and_when_it_is_tried_again(kind: TroubleKind) -> None:
    ending = sentences.ending_of(Trouble(kind, "some words."))
    status = sentences.ended("quick", ending, 900.0)
    assert status.url is None
    assert status.state in ("failed", "refused", "rate-limited")
    assert ". It is tried again in 15 minutes" in status.text
    quoted = kind not in ("token", "rate-limited", "no-dns")  # there our own words say all of it
    assert ("some words." in status.text) == quoted
    assert status.hint.endswith(".")


def test_a_silent_end_is_told_too() -> None:
    assert "did not say why" in sentences.ending_of(None).text


def test_only_a_tunnel_that_carries_has_an_address() -> None:
    up = sentences.up("managed", "https://a.example.org", "http2")
    assert (up.state, up.url) == ("up", "https://a.example.org")
    assert "TCP (http2)" in up.text
    assert "trying out" in sentences.up("quick", "https://a.example.org").text
    others = (
        sentences.off(), sentences.starting("quick"), sentences.nameless("token", "http://127.0.0.1:8000"),
        sentences.interrupted("quick"), sentences.unreached("https://a.example.org", "Nothing answers there."),
    )  # fmt: skip
    assert {status.url for status in others} == {None}
    assert all(status.hint for status in others[2:])


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.1, "1 s"), (5.0, "5 s"), (900.0, "15 minutes"), (7200.0, "2 hours")]
)
def test_durations_are_round(seconds: float, said: str) -> None:
    assert sentences.duration(seconds) == said
