"""Pieces of a service's life that need no running service; the rest is in test_supervisor."""

import sys

import pytest

from node.services.lifecycle import builtin_command, describe_exit
from node.wire.manifests import Manifest


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "exit code 0"), (3, "exit code 3"), (-9, "killed by SIGKILL"), (-250, "killed by signal 250")],
)
def test_exit_codes_in_words(code: int, words: str) -> None:
    assert describe_exit(code) == words


def test_a_builtin_service_is_a_module_of_its_own() -> None:
    command = builtin_command(Manifest(name="ner-extraction", title="x"))
    assert list(command) == [sys.executable, "-m", "node.services.builtin", "ner-extraction"]
