from __future__ import annotations

from node.program import errors
from node.program.errors import UserFacingError


def test_an_error_reads_as_its_sentences() -> None:
    error = UserFacingError("It broke.", "The disk is full.", "Free some space.", errors.EXIT_IN_USE)
    assert str(error) == "It broke. The disk is full. Free some space."
    assert (error.title, error.message, error.hint, error.exit_code) == (
        "It broke.",
        "The disk is full.",
        "Free some space.",
        3,
    )
    assert str(UserFacingError("It broke.")) == "It broke."


def test_scripts_may_rely_on_the_exit_codes() -> None:
    assert [
        errors.EXIT_FAILED,
        errors.EXIT_USAGE,
        errors.EXIT_IN_USE,
        errors.EXIT_UNREACHABLE,
        errors.EXIT_REFUSED,
    ] == [1, 2, 3, 4, 5]
