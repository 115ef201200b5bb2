"""What the first process and its gateway processes say to each other, each a typed value in one frame.

Whoever listens believes nothing but the types: bounds are checked here, and what a name may be where it is used.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from coordinator_server.config import CoordinatorConfig
from coordinator_server.gateway.access import Kind
from coordinator_server.gateway.key_uses import Came, Use
from coordinator_server.gateway.keys import ApiKey
from node.wire.manifests import Manifest
from node.wire.messages import WorkerRecord

Text = Annotated[str, Meta(max_length=500)]
Count = Annotated[int, Meta(ge=0, le=2**40)]
Some = Annotated[int, Meta(ge=1, le=100_000)]
Seconds = Annotated[float, Meta(ge=0.0, le=1e12)]

LARGEST = 64 * 2**20  # bytes of a frame to a gateway process, which holds thousands of workers
LARGEST_REPORT = 4 * 2**20  # bytes of a frame from one


class _Message(Struct, frozen=True, tag=True, array_like=True):
    """The form of all messages: an array that begins with its class's name."""


# --- from the first -------------------------------------------------------------------------------------------


class Welcome(_Message, frozen=True):
    """Who you are and what you serve; `app` is the path of the socket for what is not below /service."""

    number: int
    config: CoordinatorConfig
    manifests: tuple[Manifest, ...]
    app: str


class Offer(Struct, frozen=True, array_like=True):
    """A worker that may be asked, the token that proves us to it, and the base URLs by which relays reach it."""

    record: WorkerRecord
    token: str
    ways: tuple[str, ...] = ()


class Snapshot(_Message, frozen=True):
    """All workers that may be asked now, and who of them runs what."""

    sequence: int
    offers: tuple[Offer, ...]
    services: dict[str, tuple[str, ...]]


class Change(_Message, frozen=True):
    """What is different from the message before; a service that nobody runs any more has nobody in it."""

    sequence: int
    offers: tuple[Offer, ...]
    gone: tuple[str, ...]
    services: dict[str, tuple[str, ...]]


class KeyIs(_Message, frozen=True):
    """The answer to WhoIs: the key's record, or None where there is none with this id."""

    question: int
    key: ApiKey | None


class KeyRevoked(_Message, frozen=True):
    """A key is worth nothing from now on; say Seen when it is so."""

    key_id: str
    number: int


class Granted(_Message, frozen=True):
    """So many tokens are yours for a moment; `level` is how many the bucket has left."""

    kind: Kind
    key: str
    tokens: int
    level: float


class Noted(_Message, frozen=True):
    """The answer to Refusal."""

    question: int


class Drain(_Message, frozen=True):
    """Take no new connections, end what is under way in so many seconds, and exit."""

    deadline: float


# --- from a gateway process -----------------------------------------------------------------------------------


class Serving(_Message, frozen=True):
    """Requests are taken from now on."""


class WhoIs(_Message, frozen=True):
    """Ask for the record of the API key with this id."""

    question: Count
    key_id: Annotated[str, Meta(max_length=64)]


class Wants(_Message, frozen=True):
    """Ask for tokens for so many requests that wait."""

    kind: Kind
    key: Text
    need: Some


class GivesBack(_Message, frozen=True):
    """Tokens that were granted and not used."""

    kind: Kind
    key: Text
    tokens: Some


class Refusal(_Message, frozen=True):
    """A key was refused; to be kept in the audit log."""

    question: Count
    subject: Text
    detail: Text
    address: Text


class Failed(_Message, frozen=True):
    """A request to this worker failed."""

    worker_id: Text


class Ended(Struct, frozen=True, array_like=True):
    """How many requests ended alike since the last report."""

    service: Text
    worker: Text
    route: Annotated[str, Meta(max_length=16)]
    status: Annotated[int, Meta(ge=100, le=599)]
    count: Count


class Took(Struct, frozen=True, array_like=True):
    """How long a service's requests took since the last report: how many up to each bound, and all together."""

    service: Text
    counts: Annotated[tuple[Count, ...], Meta(max_length=64)]
    seconds: Seconds


class Report(_Message, frozen=True):
    """What happened since the last report, and how things stand now; sent twice a second and at the end."""

    ended: Annotated[tuple[Ended, ...], Meta(max_length=20_000)] = ()
    took: Annotated[tuple[Took, ...], Meta(max_length=2_000)] = ()
    rejected: dict[Annotated[str, Meta(max_length=64)], Count] = {}
    loads: dict[Text, Annotated[float, Meta(ge=0.0, le=1.0)]] = {}
    queues: dict[Text, Count] = {}  # how many wait now, by service
    keys: dict[
        Annotated[str, Meta(pattern=r"^[0-9a-f]{12}$(?!\n)")], Use
    ] = {}  # API keys and when they were used last
    came: Annotated[tuple[Came, ...], Meta(max_length=64)] = ()  # how the last requests came
    in_flight: Count = 0
    retries: Count = 0  # these five since the process began
    failovers: Count = 0
    hedged: Count = 0
    log_lines: Count = 0
    log_lost: Count = 0


class Seen(_Message, frozen=True):
    """The answer to KeyRevoked."""

    number: Count


class Resync(_Message, frozen=True):
    """Ask for a snapshot, because a change was missed."""


class Retire(_Message, frozen=True):
    """Somebody asks this process to end; another should take its place first."""


FromFirst = Welcome | Snapshot | Change | KeyIs | KeyRevoked | Granted | Noted | Drain
FromGateway = Serving | WhoIs | Wants | GivesBack | Refusal | Failed | Report | Seen | Resync | Retire

from_first: msgspec.msgpack.Decoder[FromFirst] = msgspec.msgpack.Decoder(FromFirst)
from_gateway: msgspec.msgpack.Decoder[FromGateway] = msgspec.msgpack.Decoder(FromGateway)
