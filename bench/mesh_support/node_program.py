"""A node as it is, but that its services are all the light one of `service`.

What is measured is what carries requests; a service that does something would hide it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import node.runtime
from node.cli import main
from node.services.supervisor import ServiceSupervisor
from node.wire.manifests import Manifest


def light(_manifest: Manifest) -> Sequence[str]:
    return [sys.executable, "-m", "bench.mesh_support.service"]


class LightSupervisor(ServiceSupervisor):
    """Starts the light service in place of each."""

    def __init__(self, **surroundings: Any) -> None:
        super().__init__(**surroundings, command=light)


if __name__ == "__main__":
    setattr(node.runtime, "ServiceSupervisor", LightSupervisor)  # noqa: B010 - mypy holds names of modules for final
    sys.exit(main())
