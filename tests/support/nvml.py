"""Compiles the NVML stand-in, so that the real pynvml loads a driver whose behaviour a test chooses."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

SOURCE = Path(__file__).with_name("nvml_stub.c")


def compile_stub(folder: Path) -> Path:
    """Compile libnvidia-ml.so.1 into a folder and return the folder."""
    library = folder / "libnvidia-ml.so.1"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE], check=True, timeout=120)
    return folder


def environment(folder: Path, behaviour: str = "") -> Mapping[str, str]:
    """Return an environment in which the stand-in is the driver."""
    return {**os.environ, "LD_LIBRARY_PATH": str(folder), "NVML_STUB": behaviour}
