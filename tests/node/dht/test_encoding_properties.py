"""Whatever is encoded comes back the same and in one form only; whatever is changed on the way is refused."""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from node.dht import messages, records
from node.dht.messages import MAX_DATAGRAM, ForeignError, MalformedError, Request, Response
from node.dht.records import MAX_ENTRY_BYTES, PAYLOAD_TYPES, Body, Kind, RecordTooLargeError
from node.dht.verifier import RecordError, RecordVerifier
from node.wire.encoding import b64decode
from node.wire.messages import CoordinatorInfo, WorkerRecord
from tests.support.dht_nodes import Clock, Mesh
from tests.support.wire_values import RandomSource, make

TAG = b"mesh"
ID = b"i" * messages.ID_BYTES
MESH = Mesh(Clock())
ALICE = MESH.member("alice")
BOSS = MESH.member("boss", "coordinator")
NOTICED = {"malformed", "wrong-key", "wrong-role", "credential", "signature", "expired", "future"}
LONGEST = MESH.member("w" * 64)  # nobody's credential is longer

# Values of every size that a type allows are slow to draw, and many are too large for a datagram: no bug.
few, many = (settings(max_examples=most, suppress_health_check=list(HealthCheck)) for most in (20, 300))


class Drawn:
    """Choices of hypothesis."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def number(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))

    def data(self, size: int) -> bytes:
        """Return drawn bytes; long ones repeat a piece, because drawing much is slow."""
        piece = self._draw(st.binary(min_size=min(size, 32), max_size=min(size, 32)))
        return (piece * (size // 32 + 1))[:size]


@st.composite
def values(draw: st.DrawFn, kind: object) -> object:
    return make(kind, Drawn(draw))


def same(one: object, other: object) -> bool:
    """Whether two messages say the same: a request may have been padded."""
    if isinstance(one, Request) and isinstance(other, Request) and not one.padding:
        return msgspec.structs.replace(other, padding=b"") == one
    return one == other


def datagram(message: Request | Response) -> bytes:
    """Encode a message; one that is too large for any datagram says nothing here."""
    kind = messages.REQUEST if isinstance(message, Request) else messages.RESPONSE
    try:
        return messages.encode(kind, ID, TAG, message)
    except ValueError as error:
        assert "too large" in str(error)
        assume(False)
        raise


def mutations(data: bytes) -> st.SearchStrategy[bytes]:
    """Return changed forms: a flipped bit, an end cut off, something put in, a piece repeated or overwritten."""
    places = st.integers(0, len(data) - 1)
    flipped = st.builds(
        lambda at, bit: data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1 :], places, st.integers(0, 7)
    )
    cut = places.map(lambda at: data[:at])
    put_in = st.builds(lambda at, more: data[:at] + more + data[at:], places, st.binary(min_size=1, max_size=40))
    over = st.builds(
        lambda at, more: data[:at] + more + data[at + len(more) :], places, st.binary(min_size=1, max_size=8)
    )
    return (flipped | cut | put_in | over).filter(lambda changed: changed != data)


@pytest.mark.parametrize("kind", [Request, Response], ids=["request", "response"])
def test_every_message_comes_back_and_has_one_form(kind: object) -> None:
    @given(message=values(kind))
    @many
    def check(message: Request | Response) -> None:
        data = datagram(message)
        assert len(data) <= MAX_DATAGRAM
        message_id, decoded = messages.decode(data, TAG)
        assert message_id == ID
        assert same(message, decoded)
        assert datagram(decoded) == data

    check()


@pytest.mark.parametrize("kind", [Request, Response], ids=["request", "response"])
def test_a_changed_datagram_is_another_message_or_refused(kind: object) -> None:
    @given(data=st.data(), message=values(kind))
    @many
    def check(data: st.DataObject, message: Request | Response) -> None:
        whole = datagram(message)
        changed = data.draw(mutations(whole))
        try:
            message_id, decoded = messages.decode(changed, TAG)
        except (MalformedError, ForeignError):
            return
        assert isinstance(decoded, Request | Response)
        assert len(message_id) == messages.ID_BYTES

    check()


@pytest.mark.parametrize("kind", [Request, Response], ids=["request", "response"])
def test_a_truncated_datagram_is_refused(kind: object) -> None:
    @given(message=values(kind))
    @few
    def check(message: Request | Response) -> None:
        whole = datagram(message)
        for length in range(len(whole)):
            with pytest.raises(MalformedError):
                messages.decode(whole[:length], TAG)

    check()


@given(data=st.binary(max_size=MAX_DATAGRAM + 100), tagged=st.booleans(), kind=st.sampled_from([b"\x00", b"\x01"]))
@many
def test_any_bytes_are_a_message_or_refused(data: bytes, tagged: bool, kind: bytes) -> None:
    try:
        _, message = messages.decode(kind + ID + TAG + data if tagged else data, TAG)
    except (MalformedError, ForeignError):
        return
    assert isinstance(message, Request | Response)


@pytest.mark.parametrize("depth", [100, 800, 1000])
@pytest.mark.parametrize("nest", [b"\x91", b"\x81\xa1k", b"\x92\x01"], ids=["array", "map", "pair"])
def test_what_is_nested_deep_is_refused_or_ignored(nest: bytes, depth: int) -> None:
    """Unknown fields at an array's end are skipped, however they look; that must not exhaust the stack."""
    head = bytes([0x98]) + msgspec.msgpack.encode(Body(Kind.SERVICE, "ocr", 1, 1, b"", b""))[1:]
    for data in (head + nest * depth + b"\x00", nest * depth + b"\x00"):
        for act in (
            lambda data=data: messages.decode(messages.REQUEST + ID + TAG + data, TAG),
            lambda data=data: records.split(data + bytes(64)),
            lambda data=data: records.decode_payload(Kind.SERVICE, data),
        ):
            _allow(act)


def _allow(act: Callable[[], object]) -> None:
    """Run something from deep in a program: it may refuse what it is given, in the documented way."""

    def deep(frames: int) -> None:
        if frames:
            deep(frames - 1)
            return
        try:
            act()
        except ValueError:  # MalformedError and msgspec's errors are such
            return

    deep(300)


# --- entries ------------------------------------------------------------------------------------------------------


@given(body=values(Body))
@many
def test_every_entry_comes_back_and_has_one_form(body: Body) -> None:
    data = records.sign(body, ALICE.identity)
    if len(data) > MAX_ENTRY_BYTES:
        with pytest.raises(ValueError, match="impossible"):
            records.split(data)
        return
    decoded, signed, signature = records.split(data)
    assert decoded == body
    assert signed + signature == data
    assert records.sign(decoded, ALICE.identity) == data  # Ed25519 signatures are deterministic


@pytest.mark.parametrize("kind", Kind)
def test_every_payload_comes_back_or_is_refused_for_its_hosts(kind: Kind) -> None:
    @given(payload=values(PAYLOAD_TYPES[kind]))
    @many
    def check(payload: records.Payload) -> None:
        data = msgspec.msgpack.encode(payload)
        try:
            decoded = records.decode_payload(kind, data)
        except ValueError:
            return  # a packed host that is none
        assert decoded == payload
        assert msgspec.msgpack.encode(decoded) == data

    check()


def test_every_flipped_bit_and_every_missing_byte_is_noticed() -> None:
    data = ALICE.entry()
    key, now = records.service_key("ocr"), MESH.clock()
    verifier = RecordVerifier(MESH.key.public_key())
    verifier.check(key, data, now)
    changed = [data[:length] for length in range(len(data))]
    changed += [
        data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1 :] for at in range(len(data)) for bit in range(8)
    ]
    for forged in changed:
        with pytest.raises(RecordError) as refusal:
            verifier.check(key, forged, now)
        assert refusal.value.reason in (
            "malformed",
            "wrong-key",
            "wrong-role",
            "credential",
            "signature",
            "expired",
            "future",
        )


@given(data=st.data(), kind=st.sampled_from([Kind.SERVICE, Kind.WORKER]), tombstone=st.booleans())
@many
def test_a_changed_entry_is_refused(data: st.DataObject, kind: Kind, tombstone: bool) -> None:
    name = "ocr" if kind is Kind.SERVICE else ""
    entry = ALICE.entry(kind, name, payload=b"" if tombstone else None)
    key = records.key_of(kind, name, "alice")
    verifier = RecordVerifier(MESH.key.public_key())
    assert verifier.check(key, entry, MESH.clock()).data == entry
    with pytest.raises(RecordError):
        verifier.check(key, data.draw(mutations(entry)), MESH.clock())


@given(
    payload=st.binary(max_size=400),
    kind=st.sampled_from(Kind),
    name=st.sampled_from(["", "ocr", "\u00e9", "a" * 64]),
)
@many
def test_a_member_may_sign_anything_and_only_what_makes_sense_counts(payload: bytes, kind: Kind, name: str) -> None:
    verifier = RecordVerifier(MESH.key.public_key())
    member = ALICE if kind.role == "worker" else BOSS
    try:
        key = records.key_of(kind, name, member.subject)
    except ValueError:
        key = records.service_key("ocr")
    try:
        checked = verifier.check(key, member.entry(kind, name, payload=payload), MESH.clock())
    except RecordError:
        return
    assert checked.payload is None or isinstance(checked.payload, PAYLOAD_TYPES[kind])


# --- sizes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name", "payload"),
    [(Kind.SERVICE, "s" * 64, records.service_payload), (Kind.WORKER, "", records.worker_payload)],
    ids=["service", "worker"],
)
def test_every_worker_on_an_address_fits_with_the_longest_names(
    kind: Kind, name: str, payload: Callable[[WorkerRecord, int], bytes]
) -> None:
    source = RandomSource(random.Random(11))
    room = records.room_for_payload(kind, name, b64decode(LONGEST.credential))
    for _ in range(200):
        made: WorkerRecord = make(WorkerRecord, source)
        endpoints = msgspec.structs.replace(made.endpoints, vpn_ip="fd00:1:2:3:4:5:6:7")
        capabilities = msgspec.structs.replace(made.capabilities, os=made.capabilities.os[:50])
        record = msgspec.structs.replace(
            made, worker_id=LONGEST.subject, endpoints=endpoints, capabilities=capabilities
        )
        fits(kind, LONGEST.entry(kind, name, payload=payload(record, room)))


@given(info=values(CoordinatorInfo), kind=st.sampled_from([Kind.COORDINATOR, Kind.COORDINATORS]))
@many
def test_every_coordinator_fits_or_is_told_that_it_does_not(info: CoordinatorInfo, kind: Kind) -> None:
    try:
        payload = records.coordinator_payload(info, records.room_for_payload(kind, "", b64decode(BOSS.credential)))
    except RecordTooLargeError:
        assert len(info.url) + len(info.dht_host or "") > 300
        return
    fits(kind, BOSS.entry(kind, "", payload=payload))


def fits(kind: Kind, entry: bytes) -> None:
    """Hold an entry to its limit, and the two datagrams that carry it to theirs."""
    assert len(entry) <= kind.max_bytes
    key = b"k" * records.KEY_BYTES
    assert len(datagram(messages.Store(key, key, (entry,)))) <= MAX_DATAGRAM
    assert len(datagram(messages.Found(key, (), 1, (entry,)))) <= MAX_DATAGRAM
