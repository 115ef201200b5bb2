"""What is said to lead here leads here and nowhere else."""

from __future__ import annotations

import pytest

from node.program.loopback import is_this_machine


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST", "localhost."])
def test_names_and_addresses_of_this_machine(host: str) -> None:
    assert is_this_machine(host)


@pytest.mark.parametrize("host", ["", "10.42.0.17", "localhost.example", "127.0.0.1.example", "0.0.0.0", "fe80::1"])
def test_those_of_others(host: str) -> None:
    assert not is_this_machine(host)
