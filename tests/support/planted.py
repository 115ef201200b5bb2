"""Secrets of every kind that the product has: how each stands in a text, and what of it must never be told."""

from __future__ import annotations

import base64
import json
import random

from node.wire.encoding import b64encode
from node.wire.invites import InviteLink, make_invite

USER = "annabel"
HOME = f"/home/{USER}"


def planted(seed: int) -> dict[str, tuple[str, str]]:
    """Return kind -> (as it stands in a text, the part that gives it away)."""
    rng = random.Random(seed)

    def token(count: int = 32) -> str:
        return b64encode(rng.randbytes(count))

    invite = make_invite(rng.randbytes(10), rng.randbytes(32))
    link = InviteLink("https://mesh.example", invite).url
    claims = base64.urlsafe_b64encode(json.dumps({"alg": "EdDSA", "iss": "w-1"}).encode()).decode().rstrip("=")
    jwt = f"{claims}.{token(90)}.{token(64)}"
    control, bearer, secret, admin, local = (token() for _ in range(5))
    credential, cloudflare, pem, key = token(200), token(30), base64.b64encode(rng.randbytes(48)).decode(), token()
    account = {"a": rng.randbytes(16).hex(), "t": token(16), "s": token(32)}
    tunnel = base64.b64encode(json.dumps(account).encode()).decode()
    plain = rng.randbytes(32).hex()
    block = f"-----BEGIN NEBULA X25519 PRIVATE KEY-----\n{pem}\n-----END NEBULA X25519 PRIVATE KEY-----"
    return {
        "control token": (control, control),
        "bearer token": (f"Authorization: Bearer {bearer}", bearer),
        "mesh token": (jwt, jwt.rpartition(".")[2]),
        "credential": (f"credential {credential}", credential[5:60]),
        "identity key": (key, key),
        "nebula key": (block, pem[:40]),
        "invite": (invite.code, invite.code[8:30]),
        "invite link": (link, invite.code[8:30]),
        "API key": (f"rma_{rng.randbytes(6).hex()}_{secret}", secret),
        "admin token": (f"RMA_ADMIN_TOKEN={admin}", admin),
        "local service token": (f"RMA_LOCAL_TOKEN={local}", local),
        "cloudflare token": (f"CLOUDFLARE_API_TOKEN={cloudflare}", cloudflare),
        "tunnel token": (tunnel, tunnel[10:50]),
        "proxy password": ("http://proxyuser:s3cret-pw@proxy.example:3128", "s3cret-pw"),
        "service password": ("POSTGRES_PASSWORD=plain-words-only", "plain-words-only"),
        "query": ("https://gateway.example/service/ocr?name=Jane+Doe", "Jane"),
        "home": (f"{HOME}/Documents", USER),
        "user": (USER, USER),
        "other home": ("/home/grandmother/x", "grandmother"),
        "mail": ("jane.doe@charity.example", "jane.doe"),
        "public address": ("81.2.69.142", "81.2.69"),
        "public address 6": ("2a00:1450:4001:81b::200e", "4001:81b"),
        "WiFi": ("ssid=Annas-WiFi", "Annas-WiFi"),
        "hex key": (plain, plain[4:40]),
    }  # fmt: skip
