"""What happens at once when a worker is changed by the operator or leaves: here, and all of it here."""

from __future__ import annotations

from dataclasses import dataclass

from coordinator_server.application import Coordinator
from coordinator_server.channel.channels import Channels
from coordinator_server.relay.hub import RelayHub
from node.routing.router import Router


@dataclass(frozen=True, slots=True)
class Changed:
    """Called with a worker's id after each change, when the store has it already.

    Credentials and tokens of a revoked worker are refused by then: verifiers look at the same list. Nodes hear of
    it on their channels within a moment, and without one with their next heartbeat.
    """

    coordinator: Coordinator
    router: Router
    channels: Channels
    hub: RelayHub | None = None

    def __call__(self, worker_id: str) -> None:
        coordinator = self.coordinator
        coordinator.registry.enrolment_changed(worker_id)
        self.channels.changed(worker_id)
        enrolment = coordinator.workers.get(worker_id)
        out = enrolment is None or enrolment.revoked
        if out or (enrolment is not None and enrolment.draining):
            self.router.invalidate_worker(worker_id)
        if out:
            if self.hub is not None:
                self.hub.cut(worker_id)
            coordinator.dht.forget_revoked()
        if coordinator.station is not None:
            coordinator.station.blocklist_changed()
