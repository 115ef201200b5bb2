"""Where a lookup may go next: several paths to one key, each of which believes only what it has heard itself.

Without this, one liar who is asked early leads a whole lookup: the contacts that it tells are nearer to the key
than all honest ones known so far, so they are asked first, and once k of them have answered the lookup takes them
for the end. Here the contacts that a lookup begins with are dealt out to paths, as in S/Kademlia (Baumgart and Mies
2007); what a path hears stays on it. Unlike there, a node is asked once: a second path that hears of it takes in
the answer that is there already, so paths that agree cost little more than one.

No I/O and no clock: whoever walks asks `next()` and reports what came of it.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Sequence

from kademlia.node import Node

MOST_DEBT = 0.99  # as good as one contact that only this teller has told and that is silent


Place = tuple[bytes, str, int]  # a node's id, host and port: what somebody says about somebody


class Path:
    """The contacts that one path has heard of, and those whose answers it has taken in.

    `contacts` are in the order of their distance; of several addresses of one id, the one heard first comes first.
    `asked` counts those that were asked for it; `waiting_for` are those of them whose answers may still be in time.
    `nearest` are the k contacts that matter, as of so many things that have happened to the lookup.
    """

    def __init__(self, target: Node) -> None:
        self.asked = 0
        self.waiting_for: set[Place] = set()
        self.entered: set[Place] = set()
        self.nearest: Sequence[tuple[Place, Node]] = ()
        self.as_of = -1
        self._target = target
        self._heard: set[Place] = set()
        self.contacts: list[tuple[int, int, Place, Node]] = []

    def hear(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            place = place_of(node)
            if place not in self._heard:
                self._heard.add(place)
                bisect.insort(self.contacts, (self._target.distance_to(node), len(self._heard), place, node))


class Paths:
    """All paths of one lookup, what was answered, and whose contacts have turned out to be nobody.

    While a contact that was asked does not answer, it is a debt, shared by those who have told it and owe nothing
    yet. What only tellers with a whole debt have told waits until nothing else is left: so made-up contacts cost
    about one request for each liar, who gains nothing by telling the same ones as others. Nobody is dropped: the
    contacts of an honest teller may all have died just now. `width` is how many requests may be under way at once.
    """

    def __init__(self, target: Node, peers: Sequence[Node], *, ksize: int, width: int, count: int) -> None:
        self._target = target
        self._ksize = ksize
        self._width = width
        self._count = count
        self._paths: list[Path] = []
        self._own: set[Place] = set()
        self._asked: dict[Place, Sequence[bytes]] = {}
        self._late: set[Place] = set()
        self._failed: set[Place] = set()
        self._witnesses: set[Place] = set()
        self._answers: dict[Place, Sequence[Node]] = {}
        self._tellers: dict[Place, set[bytes]] = {}
        self._debts: defaultdict[bytes, float] = defaultdict(float)
        self._happened = 0
        self.begin(peers)

    def __len__(self) -> int:
        return len(self._paths)

    def begin(self, peers: Sequence[Node]) -> None:
        """Deal contacts that we know ourselves out to new paths."""
        paths = [Path(self._target) for _ in range(min(self._count, len(peers)))]
        for number, peer in enumerate(sorted(peers, key=self._target.distance_to)):
            paths[number % len(paths)].hear([peer])
        self._own.update(map(place_of, peers))
        self._paths += paths

    def next(self, *, behind: bool = False) -> Node | None:
        """Return whom to ask now; None while no path wants to know more.

        All paths that go on have the same share of `width`, so that slow liars hold up nobody but their own path;
        first comes the one that has asked least. With `behind`, only paths without a witness go on.
        """
        ahead = [(path, nearest) for path, nearest in self._ahead() if not (behind and self._has_witness(path))]
        share = -(-self._width // max(len(ahead), 1))
        for path, nearest in sorted(ahead, key=lambda each: each[0].asked):
            if len(path.waiting_for) >= share:
                continue
            for place, node in nearest:
                if place not in self._asked:
                    path.asked += 1
                    path.waiting_for.add(place)
                    self._ask(place)
                    return node
        return None

    def answered(self, node: Node, contacts: Sequence[Node]) -> None:
        """Note whom a node that was asked has told."""
        place = self._settle(node)
        self._late.discard(place)
        self._charge(self._asked.get(place, ()), -1.0)
        self._answers[place] = contacts
        for contact in contacts:
            self._tellers.setdefault(place_of(contact), set()).add(node.id)

    def failed(self, node: Node) -> None:
        """Note that a node did not answer, or that another one did so in its place."""
        place = self._settle(node)
        self._late.discard(place)
        self._failed.add(place)

    def late(self, node: Node) -> None:
        """Note that a node lets us wait: until it answers it keeps nobody else from being asked."""
        self._late.add(self._settle(node))

    def witness(self, node: Node) -> None:
        """Note that a node has told what is looked for."""
        self._witnesses.add(place_of(node))

    def reached(self) -> int:
        """Return how many paths have come upon a witness by themselves."""
        for path in self._paths:
            self._advance(path)
        return sum(map(self._has_witness, self._paths))

    def open(self) -> int:
        """Return how many paths have come upon no witness and may still do so."""
        return sum(not self._has_witness(path) for path, _ in self._ahead())

    def _ahead(self) -> list[tuple[Path, Sequence[tuple[Place, Node]]]]:
        """Return the paths that are not at their end, each with the nearest contacts that it has now."""
        nearest = [(path, self._advance(path)) for path in self._paths]
        return [
            (path, contacts)
            for path, contacts in nearest
            if any(place not in path.entered for place, _ in contacts)
        ]

    def _has_witness(self, path: Path) -> bool:
        return not path.entered.isdisjoint(self._witnesses)

    def _ask(self, place: Place) -> None:
        """Note that a contact is asked; until it answers, it is a debt of those on whose word it is."""
        self._asked[place] = [teller for teller in self._tellers.get(place, ()) if not self._is_indebted(teller)]
        self._happened += 1
        self._charge(self._asked[place], 1.0)

    def _charge(self, tellers: Sequence[bytes], debt: float) -> None:
        """Share a debt among tellers, or take it from them again."""
        for teller in tellers:
            self._debts[teller] += debt / len(tellers)

    def _settle(self, node: Node) -> Place:
        """Let no path wait for a node any more."""
        place = place_of(node)
        self._happened += 1
        for path in self._paths:
            path.waiting_for.discard(place)
        return place

    def _advance(self, path: Path) -> Sequence[tuple[Place, Node]]:
        """Take in the answers that are there already; return the nearest contacts after that."""
        while path.as_of != self._happened:
            path.nearest = self._nearest(path)
            new = [place for place, _ in path.nearest if place in self._answers and place not in path.entered]
            path.entered.update(new)
            for place in new:
                path.hear(self._answers[place])
            if not new:
                path.as_of = self._happened
        return path.nearest

    def _nearest(self, path: Path) -> list[tuple[Place, Node]]:
        """Return the path's k nearest contacts that may be alive; doubtful ones only where there are fewer."""
        nearest: list[tuple[Place, Node]] = []
        doubtful: list[tuple[Place, Node]] = []
        last = b""
        for _, _, place, node in path.contacts:
            if place in self._failed or place in self._late or place[0] == last:
                continue
            if place not in path.entered and place not in self._asked and self._is_doubtful(place):
                doubtful.append((place, node))
                continue
            last = place[0]  # its other addresses are tried where this one fails
            nearest.append((place, node))
            if len(nearest) == self._ksize:
                return nearest
        return nearest + doubtful[: self._ksize - len(nearest)]

    def _is_doubtful(self, place: Place) -> bool:
        if place in self._own:
            return False
        return all(map(self._is_indebted, self._tellers.get(place, ())))

    def _is_indebted(self, teller: bytes) -> bool:
        return self._debts[teller] >= MOST_DEBT


def place_of(node: Node) -> Place:
    return node.id, node.ip, node.port
