"""The program `nebula-cert`, which says whether our certificates are Nebula's."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class NebulaCert:
    """Runs the program in a folder of its own."""

    folder: Path

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["nebula-cert", *words], cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )

    def must(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return name

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()

    def print(self, pem: str) -> Any:
        """Return what the program reads out of a certificate."""
        return json.loads(self.must("print", "-json", "-path", self.write("printed.crt", pem)))

    def accepts(self, pem: str, bundle: str) -> bool:
        """Say whether it verifies a certificate against these authorities, at this moment."""
        self.write("bundle.crt", bundle)
        return self.run("verify", "-ca", "bundle.crt", "-crt", self.write("verified.crt", pem)).returncode == 0

    def ca(self, name: str = "a mesh", *words: str) -> None:
        self.must("ca", "-name", name, "-out-crt", "ca.crt", "-out-key", "ca.key", *words)

    def member(self, name: str, ip: str, words: Sequence[str] = ()) -> None:
        self.must("keygen", "-out-key", "member.key", "-out-pub", "member.pub")
        self.must("sign", "-name", name, "-ip", ip, "-in-pub", "member.pub", "-out-crt", "member.crt", *words)


def seconds(text: str) -> int:
    """Return the Unix time of a date as the program prints it."""
    return int(datetime.fromisoformat(text).timestamp())
