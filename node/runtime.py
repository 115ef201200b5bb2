"""Runs a node: executes the machine's commands in order, feeds events back, and owns every task.

Only `dispatch` changes the state. Commands are executed one after the other; what takes long (talking to the
coordinator, draining) runs beside them and reports back with an event.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from node import __version__, enrolment
from node import events as e
from node.config import NodeConfig
from node.contact import CoordinatorContact
from node.control import ControlApi, EnrollIntent, ViewFeed
from node.coordinator_talk import CoordinatorTalk
from node.doctor import Check, examine
from node.hardware.detect import detect_async
from node.hardware.load import LoadSampler
from node.http_api import HttpApi
from node.kept_files import KeptFiles, KeptPause
from node.local_services import LocalServices
from node.machine import handle
from node.member import Member
from node.mesh_session import MeshSession
from node.program.errors import UserFacingError
from node.program.tasks import TaskSet
from node.program.web import HttpServer, bind
from node.services.supervisor import ServiceSupervisor
from node.state import NodeState, RoutingStats, View
from node.wire.messages import Capabilities
from node.wire.problems import Problem
from node.wire.tokens import TokenVerifier

log = logging.getLogger(__name__)

LOAD_INTERVAL = 2.0  # seconds
RENEW_CHECK = 3600.0  # seconds


class NodeRuntime:
    """One running node. `start`, then `wait`, then `stop`."""

    def __init__(self, config: NodeConfig, data_dir: Path) -> None:
        self.config = config
        self.local_token = secrets.token_urlsafe(32)
        self.state = NodeState()
        self._data_dir = data_dir
        self._failure: UserFacingError | None = None
        self._sequence = 0
        self._files = KeptFiles(data_dir)
        self._feed = ViewFeed(self.view)
        self._control = ControlApi(self, self._feed, data_dir)
        self._contact = CoordinatorContact(lambda: self.dispatch(e.ContactDue()))
        self._talk = CoordinatorTalk(
            lambda: self.state, self.dispatch, lambda catalogue: self._member.take_catalogue(catalogue)
        )
        self._commands: asyncio.Queue[e.Command] = asyncio.Queue()
        self._tasks = TaskSet("node")
        self._stopped = asyncio.Event()
        self._resume_timer: asyncio.TimerHandle | None = None
        self._enrolling = asyncio.Lock()
        self._http: aiohttp.ClientSession | None = None
        self._server: HttpServer | None = None
        self._maybe_member: Member | None = None
        self._load = LoadSampler()
        self._supervisor = ServiceSupervisor(
            data_dir=data_dir,
            node_url=lambda: self.url,
            local_token=self.local_token,
            on_change=lambda reports: self.dispatch(e.ServicesChanged(reports)),
        )
        self._local = LocalServices(self._supervisor, config.drain_deadline)

    # --- life ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the doors and come to life; raise UserFacingError for what a person must mend."""
        listener = bind(self.config.host, self.config.port)
        self._server = HttpServer(HttpApi(self).application(), listener)
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        assert self._server is not None
        self._http = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self.config.register_timeout), trust_env=True
        )
        self._maybe_member = Member(
            self.config,
            self._data_dir,
            http=self._http,
            local=self._local,
            talk=self._talk,
            state=lambda: self.state,
        )
        started = await self._started_event()
        await self._server.start()
        await self._control.start()
        self._contact.start()
        self._tasks.start(self._execute_commands(), "commands")
        self.dispatch(started)
        self._tasks.every(LOAD_INTERVAL, self._measure_load, "load")
        self._tasks.every(self.config.hardware_interval, self._detect, "hardware")
        self._tasks.every(RENEW_CHECK, self._renew_when_half, "renewal")
        await self.settle()

    async def settle(self) -> None:
        """Wait until every command so far was executed; raise what a person must mend."""
        await self._commands.join()
        if self._failure is not None:
            raise self._failure

    async def wait(self, stop: asyncio.Event) -> None:
        """Return when `stop` is set or the node was asked to stop, and requests in flight have ended."""
        self._tasks.start(self._stop_on(stop), "signal")
        await self._stopped.wait()
        if self._failure is not None:
            raise self._failure

    async def stop(self) -> None:
        """Close everything. May be called any number of times."""
        if self._resume_timer is not None:
            self._resume_timer.cancel()
        await self._contact.stop()
        await self._tasks.stop()
        if self._maybe_member is not None:
            await self._maybe_member.close()
        await self._supervisor.stop()
        await self._control.stop()
        if self._server is not None:
            await self._server.stop()
        if self._http is not None:
            await self._http.close()

    async def _stop_on(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self.request_stop()

    async def _started_event(self) -> e.Started:
        pause = await asyncio.to_thread(self._files.pause)
        membership, catalogue, assignment = await self._member.load()
        return e.Started(
            name=self.config.name,
            version=__version__,
            url=self.url,
            capabilities=await self._capabilities(),
            membership=membership,
            key_in_file=self._member.identity.stored == "file",
            paused=pause.paused,
            snoozed_until=pause.until,
            catalogue=catalogue,
            assignment=assignment,
            now=time.time(),
        )

    # --- the loop of events and commands ------------------------------------------------------------------------

    def dispatch(self, event: e.Event) -> None:
        """Let the machine handle an event, and queue what it orders."""
        before = self.state
        self.state, commands = handle(before, event)
        if self.state.phase != before.phase:
            reasons = "; ".join(reason.text for reason in self.state.reasons)
            log.info("%s -> %s %s", before.phase, self.state.phase, f"({reasons})" if reasons else "")
        for command in commands:
            self._commands.put_nowait(command)
        self._feed.changed()

    async def _execute_commands(self) -> None:
        executors: dict[type, Callable[[Any], Any]] = {
            e.JoinMesh: self._join_mesh,
            e.QuitMesh: self._quit_mesh,
            e.SaveMembership: self._save_membership,
            e.SavePause: self._save_pause,
            e.SaveAssignment: self._save_assignment,
            e.Register: self._begin_register,
            e.SendHeartbeat: self._begin_heartbeat,
            e.ScheduleContact: self._schedule_contact,
            e.RunServices: self._run_services,
            e.PublishServices: self._publish,
            e.JoinDht: self._join_dht,
            e.RefuseWorkers: self._refuse_workers,
            e.Drain: self._begin_drain,
            e.ScheduleResume: self._schedule_resume,
            e.Shutdown: self._shutdown,
        }
        while True:
            command = await self._commands.get()
            try:
                await executors[type(command)](command)
            except UserFacingError as error:
                self._fail(error)
            except OSError as error:
                log.error("%s failed: %s", type(command).__name__, error)
            except Exception:
                log.exception("%s failed", type(command).__name__)
            finally:
                self._commands.task_done()

    def _fail(self, error: UserFacingError) -> None:
        log.error("%s", error)
        self._failure = self._failure or error
        self._stopped.set()

    async def _join_mesh(self, command: e.JoinMesh) -> None:
        endpoints = await self._member.join(command.membership, self._port)
        if endpoints is not None:
            self.dispatch(e.MeshJoined(endpoints))

    async def _quit_mesh(self, _command: e.QuitMesh) -> None:
        await self._member.quit()

    async def _save_membership(self, command: e.SaveMembership) -> None:
        await self._member.save(command.membership)

    async def _save_pause(self, command: e.SavePause) -> None:
        await asyncio.to_thread(self._files.save_pause, KeptPause(command.paused, command.until))

    async def _save_assignment(self, command: e.SaveAssignment) -> None:
        await self._member.save_assignment(command.assignment)

    async def _begin_register(self, command: e.Register) -> None:
        session = self._member.session
        if session is not None:
            self._contact.begin(lambda: self._talk.register(session, command.coordinator))

    async def _begin_heartbeat(self, command: e.SendHeartbeat) -> None:
        session = self._member.session
        if session is not None:
            self._contact.begin(lambda: self._talk.heartbeat(session, command.coordinator))

    async def _schedule_contact(self, command: e.ScheduleContact) -> None:
        self._contact.schedule(min(command.after, self.config.worker_heartbeat))

    async def _run_services(self, command: e.RunServices) -> None:
        self._tasks.start(self._local.run(command.services), "reconcile")

    async def _publish(self, command: e.PublishServices) -> None:
        self._tasks.start(self._member.publish(command.services), "publish")

    async def _join_dht(self, command: e.JoinDht) -> None:
        self._member.join_dht(command.contacts)

    async def _refuse_workers(self, command: e.RefuseWorkers) -> None:
        if self._member.session is not None:
            self._member.session.refuse(command.revoked)

    async def _begin_drain(self, _command: e.Drain) -> None:
        self._tasks.start(self._drain(), "drain")

    async def _drain(self) -> None:
        self._local.close()
        await self._local.drained()
        self.dispatch(e.DrainEnded())

    async def _schedule_resume(self, command: e.ScheduleResume) -> None:
        if self._resume_timer is not None:
            self._resume_timer.cancel()
        delay = max(0.0, command.at - time.time())
        loop = asyncio.get_running_loop()
        self._resume_timer = loop.call_later(delay, lambda: self.dispatch(e.SnoozeEnded(time.time())))

    async def _shutdown(self, _command: e.Shutdown) -> None:
        self._stopped.set()

    # --- what is measured from time to time ---------------------------------------------------------------------

    async def _measure_load(self) -> None:
        session = self._member.session
        in_flight = self._local.in_flight(())
        concurrency = sum(
            manifest.concurrency
            for report in self.state.services
            if report.state == "running" and (manifest := self.state.catalogue.resolve(report.name))
        )
        contacts = len(session.dht.contacts()) if session is not None else 0
        self.dispatch(e.LoadMeasured(self._load.load(in_flight, concurrency), in_flight, contacts))

    async def _detect(self) -> None:
        self.dispatch(e.CapabilitiesDetected(await self._capabilities()))

    async def _capabilities(self) -> Capabilities:
        return await detect_async(
            self._data_dir,
            wanted_type=self.config.worker_type,
            version=__version__,
            allowed_services=self.config.allow,
        )

    async def _renew_when_half(self) -> None:
        if self._member.session is not None:
            await self._talk.renew_when_half(self._member.session)

    # --- what others see and ask --------------------------------------------------------------------------------

    @property
    def _member(self) -> Member:
        assert self._maybe_member is not None, "start() comes first"
        return self._maybe_member

    @property
    def _session(self) -> MeshSession | None:
        return self._maybe_member.session if self._maybe_member is not None else None

    @property
    def url(self) -> str:
        return self._server.url if self._server is not None else ""

    @property
    def _port(self) -> int:
        assert self._server is not None
        return self._server.port

    @property
    def verifier(self) -> TokenVerifier | None:
        return self._session.verifier if self._session is not None else None

    def ready(self) -> dict[str, object]:
        """Return the line that says where we are (SPEC §4)."""
        dht_port = self._session.dht.port if self._session is not None else None
        return {"event": "ready", "worker_id": self.state.worker_id, "url": self.url, "dht_port": dht_port}

    def stats(self) -> RoutingStats:
        return self._session.router.stats() if self._session is not None else RoutingStats()

    def view(self) -> View:
        """Return what a person may see of this node now."""
        self._sequence += 1
        peers = self._session.router.peers() if self._session is not None else ()
        return View(sequence=self._sequence, state=self.state, stats=self.stats(), peers=peers)

    async def serve(
        self, request: web.Request, service: str, path: str | None, *, forwarded: bool, caller: str
    ) -> web.StreamResponse:
        """Serve a request here or on another worker."""
        if self._session is None:
            raise Problem("no-worker", "This machine has not joined a mesh yet.", headers={"Retry-After": "30"})
        return await self._session.router.serve(request, service, path, forwarded=forwarded, caller=caller)

    async def enroll(self, intent: EnrollIntent) -> str:
        """Join the mesh of an invite; return our worker_id, or raise a Problem."""
        assert self._http is not None
        async with self._enrolling:
            if self.state.membership is not None:
                raise Problem("conflict", f"This machine is a member already, as {self.state.worker_id}.")
            link = enrolment.parse_invitation(intent.link or intent.invite, intent.coordinator)
            self.dispatch(e.EnrolmentRequested())
            try:
                membership, answer = await enrolment.enrol(
                    self._http,
                    link,
                    name=intent.name or self.config.name,
                    public_key=self._member.identity.public_key,
                    wish=self.config.worker_id,
                    capabilities=self.state.capabilities,
                    now=time.time(),
                )
            except BaseException as error:
                text = error.detail if isinstance(error, Problem) else "Joining was cancelled."
                self.dispatch(e.EnrolmentFailed(text))
                raise
            self.dispatch(e.Enrolled(membership, answer.dht))
            await self.settle()
            return membership.worker_id

    def pause(self, seconds: float | None = None) -> None:
        self.dispatch(e.PauseRequested(None if seconds is None else time.time() + seconds))

    def resume(self) -> None:
        self.dispatch(e.ResumeRequested())

    async def leave(self) -> None:
        if self.state.membership is None:
            raise Problem("conflict", "This machine is in no mesh.")
        self.dispatch(e.LeaveRequested())

    def request_stop(self) -> None:
        self.dispatch(e.StopRequested())

    async def restart_service(self, name: str) -> None:
        await self._supervisor.restart(name)

    async def doctor(self) -> list[Check]:
        return examine(self.state, await self._clock_offset())

    async def _clock_offset(self) -> float | None:
        """Return the coordinator's clock minus ours in seconds, to a second; None where it does not answer."""
        if self.state.coordinator is None or self._http is None:
            return None
        limit = aiohttp.ClientTimeout(total=self.config.probe_timeout)
        try:
            async with self._http.get(self.state.coordinator + "/health", timeout=limit) as response:
                return parsedate_to_datetime(response.headers["Date"]).timestamp() - time.time()
        except (aiohttp.ClientError, TimeoutError, OSError, KeyError, ValueError):
            return None
