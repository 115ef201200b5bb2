"""Each exchange of an enrolled node with its coordinator: does it, and reports as an event what came of it."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Awaitable, Callable

import msgspec

from node import events as e
from node.coordinator_client import CoordinatorError
from node.mesh_session import MeshSession
from node.overlay import Overlay
from node.renewal import Renewal
from node.resting import offered_services, unwanted_services
from node.state import NodeState, RoutingStats
from node.tunnel.beats import NoChannelError
from node.wire import credentials
from node.wire.manifests import ManifestError, SignedCatalogue, open_catalogue
from node.wire.mesh_keys import MeshTrust
from node.wire.messages import Assignment, CoordinatorInfo, HeartbeatRequest, ServiceReport, VpnReport

log = logging.getLogger(__name__)
CHANNEL_SHARE = 1 / 3  # of that patience, in which an answer should come by the channel, where there is one
LEAST_PATIENCE, LONGEST_PATIENCE = 1.0, 30.0  # seconds for a heartbeat's answer; the setting limits it, too


async def _no_channel(_url: str, _request: HeartbeatRequest, _patience: float) -> Assignment:
    raise NoChannelError


class CoordinatorTalk:
    """Works on the state as it is when a call begins; `keep` is given every newly verified catalogue."""

    def __init__(
        self,
        state: Callable[[], NodeState],
        dispatch: Callable[[e.Event], None],
        keep: Callable[[SignedCatalogue], None],
        overlay: Overlay,
        relays: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        """`relays` returns the coordinators by which we are reached by relay now."""
        self.blocklist_version: Callable[[], int] = int  # which list of those that were put out we have
        # Sends a heartbeat to the coordinator at a URL by a channel that is open.
        self.by_channel: Callable[[str, HeartbeatRequest, float], Awaitable[Assignment]] = _no_channel
        self._state = state
        self._dispatch = dispatch
        self._keep = keep
        self._overlay = overlay
        self._relays = relays
        self.told_relays: tuple[str, ...] = ()  # to the coordinator in use
        self._pause = Renewal()  # between questions for newer keys of the mesh
        self._pushed: Assignment | None = None  # while a call is under way
        self._known = 0  # progress of the mesh's keys that we use
        self._said: HeartbeatRequest | None = None  # what the last heartbeat told that was answered

    async def register(self, session: MeshSession, url: str) -> None:
        state, info = self._state(), self.coordinator(url)
        if info is None or state.endpoints is None:
            return
        await self.renew_when_half(session)  # after a long time off the credential may have expired
        self._pushed = None
        try:
            relays = self._relays()
            answer = await session.client.register(
                info,
                state.capabilities,
                state.endpoints,
                _offered(state),
                relays,
                blocklist_version=self.blocklist_version(),
            )
            catalogue = open_catalogue(answer.catalogue, session.trust)
        except CoordinatorError as error:
            await self._refused(session, info, error)
        except ManifestError as error:
            self._dispatch(
                e.CoordinatorFailed(f"Its answer cannot be trusted: {error}.", refused=True, draw=_draw())
            )
        else:
            self._keep(answer.catalogue)
            self.told_relays = relays
            self._overlay.see_outside(True)
            assignment = self._pushed or answer.assignment
            self._dispatch(e.Registered(assignment, catalogue))
            await self._renew_what_is_due(session, info, assignment)

    async def heartbeat(self, session: MeshSession, url: str) -> None:
        info = self.coordinator(url)
        if info is None:
            return
        relays = self._relays()
        request = heartbeat_of(
            self._state(),
            session.router.stats(),
            self._overlay.report(),
            session.trust.keys.progress,
            relays,
            blocklist_version=self.blocklist_version(),
        )
        self._pushed = None
        try:
            answer = await self._beat(session, info, request)
        except CoordinatorError as error:
            if self._state().coordinator != url:  # we have turned to another meanwhile, which has not failed
                return
            if error.kind == "unknown-worker":
                self._dispatch(e.WorkerUnknown())
            else:
                await self._refused(session, info, error)
        else:
            self.told_relays, self._said = relays, request
            assignment = self._pushed or answer
            self._overlay.see_outside(True)
            self._dispatch(e.HeartbeatAnswered(assignment))
            await self._renew_what_is_due(session, info, assignment)

    async def _beat(self, session: MeshSession, info: CoordinatorInfo, request: HeartbeatRequest) -> Assignment:
        """Send a heartbeat by the channel, or else as a request; both together take no longer than one may."""
        patience, began = min(_patience(self._state()), session.client.patience), time.monotonic()
        try:
            return await self.by_channel(info.url, request, patience * CHANNEL_SHARE)
        except NoChannelError:
            return await session.client.heartbeat(info, request, patience - (time.monotonic() - began))

    def has_said_otherwise(self, request: HeartbeatRequest) -> bool:
        """Say whether the coordinator should hear us again, which has just taken in this older heartbeat.

        Numbers that change all the time are no reason: after an outage all would come at once.
        """
        return self._said is not None and _without_numbers(request) != _without_numbers(self._said)

    def pushed(self, assignment: Assignment) -> bool:
        """Take what the coordinator pushes as a heartbeat's answer; say whether there is something to be asked for.

        An answer that is under way meanwhile may be older, and is not used then: had it been newer, what it says
        would be pushed, too.
        """
        self._pushed = assignment
        self._overlay.see_outside(True)
        self._dispatch(e.HeartbeatAnswered(assignment))
        newer_keys = assignment.mesh_keys > self._known and self._pause.may_ask(time.time())
        let_in = not assignment.waiting and self._is_applicant()  # the next heartbeat asks for a credential
        is_due = newer_keys or let_in or self._overlay.may_renew(assignment.vpn_version)
        return is_due and not self._state().leaving

    async def renew_when_half(self, session: MeshSession) -> None:
        """Ask for a new credential once half of this one's life has passed."""
        state = self._state()
        info = self.coordinator(state.coordinator or "")
        if state.membership is not None and info is not None and _half_spent(state.membership.credential):
            await self._renew(session, info, self._overlay.key_to_renew(_told_version(state)))

    async def _renew_what_is_due(self, session: MeshSession, info: CoordinatorInfo, told: Assignment) -> None:
        """Ask for a place in the overlay, or another one, and for the mesh's newer keys, where it is time."""
        if self._state().leaving:
            return
        key = self._overlay.key_to_renew(told.vpn_version)
        self._known = session.trust.keys.progress
        if told.mesh_keys <= self._known:
            self._pause = Renewal()
            if not key:
                return
        elif not key and not self._may_ask():
            return
        await self._renew(session, info, key)

    async def _refused(self, session: MeshSession, info: CoordinatorInfo, error: CoordinatorError) -> None:
        """Tell that a coordinator gave no useful answer; but first see whether only our credential was too old.

        So it is when the mesh has changed its key while we were off: our identity key gets us a new credential.
        """
        if error.kind == "unauthorized" and self._may_ask():
            nebula_key = self._overlay.key_to_renew(_told_version(self._state()))
            if await self._renew(session, info, nebula_key):
                self._dispatch(e.WorkerUnknown())
                return
        self._failed(error)

    def _is_applicant(self) -> bool:
        membership = self._state().membership
        try:
            return membership is not None and credentials.peek(membership.credential).role == "applicant"
        except credentials.CredentialError:
            return False

    def _may_ask(self) -> bool:
        now = time.time()
        if not self._pause.may_ask(now):
            return False
        self._pause = self._pause.after_asking(now)
        return True

    async def _renew(self, session: MeshSession, info: CoordinatorInfo, nebula_key: bytes) -> bool:
        """Ask for a new credential, and with a key for a place; say whether there is a new credential."""
        try:
            answer, keys = await session.client.renew(info, session.trust.keys, nebula_key)
            credentials.verify(answer.credential, MeshTrust(keys), time.time(), own=True)
        except (CoordinatorError, credentials.CredentialError) as error:
            log.warning("the membership was not renewed: %s", error)
            if nebula_key:
                self._dispatch(e.PlaceRefused(str(error)))
            return False
        session.renew(answer.credential, keys)
        self._known = keys.progress
        self._dispatch(e.CredentialRenewed(answer.credential, keys.chain if keys.progress else None))
        if answer.vpn is not None:
            self._dispatch(e.PlaceGranted(answer.vpn))
        elif nebula_key:
            text = answer.vpn_detail or "The coordinator gives no place in the private network."
            self._dispatch(e.PlaceRefused(text, no_overlay=answer.vpn_off))
        return True

    def _failed(self, error: CoordinatorError) -> None:
        """Tell that a coordinator gave no useful answer."""
        self._overlay.see_outside(bool(error.status))
        expelled = error.status == 403 and error.kind == "forbidden"
        self._dispatch(e.CoordinatorFailed(str(error), error.refused, expelled, _draw()))

    async def leave(self, session: MeshSession) -> bool:
        """Tell one coordinator that we leave for good; return whether one has heard it."""
        for info in session.membership.coordinators:
            try:
                await session.client.leave(info)
            except CoordinatorError as error:
                log.warning("%s was not told that we leave: %s", info.url, error)
            else:
                return True
        return False

    def coordinator(self, url: str) -> CoordinatorInfo | None:
        """Return what is known of the coordinator at this URL."""
        return next((info for info in self.coordinators if info.url == url), None)

    @property
    def coordinators(self) -> tuple[CoordinatorInfo, ...]:
        """All that we know."""
        membership = self._state().membership
        return membership.coordinators if membership else ()


def heartbeat_of(
    state: NodeState,
    stats: RoutingStats,
    vpn: VpnReport | None = None,
    mesh_keys: int = 0,
    relays: tuple[str, ...] = (),
    *,
    blocklist_version: int = 0,
) -> HeartbeatRequest:
    """Say how this node is."""
    known = state.assignment.catalogue_version if state.assignment else ""
    return HeartbeatRequest(
        worker_id=state.worker_id or "",
        load=state.load,
        memory_free=state.memory_free,
        in_flight=state.in_flight,
        services=offered_services(state),
        stats={
            "local_requests": stats.local_requests,
            "forwarded_requests": stats.forwarded_requests,
            "failed_requests": stats.failed_requests,
        },
        paused=state.rest == "all" or state.stopping or state.leaving,
        unwanted=tuple(sorted(unwanted_services(state)))[:64],
        catalogue_version=known,
        vpn=vpn,
        mesh_keys=mesh_keys,
        relays=relays,
        blocklist_version=blocklist_version,
    )


def _without_numbers(request: HeartbeatRequest) -> HeartbeatRequest:
    return msgspec.structs.replace(request, load=0.0, memory_free=1.0, in_flight=0, stats={})


def _offered(state: NodeState) -> tuple[ServiceReport, ...]:
    """Return our services, so that requests go on while we register again; nothing while we rest."""
    return () if state.rest == "all" or state.stopping or state.leaving else offered_services(state)


def _told_version(state: NodeState) -> str:
    return state.assignment.vpn_version if state.assignment is not None else ""


def _patience(state: NodeState) -> float:
    """Return how long we wait for a heartbeat's answer, so that within two of them another coordinator is asked.

    Who shall come back soon waits as long as ever: the way is no shorter for that.
    """
    pace = state.assignment.pace if state.assignment is not None else LONGEST_PATIENCE
    return max(LEAST_PATIENCE, pace / 2)


def _draw() -> float:
    return random.random()  # noqa: S311 - not for secrets


def _half_spent(credential: str) -> bool:
    try:
        times = credentials.peek(credential)
    except credentials.CredentialError:
        return False
    return time.time() > (times.issued_at + times.expires_at) / 2
