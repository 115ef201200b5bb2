"""The shipped manifests are valid and say what SPEC §9 says."""

from node.services.builtin import NAMES
from node.wire.manifests import load_catalogue
from tests.support.shipped import MANIFESTS

CATALOGUE = load_catalogue([MANIFESTS])


def test_every_builtin_service_has_a_manifest() -> None:
    builtin = [one.name for one in CATALOGUE.manifests if one.runtime == "builtin"]
    assert sorted(builtin) == sorted(NAMES)


def test_aliases_resolve() -> None:
    names = {"upload": "document-processing", "ner": "ner-extraction", "rag": "rag-embeddings"}
    names |= {"embedding": "rag-embeddings", "notes": "notes-coa"}
    for alias, name in names.items():
        manifest = CATALOGUE.resolve(alias)
        assert manifest is not None and manifest.name == name


def test_paths_idempotence_and_data_classes() -> None:
    by_name = CATALOGUE.by_name()
    assert {name: one.default_path for name, one in by_name.items()} == {
        "document-processing": "/extract",
        "ner-extraction": "/extract",
        "rag-embeddings": "/query",
        "notes-coa": "/convert",
    }
    assert [name for name, one in sorted(by_name.items()) if not one.idempotent] == ["rag-embeddings"]
    assert [name for name, one in sorted(by_name.items()) if one.data_class == "personal"] == ["notes-coa"]
