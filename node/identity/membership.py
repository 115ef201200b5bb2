"""Keeps the membership that enrolment gave: `membership.json` in the data directory."""

from __future__ import annotations

from pathlib import Path

import msgspec

from node.program.data_dir import write_private_file
from node.program.errors import UserFacingError
from node.state import Membership
from node.wire.encoding import b64decode
from node.wire.mesh_keys import MeshKeys, founded

FILE_NAME = "membership.json"


def has_membership(data_dir: Path) -> bool:
    """Tell whether a membership is kept, readable or not."""
    return (data_dir / FILE_NAME).exists()


def load_membership(data_dir: Path) -> Membership | None:
    """Return the kept membership or None; raise UserFacingError for one that cannot be read, and leave it alone."""
    path = data_dir / FILE_NAME
    try:
        membership = msgspec.json.decode(path.read_bytes(), type=Membership)
        mesh_keys_of(membership)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, f"The system says: {error.strerror or error}.") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise _unreadable(path, f"It is damaged: {error}.") from None
    return membership


def mesh_keys_of(membership: Membership) -> MeshKeys:
    """Return the keys of the mesh that we are in; raise MeshKeysError where they contradict one another."""
    keys = founded(b64decode(membership.mesh_public_key))
    return keys if membership.mesh_chain is None else keys.follow(membership.mesh_chain)


def save_membership(data_dir: Path, membership: Membership) -> None:
    write_private_file(data_dir / FILE_NAME, msgspec.json.encode(membership))


def forget_membership(data_dir: Path) -> None:
    (data_dir / FILE_NAME).unlink(missing_ok=True)


def _unreadable(path: Path, reason: str) -> UserFacingError:
    return UserFacingError(
        f"The membership file {path} cannot be read.",
        reason,
        "Put a copy of it back, or move the file away and join again with a new invite.",
    )
