"""The hands of leaving for good: the node leaves and ends, keys, files and the start at login go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from PySide6.QtCore import QCoreApplication

from app.autostart import Autostart
from app.data_files import belongs_to_coordinator, delete_files
from app.intents import Channel, NodeRefused, NodeUnreachable
from app.node_model import NodeModel
from node.identity import keyring_store
from node.identity.keys import Note, delete_identity, entry_name, read_note
from node.identity.nebula_key import delete_nebula_key
from node.program.data_dir import hold_data_dir, is_held
from node.program.errors import UserFacingError
from node.vpn.computer import HELPER_SOCKET

log = logging.getLogger(__name__)

NODE = "rma-mesh-node"
LEAVE_WAIT = 120.0  # seconds; requests end first, and each coordinator is asked with patience
MOST_NAMES = 8  # of files that are told

translate = QCoreApplication.translate


class GoodbyeCrew:
    """Works on one data directory that the app holds."""

    def __init__(
        self,
        data_dir: Path,
        model: NodeModel,
        channel: Channel,
        end_node: Callable[[], Awaitable[None]],
        autostart: Autostart | None,
        *,
        leave_wait: float = LEAVE_WAIT,
        helper: Path = HELPER_SOCKET,
    ) -> None:
        """`end_node` ends the node and sees to it that it is not started again."""
        self._data_dir = data_dir
        self._model = model
        self._channel = channel
        self._end_node = end_node
        self._autostart = autostart
        self._leave_wait = leave_wait
        self._helper = helper

    async def leave(self) -> bool | None:
        """Leave the mesh; return whether a coordinator heard it, or None where there was none to leave."""
        if not self._model.picture.enrolled:
            return None
        changed = asyncio.Event()

        def look(_picture: object) -> None:
            changed.set()

        self._model.changed.connect(look)
        try:
            async with asyncio.timeout(self._leave_wait):
                await self._channel.send("/leave")
                while not self._left():
                    await changed.wait()
                    changed.clear()
        except (NodeRefused, NodeUnreachable, TimeoutError) as error:
            log.warning("the node could not leave the mesh: %s", error)
        finally:
            self._model.changed.disconnect(look)
        return self._left() == "told"

    def _left(self) -> str:
        state = self._model.picture.state
        return state.left if state is not None else ""

    async def stop(self) -> str:
        """End the node; return why it could not be ended, or nothing."""
        await self._end_node()
        if await asyncio.to_thread(belongs_to_coordinator, self._data_dir):
            text = translate(
                "Goodbye",
                "A coordinator keeps its keys in {folder}, too, so nothing was deleted. Please move it elsewhere, "
                "or delete this node's files yourself.",
            )
            return text.format(folder=self._data_dir)
        if await asyncio.to_thread(is_held, self._data_dir, NODE):
            return translate(
                "Goodbye", "The node on this computer could not be ended, so nothing was deleted. Please try again."
            )
        return ""

    async def delete(self) -> tuple[str, ...]:
        """Delete keys, files and the start at login; return sentences about what stays."""
        rest = [await self._delete_keys(), self._end_autostart()]
        names = await asyncio.to_thread(delete_files, self._data_dir)
        if names:
            text = translate(
                "Goodbye", "In {folder} there are files that are not known as ours, or cannot be deleted: {names}."
            )
            rest.append(text.format(folder=self._data_dir, names=_some(names)))
        if await asyncio.to_thread(self._helper.exists):
            rest.append(
                translate(
                    "Goodbye",
                    "The private network's helper was installed by an administrator and stays. It holds nothing of "
                    "yours; “installers” in RMA Mesh's documentation says how it is removed.",
                )
            )
        return tuple(one for one in rest if one)

    async def _delete_keys(self) -> str:
        try:
            with hold_data_dir(self._data_dir, NODE):
                note = await asyncio.to_thread(_note_of, self._data_dir)
                in_keyring = note is not None and note.stored == "keyring"
                await delete_nebula_key(self._data_dir, use_keyring=in_keyring)
                await delete_identity(self._data_dir)
                kept = in_keyring and await _still_in_keyring(self._data_dir)
        except (OSError, UserFacingError) as error:
            return translate("Goodbye", "This computer's key could not be deleted. {why}").format(why=error)
        if kept:
            text = translate(
                "Goodbye", "The system's keyring did not let go of this computer's key: “{entry}” of “{service}”."
            )
            return text.format(entry=entry_name(self._data_dir), service=keyring_store.SERVICE)
        if note is not None and note.stored == "systemd":
            return translate("Goodbye", "This computer's key was provided by the system, which still has it.")
        return ""

    def _end_autostart(self) -> str:
        try:
            if self._autostart is not None:
                self._autostart.disable()
        except OSError as error:
            text = translate("Goodbye", "Starting at login could not be switched off: {why}.")
            return text.format(why=error.strerror or error)
        return ""


def _note_of(data_dir: Path) -> Note | None:
    try:
        return read_note(data_dir)
    except UserFacingError:
        return None


async def _still_in_keyring(data_dir: Path) -> bool:
    try:
        return await keyring_store.read(entry_name(data_dir)) is not None
    except keyring_store.KeyringUnavailable:
        return True


def _some(names: tuple[str, ...]) -> str:
    more = translate("Goodbye", "{names} and others").format(names=", ".join(names[:MOST_NAMES]))
    return more if len(names) > MOST_NAMES else ", ".join(names)
