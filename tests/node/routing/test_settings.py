from __future__ import annotations

from node.routing.settings import RoutingSettings
from node.wire.manifests import Manifest


def test_a_manifests_own_time_limits_win_over_the_settings() -> None:
    settings = RoutingSettings(connect_timeout=1.0, first_byte_timeout=10.0, idle_timeout=5.0, request_timeout=20.0)
    plain = Manifest(name="s", title="")
    slow = Manifest(name="s", title="", first_byte_timeout=300.0, request_timeout=600.0)
    assert settings.times_of(plain) == (1.0, settings.first_byte_of(plain), 5.0, 20.0) == (1.0, 10.0, 5.0, 20.0)
    assert settings.times_of(slow) == (1.0, settings.first_byte_of(slow), 5.0, 600.0) == (1.0, 300.0, 5.0, 600.0)
