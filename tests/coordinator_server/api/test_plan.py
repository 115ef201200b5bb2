"""The plan tells what is changing and why, over the admin API and in the terminal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coordinator_server import commands
from coordinator_server.api.plan import _message
from tests.support.front import Front, running_front


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with running_front(tmp_path) as made:
        yield made


async def test_a_drain_is_told_as_long_as_it_lasts(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    alpha, beta = await front.join("alpha"), await front.join("beta")
    await beta.heartbeat("starting")
    await front.ask("POST", f"/api/admin/workers/{alpha.worker_id}/drain")
    plan = await front.ask("GET", "/api/admin/plan")
    (handover,) = [one for one in plan["handovers"] if one["service"] == "echo"]
    assert (handover["source"], handover["target"]) == (alpha.worker_id, "")
    assert handover["reason"] == "the machine is being drained by the operator"
    assert "being handed over" in plan["message"]
    shown = await front.ask("GET", f"/api/admin/workers/{alpha.worker_id}")
    assert "echo" in shown["assigned"]
    assert "It hands echo over to others, and serves until that runs" in shown["detail"]
    commands._say_plan(plan)
    printed = capsys.readouterr().out
    assert "hand over to others" in printed
    assert "drained by the operator" in printed
    await beta.heartbeat()
    plan = await front.ask("GET", "/api/admin/plan")
    assert [one for one in plan["handovers"] if one["service"] == "echo"] == []
    assert "echo" not in (await front.ask("GET", f"/api/admin/workers/{alpha.worker_id}"))["assigned"]


async def test_with_nothing_to_do_it_says_so(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    await front.join("alpha")
    plan = await front.ask("GET", "/api/admin/plan")
    assert (plan["moves"], plan["handovers"], plan["waiting"]) == ([], [], [])
    commands._say_plan(plan)
    assert capsys.readouterr().out.startswith("Nothing would change with the machines that are here.")


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ((0, 0, 0), "Nothing would change with the machines that are here."),
        ((1, 0, 0), "1 change is due."),
        (
            (2, 1, 0),
            "2 changes are due. 1 service is being handed over: its machine serves it until another one does.",
        ),
        ((0, 2, 0), "2 services are being handed over: whoever gives one up serves it until others do."),
        (
            (1, 0, 1),
            "1 change is due. 1 service has fewer machines than wanted: `rma-mesh-coordinator status` says why.",
        ),
        (
            (1, 0, 2),
            "1 change is due. 2 services have fewer machines than wanted: `rma-mesh-coordinator status` says why.",
        ),
    ],
)
def test_it_says_in_a_few_words_what_is_due(counts: tuple[int, int, int], told: str) -> None:
    assert _message(*counts, anybody=True) == told


async def test_without_machines_it_says_what_to_do(front: Front) -> None:
    message = (await front.ask("GET", "/api/admin/plan"))["message"]
    assert message.startswith("There are no machines yet: `rma-mesh-coordinator invite create`")
