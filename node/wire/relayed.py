"""The address below which a coordinator passes requests of nodes on to a worker that it has a connection to."""

from __future__ import annotations

from typing import Final

RELAYED: Final = "/relay/"  # {worker_id}/service/{service}[/{path}]; X-RMA-Token as for the worker itself


def relayed_url(coordinator_url: str, worker_id: str) -> str:
    """Return the base URL of a worker by way of a coordinator."""
    return coordinator_url.rstrip("/") + RELAYED + worker_id
