"""What assignment would change now, what it is changing, and why."""

from __future__ import annotations

import asyncio

from aiohttp import web

from coordinator_server.api.shapes import Plan, PlannedHandover, PlannedMove
from coordinator_server.application import COORDINATOR
from coordinator_server.registry.plans import Handover, Move
from node.program.web import json_response

SERVES = "whoever gives one up serves it until others do"


async def show(request: web.Request) -> web.Response:
    """Plan without changing anything; a large fleet's plan takes a while, and others are served meanwhile."""
    found = await asyncio.to_thread(request.app[COORDINATOR].planning.preview)
    moves = [_move(move) for move in found.moves]
    handovers = [_handover(one) for one in found.handovers]
    waiting = [_move(move) for move in found.waiting]
    message = _message(len(moves), len(handovers), len(found.shortages), anybody=bool(found.services))
    return json_response(Plan(moves=moves, handovers=handovers, waiting=waiting, message=message))


def _move(move: Move) -> PlannedMove:
    return PlannedMove(worker_id=move.worker_id, service=move.service, action=move.action, reason=move.reason)


def _handover(one: Handover) -> PlannedHandover:
    return PlannedHandover(
        service=one.service, source=one.source, target=one.target, started_at=one.since, reason=one.reason
    )


def _message(moves: int, handovers: int, short: int, *, anybody: bool) -> str:
    if not anybody:
        return "There are no machines yet: `rma-mesh-coordinator invite create` makes an invite for one."
    sentences = []
    if moves:
        sentences.append("1 change is due." if moves == 1 else f"{moves} changes are due.")
    elif not handovers:
        sentences.append("Nothing would change with the machines that are here.")
    if handovers:
        one = "1 service is being handed over: its machine serves it until another one does."
        sentences.append(one if handovers == 1 else f"{handovers} services are being handed over: {SERVES}.")
    if short:
        few = "1 service has" if short == 1 else f"{short} services have"
        sentences.append(f"{few} fewer machines than wanted: `rma-mesh-coordinator status` says why.")
    return " ".join(sentences)
