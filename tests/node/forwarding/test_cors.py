"""CORS: the same origin and the operator's list, and nobody else."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from node.forwarding.cors import (
    answer_headers,
    answer_preflight,
    host_name,
    is_preflight,
    origin_allowed,
)
from node.wire.problems import Problem

HOST = "mesh.example:8080"


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://mesh.example:8080", True),
        ("https://MESH.example:8080", True),
        ("https://app.example", True),
        ("https://app.example/", True),
        ("http://mesh.example", False),
        ("https://app.example.evil", False),
        ("null", False),
        ("", False),
        ("javascript://mesh.example:8080", False),
    ],
)
def test_which_origins_may_call(origin: str, allowed: bool) -> None:
    assert origin_allowed(origin, HOST, ["https://app.example"]) is allowed


def test_a_star_opens_it_to_all() -> None:
    assert origin_allowed("https://anybody.example", HOST, ["*"])


def test_answers_to_a_foreign_page_tell_it_nothing() -> None:
    foreign = CIMultiDict({"Origin": "https://evil.example", "Host": HOST})
    assert answer_headers(foreign, []) == {"Vary": "Origin"}
    own = answer_headers(CIMultiDict({"Origin": f"http://{HOST}", "Host": HOST}), [])
    assert own["Access-Control-Allow-Origin"] == f"http://{HOST}"
    assert "X-RMA-Worker" in own["Access-Control-Expose-Headers"]
    assert answer_headers(CIMultiDict({"Host": HOST}), []) == {}


def test_a_preflight_is_known_by_its_headers_and_gets_what_it_asked_for() -> None:
    asked = CIMultiDict(
        {
            "Origin": "https://app.example",
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "x-a",
        }
    )
    assert is_preflight("OPTIONS", asked)
    assert not is_preflight("OPTIONS", CIMultiDict({"Origin": "https://app.example"}))
    assert not is_preflight("POST", asked)
    told = answer_preflight(asked, ["https://app.example"])
    assert told["Access-Control-Allow-Headers"] == "x-a"
    assert "PUT" in told["Access-Control-Allow-Methods"]
    with pytest.raises(Problem) as caught:
        answer_preflight(asked, [])
    assert caught.value.kind == "forbidden"


@pytest.mark.parametrize(
    ("host", "name"), [("[::1]:80", "::1"), ("a.example:80", "a.example"), ("[", ""), ("", "")]
)
def test_host_names(host: str, name: str) -> None:
    assert host_name(host) == name
