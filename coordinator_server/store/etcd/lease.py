"""The one lease that a coordinator has: everything that is to vanish with it hangs on that."""

from __future__ import annotations

import asyncio
import logging

from coordinator_server.store.etcd.gateway import NOT_FOUND, EtcdError, Gateway, Refused
from coordinator_server.store.etcd.messages import KeepAliveAnswer, LeaseAnswer
from node.program.tasks import TaskSet

log = logging.getLogger(__name__)
LIFE = 12  # seconds after our death in which others see our leased keys
EACH = 2.0  # seconds for one member to answer
WITHIN = 5.0  # seconds for all of them


class Lease:
    """Asked for when it is first needed, and again where it was lost."""

    def __init__(self, gateway: Gateway, life: int = LIFE) -> None:
        self.until = float("-inf")  # as the gateway's clock counts
        self._gateway = gateway
        self._life = life
        self._id = 0
        self._turn = asyncio.Lock()
        self._tasks = TaskSet("etcd lease")

    async def current(self) -> int:
        """Return the lease's number; raise EtcdError where there is none and none can be had."""
        if self._id:
            return self._id
        async with self._turn:
            if not self._id:
                asked = self._gateway.now()
                made = await self._gateway.patiently(
                    "/v3/lease/grant", {"TTL": str(self._life)}, LeaseAnswer, each=EACH, within=WITHIN
                )
                self._id, self.until = made.ID, asked + made.TTL
                if not len(self._tasks):
                    self._tasks.every(self._life / 4, self.keep, "keep")
        return self._id

    def lost(self, number: int) -> None:
        """Take in that the cluster has no such lease any more."""
        if number == self._id:
            log.warning("the store has forgotten us meanwhile; a new lease is asked for")
            self._id, self.until = 0, float("-inf")

    async def keep(self) -> None:
        """Have the lease last; it is found out here as well that it is lost."""
        number, asked = self._id, self._gateway.now()
        if not number:
            return
        wish = {"ID": str(number)}
        try:
            kept = await self._gateway.patiently(
                "/v3/lease/keepalive", wish, KeepAliveAnswer, each=EACH, within=self._life / 2
            )
        except EtcdError as error:
            log.info("the store does not keep our lease: %s", error)
            return
        if kept.result.TTL <= 0:
            self.lost(number)
        elif number == self._id:
            self.until = asked + kept.result.TTL

    async def end(self) -> None:
        """Let go what is ours; where that cannot be, it ends by itself."""
        await self._tasks.stop()
        number, self._id, self.until = self._id, 0, float("-inf")
        if number:
            try:
                await self._gateway.call("/v3/lease/revoke", {"ID": str(number)}, LeaseAnswer, EACH)
            except EtcdError as error:
                log.info("the store was not told that we leave: %s", error)


def is_gone(error: Refused) -> bool:
    """Say whether a refusal means that the lease is lost."""
    return error.code == NOT_FOUND and "lease" in str(error)
