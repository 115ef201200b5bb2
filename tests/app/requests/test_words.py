"""Why this worker, how it ended and every try, in sentences."""

from __future__ import annotations

import pytest

from app.requests import words
from node.routing.journeys import Try, Why, WhyCode
from tests.support.pasts import journey

OVER = "because {} had failed too often."


@pytest.mark.parametrize(
    ("why", "sentence"),
    [
        (Why(code="least-loaded", known=5, load=0.12), "the least busy of 5 computers, with a load of 12 %."),
        (Why(code="least-loaded", known=5), " was picked among the least busy of 5 computers."),
        (Why(code="fewest", known=3), " had the fewest of our requests among 3 computers."),
        (Why(code="only-one", known=1), " was the only one that could be asked."),
        (Why(code="instead", known=2), " took over, because who was asked before it failed."),
        (Why(code="quicker", known=2), " was asked beside a slower one, and answered first."),
        (Why(code="instead", left_out=1), f" One was passed over, {OVER.format('it')}"),
        (Why(code="instead", left_out=3), f" 3 were passed over, {OVER.format('they')}"),
        (Why(code="instead", avoided="vpn"), " A better way (Private network) did not answer."),
    ],
)
def test_why_this_worker(why: Why, sentence: str) -> None:
    text = words.why(journey(1, why=why))
    assert text.startswith("w-0b51e7 ")
    assert text.endswith(sentence)


@pytest.mark.parametrize("code", WhyCode.__args__)  # type: ignore[attr-defined]
def test_every_reason_is_a_sentence(code: WhyCode) -> None:
    text = words.why(journey(1, why=Why(code=code)))
    assert text[0].isupper() or text.startswith("w-")
    assert text.endswith(".")
    assert "{" not in text


@pytest.mark.parametrize(
    ("status", "broken", "text", "tone"),
    [
        (200, "", "Answered (200)", "good"),
        (200, "reset", "Cut off (200)", "bad"),
        (404, "", "Refused (404)", "warn"),
        (499, "", "Called off", "warn"),
        (503, "", "Failed (503)", "bad"),
    ],
)
def test_how_it_ended(status: int, broken: str, text: str, tone: str) -> None:
    ended = journey(1, status=status, broken=broken)
    assert (words.result(ended), words.tone(ended)) == (text, tone)


def test_every_try_has_its_line() -> None:
    tries = (
        Try(worker="w-1", route="vpn", after_ms=0.4, took_ms=2001.0, failed="it could not be reached any more"),
        Try(worker="w-2", route=None, after_ms=2010.0, took_ms=17.0),
    )
    text = words.details(journey(1, tries=tries, why=Why(code="instead"), worker="w-2", broken="reset by peer."))
    assert (
        "1. w-1 (Private network), asked after 0.4 ms, failed after 2.0 s: it could not be reached any more."
        in text
    )
    assert "2. w-2 (–), asked after 2.0 s, began to answer after 17 ms." in text
    assert "The answer was cut off: reset by peer." in text
    assert words.worker(journey(1, worker=None)) == "–"
    assert words.worker(journey(1, route="local")) == "This computer"
    assert words.why(journey(1, why=Why(code="nobody"), tries=())) == "No computer offered this service then."
