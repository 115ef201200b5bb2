"""A lab of network namespaces for each test, where this machine can have one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

from tests.support.namespaces import why_impossible
from tests.support.netlab import NetLab

reason = cache(why_impossible)


@pytest.fixture
def lab() -> Iterator[NetLab]:
    why = reason()
    if why is not None:
        pytest.skip(why)
    with NetLab() as built:
        yield built
