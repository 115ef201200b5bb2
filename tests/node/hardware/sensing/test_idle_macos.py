"""What we ask of macOS and make of its answer; both frameworks are played, and count what is let go."""

from __future__ import annotations

from typing import Any

import pytest

from node.hardware.sensing.idle_macos import SILENT, idle_seconds


class Mac:
    """IOKit and CoreFoundation with one service, which has one property."""

    SERVICE, KEY, NUMBER = 11, 22, 33

    def __init__(self, nanoseconds: int | None, *, service: bool = True, told: bool = True) -> None:
        self.nanoseconds, self.service, self.told = nanoseconds, service, told
        self.held: list[int] = []

    def IOServiceMatching(self, name: bytes) -> bytes:
        return name

    def IOServiceGetMatchingService(self, port: int, wanted: bytes) -> int:
        assert (port, wanted) == (0, b"IOHIDSystem")
        return self._hold(self.SERVICE) if self.service else 0

    def CFStringCreateWithCString(self, allocator: None, text: bytes, encoding: int) -> int:
        assert (text, encoding) == (b"HIDIdleTime", 0x08000100)
        return self._hold(self.KEY)

    def IORegistryEntryCreateCFProperty(self, entry: int, key: int, allocator: None, options: int) -> int | None:
        assert (entry, key) == (self.SERVICE, self.KEY)
        return None if self.nanoseconds is None else self._hold(self.NUMBER)

    def CFNumberGetValue(self, number: int, kind: int, place: Any) -> bool:
        assert (number, kind) == (self.NUMBER, 4)
        place._obj.value = self.nanoseconds
        return self.told

    def CFRelease(self, thing: int) -> None:
        self.held.remove(thing)

    IOObjectRelease = CFRelease

    def _hold(self, thing: int) -> int:
        self.held.append(thing)
        return thing


def test_nanoseconds_become_seconds_and_nothing_is_held() -> None:
    mac = Mac(90_500_000_000)
    assert idle_seconds(mac, mac) == 90.5
    assert mac.held == []


@pytest.mark.parametrize("mac", [Mac(1, service=False), Mac(None), Mac(1, told=False)])
def test_what_a_mac_does_not_tell_is_a_reason_and_nothing_is_held(mac: Mac) -> None:
    assert idle_seconds(mac, mac) == SILENT
    assert mac.held == []
