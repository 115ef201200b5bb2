"""How cloudflared is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.tunnel.cloudflared.arguments import command_of, environment_of


def test_a_quick_tunnel_and_one_with_a_token() -> None:
    quick = command_of(Path("/bin/cloudflared"), Path("/data/config.yml"), "http://127.0.0.1:8000", named=False)
    assert quick[:2] == ("/bin/cloudflared", "tunnel")
    assert quick[-2:] == ("--url", "http://127.0.0.1:8000")
    named = command_of(Path("c"), Path("f"), "http://127.0.0.1:8000", named=True, protocol="http2")
    assert named[-1] == "run"
    assert named[named.index("--protocol") + 1] == "http2"
    assert {"--no-autoupdate", "127.0.0.1:0"} <= set(named)


def test_its_environment_has_the_token_and_nothing_that_it_would_take_for_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TUNNEL_URL", "https://worker.example.org")  # to cloudflared: what to forward to
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "a")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.org:3128")
    made = environment_of(tmp_path, "secret")
    assert made["TUNNEL_TOKEN"] == "secret"
    assert made["HTTPS_PROXY"] == "http://proxy.example.org:3128"
    assert {name for name in made if name.startswith(("TUNNEL", "CLOUDFLARE"))} == {
        "TUNNEL_TOKEN",
        "TUNNEL_NO_PRECHECKS",
    }
    assert str(tmp_path) in made.values(), "no home of the volunteer's, where it would find settings"
    assert "TUNNEL_TOKEN" not in environment_of(tmp_path)
