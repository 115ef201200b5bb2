"""Lookups over a network of dictionaries: they arrive, do not wait for the dead, and join what several tell."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence

import pytest
from kademlia.node import Node

from node.dht import records
from node.dht.lookup import PLENTY, WITNESSES, EntryLookup, Lookup
from node.dht.messages import Found, WireContact, from_wire, mark_of, to_wire
from node.dht.protocol import Answer
from node.dht.table import ContactTable
from node.dht.verifier import RecordVerifier
from tests.support.dht_nodes import Clock, Member, Mesh, worker

pytestmark = pytest.mark.virtual_time
K = 8
TIME_LIMIT = 2.0
OCR = records.service_key("ocr")


class PaperNetwork:
    """A thousand nodes that know one another as Kademlia wants it; asks take no time, the dead never answer."""

    def __init__(self, count: int, seed: int = 5) -> None:
        self.rng = random.Random(seed)
        self.nodes = [
            Node(self.rng.randbytes(20), f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", 8468) for n in range(count)
        ]
        self.tables = {node.id: self._table(node) for node in self.nodes}
        self.dead: set[bytes] = set()
        self.entries: dict[bytes, tuple[int, Sequence[bytes]]] = {}
        self.patient = 0.02
        self.room = 16
        self.delays: dict[bytes, float] = {}
        self.asked: list[Node] = []
        self.known: list[Sequence[bytes]] = []
        self.router = ContactTable(Node(bytes(20)), K)

    def _table(self, node: Node) -> ContactTable:
        table = ContactTable(node, K)
        for contact in self.rng.sample(self.nodes, min(len(self.nodes), 200)):
            if contact is not node:
                table.add_contact(contact)
        for contact in sorted(self.nodes, key=node.distance_to)[1 : K + 1]:
            table.add_contact(contact)
        return table

    def nearest(self, key: bytes, count: int = K, *, living: bool = True) -> list[Node]:
        candidates = [node for node in self.nodes if not (living and node.id in self.dead)]
        return sorted(candidates, key=Node(key).distance_to)[:count]

    def reachable(self, contacts: Iterable[WireContact]) -> list[Node]:
        return from_wire(contacts, 4)

    def patience(self, node: Node) -> float:
        return self.patient

    def call_find_node(self, node: Node, target: Node) -> Answer:
        return self._answer(node, target, (0, ()))

    def call_find_value(self, node: Node, target: Node, known: Sequence[bytes] = ()) -> Answer:
        total, entries = self.entries.get(node.id, (0, ()))
        self.known.append(known)
        news_first = sorted(entries, key=lambda entry: mark_of(entry) in known)
        return self._answer(node, target, (total, news_first[: self.room]))

    def _answer(self, node: Node, target: Node, told: tuple[int, Sequence[bytes]]) -> Answer:
        loop = asyncio.get_running_loop()
        answer: Answer = loop.create_future()
        self.asked.append(node)
        if node.id in self.dead:
            loop.call_later(TIME_LIMIT, answer.set_result, None)
            return answer
        total, entries = told
        contacts = to_wire(self.tables[node.id].find_neighbors(target))
        loop.call_later(
            self.delays.get(node.id, 0), answer.set_result, Found(node.id, contacts, total, tuple(entries))
        )
        return answer

    def lookup(self, key: bytes, start: Node) -> Lookup:
        peers = self.tables[start.id].find_neighbors(Node(key))
        return Lookup(self, Node(key), peers, ksize=K, alpha=3)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole() -> PaperNetwork:
    return PaperNetwork(400)


@pytest.fixture
def network(whole: PaperNetwork) -> PaperNetwork:
    whole.dead, whole.entries, whole.delays, whole.asked, whole.patient = set(), {}, {}, [], 0.02
    whole.room, whole.known = 16, []
    whole.rng = random.Random(6)  # whichever tests this process has run before
    return whole


async def test_it_finds_exactly_the_nearest_of_all(network: PaperNetwork) -> None:
    for _ in range(20):
        key = network.rng.randbytes(20)
        lookup = network.lookup(key, network.rng.choice(network.nodes))
        assert [node.id for node in await lookup.find()] == [node.id for node in network.nearest(key)]
        assert lookup.hops <= 5
        assert lookup.asked <= 3 * K


async def test_a_third_dead_stops_hardly_any_and_delays_few(network: PaperNetwork) -> None:
    """A lookup that is left with fewer than it wants waits for the silent, once."""
    times, right = [], []
    for _ in range(20):
        network.dead = {node.id for node in network.rng.sample(network.nodes, 133)}
        for _ in range(10):
            key = network.rng.randbytes(20)
            start = next(node for node in network.nodes if node.id not in network.dead)
            began = asyncio.get_running_loop().time()
            found = {node.id for node in await network.lookup(key, start).find()}
            times.append(asyncio.get_running_loop().time() - began)
            right.append(len(found & {node.id for node in network.nearest(key)}))
            assert not found & network.dead
    assert sum(time < TIME_LIMIT / 2 for time in times) >= 0.85 * len(times)
    assert max(times) < 1.1 * TIME_LIMIT
    assert sum(count >= K - 2 for count in right) >= 0.95 * len(right)
    assert min(right) >= 1


async def test_with_everybody_dead_it_ends(network: PaperNetwork) -> None:
    network.dead = {node.id for node in network.nodes}
    async with asyncio.timeout(4 * TIME_LIMIT):
        assert await network.lookup(OCR, network.nodes[0]).find() == []


async def test_where_all_first_contacts_are_dead_it_begins_anew_with_others(network: PaperNetwork) -> None:
    key = network.rng.randbytes(20)
    known = sorted(network.rng.sample(network.nodes, 2 * K), key=Node(key).distance_to)
    network.dead = {node.id for node in known[:K]}
    lookup = Lookup(network, Node(key), known, ksize=K, alpha=3)  # type: ignore[arg-type]
    found = {node.id for node in await lookup.find()}
    assert len(found & {node.id for node in network.nearest(key)}) >= K - 2


async def test_contacts_in_reserve_are_left_alone_while_there_is_no_need(network: PaperNetwork) -> None:
    key = network.rng.randbytes(20)
    known = sorted(network.nodes, key=Node(key).distance_to)
    lookup = Lookup(network, Node(key), [*known[:K], *known[-K:]], ksize=K, alpha=3)  # type: ignore[arg-type]
    assert [node.id for node in await lookup.find()] == [node.id for node in known[:K]]
    assert not {node.id for node in network.asked} & {node.id for node in known[-K:]}


async def test_alone_it_ends_at_once(network: PaperNetwork) -> None:
    lookup = Lookup(network, Node(OCR), [], ksize=K, alpha=3)  # type: ignore[arg-type]
    assert await lookup.find() == []


async def test_a_liar_with_endless_nearer_contacts_is_left(network: PaperNetwork) -> None:
    class Liar(PaperNetwork):
        def _answer(self, node: Node, target: Node, told: tuple[int, Sequence[bytes]]) -> Answer:
            self.asked.append(node)
            answer: Answer = asyncio.get_running_loop().create_future()
            near = [Node(self.rng.randbytes(20), "10.9.9.9", 1 + self.rng.randrange(60000)) for _ in range(16)]
            answer.set_result(Found(node.id, to_wire(near)))
            return answer

    liar = Liar(20)
    await liar.lookup(OCR, liar.nodes[0]).find()
    assert len(liar.asked) <= 3 * K


async def test_a_wrong_address_told_first_does_not_hide_a_node(network: PaperNetwork) -> None:
    victim = network.nearest(OCR, 1)[0]
    wrong = Node(victim.id, "10.200.0.1", 9)
    neighbours = network.tables[network.nodes[0].id].find_neighbors(Node(OCR))
    peers = [wrong, *(node for node in neighbours if node.id != victim.id)]

    class WrongIsDead(PaperNetwork):
        def __init__(self) -> None:
            self.__dict__.update(network.__dict__)

        def call_find_node(self, node: Node, target: Node) -> Answer:
            if node.ip == wrong.ip:
                answer: Answer = asyncio.get_running_loop().create_future()
                answer.set_result(None)
                return answer
            return super().call_find_node(node, target)

    lookup = Lookup(WrongIsDead(), Node(OCR), peers, ksize=K, alpha=3)  # type: ignore[arg-type]
    assert victim.id in {node.id for node in await lookup.find()}


class Shop:
    """Entries of some members, told by the nodes nearest to the key."""

    def __init__(self, network: PaperNetwork, mesh: Mesh, clock: Clock) -> None:
        self.network = network
        self.mesh = mesh
        self.clock = clock
        self.verifier = RecordVerifier(mesh.key.public_key())
        self.start = network.nodes[0]
        self.peers: list[Node] = []

    def first_contacts(self, node: Node) -> list[Node]:
        return self.network.tables[node.id].find_neighbors(Node(OCR))

    def tell(self, place: int, *entries: bytes, total: int | None = None) -> None:
        """Let the place-th nearest node tell these entries."""
        node = self.network.nearest(OCR, place + 1)[place]
        self.network.entries[node.id] = (len(entries) if total is None else total, entries)

    async def find(self, here: Sequence[bytes] = (), samples: int = 4) -> EntryLookup:
        peers = self.peers or self.first_contacts(self.start)
        lookup = EntryLookup(
            self.network,  # type: ignore[arg-type]
            Node(OCR),
            peers,
            ksize=K,
            alpha=3,
            verifier=self.verifier,
            now=self.clock.now,
            here=[self.verifier.check(OCR, data, self.clock.now) for data in here],
            samples=samples,
        )
        await lookup.find()
        return lookup


@pytest.fixture
def shop(network: PaperNetwork, mesh: Mesh, clock: Clock) -> Shop:
    return Shop(network, mesh, clock)


async def test_the_samples_of_several_nodes_are_joined(shop: Shop) -> None:
    members = [shop.mesh.member(f"w{number}").entry() for number in range(6)]
    shop.tell(0, *members[:2], total=6)
    shop.tell(1, *members[2:4], total=6)
    shop.tell(2, *members[4:], total=6)
    assert set((await shop.find()).entries) == {f"w{number}" for number in range(6)}


async def test_it_says_what_it_has_heard_so_that_others_tell_news(shop: Shop) -> None:
    members = [shop.mesh.member(f"w{number}").entry() for number in range(6)]
    for place in range(K):
        shop.tell(place, *members)
    shop.network.room = 1
    lookup = await shop.find(samples=K)
    heard = [set(known) for known in shop.network.known]
    assert heard[0] == set()
    assert heard == sorted(heard, key=len), "nothing is forgotten"
    assert set() < heard[-1] <= {mark_of(entry.data) for entry in lookup.entries.values()}
    assert len(lookup.entries) > 1


async def test_it_ends_early_when_three_nodes_told_all_there_is(shop: Shop, alice: Member) -> None:
    for place in range(K):
        shop.tell(place, alice.entry())
    lookup = await shop.find()
    assert set(lookup.entries) == {"alice"}
    asked_storers = [node for node in shop.network.asked if node.id in shop.network.entries]
    assert WITNESSES <= len(asked_storers) < K


async def test_it_asks_no_more_samples_than_it_wants(shop: Shop) -> None:
    for place in range(K):
        shop.tell(place, shop.mesh.member(f"w{place}").entry(), total=10_000)
    lookup = await shop.find(samples=3)
    assert 3 <= len(lookup.entries) <= 3 + 2  # what was under way when the third came may still be counted


async def test_the_newest_statement_counts_and_a_tombstone_hides_older_ones(
    shop: Shop, alice: Member, bob: Member
) -> None:
    shop.tell(0, alice.entry(record=worker("alice", load=0.1), age=20), bob.entry(age=20))
    shop.tell(1, alice.entry(record=worker("alice", load=0.9)), bob.entry(payload=b"", age=5))
    found = (await shop.find()).entries
    assert {subject: entry.load for subject, entry in found.items()} == {"alice": 0.9}


async def test_what_is_kept_here_is_joined(shop: Shop, alice: Member, bob: Member) -> None:
    shop.tell(0, alice.entry())
    assert set((await shop.find(here=[bob.entry()])).entries) == {"alice", "bob"}


async def test_bad_entries_are_dropped_and_counted_and_their_teller_counts_for_nothing(
    shop: Shop, alice: Member, bob: Member
) -> None:
    foreign = Mesh(shop.clock).member("eve")
    shop.tell(0, foreign.entry(), b"junk" * 30, total=2)
    shop.tell(1, bob.entry(signer=alice.identity), alice.entry(age=500), total=2)
    shop.tell(5, alice.entry())
    lookup = await shop.find()
    assert set(lookup.entries) == {"alice"}
    assert {error.reason for error in lookup.rejected} == {"credential", "malformed", "signature", "expired"}


async def test_nothing_anywhere_is_nothing(shop: Shop) -> None:
    assert dict((await shop.find()).entries) == {}


async def test_two_liars_with_entries_of_their_own_do_not_end_it(shop: Shop, alice: Member) -> None:
    shop.tell(0, shop.mesh.member("eve").entry())
    shop.tell(1, shop.mesh.member("mallory").entry())
    for place in range(2, K):
        shop.tell(place, alice.entry())
    assert "alice" in (await shop.find()).entries


async def test_those_nearest_to_the_key_who_keep_quiet_hide_nothing(shop: Shop, alice: Member) -> None:
    shop.tell(K - 1, alice.entry())
    assert set((await shop.find()).entries) == {"alice"}


@pytest.mark.parametrize(("liars", "most"), [(1, 2 * WITNESSES), (2, 16)])
async def test_liars_that_claim_endless_entries_keep_it_busy_only_for_a_while(
    shop: Shop, liars: int, most: int
) -> None:
    members = [shop.mesh.member(f"w{number}").entry() for number in range(2)]
    for place in range(2 * K):
        shop.tell(place, *members, total=10**6 if place < liars else 2)
    lookup = await shop.find(samples=16)
    assert set(lookup.entries) == {"w0", "w1"}
    asked_storers = [node for node in shop.network.asked if node.id in shop.network.entries]
    assert len(asked_storers) <= most + 2  # two may have been under way when the last answer needed came


async def test_nodes_that_have_missed_entries_do_not_outvote_those_that_have_them(shop: Shop) -> None:
    members = [shop.mesh.member(f"w{number}").entry() for number in range(3)]
    shop.network.room = 1
    for place in range(K):
        known = members if place > 1 else members[:1]
        shop.tell(place, *known, total=len(known))
    assert set((await shop.find(samples=16)).entries) == {"w0", "w1", "w2"}


async def test_plenty_is_enough_however_many_there_are(shop: Shop) -> None:
    for place in range(K):
        members = [shop.mesh.member(f"w{place}-{number}") for number in range(10)]
        shop.tell(place, *(member.entry() for member in members), total=500)
    lookup = await shop.find(samples=K)
    assert PLENTY <= len(lookup.entries) < 10 * K


class Clique(PaperNetwork):
    """A liar among the contacts that a lookup begins with tells friends of his, and these tell one another."""

    def __init__(self, honest: PaperNetwork, liar: Node, friends: Sequence[Node], pause: float) -> None:
        self.__dict__.update(honest.__dict__)
        self.liar = liar
        self.friends = friends
        self.friend_ids = {friend.id for friend in friends}
        self.pause = pause

    def _answer(self, node: Node, target: Node, told: tuple[int, Sequence[bytes]]) -> Answer:
        if node.id != self.liar.id and node.id not in self.friend_ids:
            return super()._answer(node, target, told)
        self.asked.append(node)
        loop = asyncio.get_running_loop()
        answer: Answer = loop.create_future()
        found = Found(node.id, to_wire(self.friends), told[0], tuple(told[1]))
        loop.call_later(0 if node.id == self.liar.id else self.pause, _answer_in_time, answer, found)
        return answer


def _answer_in_time(answer: Answer, found: Found) -> None:
    if not answer.done():
        answer.set_result(found)


def clique(shop: Shop, size: int, pause: float) -> list[Node]:
    """Let the nearest contact that a lookup begins with tell liars only, all of them nearer than any other contact.

    They are further from the key than those who keep it: nobody can choose a place of his own.
    """
    keepers = shop.network.nearest(OCR)
    limit = keepers[-1].distance_to(Node(OCR))
    friends = [
        Node((Node(OCR).long_id ^ (limit + number)).to_bytes(20, "big"), "10.0.9.9", number)
        for number in range(1, size)
    ]
    shop.start = next(node for node in shop.network.nodes if not {*shop.first_contacts(node)} & {*keepers})
    shop.network = Clique(shop.network, shop.first_contacts(shop.start)[0], friends, pause)
    return friends


async def test_quick_liars_do_not_end_it_before_other_paths_have_arrived(shop: Shop, alice: Member) -> None:
    for place in range(K):
        shop.tell(place, alice.entry())
    for node in shop.network.nodes:
        shop.network.delays[node.id] = 0.05
    shop.network.patient = 20.0  # everybody is in time
    for number, friend in enumerate(clique(shop, 6, 0.0)):
        shop.network.entries[friend.id] = (1, [shop.mesh.member(f"eve{number}").entry()])
    assert "alice" in (await shop.find(samples=16)).entries


async def test_slow_liars_on_one_path_do_not_keep_the_others_waiting(shop: Shop, alice: Member) -> None:
    for place in range(K):
        shop.tell(place, alice.entry())
    shop.network.patient = 40.0  # the liars, too, are in time
    friends = clique(shop, 40, 10.0)
    assert set((await shop.find()).entries) == {"alice"}
    assert len([node for node in shop.network.asked if node.ip == friends[0].ip]) <= 3, "they were not waited for"


async def test_liars_that_lead_all_paths_astray_do_not_hide_entries(shop: Shop, alice: Member) -> None:
    """They are all that the lookup begins with, tell one another, and withhold what they should keep."""
    for place in range(K):
        shop.tell(place, alice.entry())
    shop.network.patient = 20.0
    friends = clique(shop, K + 1, 0.0)
    shop.peers = [*friends, *shop.first_contacts(shop.start)[1:]]
    assert set((await shop.find()).entries) == {"alice"}
