from __future__ import annotations

from node.forwarding.interface import Target
from node.routing.candidates import Candidate
from node.routing.targets import AVOIDED_FOR, MAX_AVOIDED, MAX_PROVED, AddressBook, Way

VPN, LAN, TUNNEL = Target("vpn", "http://v:1"), Target("direct", "http://d:1"), Target("tunnel", "https://t")
WORKER = Candidate("w1", (VPN, LAN, TUNNEL))


def test_an_address_that_failed_comes_last_for_a_while() -> None:
    book = AddressBook()
    book.failed("w1", VPN, 0.0)
    assert book.ordered(WORKER, 1.0) == (LAN, TUNNEL, VPN)
    assert book.ordered(Candidate("w2", (VPN, LAN)), 1.0) == (VPN, LAN)
    assert book.ordered(WORKER, AVOIDED_FOR) == (VPN, LAN, TUNNEL)


def test_an_address_that_works_again_is_first_again() -> None:
    book = AddressBook()
    book.failed("w1", VPN, 0.0)
    book.worked("w1", VPN)
    assert book.ordered(WORKER, 1.0) == (VPN, LAN, TUNNEL)


def test_it_tells_which_way_it_would_go_and_which_it_avoids() -> None:
    book = AddressBook()
    assert book.way(WORKER, 1.0) == Way(VPN)
    book.failed("w1", VPN, 0.0)
    assert book.way(WORKER, 1.0) == Way(LAN, VPN, AVOIDED_FOR)
    book.failed("w1", LAN, 1.0)
    book.failed("w1", TUNNEL, 1.0)
    assert book.way(WORKER, 2.0) == Way(VPN), "where none works the best one is tried first"


def test_it_is_bounded() -> None:
    book = AddressBook()
    for number in range(MAX_AVOIDED + 1):
        book.failed(f"w{number}", VPN, 0.0)
    assert book.ordered(Candidate("w0", (VPN, LAN)), 1.0) == (VPN, LAN)
    assert book.ordered(Candidate("w1", (VPN, LAN)), 1.0) == (LAN, VPN)


def test_others_are_those_that_have_not_failed_lately() -> None:
    book = AddressBook()
    assert book.others(WORKER, 0.0) == (VPN, LAN, TUNNEL)
    book.failed("w1", VPN, 0.0)
    book.failed("w1", TUNNEL, 0.0)
    assert book.others(WORKER, 1.0) == (LAN,)
    assert book.others(WORKER, AVOIDED_FOR) == (VPN, LAN, TUNNEL)


def test_when_ways_have_changed_all_addresses_get_another_chance() -> None:
    book = AddressBook()
    book.failed("w1", VPN, 0.0)
    book.forget()
    assert book.ordered(WORKER, 1.0) == (VPN, LAN, TUNNEL)


def test_an_address_that_failed_is_knocked_at_once_in_a_while_and_stays_last_until_then() -> None:
    book = AddressBook()
    assert book.due(WORKER, 0.0) == ()
    book.failed("w1", VPN, 0.0)
    assert book.due(WORKER, AVOIDED_FOR - 1) == ()
    assert book.due(WORKER, AVOIDED_FOR) == (VPN,)
    assert book.due(WORKER, AVOIDED_FOR) == (), "one knock is enough"
    assert book.ordered(WORKER, AVOIDED_FOR) == (LAN, TUNNEL, VPN)
    assert book.due(WORKER, 2 * AVOIDED_FOR) == (VPN,)
    book.worked("w1", VPN)
    assert book.ordered(WORKER, 2 * AVOIDED_FOR) == (VPN, LAN, TUNNEL)


def test_an_address_of_which_nothing_is_known_waits_for_a_knock_where_the_relay_would_do() -> None:
    relay = Target("relay", "relay://w1")
    worker, book = Candidate("w1", (VPN, LAN, relay, TUNNEL)), AddressBook()
    assert book.due(worker, 0.0) == (VPN, LAN)
    assert book.ordered(worker, 0.0) == (relay, TUNNEL, VPN, LAN)
    assert book.due(worker, 0.0) == (), "one knock is enough"
    book.worked("w1", LAN)
    assert book.ordered(worker, 0.0) == (LAN, relay, TUNNEL, VPN)
    assert book.due(worker, AVOIDED_FOR) == (VPN,)
    book.worked("w1", VPN)
    assert book.due(worker, AVOIDED_FOR) == ()
    assert book.ordered(worker, AVOIDED_FOR) == worker.targets
    book.forget()
    assert book.due(worker, AVOIDED_FOR) == (VPN, LAN)


def test_this_machine_and_workers_without_a_relay_that_works_are_asked_at_once() -> None:
    here, relay = Target("direct", "http://127.0.0.1:1"), Target("relay", "relay://w1")
    book = AddressBook()
    assert book.due(Candidate("w1", (here, relay)), 0.0) == ()
    assert book.due(WORKER, 0.0) == ()
    book.failed("w1", relay, 0.0)
    assert book.due(Candidate("w1", (VPN, relay)), 0.0) == ()


def test_one_relay_of_two_will_do_in_place_of_an_address_of_which_nothing_is_known() -> None:
    first, second = (Target("relay", f"https://c{number}.example.org/relay/w1") for number in range(2))
    worker, book = Candidate("w1", (VPN, first, second)), AddressBook()
    book.failed("w1", first, 0.0)
    assert book.due(worker, 0.0) == (VPN,)
    assert book.ordered(worker, 0.0)[0] == second
    book.forget()
    for relay in (first, second):
        book.failed("w1", relay, 0.0)
    assert book.due(worker, 0.0) == ()
    assert book.ordered(worker, 0.0)[0] == VPN


def test_what_is_proved_is_bounded() -> None:
    book, relay = AddressBook(), Target("relay", "relay://w")
    for number in range(MAX_PROVED + 1):
        book.failed(f"w{number}", VPN, 0.0)
        book.worked(f"w{number}", VPN)
    assert book.due(Candidate("w0", (VPN, relay)), 0.0) == (VPN,)
    assert book.due(Candidate("w2", (VPN, relay)), 0.0) == ()


def test_where_no_other_address_works_those_that_failed_are_tried_rather_than_knocked_at() -> None:
    book = AddressBook()
    for target in WORKER.targets:
        book.failed("w1", target, 0.0)
    assert book.due(WORKER, AVOIDED_FOR) == ()
    assert book.ordered(WORKER, AVOIDED_FOR) == WORKER.targets
    book.failed("w2", VPN, 0.0)
    assert book.due(Candidate("w2", (VPN,)), AVOIDED_FOR) == ()
