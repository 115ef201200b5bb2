"""The NVML stand-in, compiled once."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.support.nvml import compile_stub


@pytest.fixture(scope="session")
def nvml_stub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if sys.platform != "linux" or shutil.which("gcc") is None:
        pytest.skip("needs gcc on Linux")
    return compile_stub(tmp_path_factory.mktemp("nvml"))
