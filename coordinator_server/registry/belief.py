"""What is believed of a worker's own words: services that it may run, addresses that can be its, others' relays."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from coordinator_server.enrolment.workers import Enrolment, Workers
from coordinator_server.registry.endpoints import checked_endpoints
from coordinator_server.registry.machines import OVERLAY, site_of
from coordinator_server.registry.membership import Member, heard, registered
from node.wire.manifests import Catalogue, Manifest
from node.wire.messages import HeartbeatRequest, RegisterRequest

Words = TypeVar("Words", RegisterRequest, HeartbeatRequest)


class Belief:
    """Makes members of what workers say, by their enrolments and the catalogue."""

    def __init__(self, workers: Workers, catalogue: Catalogue, *, own_id: str = "", overlay: str = OVERLAY) -> None:
        """`own_id` is the coordinator's: whether it has a worker's channel it knows itself.

        `overlay` is the network of the overlay, whose addresses tell of no household.
        """
        self._workers = workers
        self._catalogue = catalogue
        self._own_id = own_id
        self._overlay = overlay

    def registered(self, request: RegisterRequest, address: str, now: float) -> Member:
        """Return a member that registered from `address`."""
        enrolment = self._workers.get(request.worker_id)
        leased = enrolment.vpn.ip if enrolment is not None and enrolment.vpn is not None else None
        ends = checked_endpoints(request.endpoints, address, leased)
        return registered(self._believed(request), ends, now, site_of(address, self._overlay))

    def heard(self, before: Member, request: HeartbeatRequest, now: float) -> Member:
        """Return the member after a heartbeat."""
        return heard(before, self._believed(request), now)

    def _believed(self, request: Words) -> Words:
        enrolment, manifests = self._workers.get(request.worker_id), self._catalogue.by_name()
        return msgspec.structs.replace(
            request,
            services=tuple(report for report in request.services if may_run(enrolment, manifests.get(report.name))),
            relays=tuple(name for name in request.relays if name != self._own_id),
        )


def may_run(enrolment: Enrolment | None, manifest: Manifest | None) -> bool:
    """Believe a worker only of services that it may have: others' requests are not for it to see."""
    if enrolment is None or enrolment.pending or manifest is None:
        return False
    if enrolment.services and manifest.name not in enrolment.services:
        return False
    return manifest.data_class != "personal" or enrolment.trust == "vetted"
