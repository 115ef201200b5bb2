"""What a try that failed means: may it have been executed, and what is the client told in the end. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from node.forwarding.http1.interface import SOON
from node.wire import headers
from node.wire.messages import Route
from node.wire.problems import Problem, kind_of

FailureKind = Literal["connect", "refused", "reset", "timeout", "bad-status"]

# Problems with which a node sends a request back unexecuted, so that any request may go to another worker.
REFUSALS = frozenset(
    {
        "draining", "no-worker", "overloaded", "starting", "unauthorized", "forbidden", "unknown-service",
        "loop-detected", "relay-lost",
    }
)  # fmt: skip
REFUSAL_STATUSES = frozenset({401, 403, 404, 503, 508})
BAD_STATUSES = frozenset({502, 503, 504})
ATTEMPTS = headers.ATTEMPTS.lower()
RESTING = frozenset({"draining", "no-worker", "starting"})


@dataclass(frozen=True, slots=True)
class Failure:
    """One worker that was tried in vain; `refusal` is the problem kind with which it sent the request back."""

    worker_id: str
    kind: FailureKind
    reason: str
    refusal: str = ""

    @property
    def executed(self) -> bool:
        """Whether the request may have been carried out."""
        return self.kind not in ("connect", "refused")

    @property
    def worker_is_sick(self) -> bool:
        """Whether the breaker should count it: a worker that is busy or leaves in good order is well."""
        return self.kind != "refused"


@dataclass(frozen=True, slots=True)
class Vain:
    """One try that came to nothing: by which way, when it began after the request did, and how long it took (s)."""

    failure: Failure
    route: Route | None
    after: float
    took: float


def may_be_refusal(status: int, answer: Mapping[str, str]) -> bool:
    """Tell from a node's head whether it may have refused; a service's own answer always says some attempts.

    `answer` has the fields by their names in lower case.
    """
    return status in REFUSAL_STATUSES and answer.get(ATTEMPTS, "0") == "0"


def refusal_of(document: Mapping[str, Any] | None) -> str:
    """Return the kind of refusal that a problem document is, or an empty string."""
    kind = kind_of(document) if document else ""
    return kind if kind in REFUSALS else ""


def no_worker(service: str, detail: str, retry_after: int) -> Problem:
    extra = {"Retry-After": str(retry_after)}
    return Problem("no-worker", f"{detail} Please try again soon.", headers=extra, service=service)


def conclude(service: str, failures: Sequence[Failure], retry_after: int) -> Problem:
    """Return what a client is told when the tries are used up."""
    if not failures:
        return no_worker(service, f"No healthy worker offers {service} now.", retry_after)
    last = failures[-1]
    refusals = {failure.refusal for failure in failures}
    count, plural = len(failures), "" if len(failures) == 1 else "s"
    told: dict[str, Any] = {"service": service, "attempts": count, "reason": last.reason}
    tried = headers.ATTEMPTS
    if "overloaded" in refusals and not any(failure.executed for failure in failures):
        again = {"Retry-After": "2", tried: str(count)}
        return Problem("overloaded", f"All workers of {service} are busy.", headers=again, **told)
    if refusals <= RESTING:
        again = {"Retry-After": str(retry_after), tried: str(count)}
        return Problem("no-worker", f"No worker of {service} takes requests now.", headers=again, **told)
    kind = "upstream-timeout" if last.kind == "timeout" else "upstream-failed"
    detail = f"{count} worker{plural} of {service} tried; the last one failed: {last.reason}."
    return Problem(kind, detail, headers={tried: str(count)}, **told)


def conclude_here(service: str, failures: Sequence[Failure], retry_after: int) -> Problem:
    """Return what another node is told when the service on this machine took no connection."""
    if any(failure.refusal == "overloaded" for failure in failures):  # by ourselves: it is well
        text = f"There are too many connections to {service} on this machine. Please try again soon."
        return Problem("overloaded", text, headers=SOON, service=service)
    return no_worker(service, f"{service} on this machine takes no connections.", retry_after)
