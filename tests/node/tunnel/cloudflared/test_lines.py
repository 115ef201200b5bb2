"""What cloudflared's lines tell; they are as its users have shown them."""

from __future__ import annotations

import pytest

from node.tunnel.cloudflared.lines import (
    Connected,
    MetricsAt,
    QuickUrl,
    Told,
    Trouble,
    is_wanted,
    read_line,
    without,
)

AT = "2026-11-01T10:00:00Z"
REGISTER = f"{AT} ERR Register tunnel error from server side"
UNREADABLE = f"{AT} ERR Error unmarshaling QuickTunnel response"
TELLING: list[tuple[str, Told]] = [
    (f"{AT} INF Starting metrics server on 127.0.0.1:38471/metrics", MetricsAt("127.0.0.1:38471")),
    (f"{AT} INF |  https://four-dashed-word-url.trycloudflare.com        |",
     QuickUrl("https://four-dashed-word-url.trycloudflare.com")),
    (f"{AT} INF Registered tunnel connection connIndex=0 connection=5c94b68c-6732-40c1-9b49-9f8f6c23521d event=0 "
     "ip=198.41.192.67 location=las01 protocol=quic", Connected("quic")),
    (f"{AT} INF Connection c206cf44-945f-4c3c-a85c-af60c6338dc2 registered connIndex=0 location=ORD", Connected()),
]  # fmt: skip
TROUBLES = [
    ("token", "Provided Tunnel token is not valid."),
    ("token", f'{REGISTER} error="Unauthorized: Invalid tunnel secret" connIndex=0'),
    ("token", f'{REGISTER} error="Unauthorized: Failed to get tunnel" event=0'),
    ("rate-limited", f"{UNREADABLE}: error code: 1015 error=\"invalid character 'e' "
     'looking for beginning of value" status_code="429 Too Many Requests"'),
    ("service", f"{UNREADABLE}: error code: 1101 error=\"invalid character 'e'\" "
     'status_code="500 Internal Server Error"'),
    ("rate-limited", "quick tunnel provisioning failed with status 429: error code: 1015"),
    ("service", "quick tunnel provisioning failed with status 500: [1101] Worker threw an exception"),
    ("service", "failed to parse quick Tunnel ID: invalid UUID length: 0"),
    ("no-dns", 'failed to request quick Tunnel: Post "https://api.trycloudflare.com/tunnel": dial tcp: lookup '
     "api.trycloudflare.com on 127.0.0.11:53: no such host"),
    ("blocked", f'{AT} ERR Serve tunnel error error="DialContext error: dial tcp 198.41.200.1:7844: i/o timeout"'),
    ("quic", f'{AT} ERR Failed to dial a quic connection error="failed to dial to edge with quic: timeout: '
     'no recent network activity" connIndex=0'),
    ("quic", f"{AT} ERR Unable to establish connection with Cloudflare edge error=failed to dial to edge "
     "with quic"),
    ("other", "Incorrect Usage: flag provided but not defined: -grace-period"),
    ("other", f"{AT} FTL something else"),
]  # fmt: skip
SILENT = [
    f"{AT} INF Requesting new quick Tunnel on trycloudflare.com...",
    f"{AT} INF Settings: map[metrics:0.0.0.0:8754 no-autoupdate:true token:*****]",
    f"{AT} INF Starting metrics server on [::]:36500/metrics",  # open to others: not ours
    f"{AT} INF |  https://api.trycloudflare.com  |",
    f"{AT} WRN If this log occurs persistently, ...",
    "",
]


@pytest.mark.parametrize(("line", "told"), TELLING)
def test_what_it_tells_is_read(line: str, told: Told) -> None:
    assert read_line(line.encode() + b"\n") == told
    assert is_wanted(line.encode())


@pytest.mark.parametrize(("kind", "line"), TROUBLES)
def test_what_it_complains_about_is_told_apart(kind: str, line: str) -> None:
    told = read_line(line.encode())
    assert isinstance(told, Trouble)
    assert told.kind == kind
    assert AT not in told.text
    assert is_wanted(line.encode())


@pytest.mark.parametrize("line", SILENT)
def test_other_lines_tell_nothing(line: str) -> None:
    assert read_line(line.encode()) is None


def test_lines_about_requests_are_not_looked_at() -> None:
    line = f'{AT} ERR  error="Unable to reach the origin service" cfRay=7 ingressRule=0 originService=http://127.0.0.1:8000'
    assert not is_wanted(line.encode())
    assert not is_wanted(f"{AT} INF something".encode())


def test_of_two_complaints_the_one_that_explains_more_is_kept() -> None:
    limited, after = Trouble("rate-limited", "429"), Trouble("service", "failed to unmarshal")
    assert after.or_worse(limited) == limited
    assert limited.or_worse(after) == limited
    assert after.or_worse(None) == after


def test_garbage_is_survived_and_cut() -> None:
    told = read_line(b"\xff" * 5000)
    assert isinstance(told, Trouble)
    assert len(told.text) == 240


def test_what_would_move_a_terminals_cursor_or_write_a_line_of_its_own_is_taken_out() -> None:
    told = read_line(f"{AT} ERR failed \x1b[2J\x1b]0;title\x07 \r{AT} INF fine \u202e\x85x".encode())
    assert isinstance(told, Trouble)
    assert told.text.isprintable()


def test_secrets_are_taken_out() -> None:
    assert without("token abc and def", ("abc", "def")) == "token ***** and *****"
