"""`rma-mesh-coordinator keys`: the passphrase is changed, and keys are written to files, on the store itself."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from coordinator_server.cli import main
from coordinator_server.enrolment import passphrase as strength
from coordinator_server.enrolment.passphrase import WEAKEST
from node.program.errors import EXIT_USAGE
from tests.support.coordinators import coordinator_room


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strength, "STRONGEST", WEAKEST)
    for name in ("RMA_KEY_PASSPHRASE", "RMA_NEW_KEY_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)


def passphrase(folder: Path, text: str) -> str:
    file = folder / f"{text}.txt"
    file.write_text(text + "\n")
    file.chmod(0o600)
    return str(file)


async def starts(folder: Path, file: str) -> None:
    async with coordinator_room(folder, key_passphrase_file=file, vpn="off") as room:
        assert room.coordinator.keyring.can_sign


def test_a_passphrase_is_changed_and_keys_go_back_to_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "c"
    old, new, short = (
        passphrase(tmp_path, text) for text in ("old and long enough for all", "new, and as long", "q")
    )
    where = ["--data-dir", str(folder), "--store", "sqlite"]
    asyncio.run(starts(folder, old))

    assert main(["keys", "reseal", *where]) == EXIT_USAGE
    assert "--new-passphrase-file" in capsys.readouterr().err
    assert main(["keys", "reseal", *where, "--new-passphrase-file", new]) == EXIT_USAGE
    assert "--key-passphrase-file" in capsys.readouterr().err
    wrong = ["--key-passphrase-file", new, "--new-passphrase-file", old]
    assert main(["keys", "reseal", *where, *wrong]) == EXIT_USAGE
    assert "cannot be opened" in capsys.readouterr().err
    right = ["--key-passphrase-file", old, "--new-passphrase-file", short]
    assert main(["keys", "reseal", "--json", *where, *right]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["keys"] == 1 and "1 characters" in said.err
    assert main(["keys", "reseal", *where, "--key-passphrase-file", short, "--new-passphrase-file", new]) == 0
    assert "Give it to every coordinator now" in capsys.readouterr().out
    asyncio.run(starts(folder, new))

    assert main(["keys", "unseal", "--json", *where, "--key-passphrase-file", new, "--remove"]) == 0
    assert json.loads(capsys.readouterr().out) == {"files": ["mesh.key"], "removed": True}
    asyncio.run(starts(folder, ""))
    assert main(["keys", "unseal", *where, "--key-passphrase-file", new]) == EXIT_USAGE
    assert "No keys are sealed in this store" in capsys.readouterr().err
