"""How many tokens one core issues and checks a second: the price of signing every request."""

from __future__ import annotations

import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.wire import credentials
from node.wire.credentials import Credential
from node.wire.encoding import fingerprint
from node.wire.tokens import TokenIssuer, TokenVerifier

SECONDS = 1.0  # for each measurement


def main() -> None:
    mesh, holder = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    now = int(time.time())
    mesh_id = fingerprint(mesh.public_key().public_bytes_raw())
    public_key = holder.public_key().public_bytes_raw()
    credential = Credential(1, mesh_id, "w-1", "worker", public_key, "volunteer", bytes(8), now, now + 86400)
    issuer = TokenIssuer(holder, "w-1", credentials.issue(credential, mesh), time.time)
    verifier = TokenVerifier(mesh.public_key(), "w-2", time.time)
    token = issuer.issue("w-2")
    audiences = iter(range(10**9))

    measure("issue, a new audience each time", lambda: issuer.issue(f"w-{next(audiences)}"))
    measure("issue, the same audience", lambda: issuer.issue("w-2"))
    measure("check, a token seen for the first time", lambda: fresh(mesh).verify(token))
    measure("check, a token seen before", lambda: verifier.verify(token))


def fresh(mesh: Ed25519PrivateKey) -> TokenVerifier:
    return TokenVerifier(mesh.public_key(), "w-2", time.time)


def measure(what: str, work: Callable[[], object]) -> None:
    count, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < SECONDS:
        work()
        count += 1
    print(f"{what:<40} {count / passed:>12,.0f} a second")


if __name__ == "__main__":
    main()
