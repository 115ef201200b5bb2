"""The requests that the demo sends through the gateway: real documents, each answer told in one line."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import aiohttp

from node.wire import headers


@dataclass(frozen=True, slots=True)
class Request:
    """One request, and how to tell its answer in a line."""

    service: str  # name or alias, with a path where it is not the default one
    content_type: str
    body: bytes
    tell: Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `route` is how the worker was reached."""

    request: Request
    status: int
    worker: str
    route: str
    milliseconds: float
    text: str


def demo_file(name: str) -> bytes:
    return resources.files("resources").joinpath("demo", name).read_bytes()


def all_requests() -> tuple[Request, ...]:
    """Return requests for all four built-in services, in the order in which they make sense."""
    import msgspec

    note = demo_file("note.txt").decode()

    def as_json(document: Any) -> bytes:
        return msgspec.json.encode(document)

    return (
        Request("document-processing", "application/pdf", demo_file("debt-letter.pdf"), _tell_document),
        Request("ner", "application/json", as_json({"text": note}), _tell_entities),
        Request("rag/index", "application/json", demo_file("library.json"), _tell_index),
        Request(
            "rag", "application/json", as_json({"query": "Which debts have priority?", "top_k": 1}), _tell_hits
        ),
        Request("notes", "application/json", as_json({"notes": note}), _tell_letter),
    )


async def send(session: aiohttp.ClientSession, gateway: str, key: str, request: Request) -> Answer:
    """Send one request with an API key; a refusal is told, not raised."""
    sent = {"Authorization": f"Bearer {key}", "Content-Type": request.content_type}
    began = time.perf_counter()
    async with session.post(f"{gateway}/service/{request.service}", data=request.body, headers=sent) as response:
        body = await response.read()
        milliseconds = (time.perf_counter() - began) * 1000
        return Answer(
            request,
            response.status,
            response.headers.get(headers.WORKER, "-"),
            response.headers.get(headers.ROUTE, "-"),
            milliseconds,
            _text(request, response.status, body),
        )


def _text(request: Request, status: int, body: bytes) -> str:
    import msgspec

    try:
        document = msgspec.json.decode(body)
        if status == 200 and isinstance(document, dict):
            return request.tell(document)
        return str(document.get("detail", document))
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError) as error:
        return f"not what we expected ({error!r}): {body[:120]!r}"


def _tell_document(answer: Mapping[str, Any]) -> str:
    first = " ".join(answer["pages"][0]["text"].split())[:60]
    return f"{answer['page_count']} pages, {len(answer['text'])} characters: “{first}…”"


def _tell_entities(answer: Mapping[str, Any]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in sorted(answer["counts"].items()))


def _tell_index(answer: Mapping[str, Any]) -> str:
    known = ", ".join(f"{name} {value}" for name, value in answer.items() if isinstance(value, int))
    return known or "indexed"


def _tell_hits(answer: Mapping[str, Any]) -> str:
    hit = answer["results"][0]
    return f"{hit['id']} (score {hit['score']:.2f}): “{hit['text'][:60]}”"


def _tell_letter(answer: Mapping[str, Any]) -> str:
    case = answer["case"]
    text = " ".join(answer["letter"]["text"].split())
    return f"letter for {case.get('client_name')}, {len(case.get('debts', []))} debts: “{text[:60]}…”"
