"""Names of the headers that our data plane reads and writes."""

from typing import Final

REQUEST_ID: Final = "X-Request-ID"
WORKER: Final = "X-RMA-Worker"
ROUTE: Final = "X-RMA-Route"
ATTEMPTS: Final = "X-RMA-Attempts"
LOAD: Final = "X-RMA-Load"  # "0.250" and on every answer of a node
HOPS: Final = "X-RMA-Hops"  # "1" once a request has been forwarded: it is never forwarded again
MESH_TOKEN: Final = "X-RMA-Token"  # proves who forwards  # noqa: S105
SERVICE_TOKEN: Final = "X-RMA-Service-Token"  # proves to a service that its own node asks  # noqa: S105
SIGNATURE: Final = "X-RMA-Signature"  # the mesh key's over an answer's body, or a worker's over its request

# What the signature over an answer begins with, so that one of a kind is none of another.
ENROLMENT_CONTEXT: Final = b"rma-mesh enrol v1\x00"  # the body follows
RENEWAL_CONTEXT: Final = b"rma-mesh renew v1\x00"  # the SHA-256 of the request follows, then the body

TRACEPARENT: Final = "traceparent"
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
SERVER_TIMING: Final = "Server-Timing"

# RFC 9110 §7.6.1, and what only its next hop may see.
HOP_BY_HOP: Final = frozenset(
    {
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection",
        "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
