"""What processes know of workers: a snapshot, then changes; a change that is missing is noticed."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from coordinator_server.gateway_processes.messages import Change, Offer
from coordinator_server.gateway_processes.offers import Book, SharedRegistry, offers_of
from node.routing.candidates import candidate_from_record
from node.wire.messages import Capabilities, Endpoints, WorkerRecord


def record(worker_id: str, load: float = 0.0) -> WorkerRecord:
    return WorkerRecord(
        worker_id=worker_id,
        endpoints=Endpoints(port=8000, direct_hosts=("192.0.2.1",)),
        capabilities=Capabilities(cpu_cores=8),
        load=load,
    )


def told(**services: str) -> tuple[dict[str, Offer], Mapping[str, tuple[str, ...]]]:
    """Return what `ocr="ab"` means: the workers a and b run ocr."""
    found = {service: [record(name) for name in who] for service, who in services.items()}
    return offers_of(found, lambda worker_id: f"token of {worker_id}")


async def known(registry: SharedRegistry, service: str) -> list[str]:
    return [found.worker_id for found in await registry.find(service)]


async def test_a_process_knows_what_the_book_says() -> None:
    book, lost = Book(), list[str]()
    registry = SharedRegistry(failed=lost.append)
    registry.lost = lost.append
    book.update(*told(ocr="ab", ner="b"))
    registry.take_snapshot(book.snapshot())
    assert await known(registry, "ocr") == ["a", "b"]
    assert registry.token_for("a") == "token of a"
    assert (await registry.find("ner"))[0].capabilities == Capabilities()

    change = book.update(*told(ocr="bc"))
    new = tuple(told(any="c")[0].values())
    assert change == Change(2, new, ("a",), {"ocr": ("b", "c"), "ner": ()})
    assert registry.take_change(change)
    assert await known(registry, "ocr") == ["b", "c"]
    assert await known(registry, "ner") == []
    assert lost == ["a", "b"]  # each of them is offered for less than before
    assert registry.member("a") is None
    assert registry.token_for("a") == "token of a"  # a request may be on its way there
    assert registry.token_for("nobody") == ""


async def test_a_process_hears_what_somebody_offers_from_now_on() -> None:
    book, heard = Book(), list[str]()
    registry = SharedRegistry(failed=lambda _: None)
    registry.appeared = heard.extend
    book.update(*told(ocr="a"))
    registry.take_snapshot(book.snapshot())
    assert heard == ["ocr"]
    change = book.update(*told(ocr="a", ner="a"))
    assert change is not None
    assert registry.take_change(change)
    assert heard == ["ocr", "ner"]
    change = book.update(*told(ocr="a"))
    assert change is not None
    assert registry.take_change(change)
    assert heard == ["ocr", "ner"], "of who is gone there is another word"


async def test_a_process_is_told_by_which_relays_a_worker_is_reached() -> None:
    book, registry = Book(), SharedRegistry(failed=lambda _: None)
    ways = ("relay://a", "https://other.example.org/relay/a")
    relayed, plain = replace(record("a"), relays=("own", "other")), record("b")
    book.update(*offers_of({"ocr": [relayed, plain]}, lambda _: "token", lambda _: ways))
    registry.take_snapshot(book.snapshot())
    (first, second) = await registry.find("ocr")
    assert (registry.ways(first), registry.ways(second), registry.ways(record("c"))) == (ways, (), ())
    candidate = candidate_from_record(first, "registry", vpn_up=True, relay=registry.ways)
    assert candidate is not None
    assert [target.base_url for target in candidate.targets if target.route == "relay"] == list(ways)


def test_nothing_new_is_not_said() -> None:
    book = Book()
    book.update(*told(ocr="ab"))
    assert book.update(*told(ocr="ab")) is None
    assert book.sequence == 1


async def test_a_gap_is_noticed_and_a_snapshot_mends_it() -> None:
    book, registry = Book(), SharedRegistry(failed=lambda _: None)
    first = book.update(*told(ocr="a"))
    assert first is not None
    assert not registry.take_change(first)  # before any snapshot
    registry.take_snapshot(book.snapshot())
    book.update(*told(ocr="ab"))
    third = book.update(*told(ocr="c"))
    assert third is not None
    assert not registry.take_change(third)
    registry.take_snapshot(book.snapshot())
    assert await known(registry, "ocr") == ["c"]


def test_a_worker_without_a_token_is_not_offered() -> None:
    offers, services = offers_of({"ocr": [record("a"), record("b")], "ner": [record("b")]}, {"a": "t"}.get)
    assert set(offers) == {"a"}
    assert services == {"ocr": ("a",)}


def test_what_requests_show_is_collected_or_told_at_once() -> None:
    failed: list[str] = []
    registry = SharedRegistry(failed=failed.append)
    registry.update_load("a", 0.5)
    registry.update_load("a", 0.7)
    registry.report_failure("b")
    assert failed == ["b"]
    assert registry.take_loads() == {"a": 0.7}
    assert registry.take_loads() == {}


async def test_addresses_in_the_overlay_are_used_by_whoever_is_told_them() -> None:
    registry = SharedRegistry(failed=lambda _: None)
    with_overlay = replace(record("a"), endpoints=Endpoints(port=8000, vpn_ip="10.42.0.16"))
    book = Book()
    book.update(*offers_of({"ocr": [with_overlay]}, lambda _: "token"))
    registry.take_snapshot(book.snapshot())
    (found,) = await registry.find("ocr")
    candidate = candidate_from_record(found, "registry", vpn_up=registry.vpn_up)
    assert candidate is not None
    assert [target.base_url for target in candidate.targets] == ["http://10.42.0.16:8000"]
    known = registry.member("a")
    assert known is not None
    assert known.record() == found
