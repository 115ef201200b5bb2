"""A signature is for one request of one token, and for nothing that can be made to look like it."""

from __future__ import annotations

import itertools

from node.wire.signed_requests import CONTEXT, What, signed_part

REQUESTS: tuple[What, ...] = ("renew", "leave")


def test_another_request_another_token_and_another_body_need_another_signature() -> None:
    made = [
        signed_part(what, token, body)
        for what, token, body in itertools.product(REQUESTS, ("a.b.c", "a.b.d"), (b"{}", b'{"x":1}'))
    ]
    assert len(set(made)) == len(made)
    assert all(one.startswith(CONTEXT) for one in made)
