"""Looks at computers: one that is good all over."""

from __future__ import annotations

from node.hardware.containers import ContainerEngine
from node.survey import Survey
from tests.support import samples

GOOD = Survey(
    capabilities=samples.CAPABILITIES,
    containers=ContainerEngine(name="podman", state="usable", version="5.4"),
    gateway=True,
    vpn="ready",
)
