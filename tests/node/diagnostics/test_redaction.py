"""Nothing secret comes through: every kind of secret that the product has, wherever it may stand."""

from __future__ import annotations

import base64
import random
import time

import msgspec
import pytest

from node.diagnostics.redaction import Redactor
from node.diagnostics.shapes import REMOVED
from node.wire.encoding import b64encode
from node.wire.invites import InviteLink, make_invite, parse_code
from tests.support.planted import HOME, USER, planted

SAMPLES = planted(7)


@pytest.mark.parametrize("kind", sorted(SAMPLES))
@pytest.mark.parametrize(
    "sentence",
    [
        "{}",
        "The coordinator said: {}.",
        "12:03:44 info node.talk: tried {} in vain",
        "a='{}' b",
        '{{"x": "{}"}}',
        "({})",
    ],
)
def test_no_secret_comes_through_a_text(kind: str, sentence: str) -> None:
    whole, core = SAMPLES[kind]
    text = Redactor(home=HOME, user=USER).text(sentence.format(whole))
    assert core not in text
    assert sentence.partition("{")[0].strip("({'\"") in text


@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_no_secret_comes_through_a_document(kind: str) -> None:
    whole, core = SAMPLES[kind]
    document = {"a": [{"detail": f"it was {whole}"}, (whole,)], whole: 1, "ok": True}
    cleaned = msgspec.json.encode(Redactor(home=HOME, user=USER).document(document)).decode()
    assert core not in cleaned
    assert '"ok":true' in cleaned


@pytest.mark.parametrize(
    "line",
    [
        "password=tiny1",
        'password = "my pass phrase"',
        "proxy_password: 'x y'",
        '{"tunnel_token": "tiny1"}',
        "RMA_ADMIN_TOKEN=tiny1 rma-mesh-coordinator status",
        "rma-mesh-node run --tunnel-token tiny1 --port 1",
        "rma-mesh-node run --invite=tiny1",
        "Authorization: Basic tiny1",
        "'Proxy-Authorization': 'Basic tiny1'",
        "Cookie: a=tiny1; b=tiny1",
        "ssid=tiny1",
        "wifi_ssid: tiny1",
        "https://gateway.example/service/ocr?name=tiny1&x=1",
        "POST /service/ocr?name=tiny1 HTTP/1.1",
        "http://anybody:tiny1@proxy.example:3128",
        "http://anybody:a/tiny1@proxy.example:3128",
        "the proxy anybody:tiny1@proxy.example:3128 refused",
        "DB_PASS=tiny1",
        "pwd=tiny1",
        "started ['llama', '--api-key', 'tiny1', '--port', '1']",
        '{"line": "{\\"access_token\\": \\"tiny1 x y\\"}"}',
    ],
)
def test_what_has_the_name_or_place_of_a_secret_goes_however_short(line: str) -> None:
    text = Redactor().text(line)
    for word in ("tiny1", "pass phrase", "x y"):
        assert word not in text
    assert REMOVED in text


@pytest.mark.parametrize(
    "key",
    [
        "sk-proj-abcdEFGH1234abcd", "hf_abcdefghijklmnopqrstuvwxyz", "ghp_16C7e42F292c6912E7710c838347",
        "AKIAIOSFODNN7EXAMPLE", "xoxb-123456789012-abcdef", "glpat-abcdefghijklmnopqrst", "jürgen@exämple.org",
        "aa:bb:cc:0d:ee:ff", "AA-BB-CC-0D-EE-FF",
    ],
)  # fmt: skip
def test_keys_of_other_firms_go_and_so_do_addresses_of_people_and_devices(key: str) -> None:
    assert key not in Redactor().text(f"tried {key} in vain")
    assert (
        Redactor().text("risk-free-but-slow at 12:34:56 and bypass: no")
        == "risk-free-but-slow at 12:34:56 and bypass: no"
    )


@pytest.mark.parametrize(
    "evil", ["/", "\\", "/home" + "/" * 60, "://", "a@a.", "rma-", "--a-token", "x:y@", "pass=", "aa:"]
)
def test_no_text_of_a_service_takes_long_for_its_length(evil: str) -> None:
    redactor = Redactor(secrets=["some secret"], home="/home/ada", user="ada")
    short, long = evil * (4_000 // len(evil)), evil * (32_000 // len(evil))

    def seconds(text: str) -> float:
        took = []
        for _ in range(3):
            before = time.process_time()
            redactor.text(text)
            took.append(time.process_time() - before)
        return min(took)

    assert seconds(long) < 30 * seconds(short) + 0.5, "eight times the length, and not the square of that"


def test_values_by_their_names_go_and_what_only_sounds_like_one_stays() -> None:
    document = {
        "credential": "abc",
        "mesh": {"keys": ["short"], "private_key": "x"},
        "Authorization": "x",
        "ssid": "Anna's WiFi",
        "tunnel_token": "(set)",
        "tunnel_hostname": "",
        "token_count": 12,
        "key_in_file": True,
        "keyring": False,
        "reasons": [{"code": "on-battery"}],
    }
    cleaned = Redactor().document(document)
    assert cleaned["credential"] == cleaned["Authorization"] == cleaned["ssid"] == REMOVED
    assert cleaned["mesh"] == {"keys": REMOVED, "private_key": REMOVED}
    assert cleaned["tunnel_token"] == "(set)"
    assert (cleaned["token_count"], cleaned["key_in_file"], cleaned["keyring"]) == (12, True, False)
    assert cleaned["reasons"] == [{"code": "on-battery"}]


def test_known_secrets_go_wherever_they_stand() -> None:
    redactor = Redactor(secrets=["hunter2hunter2", "abc", ""])
    assert redactor.text("xhunter2hunter2y abc") == f"x{REMOVED}y abc", "too short to look for"


def test_every_invite_goes_in_every_form_that_a_person_may_write() -> None:
    rng = random.Random(5)
    for _ in range(300):
        invite = make_invite(rng.randbytes(10), rng.randbytes(32))
        bare = invite.code.replace("-", "")
        link = InviteLink("https://mesh.example", invite).url
        for form in (
            invite.code,
            invite.code.lower(),
            bare,
            bare.lower(),
            invite.code.replace("-", " ").lower(),
            link,
        ):
            if "://" not in form:
                assert parse_code(form) == invite
            assert bare[10:20].lower() not in Redactor().text(f"it is {form}, he said").lower().replace("-", "")


def test_random_tokens_of_all_lengths_go() -> None:
    redactor, rng = Redactor(), random.Random(11)
    for count in (24, 32, 48, 64):
        for _ in range(200):
            for token in (b64encode(rng.randbytes(count)), base64.b64encode(rng.randbytes(count)).decode()):
                assert token.strip("=-_")[3:15] not in redactor.text(f"see {token} there")
            plain = rng.randbytes(count).hex()
            assert plain[:10] not in redactor.text(plain)


@pytest.mark.parametrize(
    "text",
    [
        "12:03:44 info node.dht: rma-mesh-node run needs a free port, and says so when there is none",
        'File "/opt/rma-mesh/lib/python3.13/site-packages/aiohttp/client_reqrep.py", line 1047, in start',
        "Linux-6.18.44-amd64-x86_64-with-glibc2.36 GeForce RTX 3060 560.35.03",
        "w-7f3a9c21d4 -> w-0b51e7 at http://192.168.1.31:8000 and 10.42.0.7, fe80::1 and ::1",
        "aiohttp.client_exceptions.ClientConnectionResetError: Cannot write to closing transport",
        "The mesh token is not accepted: it has expired.",
        "document-processing ner-extraction rag-embeddings vision-ocr llm-inference",
        "It took 12.5 s, from 2026-11-21 23:28:38 to 23:28:51; load 0.34",
        "the-computer-in-the-back-room-of-the-debt-advice-office-in-upper-marketplace-street",
    ],
)
def test_what_helps_stays(text: str) -> None:
    assert Redactor(home=HOME, user=USER).text(text) == text


def test_people_and_places() -> None:
    redactor = Redactor(home=HOME, user=USER)
    assert redactor.text(f"{HOME}/.local/share/rma-mesh/x.log") == "~/.local/share/rma-mesh/x.log"
    assert redactor.text("/home/somebody/x and /Users/else/y") == "/home/[user]/x and /Users/[user]/y"
    assert redactor.text(r"C:\Users\Maria\AppData") == r"C:\Users\[user]\AppData"
    assert redactor.text(f"user {USER.upper()} and x{USER}x") == f"user [user] and x{USER}x"
    assert redactor.text("jane.doe@charity.example wrote") == "[mail address] wrote"
    windows = Redactor(home=r"C:\Users\annabel", user="annabel")
    assert windows.text(r"C:\\Users\\annabel\\x C:/Users/annabel/y") == r"~\\x ~/y"
    assert Redactor(user="root").text("root cause") == "root cause"


def test_public_addresses_are_shortened_and_others_stay() -> None:
    redactor = Redactor()
    assert redactor.text("81.2.69.142:8000, (8.8.4.4)") == "81.2.x.x:8000, (8.8.x.x)"
    assert redactor.text("192.168.1.2 10.42.0.9 127.0.0.1 999.1.1.1") == "192.168.1.2 10.42.0.9 127.0.0.1 999.1.1.1"
    assert redactor.text("[2a00:1450:4001:81b::200e]:443") == "[2a00:1450:x]:443"
    assert redactor.text("fd00::12 fe80::1 12:03:44") == "fd00::12 fe80::1 12:03:44"


def test_a_long_line_of_anything_is_no_trap() -> None:
    redactor, began = Redactor(home=HOME, user=USER), time.process_time()
    for piece in ("a", "aB3", "token", "-", "/a", "1.", "a:", "rma ", "http://", "=", '"'):
        redactor.text(piece * (120_000 // len(piece)))
    assert time.process_time() - began < 120, "no pattern may take time with the square of the length"


def test_documents_may_be_deep() -> None:
    deep: object = "x"
    for _ in range(200):
        deep = [deep]
    assert REMOVED in str(Redactor().document(deep))
