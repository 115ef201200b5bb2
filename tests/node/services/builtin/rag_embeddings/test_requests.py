"""Requests under the names that callers use."""

import msgspec
import pytest

from node.services.builtin.rag_embeddings.requests import (
    IndexRequest,
    QueryRequest,
    collection_of,
    entries_of,
    question_of,
)
from node.wire.problems import Problem


def index(**fields: object) -> IndexRequest:
    return msgspec.convert(fields, IndexRequest)


def query(**fields: object) -> QueryRequest:
    return msgspec.convert(fields, QueryRequest)


@pytest.mark.parametrize(
    "request_",
    [
        index(documents=[{"id": "1", "text": "hello", "metadata": {"page": 1}}]),
        index(documents=[{"id": 1, "content": "hello", "metadata": {"page": 1}}]),
        index(id="1", page_content="hello", metadata={"page": 1}),
    ],
)
def test_one_document_in_many_ways(request_: IndexRequest) -> None:
    (entry,) = entries_of(request_)
    assert (entry.id, entry.text, entry.metadata) == ("1", "hello", {"page": 1})


def test_without_an_id_the_text_makes_one() -> None:
    first, second = entries_of(index(texts=["hello", "world"]))
    (again,) = entries_of(index(documents=["hello"]))
    assert first.id == again.id != second.id


def test_questions_counts_and_collections() -> None:
    for name in ("query", "question", "q", "text"):
        assert question_of(query(**{name: "why"})) == "why"
    assert [query(**{name: 7}).count for name in ("top_k", "k", "limit")] == [7, 7, 7]
    assert query().count == 5
    assert (collection_of(query(namespace="a")), collection_of(index())) == ("a", "default")


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (index(documents=[{"text": "a"}, {"id": "2"}]), "documents[1].text"),
        (index(documents=["a", " "]), "documents[1].text"),
        (index(texts=[""]), "texts[0].text"),
        (index(documents=[{"id": "", "text": "a"}]), "documents[0].id"),
        (index(id="x" * 201, text="a"), "id"),
        (index(documents=[{"text": "a", "metadata": {"n": 10**30}}]), "documents[0].metadata"),
    ],
)
def test_what_cannot_be_stored_is_named(request_: IndexRequest, field: str) -> None:
    with pytest.raises(Problem) as caught:
        entries_of(request_)
    assert (caught.value.status, caught.value.extra["field"]) == (422, field)


def test_a_query_needs_a_question() -> None:
    with pytest.raises(Problem, match="query"):
        question_of(query(top_k=3))
