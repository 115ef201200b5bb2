"""BM25 puts the document that fits first."""

from node.services.builtin.rag_embeddings.ranking import Index

TEXTS = [
    "Breathing Space stops interest for 60 days.",
    "A debt relief order writes off debts after 12 months.",
    "Bailiffs may not force their way in.",
    "!!!",
]


def test_the_best_is_first_and_only_what_fits_is_returned() -> None:
    hits = Index(TEXTS).rank("Do debt relief orders write off a debt?", 10)
    assert [hit.place for hit in hits] == [1]
    assert hits[0].score > 0


def test_a_word_in_every_document_still_finds_them() -> None:
    assert len(Index(["debt one", "debt two"]).rank("debt", 10)) == 2
    assert len(Index(["debt"]).rank("debts", 10)) == 1


def test_more_matching_words_score_more_and_the_count_is_kept() -> None:
    index = Index([f"debt {'relief ' * (number % 2)}" for number in range(20)])
    hits = index.rank("debt relief", 5)
    assert [hit.place for hit in hits] == [1, 3, 5, 7, 9]


def test_nothing_to_compare_finds_nothing() -> None:
    assert Index([]).rank("debt", 5) == []
    assert Index(TEXTS).rank("the of", 5) == []
    assert Index(TEXTS).rank("zebra", 5) == []
    assert Index(["!!!", "..."]).rank("debt", 5) == []
