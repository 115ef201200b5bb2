"""After a first run that was cancelled nothing is left that was not there; else everything stays."""

from __future__ import annotations

from pathlib import Path

from app.traces import WORTHLESS, Traces
from node.identity.keys import load_or_create_identity
from node.program.data_dir import hold_data_dir


async def leave_traces(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in WORTHLESS:
        (folder / name).touch()
    await load_or_create_identity(folder, use_keyring=False, environ={})


async def undo(traces: Traces) -> None:
    await traces.forget_keys()
    traces.remove()


async def test_everything_goes_with_the_directories_that_were_made(tmp_path: Path) -> None:
    traces = Traces(tmp_path / "a" / "b")
    await leave_traces(tmp_path / "a" / "b")
    traces.unwanted = True
    await undo(traces)
    assert list(tmp_path.iterdir()) == []


async def test_what_was_there_stays(tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text("{}")
    traces = Traces(tmp_path)
    await leave_traces(tmp_path)
    traces.unwanted = True
    await undo(traces)
    assert [one.name for one in tmp_path.iterdir()] == ["rules.json"]


async def test_logs_of_this_run_go_and_those_of_earlier_ones_stay(tmp_path: Path) -> None:
    (tmp_path / "node.log.1").touch()
    traces = Traces(tmp_path)
    await leave_traces(tmp_path)
    (tmp_path / "node.log").touch()
    (tmp_path / "vpn").mkdir()
    (tmp_path / "vpn" / "log").touch()
    (tmp_path / "somebody elses.txt").touch()
    traces.unwanted = True
    await undo(traces)
    assert {one.name for one in tmp_path.iterdir()} == {"node.log.1", "somebody elses.txt"}


async def test_a_directory_that_was_there_stays_and_so_does_what_others_put_beside(tmp_path: Path) -> None:
    traces = Traces(tmp_path / "a" / "b")
    await leave_traces(tmp_path / "a" / "b")
    (tmp_path / "a" / "other").touch()
    traces.unwanted = True
    await undo(traces)
    assert [one.name for one in (tmp_path / "a").iterdir()] == ["other"]


async def test_unless_it_was_cancelled_nothing_goes(tmp_path: Path) -> None:
    traces = Traces(tmp_path / "a")
    await leave_traces(tmp_path / "a")
    await undo(traces)
    assert len(list((tmp_path / "a").iterdir())) > len(WORTHLESS)


async def test_a_member_loses_nothing(tmp_path: Path) -> None:
    traces = Traces(tmp_path)
    await leave_traces(tmp_path)
    (tmp_path / "membership.json").write_text("{}")
    before = {one.name for one in tmp_path.iterdir()}
    traces.unwanted = True
    await undo(traces)
    assert {one.name for one in tmp_path.iterdir()} >= before


async def test_while_a_node_runs_nothing_goes(tmp_path: Path) -> None:
    traces = Traces(tmp_path)
    await leave_traces(tmp_path)
    traces.unwanted = True
    with hold_data_dir(tmp_path, "rma-mesh-node"):
        await undo(traces)
        assert (tmp_path / "control.json").exists()
        assert (tmp_path / "identity.key").exists()


def test_nothing_at_all_is_nothing_to_remove(tmp_path: Path) -> None:
    traces = Traces(tmp_path / "none")
    traces.unwanted = True
    traces.remove()
    assert not (tmp_path / "none").exists()


async def test_beside_a_coordinator_nothing_goes(tmp_path: Path) -> None:
    traces = Traces(tmp_path)
    (tmp_path / "mesh.key").touch()
    (tmp_path / "node.log").touch()
    traces.unwanted = True
    traces.remove()
    assert (tmp_path / "node.log").exists()
