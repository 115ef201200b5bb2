"""A mesh's chain of keys: followed forwards by everybody who knows one of them, and never to two successors."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from node.wire.encoding import fingerprint
from node.wire.mesh_keys import (
    CONTEXT,
    MOST_HANDOVERS,
    KeyChain,
    MeshKeys,
    MeshKeysError,
    MeshTrust,
    founded,
    sign_handover,
    trust_in,
    verified,
)
from node.wire.signatures import WrongSignatureError

KEYS = [Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in range(1, 8)]
EVIL = [Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in range(101, 108)]
STEPS = 3
ROTATIONS = len(KEYS) - 1


def raw(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def history(keys: list[Ed25519PrivateKey] = KEYS) -> list[MeshKeys]:
    """Return what a mesh's keys are after each step, from its founding on."""
    found = [founded(raw(keys[0]))]
    for old, new in itertools.pairwise(keys):
        found.append(found[-1].begin(old, new))
        found.append(found[-1].onwards())
        found.append(found[-1].onwards())
    return found


HISTORY = history()
steps = st.integers(0, len(HISTORY) - 1)


def test_each_step_of_a_rotation_says_which_keys_count() -> None:
    one, other = raw(KEYS[0]), raw(KEYS[1])
    steady, spreading, replacing, after = HISTORY[:4]
    assert (steady.accepted, steady.signing, steady.phase) == ((one,), one, "steady")
    assert (spreading.accepted, spreading.signing, spreading.phase) == ((other, one), one, "spreading")
    assert (replacing.accepted, replacing.signing, replacing.phase) == ((other, one), other, "replacing")
    assert (after.accepted, after.signing, after.phase) == ((other,), other, "steady")
    assert [keys.progress for keys in HISTORY] == list(range(STEPS * ROTATIONS + 1))
    assert {keys.founding for keys in HISTORY} == {one}


@given(steps, steps)
def test_whoever_knows_any_step_follows_to_any_later_one_and_never_back(known: int, told: int) -> None:
    assert HISTORY[known].follow(HISTORY[told].chain) == HISTORY[max(known, told)]


@given(steps)
def test_a_chain_comes_back_from_the_wire_as_it_was(step: int) -> None:
    data = msgspec.json.encode(HISTORY[step].chain)
    assert verified(msgspec.json.decode(data, type=KeyChain)) == HISTORY[step]


@given(st.integers(0, ROTATIONS - 1), steps)
def test_another_successor_of_a_key_is_refused_by_all_who_know_the_first(number: int, known: int) -> None:
    """Whoever holds an old key signs what its owner could, and leads away only who knows nothing newer."""
    keys = [*KEYS[: number + 1], EVIL[0]]
    fork = history(keys)[-1].chain
    if len(HISTORY[known].chain.handovers) > number:
        with pytest.raises(MeshKeysError, match="another successor"):
            HISTORY[known].follow(fork)
    else:
        assert HISTORY[known].follow(fork).signing == raw(EVIL[0])


@given(steps, st.data())
def test_one_changed_bit_anywhere_is_noticed(known: int, data: st.DataObject) -> None:
    """Whatever is changed in what is new: it is refused, or it is no more than what we knew already."""
    handovers = list(HISTORY[-1].chain.handovers)
    number = data.draw(st.integers(len(HISTORY[known].chain.handovers), ROTATIONS), "handover")
    if number == ROTATIONS:
        return
    field = data.draw(st.sampled_from(("old", "new", "by_old", "by_new")), "field")
    value = bytearray(getattr(handovers[number], field))
    bit = data.draw(st.integers(0, 8 * len(value) - 1), "bit")
    value[bit // 8] ^= 1 << bit % 8
    handovers[number] = msgspec.structs.replace(handovers[number], **{field: bytes(value)})
    with pytest.raises(MeshKeysError):
        HISTORY[known].follow(KeyChain(founding=raw(KEYS[0]), handovers=tuple(handovers)))


@given(st.permutations(range(ROTATIONS)))
def test_shuffled_handovers_are_refused(order: list[int]) -> None:
    chain = KeyChain(
        founding=raw(KEYS[0]), handovers=tuple(HISTORY[-1].chain.handovers[number] for number in order)
    )
    if order == sorted(order):
        assert verified(chain).signing == raw(KEYS[-1])
    else:
        with pytest.raises(MeshKeysError, match="does not follow"):
            verified(chain)


@given(st.lists(st.integers(0, ROTATIONS - 1), max_size=2 * ROTATIONS))
def test_left_out_and_repeated_handovers_are_refused(chosen: list[int]) -> None:
    chain = KeyChain(
        founding=raw(KEYS[0]), handovers=tuple(HISTORY[-1].chain.handovers[number] for number in chosen)
    )
    if chosen == list(range(len(chosen))):
        assert verified(chain).progress == STEPS * len(chosen)
    else:
        with pytest.raises(MeshKeysError, match="does not follow"):
            verified(chain)


def test_a_chain_that_comes_back_to_an_earlier_key_is_refused() -> None:
    for back in (0, 1):
        handovers = (
            sign_handover(raw(KEYS[0]), 1, KEYS[0], KEYS[1]),
            sign_handover(raw(KEYS[0]), 2, KEYS[1], KEYS[back]),
        )
        with pytest.raises(MeshKeysError, match="does not follow"):
            verified(KeyChain(founding=raw(KEYS[0]), handovers=handovers))


def test_a_handover_needs_both_keys() -> None:
    """A stolen new key takes over no mesh, and an old one hands over to no key whose holder did not agree."""
    good = sign_handover(raw(KEYS[0]), 1, KEYS[0], KEYS[1])
    by_evil = sign_handover(raw(KEYS[0]), 1, EVIL[0], EVIL[1])
    for changes in (
        {"by_old": good.by_new},
        {"by_new": good.by_old},
        {"by_old": by_evil.by_old},
        {"by_new": by_evil.by_new},
        {"by_old": bytes(64), "by_new": bytes(64)},
        {"by_old": good.by_new, "by_new": good.by_old},
    ):
        forged = msgspec.structs.replace(good, **changes)
        with pytest.raises(MeshKeysError, match="both keys"):
            founded(raw(KEYS[0])).follow(KeyChain(founding=raw(KEYS[0]), handovers=(forged,)))


def test_a_handover_is_good_in_its_place_in_its_mesh_only() -> None:
    foreign = sign_handover(raw(EVIL[0]), 1, KEYS[0], KEYS[1])
    second = sign_handover(raw(KEYS[0]), 2, KEYS[0], KEYS[1])
    for handover in (foreign, msgspec.structs.replace(second, number=1)):
        with pytest.raises(MeshKeysError, match="both keys"):
            verified(KeyChain(founding=raw(KEYS[0]), handovers=(handover,)))
    with pytest.raises(MeshKeysError, match="another mesh"):
        HISTORY[3].follow(history([EVIL[0], *KEYS[1:]])[3].chain)


def test_a_phase_without_a_rotation_is_refused() -> None:
    for phase in ("spreading", "replacing"):
        with pytest.raises(MeshKeysError, match="without a handover"):
            verified(KeyChain(founding=raw(KEYS[0]), phase=phase))


def test_rotations_begin_and_end_in_their_order() -> None:
    with pytest.raises(MeshKeysError):
        HISTORY[0].onwards()
    for running in HISTORY[1:3]:
        with pytest.raises(MeshKeysError, match="can begin"):
            running.begin(KEYS[1], KEYS[2])
    with pytest.raises(MeshKeysError, match="does not follow"):
        HISTORY[0].begin(EVIL[0], KEYS[1])
    with pytest.raises(MeshKeysError, match="does not follow"):
        HISTORY[3].begin(KEYS[1], KEYS[0])


WRONG: list[dict[str, Any]] = [
    {"founding": "AAAA"},
    {"founding": 5},
    {"founding": None},
    {"handovers": {}},
    {"handovers": [1]},
    {"handovers": [{}]},
    {"phase": "done"},
    {"phase": None},
]
HANDOVER_WRONG: list[dict[str, Any]] = [
    {"number": 0}, {"number": -1}, {"number": MOST_HANDOVERS + 1}, {"number": "1"}, {"number": 1.5}, {"old": ""},
    {"new": "AAAA"}, {"by_old": None}, {"by_new": "A" * 200},
]  # fmt: skip


@pytest.mark.parametrize("changes", WRONG)
def test_wrong_types_are_refused(changes: dict[str, Any]) -> None:
    plain = msgspec.to_builtins(HISTORY[3].chain) | changes
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(plain), type=KeyChain)


@pytest.mark.parametrize("changes", HANDOVER_WRONG)
def test_wrong_types_in_a_handover_are_refused(changes: dict[str, Any]) -> None:
    plain = msgspec.to_builtins(HISTORY[3].chain)
    plain["handovers"] = [{**plain["handovers"][0], **changes}]
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(plain), type=KeyChain)


@given(st.integers(0, 600), st.binary(max_size=40))
def test_a_chain_that_is_cut_off_or_garbled_is_refused(cut: int, garbage: bytes) -> None:
    whole = msgspec.json.encode(HISTORY[6].chain)
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        msgspec.json.decode(whole[: min(cut, len(whole) - 1)] + b"\x00" + garbage, type=KeyChain)


def test_a_chain_has_an_end_and_fits_into_an_answer() -> None:
    keys = [
        Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big")) for number in range(MOST_HANDOVERS + 2)
    ]
    longest = history(keys[:-1])[-1]
    with pytest.raises(MeshKeysError, match="can begin"):
        longest.begin(keys[-2], keys[-1])
    data = msgspec.json.encode(longest.chain)
    assert len(data) < 32_768
    assert verified(msgspec.json.decode(data, type=KeyChain)) == longest
    longer = msgspec.to_builtins(longest.chain)
    longer["handovers"] = [*longer["handovers"], longer["handovers"][-1]]
    with pytest.raises(msgspec.ValidationError, match="length"):
        msgspec.json.decode(msgspec.json.encode(longer), type=KeyChain)


def test_trust_follows_the_keys_that_are_accepted_now() -> None:
    trust = MeshTrust(HISTORY[0])
    signatures = [key.sign(CONTEXT) for key in KEYS[:3]]
    good = []
    for keys in HISTORY[:5]:
        trust.keys = keys
        good.append([number for number in range(3) if signed(trust, signatures[number])])
        assert [number for number in range(3) if trust.accepts(fingerprint(raw(KEYS[number])))] == good[-1]
    assert good == [[0], [0, 1], [0, 1], [1], [1, 2]]


def signed(trust: MeshTrust, signature: bytes) -> bool:
    try:
        trust.verify(signature, CONTEXT)
    except WrongSignatureError:
        return False
    return True


def test_trust_says_which_key_has_signed() -> None:
    trust = MeshTrust(HISTORY[1])
    for key in KEYS[:2]:
        assert trust.verify(key.sign(b"x"), b"x") == fingerprint(raw(key))
    assert trust_in(trust) is trust
    assert trust_in(KEYS[3].public_key()).keys == founded(raw(KEYS[3]))


def test_a_pinned_key_is_found_by_its_fingerprint() -> None:
    keys = HISTORY[5]
    assert [keys.number_of(fingerprint(raw(key))) for key in KEYS[:3]] == [0, 1, 2]
    with pytest.raises(MeshKeysError, match="pinned"):
        keys.number_of(fingerprint(raw(EVIL[0])))
