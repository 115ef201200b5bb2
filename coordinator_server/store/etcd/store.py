"""The store of coordinators on several machines: what was acknowledged is on the disks of most of etcd's members.

Below the mesh's prefix stand `format` for how all of it is written, `e/KEY` for entries, `a/NUMBER` for the audit
log, `head` for its last number, and `r/…` for receipts. An entry's version is the revision of the cluster that
wrote it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from coordinator_server.store.database import write_database
from coordinator_server.store.etcd import messages
from coordinator_server.store.etcd.address import EtcdAddress
from coordinator_server.store.etcd.endpoints import Endpoints
from coordinator_server.store.etcd.gateway import (
    NO_SPACE,
    EtcdError,
    Gateway,
    Login,
    Refused,
    TooMuch,
    Unclear,
    Unreached,
)
from coordinator_server.store.etcd.lease import Lease
from coordinator_server.store.etcd.messages import KeyValue, RangeAnswer, TxnAnswer
from coordinator_server.store.etcd.receipts import Receipt, Receipts
from coordinator_server.store.etcd.transaction import Outcome, Transaction, UnknownOutcome, Wish
from coordinator_server.store.etcd.watching import Watch
from coordinator_server.store.interface import (
    ABSENT,
    LARGEST_VALUE,
    MOST_TOGETHER,
    AuditLine,
    Store,
    StoreError,
    Versioned,
    Write,
    check_writes,
    is_key,
)
from coordinator_server.tables import plain
from node.program.errors import UserFacingError
from node.program.tasks import TaskSet
from node.wire.messages import UNREADABLE

log = logging.getLogger(__name__)
READ_EACH, READ_WITHIN = 1.0, 2.0  # seconds for one member, and for all
WRITE_EACH, WRITE_WITHIN = 2.0, 6.0
WRITE_IN_DOUBT = 2.0  # the same for all, where there was no majority a moment ago
PROBE_EACH, PROBE_PAUSE = 1.0, 0.1  # seconds: so soon it is noticed that there is one again
READ_TRIES = 2  # as the doubt may end while somebody is asked who has heard of nothing for long
PAGE = 500  # keys of one answer
LARGEST_TOGETHER: Final = 1_200_000  # bytes of a transaction's values; etcd takes 1.5 MiB in all
DIGITS = 20
FORMAT = 1  # of what stands below the prefix; raise it with each change that older programs do not understand


class EtcdStore(Store):
    """A store on a cluster of etcd."""

    def __init__(self, gateway: Gateway, prefix: str) -> None:
        root = prefix.encode() + b"/"
        self._gateway = gateway
        self._root = root
        self._format_key = root + b"format"  # beside the entries: a copy in another engine has that one's format
        self._entries, self._audit, self._head_key = root + b"e/", root + b"a/", root + b"head"
        self._lease = Lease(gateway)
        self._receipts = Receipts(root + b"r/")
        self._head = (0, ABSENT)  # the audit log's last number, and the version of the key where it stands
        self._audit_turn = asyncio.Lock()
        self._watches: set[Watch] = set()
        self._in_doubt = self._probing = False  # no majority has answered lately; it is asked for one
        self._tasks = TaskSet("etcd store")
        self._closed = False

    @property
    def leased_until(self) -> float:
        return self._lease.until

    @property
    def in_doubt(self) -> bool:
        """True while most members do not answer."""
        return self._in_doubt

    # --- reading ----------------------------------------------------------------------------------------------

    async def get(self, key: str) -> Versioned | None:
        if not is_key(key):
            return None
        found = (await self._range(messages.one(self._entries + key.encode()))).kvs
        return found[0].entry if found else None

    async def list(self, prefix: str) -> Sequence[tuple[str, Versioned]]:
        return (await self._snapshot(prefix))[2]

    async def kept(self) -> Sequence[tuple[str, bytes]]:
        _, _, found = await self._everything("")
        return [(self._name(one), one.value) for one in found if not one.lease]

    async def audit(self, limit: int = 1000, before: int | None = None) -> Sequence[AuditLine]:
        last = await self._last_number()
        high = last + 1 if before is None else min(before, last + 1)
        lines: list[AuditLine] = []
        while high > 1 and len(lines) < limit:
            low = max(1, high - min(PAGE, limit - len(lines)))
            wish = {"key": self._line_key(low), "range_end": self._line_key(high)}
            found = (await self._range(wish)).kvs
            numbered = [(one, one.key.removeprefix(self._audit)) for one in reversed(found)]
            lines += [_line(one, int(name)) for one, name in numbered if name.isdigit() and len(name) == DIGITS]
            high = low
        return lines

    async def _last_number(self) -> int:
        found = (await self._range(messages.one(self._head_key))).kvs
        return _number(found[0].value) if found else 0

    async def _snapshot(self, prefix: str) -> tuple[int, int, Sequence[tuple[str, Versioned]]]:
        cluster, revision, found = await self._everything(prefix)
        return cluster, revision, [(self._name(one), one.entry) for one in found]

    async def _everything(self, prefix: str) -> tuple[int, int, Sequence[KeyValue]]:
        """Return cluster, revision and all that is below a prefix, as it was at that revision."""
        below = self._entries + prefix.encode("utf-8", "replace")
        found: list[KeyValue] = []
        start, revision, more, limit, cluster = below, 0, True, PAGE, 0
        while more:
            try:
                answer = await self._range(messages.below(below, start, limit, revision))
            except TooMuch as error:
                if limit == 1:
                    raise StoreError(f"The store holds a value that is too large: {error}.") from error
                limit = max(1, limit // 20)
                continue
            found += answer.kvs
            cluster, revision = answer.header.cluster_id, revision or answer.header.revision
            more = answer.more and bool(answer.kvs)
            start = answer.kvs[-1].key + b"\0" if answer.kvs else start
        return cluster, revision, found

    async def _range(self, wish: messages.Message) -> RangeAnswer:
        """Read what most members agree on; without a majority, what one of them has."""
        self._check_open()
        for _ in range(READ_TRIES):
            if not self._in_doubt:
                try:
                    return await self._ask(wish)
                except (Unreached, Unclear) as error:
                    self._doubt(error)
            found = await self._anybody(wish)
            if self._in_doubt:  # else most members answer again, and may know what this one had not heard of
                break
        return found

    async def _anybody(self, wish: messages.Message) -> RangeAnswer:
        old = {**wish, "serializable": True}
        try:
            return await self._gateway.anybody(
                "/v3/kv/range", old, RangeAnswer, READ_WITHIN, revision=lambda answer: answer.header.revision
            )
        except Refused as error:
            raise _refused(error) from error
        except (Unreached, Unclear) as error:
            raise _silent(error) from error

    async def _ask(self, wish: messages.Message) -> RangeAnswer:
        path = "/v3/kv/range"
        try:
            return await self._gateway.patiently(path, wish, RangeAnswer, each=READ_EACH, within=READ_WITHIN)
        except Refused as error:
            raise _refused(error) from error

    def _doubt(self, error: EtcdError) -> None:
        if not self._in_doubt and not self._closed:
            log.warning("the store has no majority now, so what is read may be old: %s", error)
            self._in_doubt = True
            if not self._probing:
                self._probing = True
                self._tasks.start(self._probe(), "probe")

    async def _probe(self) -> None:
        """Ask all members until one knows again what most agree on: then nothing is in doubt."""
        try:
            while self._in_doubt:
                await asyncio.sleep(PROBE_PAUSE)
                with contextlib.suppress(EtcdError):
                    await self._gateway.anybody(
                        "/v3/kv/range",
                        messages.one(self._head_key),
                        RangeAnswer,
                        PROBE_EACH,
                        revision=lambda answer: answer.header.revision,
                    )
                    self._in_doubt = False
        finally:
            self._probing = False  # however it ends, the next doubt begins another

    # --- writing ----------------------------------------------------------------------------------------------

    async def put(self, key: str, value: bytes, *, leased: bool = False) -> None:
        await self.commit([Write(key, value, leased=leased)])

    async def delete(self, key: str) -> bool:
        entry = await self.get(key)
        while entry is not None:
            if await self.commit([Write(key, None, entry.version)]):
                return True
            entry = await self.get(key)
        return False

    async def compare_and_set(self, key: str, expected: int | None, value: bytes, *, leased: bool = False) -> bool:
        return await self.commit([Write(key, value, ABSENT if expected is None else expected, leased)])

    async def commit(self, writes: Sequence[Write], audit: Sequence[AuditLine] = ()) -> bool:
        check_writes(writes)
        self._check_open()
        portions = list(_portions(writes, audit))
        if len(portions) > 1 and not await self._all_as_expected(writes):
            return False
        for number, portion in enumerate(portions):
            if await self._commit(*portion):
                continue
            if number:
                raise StoreError("Others were changing the same; only a part of it was saved.", unclear=True)
            return False
        return True

    async def bring(self, entries: Sequence[tuple[str, bytes]], audit: Sequence[AuditLine]) -> None:
        for writes, _ in _portions([Write(key, value) for key, value in entries], ()):
            check_writes(writes)
            await self._do([], [messages.put(self._key(one), one.value or b"") for one in writes])
        for start in range(0, len(audit), MOST_TOGETHER):
            lines = audit[start : start + MOST_TOGETHER]
            puts = [messages.put(self._line_key(line.number), _written(line)) for line in lines]
            last = max(await self._last_number(), lines[-1].number)
            await self._do([], [*puts, messages.put(self._head_key, b"%d" % last)])

    async def empty(self) -> None:
        """Remove everything that is this mesh's but for the format's number."""
        before = messages.delete(self._root, self._format_key)
        await self._do([], [before, messages.delete(self._format_key + b"\0", messages.after(self._root))])
        self._head = (0, ABSENT)

    async def _commit(self, writes: Sequence[Write], audit: Sequence[AuditLine]) -> bool:
        async with contextlib.AsyncExitStack() as stack:
            if audit:  # one after the other: they would only be in each other's way
                await stack.enter_async_context(self._audit_turn)
            receipt = await stack.enter_async_context(self._receipts.one())
            while True:
                outcome = await self._transact(self._wish(writes, audit), receipt)
                if outcome.done:
                    if audit:
                        self._head = (self._head[0] + len(audit), outcome.revision)
                    return True
                if audit:
                    self._head = (_number(outcome.value(self._head_key)), outcome.version(self._head_key))
                if any(write.expected not in (None, outcome.version(self._key(write))) for write in writes):
                    return False

    def _wish(self, writes: Sequence[Write], audit: Sequence[AuditLine]) -> Wish:
        conditions = [(self._key(write), write.expected) for write in writes if write.expected is not None]
        puts = [(self._key(write), write.value, write.leased) for write in writes if write.value is not None]
        if audit:
            last, version = self._head
            conditions.append((self._head_key, version))
            puts += [(self._line_key(last + n), _written(line), False) for n, line in enumerate(audit, 1)]
            puts.append((self._head_key, b"%d" % (last + len(audit)), False))
        deletes = [self._key(write) for write in writes if write.value is None]
        return Wish(conditions, puts, deletes, self._head_key)

    async def _transact(self, wish: Wish, receipt: Receipt) -> Outcome:
        within = WRITE_IN_DOUBT if self._in_doubt else WRITE_WITHIN
        try:
            outcome = await Transaction(self._gateway, self._lease, receipt).run(wish, within)
        except Refused as error:
            raise _refused(error) from error
        except EtcdError as error:
            self._doubt(error)
            raise _silent(error) from error
        self._in_doubt = False
        return outcome

    async def _all_as_expected(self, writes: Sequence[Write]) -> bool:
        expected = [write for write in writes if write.expected is not None]
        for start in range(0, len(expected), MOST_TOGETHER):
            part = expected[start : start + MOST_TOGETHER]
            conditions = [messages.is_version(self._key(write), write.expected or ABSENT) for write in part]
            if not (await self._do(conditions, [])).succeeded:
                return False
        return True

    async def _do(self, conditions: Sequence[messages.Message], then: Sequence[messages.Message]) -> TxnAnswer:
        """Do what may be done twice."""
        self._check_open()
        wish, path = messages.txn(conditions, then), "/v3/kv/txn"
        try:
            return await self._gateway.patiently(path, wish, TxnAnswer, each=WRITE_EACH, within=WRITE_WITHIN)
        except Refused as error:
            raise _refused(error) from error
        except EtcdError as error:
            raise _silent(error) from error

    async def settle_format(self) -> None:
        """Say how this mesh's data is written where nobody has yet; raise UserFacingError for a newer program's."""
        key = self._format_key
        await self._do([messages.is_version(key, ABSENT)], [messages.put(key, b"%d" % FORMAT)])
        found = (await self._range(messages.one(key))).kvs
        value = found[0].value if found else b""
        if not 1 <= _number(value) <= FORMAT:
            said = plain(value[:DIGITS].decode("utf-8", "replace"))
            raise UserFacingError(
                f"What is below {self._root.decode()} in etcd was written by a newer version of RMA Mesh.",
                f"It has format {said}; this version knows formats up to {FORMAT}.",
                "Start the newer version again, or name another ?prefix= in --store.",
            )

    # --- the rest ---------------------------------------------------------------------------------------------

    def watch(self, prefix: str) -> Watch:
        return Watch(self._gateway, prefix, self._entries, snapshot=self._snapshot, among=self._watches)

    async def backup(self, target: Path) -> None:
        entries = await self.kept()
        last = await self._last_number()
        lines = list(reversed(await self.audit(last, last + 1)))
        await asyncio.to_thread(write_database, target, entries, lines)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for watch in list(self._watches):
            watch.close()
        await self._tasks.stop()
        await self._lease.end()
        await self._gateway.stop()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("The coordinator is stopping.")

    def _key(self, write: Write) -> bytes:
        return self._entries + write.key.encode()

    def _name(self, found: KeyValue) -> str:
        return found.key.removeprefix(self._entries).decode("utf-8", "replace")

    def _line_key(self, number: int) -> bytes:
        return self._audit + f"{number:0{DIGITS}}".encode()


async def open_etcd(
    address: EtcdAddress, tls: ssl.SSLContext | None = None, login: Login | None = None
) -> EtcdStore:
    """Open the store; raise UserFacingError where none of the members answers, or they do not let us in."""
    rng = random.Random()  # noqa: S311 - who is asked first
    gateway = Gateway(Endpoints(address.urls(secure=tls is not None), rng), tls, login, rng)
    store = EtcdStore(gateway, address.prefix)
    try:
        await _check(gateway, store)
    except BaseException:
        await store.close()
        raise
    return store


async def _check(gateway: Gateway, store: EtcdStore) -> None:
    tries = 2 * len(gateway.endpoints)
    for number in range(1, tries + 1):
        try:
            version = await gateway.version(READ_EACH)
            break
        except Unreached as error:
            if number == tries:
                raise UserFacingError(
                    "The store cannot be reached: no member of the etcd cluster answers.",
                    f"The last one that was asked: {error}.",
                    "Start etcd; look at the addresses in --store, at --store-ca, --store-cert and --store-key.",
                ) from error
        await gateway.pause()
    if _numbers(version) < (3, 4):
        raise UserFacingError(
            f"The store's etcd is too old: it is {plain(version)}.", "", "Use etcd 3.5 or newer; 3.4 works, too."
        )
    try:
        await store.get("mesh")
        if store.in_doubt:
            raise UserFacingError(
                "Most members of the store's etcd cluster do not answer.",
                "A coordinator that runs goes on without them, but none can start.",
                "Start the other members, and then this coordinator.",
            )
        await store.settle_format()
    except StoreError as error:
        raise UserFacingError(
            "The store does not let us in or does not answer.",
            error.detail,
            "Look at --store-user and its password.",
        ) from error


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isascii() and part.isdigit())


def _portions(
    writes: Sequence[Write], audit: Sequence[AuditLine]
) -> Iterator[tuple[Sequence[Write], Sequence[AuditLine]]]:
    """Split what is too much for one transaction; audit lines stay together, in the last."""
    portion: list[Write] = []
    size = 0
    for write in writes:
        length = len(write.value or b"")
        if length > LARGEST_VALUE:
            raise StoreError(f"{write.key!r} has {length} bytes; etcd takes up to {LARGEST_VALUE} of one record.")
        if portion and (len(portion) == MOST_TOGETHER or size + length > LARGEST_TOGETHER):
            yield portion, ()
            portion, size = [], 0
        portion.append(write)
        size += length
    if len(portion) + len(audit) > MOST_TOGETHER and portion:
        yield portion, ()
        portion = []
    while len(audit) > MOST_TOGETHER:
        yield portion, audit[:MOST_TOGETHER]
        portion, audit = [], audit[MOST_TOGETHER:]
    if portion or audit:
        yield portion, audit


def _written(line: AuditLine) -> bytes:
    return msgspec.json.encode(line)


def _line(found: KeyValue, number: int) -> AuditLine:
    """Read a line; one that was spoilt stands where it was, for whoever verifies the log to name it."""
    try:
        return msgspec.structs.replace(msgspec.json.decode(found.value, type=AuditLine), number=number)
    except UNREADABLE:
        return AuditLine(time=0.0, actor="", action="unreadable", number=number)


def _number(value: bytes) -> int:
    return int(value) if value.isdigit() and len(value) <= DIGITS else 0


def _silent(error: EtcdError) -> StoreError:
    """Say what it means for whoever asked that nobody answered."""
    if isinstance(error, UnknownOutcome):
        return StoreError(
            "Most members of the store's etcd cluster do not answer, and it is not known whether this was saved. "
            "Please look, and try again when they are back.",
            unclear=True,
        )
    return StoreError(
        "Most members of the store's etcd cluster do not answer, so nothing was saved. What is there already goes "
        "on. Please try again when they are back."
    )


def _refused(error: Refused) -> StoreError:
    if NO_SPACE in str(error):
        return StoreError(
            "The store's etcd cluster is full, so nothing was saved. Compact and defragment it, or raise its "
            "--quota-backend-bytes, then disarm the alarm with `etcdctl alarm disarm`."
        )
    return StoreError(f"The store's etcd cluster refuses that: {error}.")
