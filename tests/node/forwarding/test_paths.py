from __future__ import annotations

import pytest

from node.forwarding.paths import check_path, has_dots, resolved, split_path
from node.wire.problems import Problem


@pytest.mark.parametrize(
    ("raw", "service", "rest"),
    [
        ("/service/ocr", "ocr", None),
        ("/service/ocr/", "ocr", "/"),
        ("/service/ocr/a/b", "ocr", "/a/b"),
        ("/service/ocr/a%2Fb%20c", "ocr", "/a%2Fb%20c"),
        ("/service/ocr//x", "ocr", "//x"),
        ("/service/", "", None),
        ("/service/%6Fcr/x", "%6Fcr", "/x"),
    ],
)
def test_a_path_splits_into_service_and_raw_rest(raw: str, service: str, rest: str | None) -> None:
    assert split_path(raw) == (service, rest)


def test_the_older_prefix_is_another_prefix() -> None:
    assert split_path("/api/service/ocr", "/api/service/") == ("ocr", None)
    with pytest.raises(Problem) as refused:
        split_path("/elsewhere")
    assert refused.value.status == 404


@pytest.mark.parametrize(
    "path",
    ["/", "/a/b", "/a%2Fb", "/a..b/...", "/%E2%82%AC", "/a;b=c@d:e", "/a/;..", "/a..;b", "//", "/a%252e%252e"],
)
def test_ordinary_paths_pass_as_they_are(path: str) -> None:
    assert check_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "/..", "/../admin", "/a/../../b", "/%2e%2e/admin", "/%2E./x", "/a/%2e%2e%2fadmin", "/a\\..\\b",
        "/a%5c..%5cb",
        "/.", "/a/./b", "/..;/admin", "/a/..;x=y/b", "/%2e%2e%3b/a", "/a/.;",
        "/a%00b", "/a%0d%0aX: y", "/a b", "/a?b", "/a#b", "relative", "", "/a\nb", "/" + "a" * 9000,
    ],
)  # fmt: skip
def test_paths_that_could_climb_or_split_are_refused(path: str) -> None:
    with pytest.raises(Problem) as refused:
        check_path(path)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("/x/../in/y", "/in/y/"), ("/./in//y", "/in/y/"), ("/x/%2e%2e/in", "/in/"), ("/x%2f..%2fin/", "/in/"),
        ("/x\\..\\in", "/in/"), ("/x/..;a=b/in", "/in/"), ("/../..", "/"), ("/a/b/../../..", "/"), ("", "/"),
    ],
)  # fmt: skip
def test_where_a_path_leads_for_those_who_resolve_it(path: str, leads_to: str) -> None:
    assert resolved(path) == leads_to


@pytest.mark.parametrize(
    ("path", "dots"), [("/a/.b/..c/d.", False), ("/a/%2E", True), ("/a/..;x/b", True), ("*", False)]
)
def test_dots_are_seen_in_any_spelling(path: str, dots: bool) -> None:
    assert has_dots(path) is dots
