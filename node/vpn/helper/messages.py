"""What a node may ask of the helper, and what it is told: a JSON document per line, without unknown fields."""

from __future__ import annotations

import msgspec

from node.vpn.events import Told
from node.vpn.settings import Plan

MAX_LINE = 1_000_000  # bytes; a full blocklist has about 680,000


class Start(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Run Nebula like this, in place of one that runs."""

    plan: Plan


class Update(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Bring this into the running Nebula."""

    plan: Plan


class Stop(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """End Nebula."""


class Status(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Tell whether Nebula runs."""


class Done(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """The request was carried out; `running` tells whether Nebula runs now."""

    running: bool = False


class Refused(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """The request was not carried out, and why."""

    why: str


Request = Start | Update | Stop | Status
Answer = Done | Refused
Message = Done | Refused | Told
