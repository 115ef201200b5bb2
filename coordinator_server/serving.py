"""Serves a coordinator: holds its data directory, binds its ports, puts the parts together, and ends in good order.

Read top to bottom it is the program's life: `serve`, then what it builds, then what runs along, then draining.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import signal
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import msgspec
from aiohttp import web

from coordinator_server.admin_client import ADMIN_FILE, PROGRAM, AdminFile
from coordinator_server.api import dht, worker
from coordinator_server.api.relay import relay_doors
from coordinator_server.application import COORDINATOR, Coordinator
from coordinator_server.assembly import make_office, own_credential, put_together, service_folders
from coordinator_server.config import CoordinatorConfig, is_wildcard
from coordinator_server.enrolment.mesh_keyring import MeshKeyring
from coordinator_server.enrolment.passphrase import passphrase_of
from coordinator_server.enrolment.store_keys import open_safe
from coordinator_server.fleet.joining import among_others
from coordinator_server.front import FRONT, Front
from coordinator_server.front_assembly import add_front
from coordinator_server.gateway_processes.sockets import at_given_sockets, bind_all, check_shareable, share_out
from coordinator_server.gateway_processes.supervisor import GatewayProcesses
from coordinator_server.keys import Secrets, load_or_make_secrets
from coordinator_server.listening import public_url, read_tls, renew_certificate, server_limits
from coordinator_server.operation.advice import warn_about
from coordinator_server.operation.conditions import LOOK
from coordinator_server.operation.starting import check_before_holding, check_machine, check_store
from coordinator_server.probation.canaries import load_canaries
from coordinator_server.store.opening import open_store
from coordinator_server.vpn.assembly import Computers, make_doors
from coordinator_server.vpn.revocation import Changed
from node.forwarding.http1.app_bridge import AppBridge
from node.forwarding.plane import DataPlane
from node.program.data_dir import hold_data_dir, write_private_file
from node.program.errors import EXIT_USAGE, UserFacingError
from node.program.garbage import looked_through, settle
from node.program.lifetime import print_json
from node.program.service_manager import ServiceManager, answering
from node.program.settings import SettingError
from node.program.tasks import TaskSet
from node.program.web import manners
from node.vpn.computer import ThisComputer
from node.wire.manifests import Catalogue, ManifestError, load_catalogue

log = logging.getLogger(__name__)

SEAL_PAUSE = 5.0  # seconds between seals on the audit log, where something is new in it
KEYS_LOOK = 30.0  # seconds between looks at what other coordinators did with the mesh's keys, and at a rotation
OVERLAY_LOOK = 30.0  # seconds between looks at what other coordinators changed, and at a rotation
TURN = 0.001  # seconds after which a thread that plans or draws lets those be answered who wait
PLAN_PAUSE = 0.2  # seconds between looks whether to plan for many
LONGEST_RENEWAL = 6 * 3600.0  # seconds between two renewals of our own credential


async def serve(
    config: CoordinatorConfig, stop: asyncio.Event, as_json: bool, manager: ServiceManager | None = None
) -> int:
    """Serve until `stop` is set; return the exit code. Raise UserFacingError when it cannot start.

    The first line on standard output, when ready, is {"event":"ready","url","coordinator_id"} with `as_json`.
    """
    sys.setswitchinterval(TURN)
    manager = manager or ServiceManager()
    config = at_given_sockets(config, manager.listeners)
    check_shareable(config.workers)
    catalogue = read_catalogue(config)
    tls = read_tls(config)
    check_before_holding(config.directory)
    with hold_data_dir(config.directory, PROGRAM):
        check_machine(config)
        async with running(config, catalogue, tls, given=manager.listeners) as site, answering(manager):
            settle()
            announce(site, as_json)
            manager.ready(f"serving at {site.coordinator.info.url}")
            channels = site.app[FRONT].channels
            async with looked_through(lambda: len(channels)):
                with restarting_on_hangup(site, manager):
                    await stop.wait()
            manager.stopping("ending what is in flight")
            await drain(site)
    return 0


@dataclasses.dataclass(frozen=True, slots=True)
class Site:
    """A coordinator that serves: where, and how much it has in hand."""

    coordinator: Coordinator
    server: DataPlane
    app: web.Application
    processes: GatewayProcesses | None = None  # that serve the port beside this one
    tls: ssl.SSLContext | None = None


@contextlib.asynccontextmanager
async def running(
    config: CoordinatorConfig,
    catalogue: Catalogue,
    tls: ssl.SSLContext | None = None,
    clock: Callable[[], float] = time.time,
    computers: Computers = ThisComputer,
    *,
    given: Sequence[socket.socket] = (),
) -> AsyncIterator[Site]:
    """Run a coordinator on a data directory that we hold; whatever was begun is ended in reverse order.

    `computers` makes what runs Nebula, in a folder of its own. On `given` sockets somebody else goes on listening.
    """
    async with contextlib.AsyncExitStack() as stack:
        listener, *others = share_out(given, config.workers) or bind_all(config.host, config.port, config.workers)
        for bound in (listener, *others):
            stack.callback(bound.close)
        store = await open_store(config)
        stack.push_async_callback(store.close)
        await check_store(store, config, clock())
        safe, mesh_key = await open_safe(store, passphrase_of(config), config.directory)
        secrets = load_or_make_secrets(config.directory, config.admin_token, mesh_key)
        keyring = MeshKeyring(store, secrets, safe)
        await keyring.open()
        url = public_url(config, listener, tls)
        coordinator = await put_together(
            config, secrets, keyring, store, catalogue, url=url, clock=clock, computers=computers
        )
        stack.push_async_callback(coordinator.workers.stop)
        await coordinator.dht.start(config.dht_host or config.host, config.dht_port)
        stack.push_async_callback(coordinator.dht.stop)
        stack.push_async_callback(coordinator.dht.withdraw)
        coordinator = _knowing_dht_port(coordinator)
        await run_along(coordinator, secrets, stack)
        app = make_app(coordinator)
        _tell_workers(coordinator, app[FRONT])
        processes = gateway_processes(coordinator, app, others, tls, bool(given)) if others else None
        if processes is not None:
            processes.leaving = app[FRONT].channels.process_leaves
        bridge = processes.bridge if processes is not None else AppBridge(app)
        await stack.enter_async_context(relay_doors(coordinator, app[FRONT].hub, bridge))
        limits = server_limits(config)
        server = DataPlane(
            app[FRONT].gateway, app, listener, tls=tls, limits=limits, bridge=bridge, shared=bool(given)
        )
        stack.push_async_callback(server.stop)
        await server.start()
        stack.enter_context(_admin_file(coordinator, server.url))
        coordinator.readiness.ready = True
        await stack.enter_async_context(among_others(coordinator))
        if processes is not None:
            stack.push_async_callback(processes.stop)
            await processes.start()
        if coordinator.station is not None:
            stack.push_async_callback(coordinator.station.stop)
            doors = make_doors(coordinator, app[FRONT].gateway, bridge, limits)
            await coordinator.station.start(doors, coordinator.dht.port)
        yield Site(coordinator, server, app, processes, tls)


def announce(site: Site, as_json: bool) -> None:
    """Tell people and scripts that requests are served from now on."""
    warn_about(site.coordinator.config)
    coordinator = site.coordinator
    if as_json:
        print_json({"event": "ready", "url": site.server.url, "coordinator_id": coordinator.coordinator_id})
    else:
        print(f"RMA Mesh coordinator ready at {coordinator.info.url}", flush=True)  # noqa: T201 - the ready line


async def drain(site: Site) -> None:
    """Take no new connections, and let requests on those that are there end, within the deadline."""
    deadline, readiness = site.coordinator.config.drain_deadline, site.coordinator.readiness
    front = site.app[FRONT]
    in_flight = front.gateway.in_flight + front.elsewhere.total("in_flight")
    log.info("stopping: %d requests are in flight", in_flight)
    await front.stream.stop()  # dashboards would follow for ever
    readiness.draining, readiness.ready = True, False
    site.coordinator.together.resign()
    front.channels.drain()
    front.router.drain()
    front.hub.drain()
    tasks = TaskSet("drain")  # begins when our own server, which must not wait for it, has begun
    along = [tasks.start(site.coordinator.fleet.leave(), "fleet")]
    if site.coordinator.station is not None:
        along.append(tasks.start(site.coordinator.station.drain(deadline), "overlay"))
    if site.processes is not None:
        along.append(tasks.start(site.processes.drain(deadline), "processes"))
    try:
        if not await site.server.drain(deadline):
            log.warning("%d connections did not end in %.0f s and are cut off", site.server.connections, deadline)
        for other in along:
            await other
    finally:
        await tasks.stop()


@contextlib.contextmanager
def restarting_on_hangup(site: Site, manager: ServiceManager) -> Iterator[None]:
    """On SIGHUP, read the TLS certificate anew, and put new gateway processes in the place of those that run."""
    if not hasattr(signal, "SIGHUP"):
        yield
        return

    def restart() -> None:
        manager.reloading()
        if renew_certificate(site.tls, site.coordinator.config):
            log.info("reloaded: %s", "the TLS certificate was read anew" if site.tls else "there is no certificate")
            if site.processes is not None:
                site.processes.restart()
        manager.ready()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, restart)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what ends now ends in good order


# --- what it is built of --------------------------------------------------------------------------------------


def gateway_processes(
    coordinator: Coordinator,
    app: web.Application,
    listeners: Sequence[socket.socket],
    tls: ssl.SSLContext | None,
    kept: bool = False,
) -> GatewayProcesses:
    """Make the processes that share the port with this one; nothing runs yet. `kept` sockets stay open after us."""
    front = app[FRONT]
    return GatewayProcesses(
        coordinator,
        router=front.router,
        access=front.access,
        metrics=front.metrics,
        elsewhere=front.elsewhere,
        app=app,
        tls=tls,
        listeners=listeners,
        hub=front.hub,
        everywhere=front.everywhere,
        ways=front.ways,
        kept=kept,
    )


def make_app(coordinator: Coordinator) -> web.Application:
    """Build the HTTP application out of everybody's routes."""
    limit = coordinator.config.max_message_bytes
    app = web.Application(middlewares=[manners], client_max_size=limit)
    app[COORDINATOR] = coordinator
    worker.add_routes(app)
    dht.add_routes(app)
    add_front(app)
    return app


def _tell_workers(coordinator: Coordinator, front: Front) -> None:
    """Have workers hear on their channels of what changes."""
    channels = front.channels
    coordinator.workers.changed = Changed(coordinator, front.router, channels, front.hub)
    coordinator.planning.planned = channels.planned
    coordinator.warden.changed = lambda worker_id: channels.mark([worker_id])
    coordinator.together.told = channels.mark
    coordinator.fleet.changed = channels.look_at_common


def _knowing_dht_port(coordinator: Coordinator) -> Coordinator:
    info = msgspec.structs.replace(coordinator.info, dht_port=coordinator.dht.port)
    return dataclasses.replace(coordinator, info=info)


# --- what runs along ------------------------------------------------------------------------------------------


async def run_along(coordinator: Coordinator, secrets: Secrets, stack: contextlib.AsyncExitStack) -> None:
    """Start what happens without anybody asking, and have the stack end it."""
    config, registry, together = coordinator.config, coordinator.registry, coordinator.together
    await together.open()
    stack.push_async_callback(together.stop)
    office, keyring = make_office(coordinator.keyring, config), coordinator.keyring

    def renew_now() -> None:
        if not keyring.can_sign:
            log.error("%s", keyring.lacking)
            return
        credential = own_credential(office, secrets, coordinator.clock())
        coordinator.token_issuer.renew(credential)
        coordinator.dht.renew(credential)

    async def renew() -> None:
        renew_now()

    async def tick() -> None:
        registry.tick()
        together.tick()
        coordinator.planning.tick()

    tasks = TaskSet("coordinator")
    stack.push_async_callback(coordinator.sealer.finish)
    stack.push_async_callback(coordinator.audit.settle)
    stack.push_async_callback(coordinator.keys.book.write)
    stack.push_async_callback(tasks.stop)
    tasks.every(config.key_use_pause, coordinator.keys.book.write, "key uses")
    tasks.every(SEAL_PAUSE, coordinator.audit.settle, "owed audit lines")
    tasks.every(SEAL_PAUSE, coordinator.sealer.tick, "audit seals")
    tasks.every(min(1.0, config.worker_heartbeat), tick, "registry")
    tasks.every(PLAN_PAUSE, coordinator.planning.plan_aside, "planning")
    tasks.every(LOOK, coordinator.conditions.look, "conditions")
    tasks.every(min(config.credential_life / 2, LONGEST_RENEWAL), renew, "credential")
    keyring.changed = renew_now
    tasks.every(min(KEYS_LOOK, config.worker_heartbeat), coordinator.key_rotation.tick, "mesh keys")
    if coordinator.overlay is not None:
        tasks.every(min(OVERLAY_LOOK, config.worker_heartbeat), coordinator.overlay.tick, "overlay")
    published = coordinator.info
    if is_wildcard(published.dht_host or ""):
        published = msgspec.structs.replace(published, dht_host=None)
    tasks.start(coordinator.dht.publish_coordinator(published), "publish")


@contextlib.contextmanager
def _admin_file(coordinator: Coordinator, url: str) -> Iterator[None]:
    """Leave word for the commands on this machine of where we serve and which token counts."""
    path = coordinator.config.directory / ADMIN_FILE

    def write() -> None:
        write_private_file(path, msgspec.json.encode(AdminFile(url, coordinator.admin_token)))

    write()
    coordinator.admin_tokens.changed = write
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


# --- settings that need a look at the world -------------------------------------------------------------------


def read_catalogue(config: CoordinatorConfig) -> Catalogue:
    """Read the shipped manifests and the operator's; raise UserFacingError for a bad one."""
    folders = service_folders(config)
    for folder in folders:
        if not folder.is_dir():
            raise SettingError("services_dir", str(folder), "a folder that is there", "--services-dir")
    try:
        load_canaries(folders)
        return load_catalogue(folders)
    except ManifestError as error:
        raise UserFacingError("A service manifest cannot be used.", f"{error}.", exit_code=EXIT_USAGE) from None
