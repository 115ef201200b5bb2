"""What is promised of who runs what (SPEC §7, §9), said anew for tests: nothing here asks the code that assigns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from coordinator_server.registry.machines import Machine
from coordinator_server.registry.plans import Plan
from node.wire.manifests import Manifest
from tests.support.fleets import Fleet

HUNDRED_GB = 100 * 10**9


def barred(one: Machine, manifest: Manifest, *, has_it: bool = False) -> str:
    """Return which rule keeps a service off a machine, or an empty string; what it has fills the disk itself."""
    name, has, needs = manifest.name, one.capabilities, manifest.requirements
    tiers = {
        "cpu": True,
        "gpu": has.has_gpu,
        "edge": has.worker_type == "edge" or has.has_public_ip,
        "storage": has_it or has.worker_type == "storage" or has.disk_free_bytes > HUNDRED_GB,
    }
    kept = {
        "it is switched on": manifest.replicas > 0,
        "the volunteer allowed it": not has.allowed_services or name in has.allowed_services,
        "the volunteer wants it now": name not in one.unwanted,
        "the invite covers it": not one.covered or name in one.covered,
        "personal data goes to vetted machines only": manifest.data_class == "public" or one.trust == "vetted",
        "the tier": tiers[manifest.tier],
        "memory": has.ram_bytes >= needs.ram_bytes,
        "GPU memory": _gpu_memory(one) >= needs.gpu_memory_bytes,
        "cores": max(has.cpu_cores, has.cpu_threads) >= needs.cpu_cores,
        "disk": has_it or has.disk_free_bytes >= needs.disk_bytes,
    }
    return ", ".join(rule for rule, is_kept in kept.items() if not is_kept)


def fit_together(one: Machine, services: Sequence[Manifest], most: int) -> bool:
    """Say whether a machine holds these beside one another: several in four fifths of its memory."""
    if len(services) <= 1:
        return len(services) <= most
    ram = sum(m.requirements.ram_bytes for m in services)
    gpu = sum(m.requirements.gpu_memory_bytes for m in services)
    return len(services) <= most and 5 * ram <= 4 * one.capabilities.ram_bytes and gpu <= _gpu_memory(one)


def _gpu_memory(one: Machine) -> int:
    return sum(gpu.memory_bytes for gpu in one.capabilities.gpus if gpu.usable)


@dataclass(frozen=True, slots=True)
class Step:
    """One planning: who was there just before, since when the operator drains whom, and what was planned."""

    fleet: Fleet
    before: Mapping[str, Machine]
    drained_at: Mapping[str, float]
    handed_over: Collection[tuple[str, str]]  # source and service: was under way before
    found: Plan

    @property
    def manifests(self) -> Mapping[str, Manifest]:
        return self.fleet.catalogue.by_name()

    def is_over(self, worker_id: str) -> bool:
        """Say whether a machine is drained and had the time that it has for that."""
        at = self.drained_at.get(worker_id)
        return at is not None and self.fleet.now - at >= self.fleet.pace.drain

    def told(self, name: str) -> set[str]:
        return {worker_id for worker_id, services in self.found.services.items() if name in services}

    def leaving(self, name: str) -> set[str]:
        """Return who serves only until others do."""
        return {one.source for one in self.found.handovers if one.service == name}

    def waiting(self, name: str) -> set[str]:
        return {move.worker_id for move in self.found.waiting if move.service == name}

    def serving(self, manifest: Manifest) -> set[str]:
        """Return who served something until now, and may go on; of who is expected back that is believed."""

        def may_go_on(one: Machine) -> bool:
            if one.expected:
                return manifest.replicas > 0 and manifest.name in one.current
            awake = not one.resting or (one.draining and not self.is_over(one.worker_id))
            return manifest.name in (one.running or ()) and awake and not barred(one, manifest, has_it=True)

        return {worker_id for worker_id, one in self.before.items() if may_go_on(one)}


def check(step: Step) -> None:
    """See that nothing that is promised was broken."""
    for rule in RULES:
        rule(step)


def nobody_is_told_what_it_may_not_run(step: Step) -> None:
    for worker_id, one in step.before.items():
        told = step.found.services[worker_id]
        assert len(told) == len(set(told)), (worker_id, told)
        for name in told:
            manifest, has_it = step.manifests[name], name in one.current
            assert manifest.replicas > 0, f"{name} is switched off, and {worker_id} is told to run it"
            why = "" if one.expected else barred(one, manifest, has_it=has_it)
            assert not why, f"{worker_id} is told to run {name} against {why}"
            beside = [step.manifests[other] for other in told]
            assert has_it or fit_together(one, beside, step.fleet.most), f"{name} has no room on {worker_id}"


def who_rests_serves_until_others_do_or_its_time_is_over(step: Step) -> None:
    for worker_id, one in step.before.items():
        told = step.found.services[worker_id]
        if one.resting:
            assert one.draining or not told, f"{worker_id} {one.resting}"
            assert all(worker_id in step.leaving(name) for name in told), f"{worker_id} is to be drained"
            assert not told or not step.is_over(worker_id), f"{worker_id} was drained for long enough"


def who_is_expected_back_keeps_what_it_has(step: Step) -> None:
    for worker_id, one in step.before.items():
        if not one.expected:
            continue
        told = set(step.found.services[worker_id])
        assert told <= set(one.current), f"{worker_id} is not here, and gets something new"
        for name in set(one.current) - told:
            replicas = step.manifests[name].replicas if name in step.manifests else 0
            may_go = replicas <= 1 or (worker_id, name) in step.handed_over
            assert may_go, f"{worker_id} is not here, and {name} was taken from it"


def nothing_lacks_a_place_that_an_idle_machine_has(step: Step) -> None:
    for manifest in step.manifests.values():
        name = manifest.name
        has = step.told(name) - step.leaving(name) | step.waiting(name)
        if len(has) >= manifest.replicas:
            continue
        for worker_id, one in step.before.items():
            idle = not one.resting and not one.expected and not step.found.services[worker_id]
            assert not idle or barred(one, manifest), f"{worker_id} is idle and could run {name}"


def what_keeps_data_is_nowhere_twice(step: Step) -> None:
    for manifest in step.manifests.values():
        name = manifest.name
        has = step.told(name) - step.leaving(name) | step.waiting(name)
        assert manifest.replicas != 1 or len(has) <= 1, f"{name} would have data at {has}"


def nothing_stops_that_is_needed(step: Step) -> None:
    """Only for what nobody runs may one of several go; who is drained waits until others serve."""
    reasons = {(move.worker_id, move.service): move.reason for move in step.found.moves if move.action == "stop"}
    for manifest in step.manifests.values():
        name, serving = manifest.name, step.serving(manifest)
        stopped = serving - step.told(name)
        left = len(serving) - len(stopped)
        given = {worker_id for worker_id in stopped if reasons[worker_id, name].endswith("had no other place")}
        assert not given or left > 0, f"the last replica of {name} was given up"
        if given or left >= min(len(serving), manifest.replicas):
            continue
        assert all(step.before[worker_id].draining for worker_id in stopped), (name, reasons)
        stays = step.told(name) - step.leaving(name)
        assert left >= min(manifest.replicas, len(stays)), f"who is to replace {stopped} does not run {name} yet"


def everything_has_a_reason(step: Step) -> None:
    found = step.found
    reasons = [one.reason for one in (*found.moves, *found.waiting)]
    reasons += [one.reason for one in found.handovers] + [one.reason for one in found.shortages]
    assert all(len(reason) > 8 for reason in reasons), reasons
    moves = Counter((move.worker_id, move.service) for move in found.moves)
    assert all(count == 1 for count in moves.values()), moves
    for worker_id, one in step.before.items():
        changed = set(one.current) ^ set(found.services[worker_id])
        assert {(worker_id, name) for name in changed} == {key for key in moves if key[0] == worker_id}


def what_is_missing_is_said(step: Step) -> None:
    short = {shortage.service: shortage for shortage in step.found.shortages}
    for manifest in step.manifests.values():
        name = manifest.name
        has = len(step.told(name) - step.leaving(name))
        assert (name in short) == (has < manifest.replicas), (name, has)
        assert name not in short or (short[name].wanted, short[name].assigned) == (manifest.replicas, has)


RULES: tuple[Callable[[Step], None], ...] = (
    nobody_is_told_what_it_may_not_run,
    who_rests_serves_until_others_do_or_its_time_is_over,
    who_is_expected_back_keeps_what_it_has,
    nothing_lacks_a_place_that_an_idle_machine_has,
    what_keeps_data_is_nowhere_twice,
    nothing_stops_that_is_needed,
    everything_has_a_reason,
    what_is_missing_is_said,
)
