from __future__ import annotations

from node.routing.settings import RoutingSettings
from node.wire.manifests import Manifest


def test_a_manifests_own_time_limits_win_over_the_settings() -> None:
    settings = RoutingSettings(first_byte_timeout=10.0, request_timeout=20.0)
    plain = Manifest(name="s", title="")
    slow = Manifest(name="s", title="", first_byte_timeout=300.0, request_timeout=600.0)
    assert (settings.first_byte_of(plain), settings.request_time_of(plain)) == (10.0, 20.0)
    assert (settings.first_byte_of(slow), settings.request_time_of(slow)) == (300.0, 600.0)
