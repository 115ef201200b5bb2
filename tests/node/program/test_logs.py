from __future__ import annotations

import asyncio
import logging
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from node.program.logs import (
    KEPT_BYTES,
    KEPT_LOG,
    REQUEST_ID,
    JsonFormatter,
    TextFormatter,
    configure_logging,
    keep_log,
)
from node.program.web import HttpServer, bind


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    access = logging.getLogger("aiohttp.access")
    handlers, level, access_level = root.handlers[:], root.level, access.level
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    access.setLevel(access_level)


def record(message: str = "hello", *arguments: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("node.dht", logging.WARNING, __file__, 1, message, arguments, None)
    made.__dict__.update(extra)
    return made


def as_json(made: logging.LogRecord) -> dict[str, Any]:
    text = JsonFormatter().format(made)
    assert "\n" not in text
    document: dict[str, Any] = msgspec.json.decode(text)
    return document


def test_text_is_one_line_with_its_fields() -> None:
    text = TextFormatter().format(record("lost %s", "w-1", worker="w-1", seconds=2))
    assert text[8:] == " warning node.dht: lost w-1 worker=w-1 seconds=2"


def test_json_has_stable_fields_and_our_own() -> None:
    document = as_json(record("lost %s", "w-1", worker="w-1"))
    assert (document["level"], document["logger"], document["message"], document["worker"]) == (
        "warning",
        "node.dht",
        "lost w-1",
        "w-1",
    )
    assert isinstance(document["time"], float)
    assert "request_id" not in document


def test_the_requests_id_is_on_every_line_of_its_request() -> None:
    mark = REQUEST_ID.set("abc")
    try:
        assert as_json(record())["request_id"] == "abc"
        assert TextFormatter().format(record()).endswith("hello request_id=abc")
    finally:
        REQUEST_ID.reset(mark)


def test_a_failure_brings_its_traceback() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        made = record()
        made.exc_info = sys.exc_info()
    assert "ValueError: broken" in as_json(made)["exception"]
    assert TextFormatter().format(made).splitlines()[-1] == "ValueError: broken"


def test_nobody_can_forge_a_line_or_command_a_terminal() -> None:
    text = TextFormatter().format(record("path %s", "/x\n12:00:00 error root: forged\x1b[2J", peer="a\r\nb"))
    assert len(text.splitlines()) == 1
    assert "\x1b" not in text
    assert "\\n12:00:00 error" in text


def test_names_that_are_no_unicode_are_logged_all_the_same() -> None:
    assert "\\udcff" in as_json(record("file %s", "a\udcff", extra_path="b\udcff"))["message"]
    assert "\\udcff" in TextFormatter().format(record("file %s", "a\udcff"))


def test_any_object_may_be_a_field() -> None:
    assert as_json(record(path=Path("a/b")))["path"] == str(Path("a/b"))


@pytest.mark.usefixtures("logging_as_before")
@pytest.mark.parametrize("form", ["text", "json"])
def test_everything_goes_to_standard_error(capsys: pytest.CaptureFixture[str], form: str) -> None:
    logging.captureWarnings(capture=False)  # whatever an earlier test left behind
    configure_logging(form, "debug")
    logging.getLogger("x").debug("quiet word")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("careful", UserWarning, stacklevel=1)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "quiet word" in captured.err
    assert "careful" in captured.err
    assert captured.err.startswith("{") == (form == "json")


@pytest.mark.usefixtures("logging_as_before")
def test_the_level_is_a_setting_and_requests_are_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("text")
    logging.getLogger("x").debug("too quiet")
    logging.getLogger("aiohttp.access").info("GET /secret")
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("logging_as_before")
async def test_requests_that_are_no_http_leave_no_stack_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("text")
    server = HttpServer(web.Application(), bind("127.0.0.1", 0))
    await server.start()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")
        assert b" 400 " in await reader.readline()
        writer.close()
    finally:
        await server.stop()
    assert "Traceback" not in capsys.readouterr().err


def test_the_log_is_kept_in_a_file_without_the_access_log(tmp_path: Path, logging_as_before: None) -> None:
    configure_logging("text", "debug")
    keep_log(tmp_path / KEPT_LOG)
    logging.getLogger("node.dht").warning("something is odd")
    logging.getLogger("node.forwarding.access_log").info('{"path": "/people/jane"}')
    logging.getLogger("node.services").debug("a line of a service")
    for number in range(20_000):
        logging.getLogger("node.dht").info(
            "line %d of many, each of which is a bit longer than it has to be", number
        )
    text = (tmp_path / f"{KEPT_LOG}.1").read_text() + (tmp_path / KEPT_LOG).read_text()
    assert "line 19999" in text
    assert "jane" not in text
    assert "a line of a service" not in text
    assert len(text) < 2 * KEPT_BYTES
    if sys.platform != "win32":  # wherever somebody has put the directory
        assert [path.stat().st_mode & 0o077 for path in sorted(tmp_path.iterdir())] == [0, 0]
    for handler in logging.getLogger().handlers:
        handler.close()


def test_a_place_where_no_log_can_be_kept_stops_nothing(tmp_path: Path, logging_as_before: None) -> None:
    configure_logging("text")
    before = logging.getLogger().handlers[:]
    keep_log(tmp_path / "not" / "there")
    assert logging.getLogger().handlers == before
