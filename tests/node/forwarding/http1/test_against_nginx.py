"""Real nginx is the yardstick: what each makes of the same raw requests is the same, or is listed here with why."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

import pytest

from node.forwarding.http1.exchange import Exchange
from node.forwarding.http1.head import Passing, field_line, request_framing, request_head
from node.forwarding.http1.limits import ServerLimits
from node.forwarding.http1.pool import Address, Upstreams
from node.forwarding.http1.server import Http1Server
from node.forwarding.http1.sweep import Sweep
from tests.support.http1 import Forwarding, listening
from tests.support.http1_corpus import CASES, MEGABYTE
from tests.support.http1_recording import Outcome, recording, say_all
from tests.support.nginx import nginx, version

pytestmark = pytest.mark.needs("nginx")

Difference = tuple[str, str]  # what we make of it, and what nginx does; see Outcome.beside
REFUSED: Difference = ("4xx; 0 forwarded", "2xx; 1 forwarded")
MEASURED = "1.22"  # the version of nginx whose side is listed; of others only our side is compared

# Why we differ -> the cases in which we do.
DIFFERENCES: Mapping[str, Mapping[str, Difference]] = {
    "a line ends with CR LF: who takes a bare LF or CR reads another message than who does not (RFC 9112 §2.2)": {
        "target LF": ("4xx; 0 forwarded", "cut; 1 forwarded"),
        "field value two CR": REFUSED,
        "field value bare LF and name": REFUSED,
        "chunks too long": REFUSED,
        "chunks extension bare LF": REFUSED,
        "chunks bare LF behind the size": REFUSED,
        "chunks bare LF behind the data": REFUSED,
        "chunks bare LF everywhere": REFUSED,
        "chunks bare LF at the end": REFUSED,
        "chunks trailer bare LF": REFUSED,
        "stream bare LF first": REFUSED,
        "stream bare CR first": REFUSED,
        "lines bare LF": REFUSED,
        "lines bare LF behind the first": REFUSED,
        "lines bare LF behind a field": REFUSED,
        "lines bare LF at the end": REFUSED,
    },
    "HTTP/0.9 has no head, so nothing tells where its answer ends": {
        "version missing": ("4xx; 0 forwarded", "cut; 1 forwarded"),
        "version missing with fields": ("4xx; 0 forwarded", "cut; 1 forwarded"),
        "version missing with a blank": ("4xx; 0 forwarded", "cut; 1 forwarded"),
    },
    "a version is HTTP/1.0 or HTTP/1.1; the others are not written so, or nobody knows what they mean": {
        "version HTTP/1.2": REFUSED,
        "version HTTP/1.9": REFUSED,
        "version HTTP/1.10": REFUSED,
        "version HTTP/1.01": REFUSED,
        "version HTTP/1.1 ": REFUSED,
    },
    "both refuse; which class of status says it is of no consequence": {
        "version HTTP/2": ("4xx", "5xx"),
        "version HTTP/0.9": ("5xx", "4xx"),
        "version 2 preface": ("5xx", "4xx"),
        "length and no coding": ("4xx", "5xx"),
        "coding identity and length": ("4xx", "5xx"),
        "coding chunked twice": ("5xx", "4xx"),
        "coding chunked and identity": ("5xx", "4xx"),
        "coding vertical tab": ("4xx", "5xx"),
    },
    "one blank on each side of the target (RFC 9112 §3): more of them hide where it ends": {
        "target two blanks before": REFUSED,
        "target two blanks behind": REFUSED,
    },
    "a target is ASCII without a fragment (RFC 3986 §2): readers differ about the rest": {
        "target raw UTF-8": REFUSED,
        "target raw Latin-1": REFUSED,
        "target fragment": REFUSED,
        "target fragment before query": REFUSED,
        "target hash in the query": REFUSED,
    },
    "two hosts in one request: one is checked, the other served (RFC 9112 §3.2.2 has it replaced)": {
        "target absolute other port": REFUSED,
        "target absolute other host": REFUSED,
        "target absolute other scheme": REFUSED,
    },
    "RFC 9110 §9.3.7 has it: the question is about the server": {
        "target asterisk OPTIONS": ("2xx; 1 forwarded", "4xx; 0 forwarded"),
    },
    "a method begins with a letter and is short: nobody has others, and they are labels of metrics": {
        "method -": REFUSED,
        "method of 33 letters": REFUSED,
    },
    "a host is a name or an address, and a port of five digits at most (RFC 3986 §3.2.2)": {
        "host [::1": REFUSED,
        "host [::1]x": REFUSED,
        "host [fe80::1%25eth0]": REFUSED,
        "host [v1.a]": REFUSED,
        "host g:80:80": REFUSED,
        "host g:x": REFUSED,
        "host g:-1": REFUSED,
        "host g:999999": REFUSED,
        "host g,h": REFUSED,
        "host g?a": REFUSED,
        "host g#a": REFUSED,
        "host g@h": REFUSED,
        "host u:p@g": REFUSED,
        "host g\\\\h": REFUSED,
        "host \\xc3\\xbc": REFUSED,
        "host <g>": REFUSED,
        "host ${g}": REFUSED,
        "host of 300 letters": REFUSED,
    },
    "a tab is as good as a blank around a value (RFC 9110 §5.5), and what goes on is written anew": {
        "host with blanks around": ("2xx; 1 forwarded", "4xx; 0 forwarded"),
        "coding tab": ("2xx; 1 forwarded", "5xx; 0 forwarded"),
    },
    "a line that is no field makes the head invalid (RFC 9112 §5); to skip it would hide it from us only": {
        "field without colon": REFUSED,
        "field name brackets": REFUSED,
        "field name slash": REFUSED,
        "field name at": REFUSED,
        "field name quoted": REFUSED,
        "field name obs-text": REFUSED,
    },
    "a name of token characters is valid (RFC 9110 §5.6.2); none of these can become another field": {
        "field name with a dot": ("2xx; field 0 X.A: b", "2xx; less"),
        "field name token characters": ("2xx; field 0 !#$%&'*+-.^`|~: b", "2xx; less"),
    },
    "controls in a value are invalid (RFC 9110 §5.5), and do harm in logs and terminals": {
        "field value control": REFUSED,
        "field value escape": REFUSED,
        "field value DEL": REFUSED,
        "field value vertical tab": REFUSED,
        "field value form feed": REFUSED,
    },
    "our limit is for the head as a whole (32 KiB)": {
        "field value of 9000 bytes": ("2xx; 1 forwarded", "4xx; 0 forwarded"),
    },
    "our limit is 100 fields": {
        "fields 150": REFUSED,
    },
    "what Connection names, and what is for one hop, goes no further (RFC 9110 §7.6.1)": {
        "hop named field": ("2xx; field 0 X-B: c", "2xx; field 0 X-A: b; field 1 X-B: c"),
        "hop named twice": ("2xx; less", "2xx; field 0 X-A: b; field 1 X-B: c"),
        "hop names authorization": ("2xx; less", "2xx; field 0 Authorization: a"),
        "hop proxy-connection": ("2xx; less", "2xx; field 0 Proxy-Connection: keep-alive"),
        "hop proxy-authorization": ("2xx; less", "2xx; field 0 Proxy-Authorization: Basic eA=="),
        "hop trailer": ("2xx; less", "2xx; field 0 Trailer: X-A"),
        "chunks trailer": ("2xx; less", "2xx; field 0 Trailer: X-T"),
    },
    "an upgrade goes on only to WebSocket, asked for with GET and HTTP/1.1: h2c would tunnel past every check": {
        "hop upgrade without Connection": ("2xx; less", "2xx; upgrade websocket"),
        "hop upgrade to h2c": ("2xx; less", "2xx; field 0 HTTP2-Settings: AAMAAABk; upgrade h2c"),
        "hop upgrade to something": ("2xx; less", "2xx; upgrade foo/2"),
        "hop upgrade to one of two": ("2xx; less", "2xx; upgrade h2c, websocket"),
        "hop websocket HTTP/1.0": ("2xx; less", "2xx; upgrade websocket"),
        "hop websocket POST": ("2xx; less", "2xx; upgrade websocket"),
    },
    "the value is written anew; its case has no meaning": {
        "hop websocket lower case": ("switched; upgrade websocket", "switched; upgrade WebSocket"),
    },
    "who is too slow is told so (408) before we hang up": {
        "length too long": ("4xx", "cut"),
        "chunks without an end": ("4xx", "cut"),
        "chunks without the last line": ("4xx", "cut"),
        "stream pipelined and half": ("2xx 4xx", "2xx"),
        "stream half a line": ("4xx", "cut"),
        "stream half a head": ("4xx", "cut"),
    },
    "a size is hexadecimal digits (RFC 9112 §7.1): no blank before the line end, no more than 15 of them": {
        "chunks blank behind": REFUSED,
        "chunks tab behind": REFUSED,
        "chunks of 16 digits": REFUSED,
    },
    "extensions are text behind a semicolon, and there is a limit to them": {
        "chunks extension control": REFUSED,
        "chunks extension NUL": REFUSED,
        "chunks extension of 8000 bytes": REFUSED,
        "chunks extensions everywhere": ("4xx; 0 forwarded", "cut; 1 forwarded"),
        "chunks extension without semicolon": REFUSED,
    },
    "trailers are fields, and there is a limit to them": {
        "chunks trailer no field": REFUSED,
        "chunks trailer folded": REFUSED,
        "chunks trailer control": REFUSED,
        "chunks trailer blank before colon": REFUSED,
        "chunks trailer of 20000 bytes": REFUSED,
    },
    "what has come is on its way when the limit is reached; the worker sees it broken off, never whole": {
        "chunks over the limit": ("4xx; 1 forwarded", "4xx; 0 forwarded"),
    },
    "RFC 9110 §10.1.1: an expectation that cannot be met is answered with 417": {
        "expect something": REFUSED,
        "expect two things": REFUSED,
    },
}

Proxy = Callable[[int], contextlib.AbstractAsyncContextManager[int]]
CLIENT_TIME = 3.0  # seconds that both wait for a silent client
PASSING = Passing({"x-case", "x-case-host"})
NGINX = """
  map $http_upgrade $hop {{ default upgrade; '' ''; }}
  server {{
    listen 127.0.0.1:{{port}} backlog=1024; server_name '';
    client_header_timeout {time}s; client_body_timeout {time}s; keepalive_timeout {time}s; client_max_body_size 1m;
    location / {{
      proxy_pass http://127.0.0.1:{upstream}; proxy_http_version 1.1; proxy_request_buffering off;
      proxy_set_header Host upstream; proxy_set_header Connection $hop; proxy_set_header Upgrade $http_upgrade;
      proxy_set_header X-Case $remote_port; proxy_set_header X-Case-Host $host;
    }}
  }}
"""


class Naming(Forwarding):
    """Forwards as nginx does above: names the client and the host that the request is for."""

    def send(self, exchange: Exchange) -> None:
        head = exchange.head
        port = exchange.client.transport.get_extra_info("peername")[1]
        added = request_framing(head) + field_line("X-Case", str(port)) + field_line("X-Case-Host", head.host)
        request = request_head(head, head.target.encode("latin-1"), b"upstream", PASSING, added)
        exchange.forward(self.pools[0], request, self, self.patience)


@contextlib.asynccontextmanager
async def ours(upstream: int) -> AsyncIterator[int]:
    sweep, listener = Sweep(), listening()
    upstreams = Upstreams(sweep)
    handler = Naming(body_limit=MEGABYTE, to_app="never")
    handler.pools = [upstreams.pool(Address("127.0.0.1", upstream))]
    limits = ServerLimits(head_time=CLIENT_TIME, keepalive=CLIENT_TIME, body_idle=CLIENT_TIME)
    server = Http1Server(handler, [listener], sweep=sweep, limits=limits)
    await server.start()
    try:
        yield listener.getsockname()[1]
    finally:
        await server.stop()
        await upstreams.stop()


@contextlib.asynccontextmanager
async def theirs(folder: Path, upstream: int) -> AsyncIterator[int]:
    with nginx(folder, NGINX.format(time=int(CLIENT_TIME), upstream=upstream)) as port:
        yield port


async def outcomes(proxy: Proxy, names: Iterable[str]) -> dict[str, Outcome]:
    """Say these requests through a proxy of their own; return what became of each."""
    async with recording() as recorder:
        async with proxy(recorder.port) as port:
            told = await say_all(port, {name: CASES[name] for name in names})
        await recorder.settled()
        return {
            name: Outcome(answers, tuple(one.parts() for one in recorder.seen[client]))
            for name, (client, answers) in told.items()
        }


def listed() -> dict[str, Difference]:
    return {name: difference for cases in DIFFERENCES.values() for name, difference in cases.items()}


async def differences(folder: Path, names: Iterable[str]) -> dict[str, Difference]:
    we, they = await outcomes(ours, names), await outcomes(partial(theirs, folder), names)
    return {
        name: (we[name].beside(they[name]), they[name].beside(we[name])) for name in we if we[name] != they[name]
    }


def unexplained(found: Mapping[str, Difference], names: Iterable[str], exactly: bool) -> dict[str, str]:
    """Return what is not as the table says: differences that it lacks, and those that it has and that are gone."""
    table, wrong = listed(), {}
    for name in names:
        now, then = found.get(name), table.get(name)
        ours_changed = now is not None and (then is None or now[0] != then[0])
        if now != then if exactly else ours_changed:
            wrong[name] = f"is {now}, listed as {then}, for {CASES[name][:200]!r}"
    return wrong


def test_the_table_is_about_the_cases() -> None:
    assert len(CASES) >= 200
    assert set(listed()) < set(CASES)
    assert len(listed()) == sum(len(cases) for cases in DIFFERENCES.values())


async def test_what_we_make_of_requests_is_what_nginx_does_or_is_listed(tmp_path: Path) -> None:
    exactly = version() == MEASURED
    wrong: Mapping[str, object] = CASES
    for _ in range(3):  # a machine that stood still for seconds makes a time limit end what was not slow
        found = await differences(tmp_path, wrong)
        wrong = unexplained(found, wrong, exactly)
        if not wrong:
            return
    assert not wrong, "\n".join(f"{name}: {what}" for name, what in wrong.items())


def test_an_unlisted_difference_and_a_listed_one_that_is_gone_are_noticed() -> None:
    assert unexplained({"method -": REFUSED}, ["method -", "method GET"], exactly=True) == {}
    assert set(unexplained({"method GET": REFUSED}, ["method -", "method GET"], exactly=True)) == {
        "method -", "method GET",
    }  # fmt: skip
    assert set(unexplained({"method -": ("2xx", "4xx")}, ["method -"], exactly=False)) == {"method -"}
    assert unexplained({}, ["method -"], exactly=False) == {}
