"""Manifests of services that only stream, without limits of size or time that a measurement could meet."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

MANIFEST = """\
name = "{name}"
title = "Streams"
runtime = "builtin"
health_path = "/health"
default_path = "/small"
concurrency = 64
replicas = 1
idempotent = true
data_class = "public"
max_body_bytes = 17_179_869_184
first_byte_timeout = 300.0
request_timeout = 600.0
"""


def write_stream_manifests(folder: Path, names: Iterable[str]) -> Path:
    """Write a manifest for each name into a new folder there, and return that."""
    shelf = folder / "services"
    shelf.mkdir()
    for name in names:
        (shelf / f"{name}.toml").write_text(MANIFEST.format(name=name))
    return shelf
