"""Settings of the coordinator: defaults of the specification, and bad combinations named."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from coordinator_server.config import CoordinatorConfig, is_loopback, is_wildcard
from node.program.errors import EXIT_USAGE
from node.program.settings import SettingError, load_settings


def test_the_timings_of_the_specification() -> None:
    config = CoordinatorConfig()
    assert (config.worker_heartbeat, config.worker_stale, config.worker_forgotten) == (30, 90, 300)
    assert (config.credential_life, config.drain_deadline) == (7 * 86400, 30)
    assert (config.host, config.port, config.dht_port, config.store) == ("127.0.0.1", 8080, 8468, "sqlite")


def test_every_setting_has_a_help_text() -> None:
    assert all(field.metadata["text"] for field in dataclasses.fields(CoordinatorConfig))


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        ({"tls_cert": "x.pem"}, "tls_key"),
        ({"tls_key": "x.pem"}, "tls_cert"),
        ({"worker_stale": 30.0}, "worker_stale"),
        ({"worker_forgotten": 90.0}, "worker_forgotten"),
        ({"anonymous": True, "host": "0.0.0.0"}, "anonymous"),
        ({"port": 70000}, "port"),
        ({"vpn_network": "8.8.8.0/24"}, "vpn_network"),
        ({"vpn_network": "10.42.0.0"}, "vpn_network"),
        ({"vpn_port": 0}, "vpn_port"),
        ({"vpn_endpoints": ("",)}, "vpn_endpoints"),
        ({"vpn_endpoints": ("mesh.example.org:0",)}, "vpn_endpoints"),
        ({"vpn_endpoints": ("mesh.example.org:70000",)}, "vpn_endpoints"),
        ({"vpn_endpoints": ("mesh.example.org", "[2001:db8::1]:4242")}, "vpn_endpoints"),
        ({"vpn_endpoints": ("http://mesh.example.org",)}, "vpn_endpoints"),
        ({"vpn_endpoints": ("a b",)}, "vpn_endpoints"),
        ({"workers": 0}, "workers"),
        ({"workers": 65}, "workers"),
        ({"store": "oracle"}, "store"),
        ({"worker_heartbeat": "often"}, "worker_heartbeat"),
    ],
)
def test_what_cannot_be_is_refused_by_name(flags: dict[str, Any], name: str) -> None:
    with pytest.raises(SettingError, match=f"Setting {name} ") as caught:
        load_settings(CoordinatorConfig, flags, {})
    assert caught.value.exit_code == EXIT_USAGE


@pytest.mark.parametrize(
    "origin",
    [
        "foo", "foo.example", "https://", "https://rma.example/app", "https://RMA.example", "null", " *",
        "https://rma.example:443", "http://rma.example:80", "http://rma.example:70000", "https://a@b", "https://*",
    ],
)  # fmt: skip
def test_what_no_browser_sends_as_an_origin_is_refused(origin: str) -> None:
    with pytest.raises(SettingError, match="Setting cors_origins "):
        CoordinatorConfig(cors_origins=("https://rma.example", origin))


@pytest.mark.parametrize(
    "origin",
    [
        "*", "https://rma.example", "https://rma.example/", "http://localhost:3000", "http://[::1]:8080",
        "capacitor://localhost", "http://rma.example:443",
    ],
)  # fmt: skip
def test_origins_are_taken_as_browsers_send_them(origin: str) -> None:
    assert CoordinatorConfig(cors_origins=(origin,)).cors_origins == (origin,)


def test_anonymous_is_for_this_machine_unless_forced() -> None:
    assert CoordinatorConfig(anonymous=True).open_to_all
    assert CoordinatorConfig(anonymous=True, force_anonymous=True, host="0.0.0.0").open_to_all
    assert not CoordinatorConfig().open_to_all


def test_the_data_directory_has_a_default_of_its_own(tmp_path: Path) -> None:
    assert CoordinatorConfig(data_dir=str(tmp_path)).directory == tmp_path
    assert CoordinatorConfig().directory.name == "rma-mesh-coordinator"


@pytest.mark.parametrize(
    ("host", "loopback", "wildcard"),
    [
        ("127.0.0.1", True, False),
        ("127.8.9.1", True, False),
        ("::1", True, False),
        ("localhost", True, False),
        ("0.0.0.0", False, True),
        ("::", False, True),
        ("192.168.1.1", False, False),
        ("mesh.example.org", False, False),
    ],
)
def test_hosts(host: str, loopback: bool, wildcard: bool) -> None:
    assert (is_loopback(host), is_wildcard(host)) == (loopback, wildcard)


def test_where_members_find_the_overlay_may_be_said() -> None:
    flags = {"vpn_endpoints": ("mesh.example.org", "198.51.100.7:443"), "vpn_port": 443}
    config = load_settings(CoordinatorConfig, flags, {})
    assert (config.vpn_endpoints, config.vpn_port) == (("mesh.example.org", "198.51.100.7:443"), 443)


KV = {"cf_account_id": "9" * 32, "cf_kv_namespace_id": "e" * 32, "cf_api_token": "a-token-of-cloudflare"}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"cf_account_id": ""}, "cf_account_id"),
        ({"cf_account_id": "not hexadecimal"}, "cf_account_id"),
        ({"cf_kv_namespace_id": ""}, "cf_kv_namespace_id"),
        ({"cf_api_token": ""}, "cf_api_token"),
        ({"cf_api_token": "with a line\nmore"}, "cf_api_token"),
        ({"cf_kv_key": "../x"}, "cf_kv_key"),
    ],
)
def test_a_copy_in_cloudflare_kv_needs_all_of_its_settings(changes: dict[str, str], name: str) -> None:
    CoordinatorConfig(**KV)  # type: ignore[arg-type]  # strings, as those settings are
    with pytest.raises(SettingError) as caught:
        CoordinatorConfig(**{**KV, **changes})  # type: ignore[arg-type]  # the same
    assert name in str(caught.value)
    assert "with a line" not in str(caught.value)
    assert KV["cf_api_token"] not in str(caught.value)
