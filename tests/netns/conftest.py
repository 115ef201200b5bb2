"""A lab of network namespaces for each test, where this machine can have one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.namespaces import why_impossible
from tests.support.netlab import NetLab
from tests.support.overlay_mesh import OverlayMesh, overlay_mesh

reason = cache(why_impossible)


@pytest.fixture
def lab() -> Iterator[NetLab]:
    why = reason()
    if why is not None:
        pytest.skip(why)
    with NetLab() as built:
        yield built


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[OverlayMesh]:
    """Give a lab in which a test puts a mesh of real programs together."""
    why = reason()
    if why is not None:
        pytest.skip(why)
    with overlay_mesh(tmp_path) as built:
        yield built
