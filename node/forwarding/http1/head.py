"""The heads of HTTP/1.1 messages as values: read strictly, refused when two readers could differ, built anew.

The grammar is an allow-list (RFC 9110 §5, RFC 9112 §2-6): what the patterns below do not spell out is refused, so
that bare LF, folded lines, blanks before a colon, control characters and odd versions need no rule of their own.
What the grammar cannot tell (lengths that contradict each other, hosts that do) is checked afterwards.
Text is Latin-1, which keeps every byte as it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import msgspec

from node.wire.headers import HOP_BY_HOP

END = b"\r\n\r\n"
TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
TEXT = rb"[\t\x20-\x7e\x80-\xff]"
FIELDS = rb"(?:" + TOKEN + rb"++:" + TEXT + rb"*+\r\n)*+\r\n"
METHOD = rb"[A-Z][A-Z_-]{0,31}+"
REQUEST = re.compile(rb"(" + METHOD + rb") ([\x21\x22\x24-\x7e]++) HTTP/1\.([01])\r\n" + FIELDS)
RESPONSE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: (" + TEXT + rb"*+))?\r\n" + FIELDS)
HOST = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=%]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?")
ABSOLUTE = re.compile(r"https?://([^/?]*)(/[^?]*)?(\?.*)?", re.IGNORECASE)
BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")
LENGTH = 18  # digits
VERSION = re.compile(rb"\S+ \S+ HTTP/([0-9])\.[0-9]\r\n")
BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")
NAME = re.compile(TOKEN.decode() + "+")
VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

# Framing of a body as it is sent on: none, counted, in chunks, or up to the end of the connection.
NONE, COUNTED, CHUNKED, CLOSING = range(4)

NOT_TAKEN = frozenset({"CONNECT", "TRACE"})  # a proxy's, and one that would show the headers that we add
REQUEST_REBUILT = HOP_BY_HOP | {"host", "content-length", "expect", "http2-settings"}
RESPONSE_REBUILT = HOP_BY_HOP | {"content-length"}
NOBODY = frozenset[str]()

Field = tuple[str, str, str]  # the name in lower case, as it came, and the value


class BadHead(Exception):  # noqa: N818 - it is what the message has
    """A head that is refused; `status` is what a client is told, and the text why."""

    def __init__(self, detail: str, status: int = 400) -> None:
        super().__init__(detail)
        self.status = status


class HeadLimits(msgspec.Struct, frozen=True):
    """What a head may measure: bytes of the target and of the whole head, and how many fields."""

    target: int = 8190
    fields: int = 100
    size: int = 32 * 1024


class Passing:
    """Which fields may not be passed on, beside those that never are: by whole name or by prefix, in lower case."""

    __slots__ = ("prefixes", "request", "response")

    def __init__(self, dropped: Iterable[str] = (), prefixes: Iterable[str] = ()) -> None:
        names = frozenset(dropped)
        self.request = REQUEST_REBUILT | names
        self.response = RESPONSE_REBUILT | names
        self.prefixes = tuple(prefixes)


EVERYTHING = Passing()


class RequestHead(msgspec.Struct, frozen=True, eq=False):
    """A request as it came; `target` is in origin form ("/a?b") or "*", `length` None where none was given."""

    method: str
    target: str
    minor: int  # of the version: 0 or 1
    fields: list[Field]
    values: dict[str, str]
    host: str
    length: int | None
    chunked: bool
    keep_alive: bool
    websocket: bool
    expects_continue: bool
    named: frozenset[str]  # what Connection declares to be for this hop only
    has_body: bool
    cache: dict[Any, Any]  # what was built of it already, by us or by a handler

    def get(self, name: str, default: str = "") -> str:
        """Return a field's value by its lower-case name; repeated ones are joined by commas (RFC 9110 §5.3)."""
        return self.values.get(name, default)


class ResponseHead(msgspec.Struct, frozen=True, eq=False):
    """An answer's head as it came from upstream."""

    status: int
    reason: str
    minor: int
    fields: list[Field]
    values: dict[str, str]
    length: int | None
    chunked: bool
    keep_alive: bool
    websocket: bool
    bodiless: bool  # whatever its fields say
    named: frozenset[str]
    cache: dict[Any, Any]

    def get(self, name: str, default: str = "") -> str:
        """Return the value of a field by its lower-case name."""
        return self.values.get(name, default)


def parse_request(raw: bytes, limits: HeadLimits) -> RequestHead:
    """Read a head that ends with an empty line; raise BadHead."""
    found = REQUEST.fullmatch(raw)
    if found is None:
        raise explained(raw)
    method, target, minor = found[1].decode(), found[2].decode(), int(found[3])
    if len(target) > limits.target:
        raise BadHead(f"The address is longer than {limits.target} bytes.", 414)
    if method in NOT_TAKEN:
        raise BadHead(f"{method} requests are not taken here.", 405)
    fields, values = read_fields(raw, limits)
    host, target = host_and_target(values, method, target, minor)
    length, chunked = framing_of(values, minor)
    tokens = connection_tokens(values)
    expects = values.get("expect", "")
    if expects and expects.lower() != "100-continue":
        raise BadHead("The only expectation that can be met is 100-continue.", 417)
    body = chunked or bool(length)
    return RequestHead(
        method,
        target,
        minor,
        fields,
        values,
        host,
        length,
        chunked,
        "close" not in tokens and (minor == 1 or "keep-alive" in tokens),
        minor == 1 and method == "GET" and not body and is_websocket(values, tokens),
        bool(expects) and body and minor == 1,
        tokens,
        body,
        {},
    )


def parse_response(raw: bytes, limits: HeadLimits) -> ResponseHead:
    """Read an answer's head that ends with an empty line; raise BadHead."""
    found = RESPONSE.fullmatch(raw)
    if found is None:
        raise explained(raw)
    fields, values = read_fields(raw, limits)
    minor, status = int(found[1]), int(found[2])
    if status < 200 and ("content-length" in values or "transfer-encoding" in values):
        raise BadHead("An interim answer cannot have a body.")
    length, chunked = framing_of(values, minor)
    tokens = connection_tokens(values)
    return ResponseHead(
        status,
        (found[3] or b"").decode("latin-1"),
        minor,
        fields,
        values,
        length,
        chunked,
        "close" not in tokens and (minor == 1 or "keep-alive" in tokens),
        status == 101 and is_websocket(values, tokens),
        status < 200 or status in (204, 304),
        tokens,
        {},
    )


def read_fields(raw: bytes, limits: HeadLimits) -> tuple[list[Field], dict[str, str]]:
    """Split the lines of a head that the grammar has let through."""
    lines = raw.decode("latin-1").split("\r\n")
    if len(lines) - 3 > limits.fields or len(raw) > limits.size:
        raise too_large(limits)
    parts = [line.partition(":") for line in lines[1:-2]]
    fields = [(name.lower(), name, value.strip(" \t")) for name, _, value in parts]
    values = {lower: value for lower, _, value in fields}
    if len(values) < len(fields):
        values.clear()
        for lower, _, value in fields:
            if lower == "authorization" and lower in values:
                raise BadHead("There may be one Authorization field.")
            values[lower] = value if lower not in values else f"{values[lower]}, {value}"
    return fields, values


def too_large(limits: HeadLimits) -> BadHead:
    return BadHead(f"The head has more than {limits.size} bytes or {limits.fields} fields.", 431)


def host_and_target(values: dict[str, str], method: str, target: str, minor: int) -> tuple[str, str]:
    """Return the one host that the request is for, and the target in origin form.

    A target that names a host itself (RFC 9112 §3.2.2) must name the one in Host: somebody in front of us may have
    looked at the other.
    """
    host = values.get("host", "")
    if "host" not in values:
        if minor == 1:
            raise BadHead("The Host field is missing.")
    elif not is_host(host):
        raise BadHead("There must be one Host field, with a host's name or address.")
    if target[0] == "/":
        return host, checked(target)
    if target == "*" and method == "OPTIONS":
        return host, target
    absolute = ABSOLUTE.fullmatch(target)
    if absolute is None or absolute[1].lower() != host.lower():
        raise BadHead("The address must begin with a slash, or name the host that the Host field names.")
    return host, checked((absolute[2] or "/") + (absolute[3] or ""))


def checked(target: str) -> str:
    """Refuse a path that leads out of the root (where "//" counts as one slash), and percent signs amiss or NUL."""
    if "/." not in target and "%" not in target:
        return target
    path = target.partition("?")[0]
    if BAD_PERCENT.search(path):
        raise BadHead("A percent sign in the path must be followed by two hexadecimal digits, which are not 00.")
    depth = 0
    for segment in unquote(path, "latin-1").split("/"):
        if segment == "..":
            depth -= 1
            if depth < 0:
                raise BadHead("The path leads out of the root.")
        elif segment not in ("", "."):
            depth += 1
    return target


@lru_cache(256)
def is_host(text: str) -> bool:
    """Tell whether a Host field has one host; a comma in it comes from a repeated field as well.

    No label of a name is empty: whoever keeps a folder for each host would be led out of it by "..".
    """
    return HOST.fullmatch(text) is not None and not ("," in text or ".." in text or text[0] == ".")


def framing_of(values: dict[str, str], minor: int) -> tuple[int | None, bool]:
    """Return length and whether the body is chunked; refuse whatever could be read in two ways (RFC 9112 §6)."""
    coding, length = values.get("transfer-encoding"), values.get("content-length")
    if coding is not None:
        if length is not None:
            raise BadHead("A message has either Content-Length or Transfer-Encoding, not both.")
        if minor == 0:
            raise BadHead("HTTP/1.0 knows no Transfer-Encoding.")
        if coding.lower() != "chunked":
            raise BadHead("The only transfer coding that is taken is chunked.", 501)
        return None, True
    if length is None:
        return None, False
    if not (length.isascii() and length.isdigit() and len(length) <= LENGTH):  # a repeated one has a comma by now
        raise BadHead("Content-Length must be one number.")
    return int(length), False


def connection_tokens(values: dict[str, str]) -> frozenset[str]:
    connection = values.get("connection")
    if connection is None:
        return NOBODY
    return frozenset(part.strip(" \t").lower() for part in connection.split(","))


def is_websocket(values: dict[str, str], tokens: frozenset[str]) -> bool:
    return "upgrade" in tokens and values.get("upgrade", "").lower() == "websocket"


def explained(raw: bytes) -> BadHead:
    """Return what is wrong with a head that the grammar refuses."""
    version = VERSION.match(raw)
    if version is not None and version[1] != b"1":
        return BadHead("Only HTTP/1.0 and HTTP/1.1 are spoken here.", 505)
    if BARE_LINE_FEED.search(raw):
        return BadHead("Lines must end with CR and LF.")
    lines = raw.split(b"\r\n")
    if any(line[:1] in (b" ", b"\t") for line in lines[1:]):
        return BadHead("A field may not be folded over several lines.")
    if re.search(rb"\r\n" + TOKEN + rb"+[ \t]+:", raw):
        return BadHead("There may be no blank between a field's name and its colon.")
    if re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)", raw):
        return BadHead("There are control characters in the head.")
    return BadHead("This is not the head of an HTTP message.")


def hopeless(data: bytes) -> bool:
    """Tell of a head whose end has not come whether it never can: a line ended otherwise than with CR LF."""
    return BARE_LINE_FEED.search(data) is not None


def passed_fields(head: RequestHead, passing: Passing) -> bytes:
    """Return the lines of a request that may be passed on.

    A name with an underscore is not: it becomes another one where servers hand fields over as variables (CGI).
    """
    lines: bytes | None = head.cache.get(passing)
    if lines is None:
        lines = head.cache[passing] = joined(head.fields, passing.request, head.named, passing.prefixes)
    return lines


def joined(
    fields: Iterable[Field], dropped: frozenset[str], named: frozenset[str], prefixes: tuple[str, ...]
) -> bytes:
    lines = [
        f"{name}: {value}\r\n"
        for lower, name, value in fields
        if lower not in dropped and lower not in named and not lower.startswith(prefixes) and "_" not in lower
    ]
    return "".join(lines).encode("latin-1")


def request_head(head: RequestHead, target: bytes, host: bytes, passing: Passing, added: bytes = b"") -> bytes:
    """Build the head that goes upstream; `added` are whole lines, put behind the client's own."""
    return b"".join(
        (
            request_start(head),
            target,
            b" HTTP/1.1\r\nHost: ",
            host,
            b"\r\n",
            passed_fields(head, passing),
            added,
            b"\r\n",
        )
    )


def request_start(head: RequestHead) -> bytes:
    """Return method and blank."""
    start: bytes | None = head.cache.get("start")
    if start is None:
        start = head.cache["start"] = head.method.encode() + b" "
    return start


def request_framing(head: RequestHead) -> bytes:
    """Return the lines that say how long the body is and what the connection is for."""
    if head.websocket:
        return b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    if head.chunked:
        return b"Transfer-Encoding: chunked\r\n"
    return b"" if head.length is None else b"Content-Length: %d\r\n" % head.length


def response_start(head: ResponseHead, passing: Passing, framing: int) -> bytes:
    """Build the head that goes to the client, up to where further lines may follow and the empty one must."""
    key = (passing, framing)
    start: bytes | None = head.cache.get(key)
    if start is None:
        line = f"HTTP/1.1 {head.status} {head.reason}\r\n".encode("latin-1")
        fields = joined(head.fields, passing.response, head.named, passing.prefixes)
        start = head.cache[key] = line + fields + response_framing(head, framing)
    return start


def framing_for(request: RequestHead, response: ResponseHead) -> int:
    """Choose how the client can tell where the answer ends."""
    if response.bodiless or request.method == "HEAD":
        return NONE
    if response.length is not None:
        return COUNTED
    return CHUNKED if request.minor else CLOSING


def response_framing(head: ResponseHead, framing: int) -> bytes:
    if head.status == 101:
        return b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    if framing == CHUNKED:
        return b"Transfer-Encoding: chunked\r\n"
    if head.length is None or framing == CLOSING or head.status == 204:
        return b""
    return b"Content-Length: %d\r\n" % head.length


def field_line(name: str, value: str) -> bytes:
    """Return a line for a head; raise ValueError for what could become more than one."""
    if not NAME.fullmatch(name) or not VALUE.fullmatch(value):
        raise ValueError(f"{name[:40]!r} cannot be a field with that value")
    return f"{name}: {value}\r\n".encode("latin-1")
