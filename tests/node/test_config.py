"""The node's settings have SPEC's names and defaults."""

from __future__ import annotations

import argparse
import dataclasses

import pytest

from node.config import NodeConfig, default_data_dir
from node.program.settings import SettingError, add_flags, load_settings

SPEC_DEFAULTS = {
    "port": 8000,
    "dht_port": 8468,
    "vpn": "auto",
    "tunnel": "auto",
    "worker_type": "auto",
    "worker_heartbeat": 30,
    "finger_cache_ttl": 60,
    "finger_cache_stale": 30,
    "hedge_after": 0,
    "probe_timeout": 2,
    "register_timeout": 5,
    "connect_timeout": 2,
    "first_byte_timeout": 30,
    "idle_timeout": 60,
    "request_timeout": 120,
    "retry_attempts": 3,
    "retry_base_ms": 50,
    "dht_rpc_timeout": 1,
    "dht_entry_ttl": 180,
    "dht_republish": 60,
    "drain_deadline": 30,
}


def test_defaults_are_those_of_the_specification() -> None:
    values = dataclasses.asdict(NodeConfig())
    assert {name: values[name] for name in SPEC_DEFAULTS} == SPEC_DEFAULTS
    assert NodeConfig().host == "127.0.0.1", "nothing is opened to a network that nobody asked for"


@pytest.mark.parametrize("url", ["ftp://mesh.example.org", "mesh.example.org:8080", "http://", "https://a b"])
def test_an_address_that_no_coordinator_can_have_is_refused(url: str) -> None:
    with pytest.raises(SettingError, match=r"coordinator.*a URL like"):
        NodeConfig(coordinator=(url,))


def test_variables_of_the_earlier_system_are_read() -> None:
    environ = {
        "COORDINATOR_URL": "http://a,http://b",
        "WORKER_TYPE": "storage",
        "WORKER_ID": "w9",
        "TUNNEL_URL": "https://t.example",
        "USE_TUNNEL": "false",
    }
    config = load_settings(NodeConfig, {}, environ)
    assert config.coordinator == ("http://a", "http://b")
    assert (config.worker_type, config.worker_id) == ("storage", "w9")
    assert (config.tunnel_url, config.use_tunnel) == ("https://t.example", False)


def test_the_data_directory_is_the_users_own() -> None:
    assert default_data_dir().endswith("rma-mesh")


def test_secrets_of_tunnels_are_no_flags_and_are_not_shown() -> None:
    environ = {"TUNNEL_TOKEN": "very-secret", "CLOUDFLARE_API_TOKEN": "too-secret"}
    config = load_settings(NodeConfig, {}, environ)
    assert (config.tunnel_token, config.cloudflare_api_token) == ("very-secret", "too-secret")
    assert "secret" not in repr(config)
    parser = argparse.ArgumentParser()
    add_flags(parser, NodeConfig)
    flags = {option for action in parser._actions for option in action.option_strings}
    assert {"--tunnel", "--tunnel-url", "--tunnel-hostname", "--cloudflared"} <= flags
    assert not [flag for flag in flags if "token" in flag or "account" in flag]


@pytest.mark.parametrize("value", ["true", "false", ""])
def test_whether_use_tunnel_was_set_at_all_is_known(value: str) -> None:
    assert load_settings(NodeConfig, {}, {"USE_TUNNEL": value}).use_tunnel == {"true": True, "false": False}.get(
        value
    )


@pytest.mark.parametrize(
    "url",
    [
        "worker.example.org",
        "ftp://a.example.org",
        "https://a.example.org/path",
        "https://u@a",
        "https://a:x",
        "https://a b",
    ],
)
def test_an_address_that_nobody_would_take_is_refused(url: str) -> None:
    with pytest.raises(SettingError, match="tunnel_url"):
        NodeConfig(tunnel_url=url)


def test_a_tunnel_of_ones_own_needs_an_account_and_a_name_that_is_one() -> None:
    with pytest.raises(SettingError, match=r"cloudflare_account_id.*32 hexadecimal") as caught:
        NodeConfig(tunnel="cloudflared", cloudflare_api_token="very-secret")
    assert "secret" not in str(caught.value)
    NodeConfig(cloudflare_api_token="a", cloudflare_account_id="x")  # another program's: nobody asked for a tunnel
    NodeConfig(tunnel="cloudflared", cloudflare_api_token="a", tunnel_token="t")
    NodeConfig(tunnel="cloudflared", cloudflare_api_token="a", cloudflare_account_id="0" * 32)
    with pytest.raises(SettingError, match="tunnel_hostname"):
        NodeConfig(tunnel_hostname="not a name")
