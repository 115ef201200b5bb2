"""Fuzzes the DHT for a minute where nothing may be skipped, for some seconds elsewhere; a crash tells its input."""

from __future__ import annotations

import importlib.util
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.dht_fuzzing import Fuzzed, seeds
from tests.support.namespaces import ROOT

TARGET = ROOT / "tests" / "fuzz" / "dht_datagrams.py"
SECONDS = 60 if os.environ.get("CI") == "true" else 5


@pytest.mark.timeout(600)
def test_no_bytes_from_the_network_break_the_dht(tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("needs atheris, which has wheels for Linux on x86-64 only")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    argv = [sys.executable, str(TARGET), f"-max_total_time={SECONDS}", f"-artifact_prefix={tmp_path}/", str(corpus)]
    done = subprocess.run(
        argv, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=500, check=False
    )
    crashes = [path for path in tmp_path.iterdir() if path.is_file()]
    for path in crashes:
        print(f"{path.name}: {path.read_bytes().hex()}")
    assert crashes == [], done.stdout[-4000:] + done.stderr[-8000:]
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    assert len(list(corpus.iterdir())) > len(seeds())  # it has found ways of its own


def test_the_same_bytes_do_no_harm_without_a_fuzzer() -> None:
    """Run the target on what needs no fuzzer: on every system, and when a crash is to be debugged."""
    rng = random.Random(8)
    fuzzed = Fuzzed()
    try:
        for data in (*seeds(), *(rng.randbytes(rng.choice((20, 200, 2000))) for _ in range(1000))):
            fuzzed.feed(data)
    finally:
        fuzzed.close()
