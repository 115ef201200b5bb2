from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.wire.encoding import b64encode
from node.wire.manifests import (
    Catalogue,
    Manifest,
    ManifestError,
    SignedCatalogue,
    check_names,
    load_catalogue,
    open_catalogue,
    sign_catalogue,
)

KEY = Ed25519PrivateKey.generate()
OCR = Manifest(name="vision-ocr", title="Text from pictures", aliases=("ocr",))
NER = Manifest(name="ner-extraction", title="Facts from text", aliases=("ner",), data_class="public")


def write(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, "utf-8")


def test_a_folder_of_manifests_is_a_catalogue(tmp_path: Path) -> None:
    write(
        tmp_path,
        "ocr.toml",
        'name = "vision-ocr"\ntitle = "OCR"\naliases = ["ocr"]\ntier = "gpu"\n[requirements]\nram_bytes = 5\n',
    )
    write(tmp_path, "notes.txt", "not a manifest")
    catalogue = load_catalogue([tmp_path])
    manifest = catalogue.resolve("ocr")
    assert manifest is not None
    assert (manifest.name, manifest.tier, manifest.requirements.ram_bytes) == ("vision-ocr", "gpu", 5)
    assert manifest.data_class == "personal"  # the careful default
    assert catalogue.resolve("absent") is None
    assert list(catalogue.by_name()) == ["vision-ocr"]


def test_an_operators_manifest_replaces_ours(tmp_path: Path) -> None:
    write(tmp_path / "ours", "a.toml", 'name = "ocr"\ntitle = "Ours"')
    write(tmp_path / "theirs", "b.toml", 'name = "ocr"\ntitle = "Theirs"')
    assert [each.title for each in load_catalogue([tmp_path / "ours", tmp_path / "theirs"]).manifests] == ["Theirs"]


def test_no_folder_is_an_empty_catalogue(tmp_path: Path) -> None:
    assert load_catalogue([tmp_path / "absent"]) == Catalogue()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name = ", "value"),
        ("title = 'x'", "name"),
        ("name = 'ocr'", "title"),
        ("name = 'OCR'\ntitle = 'x'", "regex"),
        ('name = "ocr\\n"\ntitle = "x"', "regex"),
        ("name = '../ocr'\ntitle = 'x'", "regex"),
        ("name = 'ocr'\ntitle = 'x'\nports = 1", "ports"),
        ("name = 'ocr'\ntitle = 'x'\ntier = 'tpu'", "tier"),
        ("name = 'ocr'\ntitle = 'x'\nruntime = 'shell'", "runtime"),
        ("name = 'ocr'\ntitle = 'x'\nconcurrency = 0", "concurrency"),
        ("name = 'ocr'\ntitle = 'x'\nconcurrency = 'many'", "concurrency"),
        ("name = 'ocr'\ntitle = 'x'\nrequest_timeout = 0", "request_timeout"),
        ("name = 'ocr'\ntitle = 'x'\nhealth_path = 'http://evil'", "health_path"),
        ("name = 'ocr'\ntitle = 'x'\ndefault_path = '/a?b'", "default_path"),
        ("name = 'ocr'\ntitle = 'x'\n[requirements]\nram_bytes = -1", "ram_bytes"),
        ("name = 'ocr'\ntitle = 'x'\n[requirements]\nluck = 1", "luck"),
    ],
)
def test_a_bad_manifest_is_named_with_its_field(tmp_path: Path, text: str, why: str) -> None:
    write(tmp_path, "bad.toml", text)
    with pytest.raises(ManifestError, match=why) as caught:
        load_catalogue([tmp_path])
    assert "bad.toml" in str(caught.value)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ManifestError, match=r"bad\.toml"):
        load_catalogue([tmp_path])


def test_one_folder_has_a_service_once(tmp_path: Path) -> None:
    write(tmp_path, "a.toml", 'name = "ocr"\ntitle = "One"')
    write(tmp_path, "b.toml", 'name = "ocr"\ntitle = "Two"')
    with pytest.raises(ManifestError, match=r"b\.toml.*already in a\.toml"):
        load_catalogue([tmp_path])


@pytest.mark.parametrize("aliases", [("ocr",), ("vision-ocr",)])
def test_two_services_never_share_a_name(aliases: tuple[str, ...]) -> None:
    clash = Manifest(name="other", title="x", aliases=aliases)
    with pytest.raises(ManifestError, match="both claim the name"):
        check_names(Catalogue((OCR, clash)))


def test_a_signed_catalogue_comes_back_whole() -> None:
    catalogue = Catalogue((OCR, NER))
    assert open_catalogue(sign_catalogue(catalogue, KEY), KEY.public_key()) == catalogue


def tampered(**changes: Any) -> SignedCatalogue:
    return msgspec.structs.replace(sign_catalogue(Catalogue((OCR,)), KEY), **changes)


@pytest.mark.parametrize(
    "signed",
    [
        tampered(payload=sign_catalogue(Catalogue((NER,)), KEY).payload),
        tampered(payload=sign_catalogue(Catalogue((OCR,)), KEY).payload + " "),
        tampered(payload="\ud800"),
        tampered(signature=""),
        tampered(signature="not base64!"),
        tampered(signature=b64encode(KEY.sign(sign_catalogue(Catalogue((OCR,)), KEY).payload.encode()))),
        sign_catalogue(Catalogue((OCR,)), Ed25519PrivateKey.generate()),
    ],
)
def test_a_tampered_catalogue_is_refused(signed: SignedCatalogue) -> None:
    with pytest.raises(ManifestError, match="not one of this mesh"):
        open_catalogue(signed, KEY.public_key())


def test_even_the_mesh_cannot_sign_a_clash() -> None:
    clash = Catalogue((OCR, Manifest(name="other", title="x", aliases=("ocr",))))
    with pytest.raises(ManifestError, match="both claim"):
        open_catalogue(sign_catalogue(clash, KEY), KEY.public_key())
