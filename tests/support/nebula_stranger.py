"""Speaks Nebula's protocol without Nebula, to say what no Nebula would: any certificate, any packet.

    python -m tests.support.nebula_stranger

A line of JSON asks, one answers. {"do": "greet", "to": [IP, PORT], "certificates": [hex], "keys": [hex]}
sends a handshake with each certificate and X25519 key until the last one is answered, and tells the numbers of
those that were. {"do": "send", "packets": [hex]} sends IP packets through the tunnel of the last one.

A message has a header: version and type, subtype, two bytes of nothing, the receiver's number of the tunnel, and a
counter (slackhq/nebula, header/header.go). The handshake is Noise_IX_25519_AESGCM_SHA256 (the Noise Protocol
Framework, section 7.5), its payloads are the Protocol Buffers message NebulaHandshake {Details = 1 {Cert = 1,
InitiatorIndex = 2, ResponderIndex = 3, Time = 5}}.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import time
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import digest
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from node.wire.protobuf import bytes_field, fields, number_field

HEADER = struct.Struct(">BBHIQ")
HANDSHAKE, MESSAGE = 0x10, 0x11  # version 1 and the type
KEY = 32  # bytes
AGAIN = 0.5  # seconds between two tries of the handshake that is to be answered
LIMIT = 60.0  # seconds


class Noise:
    """The symmetric state of a handshake (section 5.2)."""

    def __init__(self) -> None:
        name = b"Noise_IX_25519_AESGCM_SHA256".ljust(32, b"\0")
        self.chaining, self.key = name, b""
        self.hash = sha256(name).digest()  # with the empty prologue
        self.count = 0

    def mix(self, data: bytes) -> bytes:
        self.hash = sha256(self.hash + data).digest()
        return data

    def mix_key(self, secret: bytes) -> None:
        self.chaining, self.key = self.derive(secret)
        self.count = 0

    def derive(self, secret: bytes) -> tuple[bytes, bytes]:
        base = digest(self.chaining, secret, "sha256")
        first = digest(base, b"\1", "sha256")
        return first, digest(base, first + b"\2", "sha256")

    def decrypt(self, data: bytes) -> bytes:
        plain = AESGCM(self.key).decrypt(nonce(self.count), data, self.hash)
        self.count += 1
        self.mix(data)
        return plain


def nonce(count: int) -> bytes:
    return struct.pack(">IQ", 0, count)


@dataclass
class Tunnel:
    """One handshake, and the tunnel that it makes when it is answered."""

    certificate: bytes
    key: X25519PrivateKey
    number: int = field(default_factory=lambda: int.from_bytes(os.urandom(4), "big") | 1)
    remote: int = 0
    sending: bytes = b""
    counter: int = 3

    def __post_init__(self) -> None:
        self._own = X25519PrivateKey.generate()
        self._noise = Noise()
        details = bytes_field(1, self.certificate) + number_field(2, self.number) + number_field(5, time.time_ns())
        body = (
            self._own.public_key().public_bytes_raw(),
            self.key.public_key().public_bytes_raw(),
            bytes_field(1, details),
        )
        self.greeting = HEADER.pack(HANDSHAKE, 0, 0, 0, 1) + b"".join(map(self._noise.mix, body))

    def take(self, answer: bytes) -> None:
        """Read the other side's answer: from now on packets can be sent."""
        noise = self._noise
        theirs = X25519PublicKey.from_public_bytes(noise.mix(answer[:KEY]))
        noise.mix_key(self._own.exchange(theirs))
        noise.mix_key(self.key.exchange(theirs))
        static = noise.decrypt(answer[KEY : 2 * KEY + 16])
        noise.mix_key(self._own.exchange(X25519PublicKey.from_public_bytes(static)))
        payload = dict(fields(noise.decrypt(answer[2 * KEY + 16 :])))
        details = payload[1]
        assert isinstance(details, bytes)
        number = dict(fields(details))[3]
        assert isinstance(number, int)
        self.remote = number
        self.sending = noise.derive(b"")[0]

    def wrap(self, packet: bytes) -> bytes:
        header = HEADER.pack(MESSAGE, 0, 0, self.remote, self.counter)
        sealed = AESGCM(self.sending).encrypt(nonce(self.counter), packet, header)
        self.counter += 1
        return header + sealed


class Stranger:
    """One UDP socket, and whom it spoke to last."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("0.0.0.0", 0))
        self._socket.settimeout(AGAIN)
        self._tunnel: Tunnel | None = None

    def greet(self, to: list[Any], certificates: list[str], keys: list[str]) -> list[int]:
        """Greet with each certificate; return the numbers of those that were answered, once the last one was.

        Nebula takes one message after another: by then it has made up its mind about all that came before.
        """
        tunnels = [
            Tunnel(bytes.fromhex(certificate), X25519PrivateKey.from_private_bytes(bytes.fromhex(key)))
            for certificate, key in zip(certificates, keys, strict=True)
        ]
        answers: dict[int, bytes] = {}
        self._socket.connect((to[0], to[1]))
        end = time.monotonic() + LIMIT
        while tunnels[-1].number not in answers and time.monotonic() < end:
            for tunnel in tunnels:
                self._socket.send(tunnel.greeting)
            answers.update(self._listen())
        if tunnels[-1].number in answers:
            self._tunnel = tunnels[-1]
            self._tunnel.take(answers[self._tunnel.number])
        return [at for at, tunnel in enumerate(tunnels) if tunnel.number in answers]

    def send(self, packets: list[str]) -> None:
        assert self._tunnel is not None
        for packet in packets:
            self._socket.send(self._tunnel.wrap(bytes.fromhex(packet)))

    def _listen(self) -> dict[int, bytes]:
        """Return the answers that are there, by the number of the handshake."""
        answers: dict[int, bytes] = {}
        try:
            while len(answers) < 100:
                data = self._socket.recv(9000)
                if len(data) < HEADER.size:  # one byte, by which a member keeps a router's way open
                    continue
                kind, _, _, number, count = HEADER.unpack(data[: HEADER.size])
                if (kind, count) == (HANDSHAKE, 2):
                    answers[number] = data[HEADER.size :]
                    self._socket.settimeout(0.1)
        except TimeoutError:
            self._socket.settimeout(AGAIN)
        return answers


def main() -> None:
    stranger = Stranger()
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        do = asked.pop("do")
        told: list[int] = []
        if do == "greet":
            told = stranger.greet(**asked)
        else:
            stranger.send(**asked)
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
