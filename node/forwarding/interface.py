"""What routing says of a worker's address to the room where bytes move."""

from __future__ import annotations

from dataclasses import dataclass

from node.wire.messages import Route


@dataclass(frozen=True, slots=True)
class Target:
    """One way to reach a worker; `base_url` is scheme, host and port, without a trailing slash."""

    route: Route
    base_url: str
