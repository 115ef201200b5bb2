"""How requests travelled, as it is told: worker, way, tries, and why this worker. Values only.

Nothing of what was asked is in them: no path, no query, no body, and not who asked.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from node.wire.messages import Route

# Why a request went where it went. `here`: it was served by this machine, for a program here. `sent-here`: another
# node sent it. `least-loaded`, `turn`, `fewest`: the policy picked among several. `only-one`: there was no choice.
# `instead`: it took over from one that failed. `quicker`: it was asked beside a slower one. `nobody`: no worker.
WhyCode = Literal["here", "sent-here", "least-loaded", "turn", "fewest", "only-one", "instead", "quicker", "nobody"]


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """Why this worker: the rule, and what the node knew then."""

    code: WhyCode
    known: int = 0  # workers to choose from
    load: float | None = None  # of the one picked, as it had told; 0.0 to 1.0
    left_out: int = 0  # workers that were passed over, because they had failed too often
    avoided: Route | None = None  # a better way to it that did not answer


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One worker that was asked: after how long (ms), for how long, and why in vain, if it was."""

    worker: str
    route: Route | None
    after_ms: float
    took_ms: float
    failed: str = ""


class Journey(msgspec.Struct, frozen=True, kw_only=True):
    """One request that has ended, at `at` (Unix s). Status 499: the client left. The tries are in order.

    `broken` says why an answer that had begun was not finished.
    """

    number: int
    at: float
    service: str
    worker: str | None
    route: Route | None
    status: int
    ms: float
    attempts: int
    broken: str = ""
    why: Why
    tries: tuple[Try, ...] = ()


class Journeys(msgspec.Struct, frozen=True, kw_only=True):
    """The last requests of one run of a router, without some where there were very many; numbers rise by one."""

    run: int = 0
    last: int = 0
    journeys: tuple[Journey, ...] = ()
