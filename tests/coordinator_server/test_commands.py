"""Small things about commands that a process test cannot see; the commands themselves are in test_cli."""

from __future__ import annotations

import argparse
import gzip
import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from coordinator_server import commands
from coordinator_server.admin_client import Saved
from coordinator_server.keys import MESH_KEY_FILE
from node.program.errors import EXIT_USAGE, UserFacingError
from tests.support.terminals import sit_down


@pytest.mark.parametrize(
    "typed", ["plain-id", "../keys", "a/b", "a b", "?x=1", "#", ".", "..", "", "%2e%2e", "日本"]
)
def test_whatever_is_typed_as_an_id_stays_one_part_of_the_path(typed: str) -> None:
    part = commands._part(typed)
    assert not set(part) & set("/?#")
    assert part not in (".", "..")
    assert unquote(part).strip() == typed.strip()


@pytest.mark.parametrize(("typed", "goes_on"), [("yes\n", True), ("YES\n", True), ("y\n", False), ("", False)])
def test_a_person_is_asked_before_data_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, goes_on: bool
) -> None:
    sit_down(monkeypatch, typed)
    (tmp_path / "not.tar").write_text("hello")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / MESH_KEY_FILE).write_text("somebody's")
    arguments = argparse.Namespace(
        file=tmp_path / "not.tar", data_dir=str(tmp_path / "d"), yes=False, json=False, config=None, log_format=None
    )
    with pytest.raises(UserFacingError) as caught:
        commands.restore(arguments)
    assert ("not a backup" in str(caught.value)) is goes_on
    assert (caught.value.exit_code == EXIT_USAGE) is not goes_on


class Played:
    """A coordinator that knows one machine and one key, and what it was asked to do."""

    def __init__(self, status: str = "active", trust: str = "volunteer") -> None:
        self.done: list[str] = []
        self._worker = {"worker_id": "w1", "name": "Anna's PC", "status": status, "trust": trust}

    def get(self, path: str) -> Any:
        return {"keys": [{"id": "k1", "name": "website"}]} if path.endswith("/keys") else self._worker

    def find(self, path: str) -> Any:
        return None if "unreadable" in path else self._worker

    def post(self, path: str, _body: object = None) -> Any:
        self.done.append(path)
        return {"status": "approved"}

    def delete(self, path: str) -> Any:
        self.done.append(path)
        return {}


def typed(monkeypatch: pytest.MonkeyPatch, coordinator: Played, word: str, **more: Any) -> argparse.Namespace:
    monkeypatch.setattr(commands, "client_of", lambda _: coordinator)
    sit_down(monkeypatch, f"{word}\n")
    usual = {"id": "w1", "yes": False, "json": False, "unknown": False, "trust": None}
    return argparse.Namespace(**{**usual, **more})


@pytest.mark.parametrize(
    ("command", "identity", "status", "named"),
    [
        (commands.revoke_worker, "w1", "active", "w1 (Anna's PC) is put out for good"),
        (commands.refuse_worker, "w1", "pending", "w1 (Anna's PC) is turned away"),
        (
            commands.approve_worker,
            "w1",
            "active",
            "w1 (Anna's PC) is in already: this trusts it",
        ),
        (commands.revoke_key, "k1", "", "Key k1 (website) is refused for good"),
    ],
)
def test_what_cannot_be_taken_back_is_asked_about_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: Any, identity: str, status: str,
    named: str,
) -> None:  # fmt: skip
    coordinator = Played(status)
    with pytest.raises(UserFacingError, match="Nothing was changed"):
        command(typed(monkeypatch, coordinator, "no", id=identity))
    assert coordinator.done == []
    assert named in capsys.readouterr().out
    assert command(typed(monkeypatch, coordinator, "yes", id=identity)) == 0
    assert command(typed(monkeypatch, coordinator, "no", id=identity, yes=True)) == 0
    assert len(coordinator.done) == 2


def test_nobody_is_asked_where_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    for coordinator, command, more in (
        (Played("revoked"), commands.revoke_worker, {}),
        (Played("pending"), commands.approve_worker, {"trust": "vetted"}),
        (Played(trust="vetted"), commands.approve_worker, {}),
        (Played(), commands.revoke_worker, {"unknown": True}),
        (Played(), commands.revoke_worker, {"id": "unreadable"}),
    ):
        assert command(typed(monkeypatch, coordinator, "no", **more)) == 0
        assert len(coordinator.done) == 1


def test_a_backup_takes_the_place_of_nothing_but_an_older_one(tmp_path: Path) -> None:
    older, empty, database = tmp_path / "b.tar", tmp_path / "empty", tmp_path / "coordinator.db"
    with tarfile.open(older, "w") as archive:
        archive.addfile(tarfile.TarInfo("x"))
    empty.touch()
    database.write_bytes(b"SQLite format 3\x00" + bytes(4096))
    for target in (older, empty, tmp_path / "new.tar"):
        commands._check_replaceable(target)
    cut_off = tmp_path / "b.tar.gz"
    cut_off.write_bytes(gzip.compress(bytes(4096))[:20])
    for target in (database, cut_off, Path("/dev/null")):
        with pytest.raises(UserFacingError, match="is no backup") as caught:
            commands._check_replaceable(target)
        assert caught.value.exit_code == EXIT_USAGE


def test_what_is_to_be_known_of_a_backup_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Client:
        def download(self, _path: str, _target: Path) -> Saved:
            return Saved(1, ("not-audited", "of-a-newer-version"))

    monkeypatch.setattr(commands, "client_of", lambda _: Client())
    assert commands.backup(argparse.Namespace(file=tmp_path / "b.tar", json=False)) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.endswith("it is not in the audit log yet; a line follows when it does.")


@pytest.mark.parametrize(
    ("url", "warned"), [("http%3A%2F%2F127.0.0.1%3A8080", True), ("https%3A%2F%2Fmesh.example", False)]
)
def test_an_invite_that_only_this_machine_can_use_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str, warned: bool
) -> None:
    link = f"rma-mesh://enroll?coordinator={url}&invite=RMA-X"
    commands._say_invite({"uses": 1, "code": "RMA-X", "link": link, "expires_at": 1.0, "id": "i"})
    assert ("serve --public-url" in capsys.readouterr().out) is warned


def test_where_nothing_is_limited_that_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = {"worker_id": "w1", "allowed": [], "capabilities": {"allowed_services": []}}
    monkeypatch.setattr(Played, "get", lambda *_: known)
    assert commands.show_worker(typed(monkeypatch, Played(), "")) == 0
    assert capsys.readouterr().out.count("all services") == 2
    monkeypatch.setattr(Played, "get", lambda *_: {"worker_id": "w1", "allowed": ["ocr"], "capabilities": None})
    assert commands.show_worker(typed(monkeypatch, Played(), "")) == 0
    assert "allowed: ocr\ncapabilities: -" in capsys.readouterr().out
