"""What the machine orders is executed in order, and what fails does not end the rest."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from node import events as e
from node.command_executor import CommandExecutor
from node.config import NodeConfig
from node.contact import CoordinatorContact
from node.kept_files import KeptFiles, KeptPause
from node.program.errors import UserFacingError
from node.program.tasks import TaskSet
from node.runtime import NodeRuntime


async def _nothing() -> None:
    """Say nothing to any coordinator."""


class Bench:
    """An executor of a node that was never started, with files in a directory of its own."""

    def __init__(self, folder: Path) -> None:
        node = NodeRuntime(NodeConfig(port=0, keyring=False, vpn="off"), folder)
        self.tasks = TaskSet("bench")
        self.executor = CommandExecutor(
            node,
            tasks=self.tasks,
            contact=CoordinatorContact(_nothing),
            local=node._local,
            files=KeptFiles(folder),
            presence=node._presence,
            snoozes=node._snoozes,
        )

    async def order(self, *commands: e.Command) -> None:
        self.tasks.start(self.executor.run(), "commands")
        self.executor.order(commands)
        await self.executor.settle()
        await self.tasks.stop()


async def test_commands_are_executed_in_their_order(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.order(e.SavePause(True, 7.0, False, None), e.SavePause(False, None, True, 9.0), e.Shutdown())
    assert KeptFiles(tmp_path).pause() == KeptPause(False, None, True, 9.0)
    assert bench.executor.ended.is_set()
    bench.executor.check()


async def test_a_command_that_fails_is_told_and_the_next_ones_are_executed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "data"
    folder.write_text("a file is where the directory should be")
    bench = Bench(folder)
    await bench.order(e.SavePause(True, None, False, None), e.SaveAssignment(None), e.Shutdown())  # type: ignore[arg-type]
    assert "SavePause failed" in caplog.text
    assert "SaveAssignment failed" in caplog.text, "even by a fault of the program"
    assert bench.executor.ended.is_set()
    bench.executor.check()


async def test_what_a_person_must_mend_ends_the_program_with_the_first_of_its_reasons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons = iter(["first", "second"])

    def full(*_kept: object) -> None:
        raise UserFacingError(next(reasons), "There is no room.", hint="Make some.")

    bench = Bench(tmp_path)
    monkeypatch.setattr(KeptFiles, "save_pause", full)
    await bench.order(e.SavePause(True, None, False, None), e.SavePause(True, None, False, None))
    assert bench.executor.ended.is_set()
    with pytest.raises(UserFacingError, match="first"):
        bench.executor.check()
    assert len(asyncio.all_tasks()) == 1
