"""Logs on standard error, as text for people or as JSON lines for machines, with the request's id."""

from __future__ import annotations

import contextvars
import logging
import os
import sys
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import msgspec

REQUEST_ID: contextvars.ContextVar[str | None] = contextvars.ContextVar("request_id", default=None)
KEPT_LOG, KEPT_BYTES = "node.log", 512 * 1024  # and as much again in the file before it
NOISY = ("aiohttp.access", "kademlia", "rpcudp", "asyncio")  # a line per message at level info
ACCESS = "node.forwarding.access_log"
STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def configure_logging(log_format: str, level: str = "info") -> None:
    """Send everything to standard error; `log_format` is text or json."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    handler.addFilter(is_our_fault)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(max(root.level, logging.WARNING))
    logging.captureWarnings(capture=True)


def keep_log(path: Path) -> None:
    """Write the log into a file as well, bounded, so that it can be read when the program has ended."""
    try:
        handler = KeptLog(path, maxBytes=KEPT_BYTES, backupCount=1, encoding="utf-8", errors="replace")
    except OSError as error:
        logging.getLogger(__name__).warning("The log cannot be kept in %s: %s", path, error)
        return
    handler.setFormatter(DatedFormatter())
    handler.setLevel(logging.INFO)  # services' own lines, which are below it, have logs of their own
    handler.addFilter(is_our_fault)
    handler.addFilter(is_no_access)
    logging.getLogger().addHandler(handler)


def is_our_fault(record: logging.LogRecord) -> bool:
    """Drop aiohttp's stack for each request that is no HTTP: anybody could fill the disk with them."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or not (record.name == "aiohttp.server" and kind.__module__ == "aiohttp.http_exceptions")


def is_no_access(record: logging.LogRecord) -> bool:
    """Drop lines of the access log, which are personal data, and kept only where somebody asked for that."""
    return record.name != ACCESS or record.levelno > logging.INFO


class KeptLog(RotatingFileHandler):
    """A file of the log, for its owner only; on a full disk lines are lost, which are on standard error as well."""

    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding=self.encoding, errors=self.errors, opener=_private)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - overrides logging's
        del record


def _private(path: str, flags: int) -> int:
    """Open a file that others may not read, wherever it stands."""
    return os.open(path, flags, 0o600)


class TextFormatter(logging.Formatter):
    """`12:03:44 info node.dht: message` with further fields as key=value."""

    STAMP = "%H:%M:%S"

    def format(self, record: logging.LogRecord) -> str:
        stamp = self.formatTime(record, self.STAMP)
        fields = "".join(f" {key}={value}" for key, value in _extra(record).items())
        line = _one_line(f"{stamp} {record.levelname.lower()} {record.name}: {record.getMessage()}{fields}")
        return line + ("\n" + self.formatException(record.exc_info) if record.exc_info else "")


class DatedFormatter(TextFormatter):
    """The same with the day, for lines that are read later."""

    STAMP = "%Y-%m-%d %H:%M:%S"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (Unix seconds), level, logger, message, request_id and further fields."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extra(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        try:
            return msgspec.json.encode(line, enc_hook=str).decode()
        except UnicodeEncodeError:  # a file name that is no Unicode
            return msgspec.json.encode({key: _one_line(str(value)) for key, value in line.items()}).decode()


def _one_line(text: str) -> str:
    """Escape whatever could pass for another line of the log or command a terminal."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    extra = {key: value for key, value in record.__dict__.items() if key not in STANDARD}
    request_id = REQUEST_ID.get()
    if request_id is not None:
        extra.setdefault("request_id", request_id)
    return extra
