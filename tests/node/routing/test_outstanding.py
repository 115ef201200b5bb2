from __future__ import annotations

from node.routing.outstanding import Outstanding


def test_requests_are_counted_per_service_and_worker_while_they_last() -> None:
    outstanding = Outstanding()
    outstanding.begin("ocr", "w1")
    outstanding.begin("ocr", "w1")
    outstanding.begin("ocr", "w2")
    outstanding.begin("ner", "w1")
    assert outstanding.of("ocr") == {"w1": 2, "w2": 1}
    outstanding.end("ocr", "w1")
    outstanding.end("ocr", "w2")
    outstanding.end("ner", "w1")
    assert outstanding.of("ocr") == {"w1": 1}
    assert outstanding.of("ner") == {}


def test_nothing_is_left_once_all_have_ended() -> None:
    outstanding = Outstanding()
    for number in range(100):
        outstanding.begin("ocr", f"w{number}")
        outstanding.end("ocr", f"w{number}")
    assert outstanding._counts == {"ocr": {}}
