"""The Run key says what starts, Task Manager's word beside it counts, and a command that is too long is refused."""

from __future__ import annotations

import pytest

from app.autostart_windows import APPROVED, NAME, RUN, RunKey, WindowsRegistry

Values = dict[tuple[str, str], str | bytes]


class PlayedRegistry:
    """The values of one user."""

    def __init__(self) -> None:
        self.values: Values = {}

    def read(self, key: str, name: str) -> str | bytes | None:
        return self.values.get((key, name))

    def write(self, key: str, name: str, value: str) -> None:
        self.values[key, name] = value

    def delete(self, key: str, name: str) -> None:
        self.values.pop((key, name), None)


@pytest.fixture
def registry() -> PlayedRegistry:
    return PlayedRegistry()


def test_it_is_written_quoted_and_deleted_again(registry: PlayedRegistry) -> None:
    place = RunKey(
        [r"C:\Program Files\RMA Mesh\rma-mesh.exe", "--minimized", "--data-dir", "D:\\my data\\"], registry
    )
    assert not place.enabled()
    place.enable()
    line = r'"C:\Program Files\RMA Mesh\rma-mesh.exe" --minimized --data-dir "D:\my data\\"'
    assert registry.values == {(RUN, NAME): line}
    assert place.enabled()
    place.disable()
    assert registry.values == {}
    assert not place.enabled()
    place.disable()


@pytest.mark.parametrize(
    ("told", "enabled"),
    [(b"\x02" + bytes(11), True), (b"\x03" + bytes(11), False), (b"\x06", True), (b"\x07", False), (b"", True)],
)
def test_what_task_manager_says_counts(registry: PlayedRegistry, told: bytes, enabled: bool) -> None:
    place = RunKey(["x.exe"], registry)
    place.enable()
    registry.values[APPROVED, NAME] = told
    assert place.enabled() is enabled
    place.enable()
    assert place.enabled(), "who switches it on here means it"


def test_a_command_that_is_too_long_is_refused(registry: PlayedRegistry) -> None:
    with pytest.raises(OSError, match="260"):
        RunKey(["x" * 261], registry).enable()
    assert registry.values == {}


def test_elsewhere_there_is_no_registry() -> None:
    registry = WindowsRegistry()
    registry.write(r"Software\RMA Mesh test", "x", "y")
    assert registry.read(r"Software\RMA Mesh test", "z") is None
    registry.delete(r"Software\RMA Mesh test", "x")
