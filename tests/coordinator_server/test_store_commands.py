"""Small things about commands on stores; test_migrate.py and test_keys_commands.py run them."""

from __future__ import annotations

import pytest

from coordinator_server import store_commands
from node.program.errors import EXIT_USAGE, UserFacingError


def test_a_wrong_store_is_named_by_its_flag() -> None:
    store_commands._check_store("sqlite", "--to")
    with pytest.raises(UserFacingError, match=r"\(--to\) is 'postgres://x'") as caught:
        store_commands._check_store("postgres://x", "--to")
    assert caught.value.exit_code == EXIT_USAGE
