"""Which means each system is kept by."""

from __future__ import annotations

import pytest

from node.services.limits.computer import means_of_this_computer
from node.services.limits.enforcer import NoLimits
from node.services.limits.linux_groups import LinuxGroups
from node.services.limits.macos import MacBackground
from node.services.limits.windows import WindowsJob
from node.services.limits.windows_jobs import KernelJobs


@pytest.mark.parametrize(
    ("platform", "kind"),
    [("linux", LinuxGroups), ("win32", WindowsJob), ("darwin", MacBackground), ("plan9", NoLimits)],
)
async def test_every_system_has_its_own_means_and_an_unknown_one_none(platform: str, kind: type) -> None:
    means = means_of_this_computer(7, platform, lambda: KernelJobs(object()))
    assert isinstance(means.enforcer, kind)
    assert means.enforcer.ability().cores >= 1
    assert bool(means.enforcer.ability().priority_by) == (platform != "plan9")
    await means.enforcer.close()
    means.close()
