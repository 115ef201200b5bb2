"""RFC 9457 problems: the one shape in which any of our HTTP servers says no."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "https://rma-mesh.org/problems/"

# The stable suffix of `type` -> (HTTP status, title). Frontends may rely on every line.
TITLES: Mapping[str, tuple[int, str]] = {
    "invalid-request": (400, "The request is not valid"),
    "invalid-body": (422, "The request's body is not valid"),
    "unauthorized": (401, "A valid key or token is needed"),
    "forbidden": (403, "This key or token may not do that"),
    "approval-pending": (403, "The operator has not let this machine in yet"),
    "not-found": (404, "There is nothing at this address"),
    "method-not-allowed": (405, "This address does not take that method"),
    "unknown-service": (404, "No service has this name"),
    "unknown-worker": (404, "This worker is not registered"),
    "conflict": (409, "This clashes with what is already there"),
    "payload-too-large": (413, "The body is too large"),
    "unsupported-media-type": (415, "This content type is not taken here"),
    "unprocessable-document": (422, "The document cannot be processed"),
    "entry-point-unreached": (422, "This address does not lead to the worker"),
    "invite-invalid": (403, "The invite is not valid"),
    "rate-limited": (429, "Too many requests"),
    "not-configured": (501, "This worker is not set up for that"),
    "internal-error": (500, "Something went wrong on our side"),
    "upstream-failed": (502, "Every worker that was tried failed"),
    "no-worker": (503, "No healthy worker offers this service now"),
    "relay-lost": (503, "The relay has no connection to this worker now"),
    "no-address": (503, "The overlay network has no free address"),
    "no-coordinator": (503, "No coordinator is reachable now"),
    "no-signing-key": (503, "This coordinator lacks the key that signs for the mesh"),
    "store-unavailable": (503, "Nothing can be saved now"),
    "draining": (503, "This program is shutting down"),
    "starting": (503, "This program is not ready yet"),
    "overloaded": (503, "All workers of this service are busy"),
    "loop-detected": (508, "The request was already forwarded once"),
    "upstream-timeout": (504, "The worker did not answer in time"),
}


class Problem(Exception):  # noqa: N818 - RFC 9457's own name for it
    """A refusal with a stable type, fit to be sent to whoever asked.

    `extra` are further members of the problem document; `headers` go onto the HTTP answer.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        default_status, self.title = TITLES[kind]
        self.kind = kind
        self.status = status or default_status
        self.detail = detail
        self.headers: Mapping[str, str] = headers or {}
        self.extra: Mapping[str, Any] = extra

    def document(self, request_id: str | None = None) -> bytes:
        """Return the problem document as UTF-8 JSON."""
        body: dict[str, Any] = {
            "type": TYPE_PREFIX + self.kind,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.extra,
        }
        if request_id is not None:
            body["request_id"] = request_id
        return msgspec.json.encode(body)


def kind_of(document: Mapping[str, Any]) -> str:
    """Return the stable suffix of a received problem document's type, or an empty string."""
    kind = document.get("type")
    return kind.rpartition("/")[2] if isinstance(kind, str) else ""
