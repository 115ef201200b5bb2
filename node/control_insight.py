"""The control API's part for what a node tells of its past and of its settings: for panels and diagnostics."""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

from aiohttp import web

from node.config import NodeConfig
from node.insight import Insight
from node.program.web import json_response
from node.wire.problems import Problem

SPANS = "recent, day"
LARGEST_NUMBER = 2**53


class InsightDesk(Protocol):
    """What the handlers need of the node."""

    @property
    def insight(self) -> Insight: ...

    @property
    def config(self) -> NodeConfig: ...


class InsightApi:
    """The handlers, over one node."""

    def __init__(self, desk: InsightDesk) -> None:
        self._desk = desk

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/routing/history", self.history)
        app.router.add_get("/routing/requests", self.requests)
        app.router.add_get("/activity", self.activity)
        app.router.add_get("/settings", self.settings)

    async def history(self, request: web.Request) -> web.Response:
        """Answer GET /routing/history?span=recent|day."""
        span = request.query.get("span", "recent")
        if span not in ("recent", "day"):
            raise Problem("invalid-request", f"span: Expected one of: {SPANS}", field="span")
        return json_response(self._desk.insight.recent() if span == "recent" else self._desk.insight.day())

    async def requests(self, request: web.Request) -> web.Response:
        """Answer GET /routing/requests?run=RUN&after=NUMBER with those after a number of a run; else with all."""
        run, after = _number(request, "run"), _number(request, "after")
        return json_response(self._desk.insight.journeys(run, after))

    async def activity(self, request: web.Request) -> web.Response:
        """Answer GET /activity?after=NUMBER."""
        return json_response(self._desk.insight.entries(_number(request, "after")))

    async def settings(self, _request: web.Request) -> web.Response:
        """Answer GET /settings: how the node was started; of secrets only whether they are set."""
        return json_response(shown_settings(self._desk.config))


def shown_settings(config: NodeConfig) -> dict[str, Any]:
    """Return the settings by name; a secret one is told to be set, and no more."""
    shown: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        shown[field.name] = value if field.repr else ("(set)" if value else "")
    return shown


def _number(request: web.Request, name: str) -> int:
    text = request.query.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_NUMBER))):
        raise Problem("invalid-request", f"{name}: Expected a number", field=name)
    return int(text)
