"""Replaces the admin token by a new one, which is told only now."""

from __future__ import annotations

from aiohttp import web

from coordinator_server.api.addresses import client_address
from coordinator_server.api.shapes import NewToken, TokenWish
from coordinator_server.application import COORDINATOR
from node.program.durations import say_duration
from node.program.web import json_response, read_body
from node.wire.problems import Problem

FIXED = (
    "This coordinator takes its admin token from its settings (RMA_ADMIN_TOKEN, or admin_token in its file). "
    "Change it there, and start the coordinator again."
)

QUICKER = (
    "Somebody else has replaced the token at this moment. If that was not you, read admin.token, and replace it "
    "once more."
)


async def rotate_token(request: web.Request) -> web.Response:
    """Make a new admin token; the old one counts for the time of grace that is asked for."""
    coordinator = request.app[COORDINATOR]
    wish, tokens = await read_body(request, TokenWish), coordinator.admin_tokens
    if tokens.fixed:
        raise Problem("conflict", FIXED)
    detail = f"the one before counts for {say_duration(wish.grace)}" if wish.grace else "the one before is useless"
    line = coordinator.audit.line(
        "admin-token-rotated", actor="admin", detail=detail, address=client_address(request)
    )
    before = tokens.token
    async with tokens.turn:
        if tokens.token != before:
            raise Problem("conflict", QUICKER)
        await coordinator.audit.record(line)  # first: what is not in the log has not happened
        try:
            token = tokens.rotate(wish.grace)
        except OSError as error:
            text = f"The new token could not be kept, and the old one still counts: {error.strerror or error}."
            raise Problem("store-unavailable", text) from None
        until = tokens.before_until
    return json_response(NewToken(token=token, grace_until=until), status=201)
