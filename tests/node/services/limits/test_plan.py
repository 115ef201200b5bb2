"""The plan of caps: for any caps, machine and services it promises no more than it keeps."""

from __future__ import annotations

import math

import hypothesis.strategies as st
from hypothesis import given

from node.rules.caps import CapReport
from node.rules.settings import Caps
from node.services.limits.plan import LEAST_NEED, Ability, Limits, Need, free_floor, plan, shares

SIZES = st.one_of(st.just(0), st.integers(0, 2**40))
MAYBE = st.one_of(st.none(), st.integers(1, 2**50))
CAPS = st.builds(
    Caps,
    cpu_percent=st.one_of(st.none(), st.integers(1, 100)),
    ram_bytes=MAYBE,
    gpu_memory_bytes=MAYBE,
    disk_bytes=MAYBE,
    upload_bytes_per_second=MAYBE,
    download_bytes_per_second=MAYBE,
)
ABILITIES = st.builds(
    Ability,
    cores=st.integers(1, 256),
    cpu=st.sampled_from(["exact", "cores", "none"]),
    cpu_by=st.just("A control group"),
    memory=st.sampled_from(["kept", "watched", "none"]),
    memory_by=st.just("A control group"),
    priority_by=st.sampled_from(["", "Low."]),
    changes_live=st.booleans(),
    has_gpu=st.booleans(),
    gpu_told=st.booleans(),
)
NEEDS = st.lists(
    st.builds(
        Need,
        name=st.text("abc", min_size=1, max_size=3),
        ram_bytes=SIZES,
        gpu_memory_bytes=SIZES,
        disk_bytes=SIZES,
        uses_gpu=st.booleans(),
    ),
    max_size=8,
    unique_by=lambda need: need.name,
)


def by_name(reports: tuple[CapReport, ...]) -> dict[str, CapReport]:
    return {one.name: one for one in reports}


@given(CAPS, ABILITIES, NEEDS)
def test_shares_are_never_more_than_there_is(caps: Caps, ability: Ability, needs: list[Need]) -> None:
    made = plan(caps, ability, needs)
    assert set(made.services) == {one.name for one in needs}
    for cap, field in (
        (caps.ram_bytes, "ram_bytes"),
        (caps.gpu_memory_bytes, "gpu_memory_bytes"),
        (caps.disk_bytes, "disk_bytes"),
    ):
        given_out = [getattr(one, field) for one in made.services.values()]
        told = [size for size in given_out if size is not None]
        assert sum(told) <= (cap or 0)
        if cap is not None:
            assert len(told) == len([one for one in needs if field != "gpu_memory_bytes" or uses_gpu(one)])


def uses_gpu(need: Need) -> bool:
    return need.uses_gpu or need.gpu_memory_bytes > 0


@given(CAPS, ABILITIES, NEEDS)
def test_cores_are_as_few_as_whole_ones_can_be(caps: Caps, ability: Ability, needs: list[Need]) -> None:
    together = plan(caps, ability, needs).together
    if caps.cpu_percent is None or caps.cpu_percent == 100:
        assert together.cpu_cores is None
        assert together.whole_cores is None
    else:
        assert together.cpu_cores is not None
        assert together.whole_cores is not None
        assert 1 <= together.whole_cores <= ability.cores
        assert together.cpu_cores <= together.whole_cores < together.cpu_cores + 1


@given(CAPS, ABILITIES, NEEDS)
def test_every_cap_that_is_set_is_told_and_what_is_not_kept_says_why(
    caps: Caps, ability: Ability, needs: list[Need]
) -> None:
    reports = by_name(plan(caps, ability, needs).reports)
    wanted = {
        "cpu": caps.cpu_percent,
        "ram": caps.ram_bytes,
        "gpu-memory": caps.gpu_memory_bytes,
        "disk": caps.disk_bytes,
        "upload": caps.upload_bytes_per_second,
        "download": caps.download_bytes_per_second,
    }
    for name, value in wanted.items():
        if value is not None:
            assert reports[name].wanted == value
        else:
            assert name not in reports or reports[name].wanted is None
    for report in reports.values():
        assert report.how.endswith(".")
        assert report.why_not == "" or report.why_not.endswith(".")
        assert report.enforced or report.why_not


@given(st.integers(1, 2**50), st.dictionaries(st.text("abc", min_size=1), SIZES, min_size=1, max_size=20))
def test_who_needs_more_gets_no_less(cap: int, needs: dict[str, int]) -> None:
    given_out = shares(cap, needs)
    for one, need in needs.items():
        for other, less in needs.items():
            if need >= less:
                assert given_out[one] >= given_out[other]
    assert sum(given_out.values()) > cap - len(needs) - 1  # nothing but what cannot be divided is lost


def test_who_says_nothing_of_needs_counts_a_little() -> None:
    assert shares(3 * LEAST_NEED, {"small": 0, "large": 2 * LEAST_NEED}) == {
        "small": LEAST_NEED,
        "large": 2 * LEAST_NEED,
    }
    assert shares(None, {"small": 0}) == {}


def test_eighty_per_cent_of_two_cores_cannot_be_kept_by_whole_cores_and_so_it_is_told() -> None:
    made = plan(Caps(cpu_percent=80), Ability(cores=2, cpu="cores"), ())
    report = by_name(made.reports)["cpu"]
    assert made.together.whole_cores == 2
    assert not report.enforced
    assert "rounded up to all of them" in report.why_not
    exact = plan(Caps(cpu_percent=80), Ability(cores=2, cpu="exact", cpu_by="A control group"), ())
    assert by_name(exact.reports)["cpu"].enforced
    assert exact.together.cpu_cores == 1.6


def test_what_cannot_be_changed_while_services_run_is_told_so() -> None:
    made = plan(Caps(cpu_percent=50, ram_bytes=1), Ability(cores=2, memory="kept", changes_live=False), ())
    assert {by_name(made.reports)[name].takes_hold for name in ("cpu", "ram")} == {"next-start"}


def test_a_full_disk_is_told_with_a_cap_and_without() -> None:
    for caps in (Caps(), Caps(disk_bytes=5)):
        assert by_name(plan(caps, Ability(cores=1), (), "It is full.").reports)["disk"].why_not == "It is full."


def test_gpu_memory_is_only_watched_and_says_so() -> None:
    caps = Caps(gpu_memory_bytes=2**30)
    assert "no GPU" in by_name(plan(caps, Ability(cores=1), ()).reports)["gpu-memory"].how
    untold = by_name(plan(caps, Ability(cores=1, has_gpu=True), ()).reports)["gpu-memory"]
    assert not untold.enforced
    told = by_name(plan(caps, Ability(cores=1, has_gpu=True, gpu_told=True), ()).reports)["gpu-memory"]
    assert told.enforced
    assert "only watched" in told.why_not


def test_a_service_is_told_its_share_in_its_environment_and_command() -> None:
    limits = Limits(cpu_cores=1.6, ram_bytes=5, gpu_memory_bytes=7)
    assert limits.environment() == {
        "RMA_LIMIT_CPU_CORES": "2",
        "RMA_LIMIT_RAM_BYTES": "5",
        "RMA_LIMIT_GPU_MEMORY_BYTES": "7",
    }
    assert limits.filled_in(("serve", "--vram={gpu_memory_bytes}", "{disk_bytes}", "-t{cpu_cores}", "{x}")) == (
        "serve", "--vram=7", "0", "-t2", "{x}",
    )  # fmt: skip


@given(st.integers(0, 2**50))
def test_some_of_every_disk_is_left(size: int) -> None:
    floor = free_floor(size)
    assert floor <= 2**30
    assert floor <= math.ceil(size * 0.02) + 1
