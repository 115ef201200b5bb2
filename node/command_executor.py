"""Executes what the machine orders, one command after the other; what takes long runs beside as a task."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from node import events as e
from node.contact import CoordinatorContact
from node.kept_files import KeptFiles, KeptPause
from node.local_services import LocalServices
from node.overlay_presence import OverlayPresence
from node.program.errors import UserFacingError
from node.program.tasks import TaskSet
from node.snoozes import Snoozes

if TYPE_CHECKING:
    from node.runtime import NodeRuntime

log = logging.getLogger(__name__)

TELL_SPREAD = 2.0  # seconds over which nodes tell that another coordinator reaches them, too
LAST_WORD = 2.0  # seconds that the one to the coordinator may take


class CommandExecutor:
    """One node's, to whose `tasks` it adds; `ended` is set when the program shall end, by a `failure` or not."""

    def __init__(
        self,
        node: NodeRuntime,
        *,
        tasks: TaskSet,
        contact: CoordinatorContact,
        local: LocalServices,
        files: KeptFiles,
        presence: OverlayPresence,
        snoozes: Snoozes,
    ) -> None:
        self._node = node
        self._tasks = tasks
        self._contact = contact
        self._local = local
        self._files = files
        self._presence = presence
        self._snoozes = snoozes
        self._queue: asyncio.Queue[e.Command] = asyncio.Queue()
        self.ended = asyncio.Event()
        self.failure: UserFacingError | None = None

    def order(self, commands: Iterable[e.Command]) -> None:
        """Queue commands."""
        for command in commands:
            self._queue.put_nowait(command)

    async def settle(self) -> None:
        """Wait until every command so far was executed."""
        await self._queue.join()

    def check(self) -> None:
        """Raise what a person must mend."""
        if self.failure is not None:
            raise self.failure

    async def run(self) -> None:
        """Execute commands until cancelled."""
        executors: dict[type, Callable[[Any], Any]] = {
            e.JoinMesh: self._join_mesh,
            e.QuitMesh: self._quit_mesh,
            e.SaveMembership: lambda command: self._node.member.save(command.membership),
            e.SavePause: self._save_pause,
            e.SaveAssignment: self._save_assignment,
            e.Register: self._begin_register,
            e.SendHeartbeat: self._begin_heartbeat,
            e.ScheduleContact: self._schedule_contact,
            e.RunServices: self._run_services,
            e.PublishServices: self._publish,
            e.JoinDht: self._join_dht,
            e.TellRelays: self._tell_relays,
            e.TakeBlocklist: self._take_blocklist,
            e.Drain: self._begin_drain,
            e.ScheduleResume: self._snoozes.schedule,
            e.GoOffline: self._go_offline,
            e.Shutdown: self._shutdown,
            **self._presence.executors(),
        }
        while True:
            command = await self._queue.get()
            try:
                await executors[type(command)](command)
            except UserFacingError as error:
                self._fail(error)
            except OSError as error:
                log.error("%s failed: %s", type(command).__name__, error)
            except Exception:
                log.exception("%s failed", type(command).__name__)
            finally:
                self._queue.task_done()

    def _fail(self, error: UserFacingError) -> None:
        log.error("%s", error)
        self.failure = self.failure or error
        self.ended.set()

    async def _join_mesh(self, command: e.JoinMesh) -> None:
        endpoints = await self._node.member.join(command.membership, self._node.port)
        if endpoints is not None:
            self._node.dispatch(e.MeshJoined(endpoints))
            await self._node.tunnel.start(self._node.url, command.membership.worker_id, self._node.http)

    async def _quit_mesh(self, _command: e.QuitMesh) -> None:
        await self._node.tunnel.leave()
        self._node.dispatch(e.MeshQuit(await self._node.member.quit()))

    async def _save_pause(self, command: e.SavePause) -> None:
        await asyncio.to_thread(self._files.save_pause, _kept(command))

    async def _save_assignment(self, command: e.SaveAssignment) -> None:
        await self._node.member.save_assignment(command.assignment)

    async def _begin_register(self, command: e.Register) -> None:
        session = self._node.member.session
        if session is not None:
            self._contact.begin(lambda: self._node.talk.register(session, command.coordinator))

    async def _begin_heartbeat(self, command: e.SendHeartbeat) -> None:
        session = self._node.member.session
        if session is not None:
            self._contact.begin(lambda: self._node.talk.heartbeat(session, command.coordinator))

    async def _schedule_contact(self, command: e.ScheduleContact) -> None:
        self._contact.schedule(min(command.after, self._node.config.worker_heartbeat))

    async def _tell_relays(self, _command: e.TellRelays) -> None:
        relays = self._node.standing.relays(self._node.state)
        if not set(relays) <= set(self._node.talk.told_relays):  # so it may be with all nodes at this moment
            self._contact.schedule(TELL_SPREAD * random.random())  # noqa: S311 - not for secrets

    async def _run_services(self, command: e.RunServices) -> None:
        self._tasks.start(self._local.run(command.services), "reconcile")

    async def _publish(self, command: e.PublishServices) -> None:
        self._tasks.start(self._node.member.publish(command.services), "publish")

    async def _join_dht(self, command: e.JoinDht) -> None:
        self._node.member.join_dht(command.contacts)

    async def _take_blocklist(self, command: e.TakeBlocklist) -> None:
        await self._node.member.take_blocklist(command.told, command.current)

    async def _begin_drain(self, _command: e.Drain) -> None:
        self._tasks.start(self._drain(), "drain")

    async def _drain(self) -> None:
        self._local.close()
        await self._local.drained()
        if self._node.state.stopping or not self._node.state.rules.mesh_on:  # nobody should have to find out
            await self._contact.quiet(LAST_WORD)
        self._node.dispatch(e.DrainEnded())

    async def _go_offline(self, _command: e.GoOffline) -> None:
        await self._node.tunnel.stop()
        self._node.standing.cut()
        await self._node.member.close()
        self._node.overlay.leave()

    async def _shutdown(self, _command: e.Shutdown) -> None:
        self.ended.set()


def _kept(command: e.SavePause) -> KeptPause:
    return KeptPause(command.paused, command.until, command.gpu_paused, command.gpu_until)
