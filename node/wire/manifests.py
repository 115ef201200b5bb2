"""Service manifests: what a service is, what it needs and how it is run. The catalogue is a folder of them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from node.wire.encoding import b64decode, b64encode
from node.wire.mesh_keys import MeshTrust, SigningKey, trust_in

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

CONTEXT = b"rma-mesh catalogue v1\x00"

Tier = Literal["gpu", "cpu", "storage", "edge"]
Runtime = Literal["builtin", "command", "container"]
DataClass = Literal["public", "personal"]
ServiceName = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9-]*$(?!\n)")]
HttpPath = Annotated[str, msgspec.Meta(max_length=256, pattern=r"^/[^?#\s]*$(?!\n)")]


class ManifestError(ValueError):
    """A manifest or catalogue that cannot be used; the text names the file and the field."""


class Requirements(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a machine must have before it may be given the service; 0 means nothing."""

    ram_bytes: Annotated[int, msgspec.Meta(ge=0)] = 0
    disk_bytes: Annotated[int, msgspec.Meta(ge=0)] = 0
    gpu_memory_bytes: Annotated[int, msgspec.Meta(ge=0)] = 0
    cpu_cores: Annotated[int, msgspec.Meta(ge=0)] = 0


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One service of the catalogue. Times are seconds."""

    name: ServiceName
    title: str
    description: str = ""
    aliases: tuple[ServiceName, ...] = ()
    tier: Tier = "cpu"
    runtime: Runtime = "builtin"
    requirements: Requirements = Requirements()
    command: tuple[str, ...] = ()
    image: str = ""
    health_path: HttpPath = "/health"
    default_path: HttpPath = "/"
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=65536)] = 4
    replicas: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 2
    idempotent: bool = False
    data_class: DataClass = "personal"
    max_body_bytes: Annotated[int, msgspec.Meta(ge=1)] = 64 * 2**20
    first_byte_timeout: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    request_timeout: Annotated[float, msgspec.Meta(gt=0)] = 120.0


class Catalogue(msgspec.Struct, frozen=True):
    """All services of a mesh, by name; aliases resolve to names."""

    manifests: tuple[Manifest, ...] = ()

    def resolve(self, name: str) -> Manifest | None:
        """Return the manifest that has this name or alias."""
        for manifest in self.manifests:
            if name == manifest.name or name in manifest.aliases:
                return manifest
        return None

    def names(self) -> dict[str, Manifest]:
        """Return every name and alias with what it resolves to."""
        return {
            name: manifest for manifest in reversed(self.manifests) for name in (manifest.name, *manifest.aliases)
        }

    def by_name(self) -> Mapping[str, Manifest]:
        return {manifest.name: manifest for manifest in self.manifests}


class SignedCatalogue(msgspec.Struct, frozen=True):
    """A catalogue as its coordinator hands it out: JSON text and the mesh key's signature over it."""

    payload: str
    signature: str


def load_catalogue(folders: Iterable[Path]) -> Catalogue:
    """Read every `*.toml` of the folders; a later folder's manifest replaces an earlier one of the same name."""
    found: dict[str, Manifest] = {}
    for folder in folders:
        here: dict[str, Path] = {}
        for path in sorted(folder.glob("*.toml")):
            manifest = _load(path)
            if here.setdefault(manifest.name, path) != path:
                raise ManifestError(
                    f"{path}: the service {manifest.name!r} is already in {here[manifest.name].name}"
                )
            found[manifest.name] = manifest
    return check_names(Catalogue(tuple(found.values())))


def check_names(catalogue: Catalogue) -> Catalogue:
    """Refuse two services that claim one name or alias."""
    owner: dict[str, str] = {}
    for manifest in catalogue.manifests:
        for name in (manifest.name, *manifest.aliases):
            if owner.setdefault(name, manifest.name) != manifest.name:
                raise ManifestError(f"services {owner[name]!r} and {manifest.name!r} both claim the name {name!r}")
    return catalogue


def sign_catalogue(catalogue: Catalogue, mesh_key: SigningKey) -> SignedCatalogue:
    payload = msgspec.json.encode(catalogue)
    return SignedCatalogue(payload.decode(), b64encode(mesh_key.sign(CONTEXT + payload)))


def open_catalogue(signed: SignedCatalogue, mesh_public_key: MeshTrust | Ed25519PublicKey) -> Catalogue:
    """Verify and decode a signed catalogue; raise ManifestError."""
    try:
        payload = signed.payload.encode()
        trust_in(mesh_public_key).verify(b64decode(signed.signature), CONTEXT + payload)
        return check_names(msgspec.json.decode(payload, type=Catalogue))
    except ValueError as error:
        raise ManifestError(f"the service catalogue is not one of this mesh: {error}") from None


def _load(path: Path) -> Manifest:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
        table.pop("canary", None)  # which is the coordinator's own
        return msgspec.convert(table, type=Manifest)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ManifestError(f"{path}: {error}") from None
