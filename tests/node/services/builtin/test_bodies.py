"""Bodies are taken for what they are."""

import aiohttp
import msgspec
import pytest
from aiohttp import web

from node.program.web import HttpServer, bind, manners
from node.services.builtin.bodies import (
    FormBody,
    JsonBody,
    Upload,
    decode_text,
    filename_of,
    read_text_request,
    text_request,
)
from node.wire.problems import Problem


class Wanted(msgspec.Struct):
    """A request of a service that takes a text."""

    text: str | None = None
    count: int = 1


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        ("£5 – ok".encode(), None, "£5 – ok"),
        ("£5".encode("utf-8-sig"), None, "£5"),
        ("£5".encode("utf-16"), None, "£5"),
        ("£5".encode("cp1252"), None, "£5"),
        ("£5".encode("latin-1"), "iso-8859-1", "£5"),
        ("£5".encode(), "no-such-charset", "£5"),
        ("£5".encode(), "zlib", "£5"),
        ("£5".encode(), "undefined", "£5"),
        ("£5".encode(), "punycode", "£5"),
        ("£5".encode(), "a\0b", "£5"),
        (b"\x81\xff", None, "\ufffdÿ"),
    ],
)
def test_text_in_any_encoding(data: bytes, charset: str | None, text: str) -> None:
    assert decode_text(data, charset) == text


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("letter.pdf", "letter.pdf"),
        ("C:\\Users\\jo\\letter.pdf", "letter.pdf"),
        ("../../etc/passwd", "passwd"),
        ("a\r\nb\x00.pdf", "ab.pdf"),
        ("", None),
        (None, None),
        ("x" * 500, "x" * 200),
    ],
)
def test_a_filename_is_its_last_part(name: str | None, kept: str | None) -> None:
    assert filename_of(name) == kept


def test_a_text_comes_as_json_form_file_or_body() -> None:
    ways: list[JsonBody | FormBody | Upload] = [
        JsonBody(b'{"text": "hello"}'),
        JsonBody(b'\xef\xbb\xbf{"text": "hello"}'),
        FormBody({"text": "hello"}),
        FormBody({}, (Upload(b"hello", "text/plain", field="file"),)),
        Upload(b"hello", "text/plain"),
        Upload(b"hello", "application/octet-stream"),
    ]
    assert {text_request(way, Wanted, "text").text for way in ways} == {"hello"}


def test_numbers_in_a_form_are_numbers() -> None:
    assert text_request(FormBody({"text": "a", "count": "7"}), Wanted, "text").count == 7


def test_what_is_wrong_is_named() -> None:
    with pytest.raises(Problem) as broken:
        text_request(JsonBody(b'{"text": '), Wanted, "text")
    assert (broken.value.kind, broken.value.status) == ("invalid-request", 400)
    with pytest.raises(Problem) as wrong:
        text_request(JsonBody(b'{"text": 5}'), Wanted, "text")
    assert (wrong.value.kind, wrong.value.status, wrong.value.extra["field"]) == ("invalid-body", 422, "text")
    with pytest.raises(Problem) as form:
        text_request(FormBody({"count": "many"}), Wanted, "text")
    assert (form.value.status, form.value.extra["field"]) == (422, "count")
    with pytest.raises(Problem) as picture:
        text_request(Upload(b"\x89PNG", "image/png"), Wanted, "text")
    assert picture.value.status == 415


def test_a_charset_that_takes_for_ever_is_not_used() -> None:
    data = b"a" * 100_000 + b"-" + b"ba" * 100_000
    assert decode_text(data, "punycode") == data.decode()  # Punycode would make other characters of it


@pytest.mark.parametrize(
    ("body", "charset", "answer"),
    [
        (b"text=%C2%A35", "", "£5"),
        (b"text=%A35", "; charset=latin-1", "£5"),
        (b"text=five", "; charset=no-such-charset", "five"),
        (b"text=five", "; charset=punycode", "five"),
        (b"text=five", "; charset=zlib", "five"),
        (b"a=1&" * 5_000, "", "invalid-request"),
    ],
)
async def test_a_form_is_read_whatever_it_says_of_itself(body: bytes, charset: str, answer: str) -> None:
    async def say(request: web.Request) -> web.Response:
        return web.Response(text=(await read_text_request(request, Wanted, "text")).text)

    app = web.Application(middlewares=[manners])
    app.router.add_post("/", say)
    server = HttpServer(app, bind("127.0.0.1", 0))
    await server.start()
    try:
        head = {"Content-Type": "application/x-www-form-urlencoded" + charset}
        async with aiohttp.ClientSession() as client, client.post(server.url, data=body, headers=head) as got:
            assert answer in await got.text()
            assert got.status == (400 if answer == "invalid-request" else 200)
    finally:
        await server.stop()
