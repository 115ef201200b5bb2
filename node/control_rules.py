"""The control API's part for the volunteer's rules: read, replace, change some, pause, snooze, resume."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Protocol

import msgspec
from aiohttp import web

from node.program.web import json_response, parse_body, read_body
from node.rules.keeper import RulesKeeper
from node.rules.settings import Rules
from node.wire.problems import Problem

Paused = Literal["all", "gpu"]
UNREADABLE = (
    "Your rules cannot be read, so one of them cannot be changed. Mend the file and start the node again, or begin "
    "anew with: rma-mesh-node rules reset"
)
LONGEST_SNOOZE = 31 * 86400  # seconds


class PauseIntent(msgspec.Struct, frozen=True):
    """POST /pause; scope "gpu" is for what uses the GPU only."""

    scope: Paused = "all"


class SnoozeIntent(msgspec.Struct, frozen=True):
    """POST /snooze: for so many seconds, or until the volunteer's next day begins."""

    seconds: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_SNOOZE)] | None = None
    until: Literal["tomorrow"] | None = None
    scope: Paused = "all"

    def __post_init__(self) -> None:
        """Refuse no end, and two."""
        if (self.seconds is None) == (self.until is None):
            raise ValueError('say either "seconds" or "until"')


class RulesDesk(Protocol):
    """What the handlers need of the node."""

    @property
    def rules(self) -> RulesKeeper: ...
    def pause(self, seconds: float | None = None, scope: Paused = "all") -> None: ...
    def snooze_until_tomorrow(self, scope: Paused = "all") -> None: ...
    def resume(self) -> None: ...


class RulesApi:
    """The handlers, over one node."""

    def __init__(self, desk: RulesDesk) -> None:
        self._desk = desk
        self._turn = asyncio.Lock()  # so that of two changes at once none is lost

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/rules", self.show)
        app.router.add_put("/rules", self.replace)
        app.router.add_patch("/rules", self.change)
        app.router.add_post("/pause", self.pause)
        app.router.add_post("/snooze", self.snooze)
        app.router.add_post("/resume", self.resume)

    async def show(self, _request: web.Request) -> web.Response:
        return json_response(self._desk.rules.rules)

    async def replace(self, request: web.Request) -> web.Response:
        """Answer PUT /rules, whose body is all the rules: what it leaves out is as by default."""
        if not await request.read():  # nobody means "everything as by default" by saying nothing
            raise Problem("invalid-body", "body: Expected the rules", field="body")
        wanted = await read_body(request, Rules)
        async with self._turn:
            return await self._put(wanted)

    async def change(self, request: web.Request) -> web.Response:
        """Answer PATCH /rules: what the body names is changed, and so inside `schedule` and `caps`."""
        changes = await read_body(request, dict[str, Any])
        if not self._desk.rules.readable:
            raise Problem("conflict", UNREADABLE)
        async with self._turn:
            before = msgspec.to_builtins(self._desk.rules.rules)
            return await self._put(parse_body(msgspec.json.encode(merged(before, changes)), Rules))

    async def _put(self, rules: Rules) -> web.Response:
        try:
            await self._desk.rules.put(rules)
        except OSError as error:
            text = f"The rules cannot be saved ({error.strerror or error}), so those from before hold."
            raise Problem("store-unavailable", text) from None
        return json_response(rules)

    async def pause(self, request: web.Request) -> web.Response:
        self._desk.pause(scope=(await read_body(request, PauseIntent)).scope)
        return json_response({}, 202)

    async def snooze(self, request: web.Request) -> web.Response:
        intent = await read_body(request, SnoozeIntent)
        if intent.until is None:
            self._desk.pause(intent.seconds, intent.scope)
        else:
            self._desk.snooze_until_tomorrow(intent.scope)
        return json_response({}, 202)

    async def resume(self, _request: web.Request) -> web.Response:
        self._desk.resume()
        return json_response({}, 202)


def merged(before: Mapping[str, Any], changes: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Return the document with the changes in it; raise a 422 Problem for a name that it does not have."""
    after = dict(before)
    for name, value in changes.items():
        if name not in before:
            field = f"{path}{name[:64]}"
            raise Problem("invalid-body", f"{field}: There is no such rule", field=field)
        both = isinstance(value, dict) and isinstance(before[name], dict)
        after[name] = merged(before[name], value, f"{path}{name}.") if both else value
    return after
