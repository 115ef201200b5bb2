"""What the app knows about its node: control stream in, one immutable picture out, intents back.

Changes are gathered and told at most ten times a second. Whoever draws gets the whole picture each time and keeps
nothing of his own.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from app import wording
from app.activity import Activity
from app.goodbye import GoodbyeModel
from app.intents import Channel, EnrolmentWish, Paused
from app.mesh_model import MeshModel
from app.past_model import ActivityModel, RoutingModel
from app.picture import NodeLife, Notice, Picture
from app.rules_model import RulesModel
from app.vitals_model import VitalsModel
from app.wizard.survey_model import SurveyModel
from node.program.tasks import TaskSet
from node.program.time_zone import follow_time_zone
from node.rules.settings import Rules
from node.state import View

log = logging.getLogger(__name__)

GATHER_MS = 100
BUSY_SECONDS = 2.0  # how long the app still looks busy after the last request
ENROLL_WAIT = 40.0  # seconds; the node itself gives up earlier
SERVICE_PREFIX = "service:"
Wish = tuple[str, object, float]  # path, body, seconds to wait for an answer
LAST_WINS = frozenset({"pause"})  # who chooses twice in a moment means what was chosen last


class NodeModel(QObject):
    """The one place in the app that changes what is known; `changed` carries a Picture."""

    changed = Signal(object)

    def __init__(self, clock: Callable[[], float] = time.monotonic, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.picture = Picture()
        self.data_dir: Path | None = None  # of the node, where the app has one of its own
        self.mesh = MeshModel(self)
        self.survey = SurveyModel(self)
        self.goodbye = GoodbyeModel(self)
        self.rules = RulesModel(self._rules, self)
        self.rules.answered.connect(self._rules_answered)
        self.vitals = VitalsModel(self)
        self.routing = RoutingModel(self)
        self.activity = ActivityModel(lambda: self.picture.view.noted if self.picture.view else None, self)
        self._clock = clock
        self._tasks = TaskSet("app-intents")
        self._running: dict[str, asyncio.Task[Any]] = {}
        self._wishes: dict[str, Wish] = {}  # that were sent last
        self._next: dict[str, Wish] = {}  # that came meanwhile
        self._stopped = False
        self._channel: Channel | None = None
        self._activity = Activity()
        self._busy_until = 0.0
        self._told_at = float("-inf")
        self._gathering = QTimer(self, singleShot=True)
        self._gathering.timeout.connect(self._tell)
        self._ticking = QTimer(self, interval=1000)
        self._ticking.timeout.connect(self._tick)

    def connect_to(self, channel: Channel) -> None:
        self._channel = channel

    async def stop(self) -> None:
        self._stopped = True
        self._gathering.stop()
        self._ticking.stop()
        await self.mesh.stop()
        await self.survey.stop()
        await self.rules.stop()
        await self.vitals.stop()
        await self.routing.stop()
        await self.activity.stop()
        await self.goodbye.stop()
        await self._tasks.stop()

    # --- what happened --------------------------------------------------------------------------------------

    def view_arrived(self, view: View) -> None:
        now = self._clock()
        grew = self._activity.add(now, view.stats.local_requests + view.stats.forwarded_requests)
        if grew or view.state.in_flight:
            self._busy_until = now + BUSY_SECONDS
            self._ticking.start()
        self._change(view=view, connected=True, notices=self._without("version"))

    def connection_lost(self) -> None:
        self._activity.forget()
        self._change(connected=False)

    def version_differs(self) -> None:
        self._change(connected=False, notices=self._with(wording.version_differs()))

    def life_changed(self, life: NodeLife) -> None:
        before = self.picture.life
        if life.stage == "running" and before.stage in ("restarting", "blocked") and before.trouble:
            now = time.time()
            self._change(restarted_at=now, notices=self._with(wording.restarted(before.trouble, now)))
        self._change(life=life)

    def _rules(self) -> Rules | None:
        return self.picture.state.rules if self.picture.state else None

    def _rules_answered(self, rules: Rules) -> None:
        """Take the rules that the node keeps from now on, which its stream tells a moment later."""
        view = self.picture.view
        if view is not None:
            state = msgspec.structs.replace(view.state, rules=rules)
            self._change(view=msgspec.structs.replace(view, state=state))

    # --- intents --------------------------------------------------------------------------------------------

    def pause(self, *, scope: Paused = "all") -> None:
        self._intend("pause", "/pause", {"scope": scope} if scope != "all" else None)

    def resume(self) -> None:
        self._intend("pause", "/resume")

    def snooze(self, seconds: float, scope: Paused = "all") -> None:
        self._intend("pause", "/snooze", {"seconds": seconds, **({"scope": scope} if scope != "all" else {})})

    def snooze_until_tomorrow(self, *, scope: Paused = "all") -> None:
        self._intend("pause", "/snooze", {"until": "tomorrow", **({"scope": scope} if scope != "all" else {})})

    def leave(self) -> None:
        self._intend("leave", "/leave")

    def restart_service(self, name: str) -> None:
        self._intend(SERVICE_PREFIX + name, f"/services/{name}/restart")

    def enroll(self, wish: EnrolmentWish) -> None:
        self._intend("enroll", "/enroll", wish.body(), wait=ENROLL_WAIT)

    def cancel_enrolment(self) -> None:
        task = self._running.get("enroll")
        if task is not None:
            task.cancel()

    def note(self, notice: Notice) -> None:
        """Show a notice in place of the one about the same thing."""
        self._change(notices=self._with(notice))

    def dismiss(self, about: str) -> None:
        self._change(notices=self._without(about))

    def _intend(self, about: str, path: str, body: object = None, wait: float = 10.0) -> None:
        if about in self._running:
            if about in LAST_WINS:
                self._next[about] = (path, body, wait)
            return
        self._wishes[about] = (path, body, wait)
        self._change(pending=self.picture.pending | {about}, notices=self._without(about))
        task = self._tasks.start(self._send(about, path, body, wait), about)
        self._running[about] = task
        task.add_done_callback(lambda _: self._intent_ended(about))

    async def _send(self, about: str, path: str, body: object, wait: float) -> None:
        if self._channel is None:
            self._change(notices=self._with(wording.not_ready(about)))
            return
        try:
            await self._channel.send(path, body, wait=wait)
        except Exception as error:
            log.info("%s: %s", about, error)
            self._change(notices=self._with(wording.failed_intent(about, error)))

    def _intent_ended(self, about: str) -> None:
        self._running.pop(about, None)
        self._change(pending=self.picture.pending - {about})
        following = self._next.pop(about, None)
        if following is not None and following != self._wishes[about] and not self._stopped:
            self._intend(about, *following)

    # --- telling --------------------------------------------------------------------------------------------

    def _with(self, notice: Notice) -> tuple[Notice, ...]:
        return (*self._without(notice.about), notice)

    def _without(self, about: str) -> tuple[Notice, ...]:
        return tuple(notice for notice in self.picture.notices if notice.about != about)

    def _change(self, **changes: Any) -> None:
        self.picture = replace(self.picture, **changes)
        if not self._gathering.isActive():
            passed = (self._clock() - self._told_at) * 1000
            self._gathering.start(0 if passed >= GATHER_MS else int(GATHER_MS - passed) + 1)

    def _tick(self) -> None:
        """Let the last minute move on while there is something in it."""
        if not any(self._activity.counts(self._clock())) and self._clock() >= self._busy_until:
            self._ticking.stop()
        self._change()

    def _tell(self) -> None:
        follow_time_zone()  # before anybody draws a time
        now = self._clock()
        self._told_at = now
        self.picture = replace(
            self.picture,
            busy=self.picture.connected and now < self._busy_until,
            activity=self._activity.counts(now),
        )
        self.changed.emit(self.picture)
