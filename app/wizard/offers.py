"""The services that a mesh usually has, as shipped with the program: before joining nobody knows its own."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from importlib.resources import files

from node.wire.manifests import Catalogue


@dataclass(frozen=True, slots=True)
class Offer:
    """A service that this computer may be asked to run."""

    name: str
    title: str
    about: str


def offers_of(catalogue: Catalogue) -> tuple[Offer, ...]:
    """Return what the catalogue offers, or the usual services where there is none yet."""
    if not catalogue.manifests:
        return usual_offers()
    return tuple(Offer(one.name, one.title or one.name, one.description) for one in catalogue.manifests)


@functools.cache
def usual_offers() -> tuple[Offer, ...]:
    """Return the shipped services, in the order of their names."""
    folder = files("resources").joinpath("services")
    manifests = sorted((one for one in folder.iterdir() if one.name.endswith(".toml")), key=lambda one: one.name)
    return tuple(_read(tomllib.loads(one.read_text("utf-8"))) for one in manifests)


def _read(manifest: dict[str, object]) -> Offer:
    name = str(manifest["name"])
    return Offer(name, str(manifest.get("title", name)), str(manifest.get("description", "")))
