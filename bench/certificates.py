"""How many of the overlay's certificates one core signs a second, here and by the program `nebula-cert`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from coordinator_server.enrolment.authorities import Signer, first, groups_of, make_authority, open_signer
from node.wire.nebula_certificates import NebulaCertificate, check_member_key, verify
from node.wire.nebula_pem import PUBLIC_KEY, authority_key_pem, certificate_pem, key_pem, read_certificate

NETWORK = IPv4Network("10.42.0.0/16")
GROUPS = groups_of("worker", "volunteer")
LIFE = 7 * 86400.0


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="time for each measurement")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    wish = parser.parse_args(arguments)
    figures = measure(wish.seconds)
    if wish.json:
        print(json.dumps(figures))
        return
    for name, rate in figures.items():
        print(f"{name.replace('_', ' '):<40} {rate:>12,.1f}" + ("" if "times" in name else " a second"))


def measure(seconds: float) -> dict[str, float]:
    """Return rates a second, and how many times as quick we are; only ours where the program is not installed."""
    mesh_key, now = Ed25519PrivateKey.generate(), time.time()
    signer = open_signer(first(make_authority("bench", NETWORK, now, mesh_key), now), mesh_key)
    public_key = X25519PrivateKey.generate().public_key().public_bytes_raw()
    numbers = iter(range(10**9))
    made = issue(signer, public_key, 0)
    text = certificate_pem(made)
    figures = {
        "signed_here": rate(lambda: certificate_pem(issue(signer, public_key, next(numbers))), seconds),
        "read_and_verified_here": rate(lambda: verify(read_certificate(text), signer.certificates, now), seconds),
        "member_keys_checked_here": rate(lambda: check_member_key(public_key), seconds),
    }
    if shutil.which("nebula-cert"):
        with tempfile.TemporaryDirectory() as folder:
            figures["signed_by_nebula_cert"] = by_the_program(Path(folder), signer, public_key, seconds)
        figures["times_as_quick"] = figures["signed_here"] / figures["signed_by_nebula_cert"]
    return figures


def issue(signer: Signer, public_key: bytes, number: int) -> NebulaCertificate:
    ip = NETWORK[16 + number % 60_000]
    return signer.issue(f"w-{number}", ip, GROUPS, public_key, now=time.time(), life=LIFE)


def by_the_program(folder: Path, signer: Signer, public_key: bytes, seconds: float) -> float:
    """Sign the same with the program, which is started for each certificate and writes it to a file."""
    (folder / "ca.crt").write_text(signer.pem)
    (folder / "ca.key").write_text(authority_key_pem(signer.key))
    (folder / "member.pub").write_text(key_pem(PUBLIC_KEY, public_key))
    numbers = iter(range(10**9))

    def sign() -> None:
        number = next(numbers)
        subprocess.run(
            ["nebula-cert", "sign", "-name", f"w-{number}", "-ip", f"{NETWORK[16 + number % 60_000]}/16",
             "-groups", ",".join(GROUPS), "-in-pub", "member.pub", "-out-crt", f"{number}.crt"],
            cwd=folder, check=True, capture_output=True, env=dict(os.environ),
        )  # fmt: skip

    return rate(sign, seconds)


def rate(work: Callable[[], object], seconds: float) -> float:
    count, began = 0, time.perf_counter()
    while (passed := time.perf_counter() - began) < seconds or not count:
        work()
        count += 1
    return count / passed


if __name__ == "__main__":
    main()
