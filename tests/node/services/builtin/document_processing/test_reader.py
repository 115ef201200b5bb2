"""What a reader process does with one job, and how its messages travel."""

import io

import pytest

from node.services.builtin.document_processing.documents import Job, Refusal, Success
from node.services.builtin.document_processing.reader import LENGTH, MAX_MESSAGE, receive, send, work
from tests.support.builtin_services import make_pdf


def test_each_kind_is_read() -> None:
    texts = []
    for job in (Job("pdf", make_pdf("Hello")), Job("html", b"<p>Hello"), Job("plain", b"Hello")):
        answer = work(job)
        assert isinstance(answer, Success)
        texts.append(answer.document.text)
    assert texts == ["Hello"] * 3


def test_what_goes_wrong_is_a_refusal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert work(Job("pdf", b"")) == Refusal("empty", "The document is empty: no bytes arrived.")

    def burst(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("node.services.builtin.document_processing.plain.read_plain", burst)
    answer = work(Job("plain", b"private words"))
    assert isinstance(answer, Refusal) and answer.code == "too-complex"

    def surprise(*_: object) -> None:
        raise KeyError("private words")

    monkeypatch.setattr("node.services.builtin.document_processing.plain.read_plain", surprise)
    answer = work(Job("plain", b"private words"))
    assert isinstance(answer, Refusal) and answer.code == "broken"
    assert "KeyError" in (errors := capsys.readouterr().err) and "private" not in errors


def test_messages_travel_whole_or_not_at_all() -> None:
    stream = io.BytesIO()
    send(stream, b"one")
    send(stream, b"")
    stream.seek(0)
    assert (receive(stream), receive(stream)) == (b"one", b"")
    for cut in (b"", b"\x00", LENGTH.pack(5) + b"abc", LENGTH.pack(MAX_MESSAGE + 1)):
        with pytest.raises(EOFError):
            receive(io.BytesIO(cut))
