"""The services that may be switched off before anybody knows the mesh's own."""

from __future__ import annotations

from app.wizard.offers import Offer, offers_of, usual_offers
from node.wire.manifests import Catalogue, Manifest


def test_before_joining_the_usual_services_are_shown() -> None:
    offers = offers_of(Catalogue())
    assert offers == usual_offers()
    assert {"document-processing", "ner-extraction", "notes-coa", "rag-embeddings"} <= {one.name for one in offers}
    assert all(one.title and one.about for one in offers)


def test_a_mesh_that_is_known_shows_its_own() -> None:
    catalogue = Catalogue((Manifest(name="llm", title="", description="Talks.", tier="gpu"),))
    assert offers_of(catalogue) == (Offer("llm", "llm", "Talks."),)
