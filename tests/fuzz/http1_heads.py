"""Fuzzes the data plane: heads, bodies in chunks, both ends of connections; see `tests.support.http1_fuzzing`.

    python tests/fuzz/http1_heads.py -max_total_time=60 [options of libFuzzer] [CORPUS] [INPUT to do again]

A crash is a bug: the input is kept as crash-..., and the same command with that file does it again.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[2]))
with atheris.instrument_imports(include=["node.forwarding.http1"]):
    from tests.support.http1_fuzzing import Fuzzed, seeds


def main() -> None:
    corpus = next((Path(word) for word in sys.argv[1:] if Path(word).is_dir()), None)
    if corpus is not None:
        for number, seed in enumerate(seeds()):
            (corpus / f"seed-{number}").write_bytes(seed)
    fuzzed = Fuzzed()
    atheris.Setup([sys.argv[0], "-max_len=4096", "-timeout=60", *sys.argv[1:]], fuzzed.feed)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
