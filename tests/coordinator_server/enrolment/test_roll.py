"""The roll of those who were let in: one entry for each id, and nobody is found by the key of who was put out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from coordinator_server.enrolment.roll import Roll


@dataclass(frozen=True)
class Machine:
    worker_id: str
    identity_public_key: str
    revoked: bool = False


ANNA = Machine("Anna", "key-a")


def test_an_id_is_found_in_any_case_and_is_one_machine() -> None:
    roll = Roll[Machine]()
    roll.keep(ANNA)
    newer = replace(ANNA, worker_id="ANNA")
    roll.keep(newer)
    assert (len(roll), list(roll), list(roll.ids())) == (1, [newer], ["anna"])
    assert roll.get("anna") == roll.get("AnnA") == roll.by_identity("key-a") == newer
    assert roll.get("anne") is None


def test_who_was_put_out_is_found_by_id_only_and_its_key_may_be_anothers() -> None:
    roll = Roll[Machine]()
    roll.keep(ANNA)
    out, anew = replace(ANNA, revoked=True), Machine("anna-2", "key-a")
    roll.keep(out)
    assert (roll.get("anna"), roll.by_identity("key-a")) == (out, None)
    roll.keep(anew)
    roll.keep(out)
    roll.drop(out)
    assert roll.by_identity("key-a") == anew, "what is told of the one before is nothing to it"
    roll.drop(anew)
    assert (len(roll), roll.by_identity("key-a")) == (0, None)


def test_those_who_are_listed_may_change_while_somebody_looks_through_them() -> None:
    roll = Roll[Machine]()
    for number in range(3):
        roll.keep(Machine(f"w{number}", f"key-{number}"))
    for one in roll:
        roll.drop(one)
    assert len(roll) == 0


def test_the_key_of_who_had_an_id_before_leads_to_nobody() -> None:
    roll = Roll[Machine]()
    roll.keep(ANNA)
    another = Machine("Anna", "key-b")
    roll.keep(another)
    assert (roll.by_identity("key-a"), roll.by_identity("key-b")) == (None, another)
    roll.drop(another)
    assert roll.by_identity("key-b") is None
