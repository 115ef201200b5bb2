"""Where the service manifests that ship with the programs are."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def builtin_catalogue_folder() -> Path:
    """Return the folder of shipped `*.toml` manifests, for `node.wire.manifests.load_catalogue`."""
    return Path(str(files("resources").joinpath("services")))
