"""One member comes out of an archive of either kind, up to a limit; what is not there is said so."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest

from node.program.archives import read_member

CONTENT = b"a program" * 100


def archive(*, zipped: bool) -> io.BytesIO:
    made = io.BytesIO()
    if zipped:
        with zipfile.ZipFile(made, "w") as zip_file:
            zip_file.writestr("bin/tool", CONTENT)
    else:
        with tarfile.open(fileobj=made, mode="w:gz") as tar:
            tar.addfile(_entry("bin/tool", size=len(CONTENT)), io.BytesIO(CONTENT))
            tar.addfile(_entry("folder", type=tarfile.DIRTYPE))
    made.seek(0)
    return made


def _entry(name: str, **fields: object) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(entry, field, value)
    return entry


@pytest.mark.parametrize("zipped", [True, False])
def test_a_member_comes_out_up_to_a_limit(zipped: bool) -> None:
    assert read_member(archive(zipped=zipped), "bin/tool", 10_000, zipped=zipped) == CONTENT
    assert read_member(archive(zipped=zipped), "bin/tool", 10, zipped=zipped) == CONTENT[:10]


@pytest.mark.parametrize("zipped", [True, False])
def test_what_is_not_there_or_no_archive_is_said_so(zipped: bool) -> None:
    with pytest.raises(ValueError):
        read_member(archive(zipped=zipped), "bin/other", 10, zipped=zipped)
    with pytest.raises((OSError, ValueError)):
        read_member(io.BytesIO(CONTENT), "bin/tool", 10, zipped=zipped)


def test_a_folder_holds_nothing() -> None:
    assert read_member(archive(zipped=False), "folder", 10, zipped=False) == b""
