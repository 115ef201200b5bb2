"""Keeps the membership that enrolment gave: `membership.json` in the data directory."""

from __future__ import annotations

from pathlib import Path

import msgspec

from node.program.data_dir import write_private_file
from node.program.errors import UserFacingError
from node.state import Membership

FILE_NAME = "membership.json"


def has_membership(data_dir: Path) -> bool:
    """Tell whether a membership is kept, readable or not."""
    return (data_dir / FILE_NAME).exists()


def load_membership(data_dir: Path) -> Membership | None:
    """Return the kept membership or None; raise UserFacingError for one that cannot be read, and leave it alone."""
    path = data_dir / FILE_NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Membership)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, f"The system says: {error.strerror or error}.") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _unreadable(path, f"It is damaged: {error}.") from None


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
