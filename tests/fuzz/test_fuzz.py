"""Fuzzes each target: for a minute where nothing may be skipped, else some seconds; a crash tells its input."""

from __future__ import annotations

import importlib.util
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import dht_fuzzing, http1_fuzzing
from tests.support.namespaces import ROOT

SECONDS = 60 if os.environ.get("CI") == "true" else 5
SEEDS = {"dht_datagrams": dht_fuzzing.seeds(), "http1_heads": http1_fuzzing.seeds()}
ANYTHING = (20, 200, 2000)  # bytes


@pytest.mark.timeout(600)
@pytest.mark.parametrize("target", SEEDS)
def test_no_bytes_from_the_network_break_it(target: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("needs atheris, which has wheels for Linux on x86-64 only")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    argv = [sys.executable, str(ROOT / "tests" / "fuzz" / f"{target}.py")]
    argv += [f"-max_total_time={SECONDS}", f"-artifact_prefix={tmp_path}/", str(corpus)]
    done = subprocess.run(
        argv, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=500, check=False
    )
    crashes = [path for path in tmp_path.iterdir() if path.is_file()]
    for path in crashes:
        print(f"{path.name}: {path.read_bytes().hex()}")
    assert crashes == [], done.stdout[-4000:] + done.stderr[-8000:]
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-8000:]
    assert len(list(corpus.iterdir())) > len(SEEDS[target])  # it has found ways of its own


def test_the_same_bytes_do_no_harm_to_the_dht_without_a_fuzzer() -> None:
    """Run the target on what needs no fuzzer: on every system, and when a crash is to be debugged."""
    rng = random.Random(8)
    fuzzed = dht_fuzzing.Fuzzed()
    try:
        for data in (*dht_fuzzing.seeds(), *(rng.randbytes(rng.choice(ANYTHING)) for _ in range(1000))):
            fuzzed.feed(data)
    finally:
        fuzzed.close()


def test_the_same_bytes_do_no_harm_to_the_data_plane_without_a_fuzzer() -> None:
    rng = random.Random(8)
    fuzzed = http1_fuzzing.Fuzzed()
    try:
        for data in (*http1_fuzzing.seeds(), *(rng.randbytes(rng.choice(ANYTHING)) for _ in range(10_000))):
            fuzzed.feed(data)
    finally:
        fuzzed.close()
    assert set(fuzzed.told) >= {0, 101, 200, 204, 304, 500, 502, 503}  # it does come to answers of all kinds
