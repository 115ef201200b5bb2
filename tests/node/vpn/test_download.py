"""A pinned Nebula is fetched from a server of ours, and what is not the pinned one is not used."""

from __future__ import annotations

import hashlib
import http.server
import io
import re
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.program.download import CancelledError, Pin
from node.program.errors import UserFacingError
from node.vpn.configuration import check_version
from node.vpn.download import PINS, fetch, pin_for

PROGRAM = b"#!/bin/sh\necho Version: 1.9.3\n" + b"#" * 200_000


def tar_of(members: dict[str, bytes], compresslevel: int = 0) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz", compresslevel=compresslevel) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return data.getvalue()


def zip_of(members: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


FILES = {
    "/good.tar.gz": tar_of({"nebula": PROGRAM, "nebula-cert": b"x"}),
    "/good.zip": zip_of({"nebula.exe": PROGRAM, "dist/windows/wintun/bin/amd64/wintun.dll": b"driver"}),
    "/small.tar.gz": tar_of({"nebula": PROGRAM}, compresslevel=1),
    "/broken.tar.gz": b"this is no archive",
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = FILES.get(self.path)
            self.send_response(200 if data is not None else 404)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            try:
                self.wfile.write(data or b"")
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def pin(server: str, path: str, *members: str) -> Pin:
    return Pin(
        "1.9.3", server + path, hashlib.sha256(FILES.get(path, b"")).hexdigest(), members or ("nebula",), "Nebula"
    )


def test_there_must_be_room_for_what_is_unpacked_too(server: str, tmp_path: Path) -> None:
    wanted = pin(server, "/small.tar.gz")
    packed = len(FILES["/small.tar.gz"])
    with pytest.raises(UserFacingError, match=r"Nebula 1\.9\.3 is not fetched: there is no room") as caught:
        fetch(wanted, tmp_path, room_for=lambda size: "The disk is full." if size > packed else "")
    assert (caught.value.message, list(tmp_path.iterdir())) == ("The disk is full.", [])
    fetch(wanted, tmp_path, room_for=lambda size: "The disk is full." if size > len(PROGRAM) else "")


def test_a_release_is_fetched_checked_and_unpacked(server: str, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []

    def progress(done: int, total: int | None) -> bool:
        told.append((done, total))
        return True

    (path,) = fetch(pin(server, "/good.tar.gz"), tmp_path / "new", progress)
    assert path == tmp_path / "new" / "nebula"
    assert path.read_bytes() == PROGRAM
    assert path.stat().st_mode & 0o111
    assert told[-1] == (len(FILES["/good.tar.gz"]), len(FILES["/good.tar.gz"]))
    assert len(told) > 1


def test_windows_gets_its_driver_where_nebula_looks_for_it(server: str, tmp_path: Path) -> None:
    paths = fetch(pin(server, "/good.zip", "nebula.exe", "dist/windows/wintun/bin/amd64/wintun.dll"), tmp_path)
    assert [path.relative_to(tmp_path) for path in paths] == [
        Path("nebula.exe"),
        Path("dist/windows/wintun/bin/amd64/wintun.dll"),
    ]
    assert paths[1].read_bytes() == b"driver"


def test_a_version_that_the_node_does_not_know_is_said_before_anything_is_fetched(tmp_path: Path) -> None:
    unknown = Pin("1.10.3", "http://127.0.0.1:9/nebula.tar.gz", "0" * 64, ("nebula",), "Nebula")
    with pytest.raises(UserFacingError, match=r"1\.10\.3") as caught:
        fetch(unknown, tmp_path)
    assert "is not one of the versions that this program knows" in caught.value.message


@pytest.mark.parametrize("member", ["/etc/passwd", "../nebula", "a/../../nebula"])
def test_no_member_leads_out_of_the_folder(member: str, server: str, tmp_path: Path) -> None:
    FILES["/escape.tar.gz"] = tar_of({member: PROGRAM})
    with pytest.raises(ValueError, match="out of the folder"):
        fetch(pin(server, "/escape.tar.gz", member), tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_another_checksum_is_refused_and_nothing_is_written(server: str, tmp_path: Path) -> None:
    wrong = Pin("1.9.3", f"{server}/good.tar.gz", "0" * 64, ("nebula",), "Nebula")
    with pytest.raises(UserFacingError, match="is not used"):
        fetch(wrong, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "member", "why"),
    [
        ("/absent.tar.gz", "nebula", "could not be downloaded"),
        ("/broken.tar.gz", "nebula", "is not used"),
        ("/good.tar.gz", "absent", "is not used"),
        ("/good.zip", "absent", "is not used"),
    ],
)
def test_what_cannot_be_had_is_said(path: str, member: str, why: str, server: str, tmp_path: Path) -> None:
    with pytest.raises(UserFacingError, match=why):
        fetch(pin(server, path, member), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_download_can_be_given_up(server: str, tmp_path: Path) -> None:
    with pytest.raises(CancelledError):
        fetch(pin(server, "/good.tar.gz"), tmp_path, lambda _done, _all: False)
    assert list(tmp_path.iterdir()) == []


def test_only_the_web_is_asked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a web address"):
        fetch(Pin("1.9.5", "file:///etc/passwd", "0" * 64, ("x",), "Nebula"), tmp_path)


def test_a_platform_without_a_checked_pin_has_none() -> None:
    with pytest.raises(UserFacingError, match="No Nebula is pinned"):
        pin_for("plan9", "mips")


def test_pins_are_whole_and_of_versions_that_the_node_knows() -> None:
    assert len({entry.sha256 for entry in PINS.values()}) == len(PINS) == 2
    for (system, machine), entry in PINS.items():
        assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
        assert entry.url.startswith(f"https://github.com/slackhq/nebula/releases/download/v{entry.version}/")
        assert check_version(entry.version)
        assert pin_for(system.title(), machine.upper()) is entry
    drivers = [name for name in PINS["windows", "amd64"].members if name.endswith("wintun.dll")]
    assert drivers == ["dist/windows/wintun/bin/amd64/wintun.dll"]
