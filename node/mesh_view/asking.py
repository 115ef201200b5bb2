"""Listens to the topology of the coordinator in use, for as long as somebody wants to see it.

Anybody may ask for it, so nothing is shown that says who asks. Where a coordinator takes no more listeners it is
asked once, and again after a pause.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

import aiohttp
import msgspec

from node.mesh_view.drawing import Heard
from node.mesh_view.told import OutOfStepError, ToldDelta, ToldSnapshot, ToldTopology, followed, from_topology
from node.reachability.failures import SENTENCES, failure_of

log = logging.getLogger(__name__)

MAX_MESSAGE = 16 * 2**20  # bytes
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds between two tries
SILENCE = 45.0  # seconds: a coordinator gives a sign of life every 15
KEPT = 300.0  # seconds for which what it said last is shown; by then it would have forgotten workers itself
SILENT = "Nothing answers at its address."
NO_COORDINATOR = "None is known yet."
UNREADABLE = "What it answers cannot be read by this version."
BUSY = "It tells too many others already, so it is asked only from time to time."
ENDED = "It has ended the connection."
MOVED = "This computer has gone to another coordinator."

_messages = msgspec.json.Decoder(ToldSnapshot | ToldDelta)


class TopologyEar:
    """What was heard so far; `listen` goes on until it is cancelled and says nothing to anybody."""

    def __init__(self, session: Callable[[], aiohttp.ClientSession], coordinator: Callable[[], str | None]) -> None:
        """`coordinator` tells the URL of the one in use."""
        self._session = session
        self._coordinator = coordinator
        self._heard = Heard()
        self._from = ""  # whose topology it is
        self._turn = 0  # of those who listen: one that ends late says nothing any more

    def heard(self, now: float) -> Heard:
        """Return what counts at a moment (Unix s): what was said long ago does not."""
        heard = self._heard
        if heard.at is not None and not heard.live and now - heard.at > KEPT:
            self._heard = heard = Heard(at=heard.at, trouble=heard.trouble)
        return heard

    async def listen(self) -> None:
        """Listen, and begin again whenever that ends, with longer and longer pauses while it is in vain."""
        self._turn += 1
        pause, turn = FIRST_PAUSE, self._turn
        try:
            while True:
                if await self._listen_once():
                    pause = FIRST_PAUSE
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE, pause * 2)
        finally:
            if turn == self._turn:
                self._lose("")

    async def _listen_once(self) -> bool:
        """Listen until the stream ends; return whether anything was heard."""
        url = self._coordinator()
        if url is None:
            self._lose(NO_COORDINATOR)
            return False
        if url != self._from:
            self._heard, self._from = Heard(), url  # it may belong to another mesh
        before = self._heard.at
        try:
            await self._stream(url)
        except aiohttp.WSServerHandshakeError as error:
            log.debug("the coordinator streams no topology: %s", error)
            return await self._ask_once(url)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self._fail(error)
        return self._heard.at != before

    async def _stream(self, url: str) -> None:
        stream = self._session().ws_connect(
            url + "/api/topology/stream",
            max_msg_size=MAX_MESSAGE,
            heartbeat=20.0,
            timeout=aiohttp.ClientWSTimeout(ws_receive=SILENCE, ws_close=1.0),
        )
        async with stream as messages:
            told = None
            async for message in messages:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    break
                told = followed(told, _messages.decode(message.data), time.time())
                self._heard = Heard(told=told, at=time.time(), live=True)
                if self._coordinator() != url:
                    self._lose(MOVED)
                    return
        self._lose(ENDED)

    async def _ask_once(self, url: str) -> bool:
        """Ask for the topology without listening on; return whether an answer came."""
        try:
            async with self._session().get(url + "/api/topology", allow_redirects=False) as answer:
                if answer.status != 200:
                    self._lose(
                        UNREADABLE if answer.status < 500 else f"It answered with HTTP status {answer.status}."
                    )
                    return False
                body = await _read(answer)
            told = from_topology(msgspec.json.decode(body, type=ToldTopology), time.time())
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self._fail(error)
            return False
        self._heard = Heard(told=told, at=time.time(), trouble=BUSY)
        return False  # so that the pauses grow all the same

    def _fail(self, error: Exception) -> None:
        log.debug("listening to the topology ended: %s", error)
        unreadable = isinstance(error, (msgspec.MsgspecError, OutOfStepError, UnicodeDecodeError))
        self._lose(UNREADABLE if unreadable else SENTENCES.get(failure_of(error), SILENT))

    def _lose(self, trouble: str) -> None:
        self._heard = msgspec.structs.replace(self._heard, live=False, trouble=trouble)


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_chunked(65536):
        body += chunk
        if len(body) > MAX_MESSAGE:
            raise ValueError("it sent far more than it should")
    return bytes(body)
