"""This node as an entry point: tells the coordinator an address at which frontends may ask it, and proves it there.

Whatever public address a tunnel gives counts, else a public address of this machine where the node listens at it.
It is told again and again, as coordinators forget it after a while, and only by whoever answers at it: while such a
call is under way, and not otherwise, `prove` signs what the coordinator asks at the address.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.config import NodeConfig
from node.coordinator_client import CoordinatorClient, CoordinatorError
from node.doctor import Check
from node.program.tasks import TaskSet
from node.reachability.announced import ANY
from node.state import NodeState
from node.wire.entry_points import EntryPointRequest, clean_url, sign_challenge
from node.wire.messages import CoordinatorInfo

log = logging.getLogger(__name__)

EVERY = 40.0  # seconds: three times until a coordinator forgets it
SELDOM = 5.0  # seconds between two at least, whatever a coordinator says
AGAIN = 31.0  # seconds after a failure: a coordinator looks at an address twice a minute
HINT = "See whether requests from outside reach this node there; other workers and the gateway use other ways, too."
LATER = 900.0  # seconds, where the coordinator knows no entry points


@dataclass(frozen=True, slots=True)
class Wish:
    """Whether there is an address to tell, and whether it may be told now."""

    url: str  # empty: none
    may_tell: bool
    coordinator: str | None


@dataclass(frozen=True, slots=True)
class Contact:
    """Through whom it is told."""

    client: CoordinatorClient
    coordinator: CoordinatorInfo
    key: Ed25519PrivateKey


class EntryPoint:
    """Keeps the coordinator told from `start` to `stop`; `look` is called with every new state."""

    def __init__(
        self, config: NodeConfig, state: Callable[[], NodeState], port: Callable[[], int],
        contact: Callable[[], Contact | None],
    ) -> None:  # fmt: skip
        self._config = config
        self._state = state
        self._port = port
        self._contact = contact
        self._tasks = TaskSet("entry-point")
        self._woken = asyncio.Event()
        self._wish = Wish("", False, None)
        self._asking_for = ""  # the address about which a call is under way
        self._told: Contact | None = None  # who takes us for an entry point
        self._told_url = ""
        self._failed = False  # the coordinator did not find us at the address, or did not answer
        self.listed = False  # frontends are told of us
        self.text = ""  # how it is, in a sentence
        self.origins: tuple[str, ...] = ()  # of web pages that the operator lets ask workers, and so us

    @property
    def wished(self) -> bool:
        """Say whether frontends may come to us."""
        return bool(self._wish.url)

    def checks(self) -> tuple[Check, ...]:
        """Return what `doctor` says of it, which is nothing where there is no address to tell."""
        if not self.wished or not self.text:
            return ()
        return (Check("entry point", not self._failed, self.text, HINT if self._failed else ""),)

    def start(self) -> None:
        self._tasks.start(self._run(), "tell")

    async def stop(self) -> None:
        await self._tasks.stop()

    def look(self, state: NodeState) -> None:
        """Wake up when something has changed that matters."""
        wish = wish_of(state, self._config, self._port)
        if wish != self._wish:
            self._wish = wish
            self._woken.set()

    def prove(self, nonce: str) -> str | None:
        """Return our signature for a coordinator that we have just asked to look; for anybody else None."""
        contact, worker_id = self._contact(), self._state().worker_id
        if not self._asking_for or contact is None or worker_id is None:
            return None
        try:
            return sign_challenge(contact.key, worker_id, self._asking_for, nonce)
        except ValueError:
            return None

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            pause = await self._turn(self._wish)
            try:
                async with asyncio.timeout(pause):
                    await self._woken.wait()
            except TimeoutError:
                pass

    async def _turn(self, wish: Wish) -> float | None:
        """Tell what there is to tell; return the seconds until the next time, None for when something changes."""
        if self._told is not None and wish.url != self._told_url:
            await self._withdraw(self._told)
        if not wish.url:
            self.listed, self.text = False, ""
            return None
        contact = self._contact()
        if not wish.may_tell or contact is None:
            self.listed = False
            return None
        return await self._tell(contact, wish.url)

    async def _tell(self, contact: Contact, url: str) -> float:
        state = self._state()
        services = tuple(report.name for report in state.services if report.state == "running")
        request = EntryPointRequest(
            worker_id=state.worker_id or "", access_url=url, services=services, capabilities=state.capabilities
        )
        self._asking_for = url
        try:
            answer = await contact.client.register_entry_point(contact.coordinator, request)
        except CoordinatorError as error:
            self._failed = True
            why = str(error).removeprefix(f"{url}: ")  # which we name ourselves
            self._say(False, f"Frontends are not told of {url}: {why}")
            return LATER if error.status == 404 and error.kind != "unknown-worker" else AGAIN
        finally:
            self._asking_for = ""
        self._told, self._told_url, self._failed = contact, url, False
        self.origins = answer.origins
        told = f"Frontends are told of {url}." if answer.listed else f"Frontends are not told of {url}."
        self._say(answer.listed, f"{told} {answer.detail}".strip())
        return min(EVERY, max(SELDOM, answer.stale_after / 3))

    async def _withdraw(self, contact: Contact) -> None:
        self._told, self.listed = None, False
        if self._contact() is None:  # we have left the mesh, and the coordinator knows
            return
        try:
            await contact.client.withdraw_entry_point(contact.coordinator)
        except CoordinatorError as error:
            log.info("the coordinator forgets our old address by itself: %s", error)

    def _say(self, listed: bool, text: str) -> None:
        if text != self.text:
            log.info("%s", text)
        self.listed, self.text = listed, text


def wish_of(state: NodeState, config: NodeConfig, port: Callable[[], int]) -> Wish:
    """Return what to tell; pure but for the port."""
    resting = state.rest == "all" or state.draining or state.stopping or state.leaving
    if state.membership is None:
        return Wish("", False, None)
    url = _address_of(state, config, port)
    return Wish(url, state.registered and not resting, state.coordinator)


def _address_of(state: NodeState, config: NodeConfig, port: Callable[[], int]) -> str:
    found = state.tunnel.url or ""
    public = state.capabilities.public_ip
    is_open = config.host in ANY or config.host == public  # else nobody asked us to be open to the internet
    if not found and public and config.may_be_reached and is_open:
        found = f"http://[{public}]:{port()}" if ":" in public else f"http://{public}:{port()}"
    try:
        return clean_url(found) if found else ""
    except ValueError:  # as a tunnel of plain HTTP with a name: other workers may use it
        return ""
